import json
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RecipeError
from hilum.models.tasks import Task
from hilum.recipes import locate
from hilum.report.drawing import drawing, svg
from hilum.studies.asking import answers, ask, markdown
from hilum.studies.running import Bench
from hilum.studies.s4 import STUDY, covariates, divisions, leaks, networks
from hilum.studies.s4.arms import ARMS
from hilum.studies.s4.cohort import divide, fold_of, read_cohort
from hilum.studies.s4.looking import eye, pooled
from hilum.studies.s4.matrices import RUNS
from hilum.training.networks import begin
from hilum.training.recipe.recipe import load_recipe

pytestmark = pytest.mark.train

TWO = (
    networks.Line("S4's choice", "age-sex", run=RUNS[3]),
    networks.Line("watched", "age-sex", "macro", run=RUNS[7]),
    networks.Line("cut", "age-sex", run=RUNS[11], seed=0),
    networks.Line("cut, a second seed", "age-sex", run=RUNS[12], seed=1),
    networks.Line("chest14", "chest14-line"),
    networks.Line("age alone", "age"),
)


@pytest.fixture
def small(monkeypatch):
    """The study with arms that need no network."""
    monkeypatch.setitem(ARMS, "chest14-line", ARMS["days"])
    monkeypatch.setattr("hilum.studies.s4.learning.STRENGTHS", (1e-2, 1.0))
    monkeypatch.setattr("hilum.studies.s4.measuring.DRAWS", 200)
    monkeypatch.setattr(covariates, "DRAWS", 200)
    monkeypatch.setattr(covariates, "SETS", {"age": ("age",)})
    monkeypatch.setattr(networks, "SIDE", "age-sex")
    monkeypatch.setattr(networks, "lines", lambda: iter(TWO))
    monkeypatch.setattr(covariates, "SCORES", ("days",))
    monkeypatch.setattr(divisions, "NAMES", ("age", "days"))
    monkeypatch.setattr(divisions, "DIVISIONS", 2)
    monkeypatch.setattr(leaks, "INSIDE", ("age",))
    verdicts = [
        {"code": name, "title": f"{name}?", "outcome": outcome, "words": "w"}
        for name, outcome in (("a", "warns"), ("b", "not asked"))
    ]
    border = {"border": {"value": 0.5, "low": 0.4, "high": 0.6}}
    nothing = {"standing": border, "lungs_found": 3, "verdicts": verdicts}
    monkeypatch.setattr(leaks, "_audit", lambda cohort, bench: nothing)


def test_every_question_is_measured_and_shown(drawn, tmp_path, small):
    bench = Bench(drawn, tmp_path, tmp_path / "out", tell=lambda said: None)
    ask(STUDY, bench, seeds=[0])
    found = answers(STUDY, bench.out)
    assert [one.question.name for one in found] == [one.name for one in STUDY.questions]
    for answer in found:
        json.dumps(answer.numbers, allow_nan=False)
        shown = answer.shown()
        for table in shown.tables:
            assert markdown(table)
        with drawing("A test"):
            for draw in shown.figures.values():
                assert svg(draw()).startswith(b"<?xml")
        assert "nan" not in " ".join(shown.words)


def test_networks_numbers(drawn, tmp_path, small):
    bench = Bench(drawn, tmp_path, tmp_path / "out", tell=lambda said: None)
    found = networks.measure(bench, [0])
    age = found["arms"]["age/loss"]
    # age tells the outcome of all whose age is known
    assert age["auroc"]["value"] > 0.9 > found["arms"]["chest14-line/loss"]["auroc"]["value"]
    assert found["arms"]["age/loss"]["above_age"]["auroc"]["value"] == 0
    assert sum(age["counts"][0]) == found["images"] == 36
    assert sum(age["counts_patients"][0]) == found["patients"] == 24
    rows = networks.show(found).tables[0].rows
    assert rows[0][1] == "15/15/44/204"
    assert rows[3][3] == "no such seed"
    assert rows[5][-1] == ""  # nothing is held against itself


def test_pairs_within_a_source_are_of_one_fold(drawn, tmp_path, small, monkeypatch):
    cohort = read_cohort(drawn)
    folds = divide(cohort)
    fold = fold_of(folds, len(cohort.died))
    same = (cohort.source[:, None] == cohort.source) & (fold[:, None] == fold)
    pair = same & cohort.died[:, None] & ~cohort.died
    who = cohort.patients
    expected = {
        "images": int(pair.sum()),
        "died": len(set(who[pair.any(1)])),
        "survived": len(set(who[pair.any(0)])),
    }
    assert expected["images"] < ((cohort.source[:, None] == cohort.source)
                                 & cohort.died[:, None] & ~cohort.died).sum()  # fmt: skip
    bench = Bench(drawn, tmp_path, tmp_path / "out", tell=lambda said: None)
    for fewest in (1, 1000):
        monkeypatch.setattr(leaks, "FEWEST", fewest)
        found = leaks.measure(bench, [0])
        assert found["pairs"] == expected
        assert bool(found["inside"]) == (fewest == 1)
        words = leaks.show(found).words[0]
        assert ("nothing is stated" in words) == (fewest > 1)
        assert f"{expected['images']} of" in words


def test_study_names_what_it_needs(drawn, tmp_path):
    cohort = read_cohort(drawn)
    with pytest.raises(RecipeError, match="squeezenet1_0"):
        pooled(eye("squeezenet1_0"), cohort.table, drawn, tmp_path, tmp_path)


def test_lines_hold_every_run_of_the_study_once():
    every = list(networks.lines())
    assert [line.run for line in every if line.run] == list(RUNS)
    assert all(line.arm in ARMS for line in every)
    assert [line.seed for line in every if line.seed is not None] == [0, 1, 2]


def test_frozen_networks_see_what_they_should(shared, drawn, tmp_path):
    cohort, weights = read_cohort(drawn), shared / "checkpoints"
    table = cohort.table.rows(np.arange(2))
    names = ("squeezenet1_0", "squeezenet1_0-raw", "squeezenet1_0-classifier")
    seen = {name: pooled(eye(name), table, drawn, weights, tmp_path) for name in names}
    assert seen["squeezenet1_0"].shape == (2, 1024)
    assert (seen["squeezenet1_0"][:, :512] >= seen["squeezenet1_0"][:, 512:]).all()
    assert not np.allclose(seen["squeezenet1_0"], seen["squeezenet1_0-raw"])
    scores = seen["squeezenet1_0-classifier"]
    assert scores.shape == (2, 2002)
    assert np.array_equal(scores[:, :1001], scores[:, 1001:])
    assert np.array_equal(
        pooled(eye(names[0]), table, drawn, weights, tmp_path), seen["squeezenet1_0"]
    )  # remembered


def test_the_shown_cohort_is_the_one_of_the_radiographs(shared):
    cohort = read_cohort(shared / "radiographs")
    assert (len(cohort.died), int(cohort.died.sum())) == (169, 21)
    assert int(cohort.patients_died.sum()) == 13


@pytest.mark.slow
def test_the_audit_of_drawn_chests(drawn, tmp_path):
    found = leaks._audit(read_cohort(drawn), SimpleNamespace(data=drawn))
    assert {"whole", "border", "source"} <= set(found["standing"])
    assert found["verdicts"]


def test_the_recipe_for_folders_takes_the_weights_that_it_names(shared):
    found = begin(
        load_recipe(locate("s4-mortality")),
        (Task("one-of", ("no_finding", "death")),),
        shared / "checkpoints",
    )
    learns = [p.numel() for p in found.network.parameters() if p.requires_grad]
    assert sum(learns) == 528_384  # as S4 counted
