import json
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from hilum.audit.columns import Column
from hilum.errors import LabelError, Stopped
from hilum.studies.asking import markdown
from hilum.studies.running import Bench
from hilum.studies.s3 import STUDY, augmentation, matrices, mending, transfer, trap
from hilum.studies.s3.cohort import load_cohort
from hilum.studies.s3.fitting import Learner, Pairs, by_patient, by_publisher, joined, scores
from hilum.studies.s3.printed import RUNS


def shown(question, numbers):
    """What it shows of numbers that went through JSON, and its figures drawn."""
    found = question.show(json.loads(json.dumps(numbers, allow_nan=False)))
    for draw in found.figures.values():
        draw()
    return "\n".join([*map(markdown, found.tables), *found.words])


def bench(folder, **more):
    return Bench(folder, folder / "weights", folder / "out", **more)


def test_the_matrices_give_the_numbers_that_s3_printed(tmp_path):
    numbers = matrices.measure(bench(tmp_path), (0,))
    first = numbers["runs"][0]
    for name, text in RUNS[0].printed.items():
        assert f"{first['shares'][name]:.4f}" == f"0{text}" or name == "f1"  # .56050… cut: .5605
    assert first["always_no"] == pytest.approx(300 / 397)
    text = shown(matrices.QUESTION, numbers)
    assert "| accuracy | .8262 | 0.8262 |" in text
    assert "| F1 | .5605 | 0.5605 |" in text
    assert "40 / 24 / 57 / 276" in text
    assert len(numbers["runs"]) == 6


def test_rows_are_what_the_manifest_says(cohort):
    assert (cohort.covid.sum(), cohort.pneumonia.sum()) == (20, 10)
    assert (cohort.of("nih14").sum(), cohort.of("paediatric").sum()) == (40, 12)
    assert not (cohort.covid & cohort.pneumonia).any()
    assert "one.org" in cohort.publishers  # without www
    assert "todo" not in cohort.table.findings
    assert len(cohort.table) == 82  # one of ieee8023 says nothing


def test_a_collection_that_is_missing_is_named(drawn):
    lines = (drawn / "manifest.csv").read_text().splitlines()
    (drawn / "manifest.csv").write_text("\n".join(line for line in lines if "paed" not in line))
    with pytest.raises(LabelError, match="paediatric"):
        load_cohort(drawn)


@pytest.mark.parametrize("seed", range(3))
def test_nobody_is_on_both_sides(cohort, seed):
    use = np.ones(len(cohort.table), np.bool_)
    by_who, by_site = (deal(cohort, use, seed) for deal in (by_patient, by_publisher))
    ours = cohort.inside
    for fold in range(5):
        for home, whose in ((by_who, cohort.table.patients.astype(str)),
                            (by_site[ours], cohort.publisher[ours])):  # fmt: skip
            named = whose if len(whose) == len(home) else whose[ours]
            assert not set(named[home == fold].tolist()) & set(named[home != fold].tolist())
    assert len(np.unique(by_site[ours])) > 1


def test_features_with_nothing_to_learn_are_chance_where_publishers_are_left_out(monkeypatch):
    monkeypatch.setattr("hilum.studies.s3.fitting.SAMPLES", 50)
    rng = np.random.default_rng(0)
    publisher = np.repeat(np.arange(10), 40)
    covid = rng.random(400) < np.where(publisher % 2, 0.95, 0.3)  # publishers differ in share
    use = np.ones(400, np.bool_)
    table = SimpleNamespace(patients=np.arange(400).astype(str))
    homes = ([0, 1, 0, 1, 2, 3, 2, 3, 4, 4], [0, 1, 2, 3, 0, 1, 2, 3, 4, 4])
    folds = np.array(homes)[:, publisher]
    pooled, found = [], []
    for _ in range(6):
        learner = Learner(rng.normal(size=(400, 8)).astype(np.float32), use)
        column = joined([scores(learner, one, covid, use) for one in folds])
        pairs = Pairs.of(SimpleNamespace(table=table), folds, covid, ~covid)
        found.append(pairs.auroc(column)["value"])
        pooled.append(roc_auc_score(covid, column.values[:, 0]))
        assert pairs.gain(column, column)["value"] == 0
    assert np.mean(pooled) < 0.4
    assert abs(np.mean(found) - 0.5) < 0.05


def test_pairs_are_of_one_fold_and_seed(cohort, monkeypatch):
    monkeypatch.setattr("hilum.studies.s3.fitting.SAMPLES", 50)
    rng = np.random.default_rng(1)
    use = np.ones(len(cohort.table), np.bool_)
    folds = np.stack([by_publisher(cohort, use, seed) for seed in range(2)])
    column = Column(rng.normal(size=(len(use), 2)), use)
    won = count = 0
    for seed, fold in enumerate(folds):
        for i in np.flatnonzero(cohort.covid):
            for j in np.flatnonzero(cohort.pneumonia & (fold == fold[i])):
                won += column.values[i, seed] > column.values[j, seed]
                count += 1
    found = Pairs.of(cohort, folds, cohort.covid, cohort.pneumonia).auroc(column)
    assert found["value"] == pytest.approx(won / count)
    assert (found["positives"], found["negatives"]) == (20, 10)


def test_an_adversarial_regression_cannot_tell_the_collections(cohort, seen):
    use, features = seen.seen, seen.features["chest14", "whole"]
    across = cohort.of("nih14")
    told = {}
    for name, other in (("plain", None), ("adversarial", cohort.pneumonia)):
        learner = Learner(features, cohort.covid | across, other)
        said = scores(learner, by_patient(cohort, use, 0), cohort.covid, use).values[:, 0]
        told[name] = (said[cohort.pneumonia].mean() - said[across & use].mean()) / said[use].std()
    assert told["plain"] > 1
    assert abs(told["adversarial"]) < 0.5 * told["plain"]


@pytest.mark.parametrize("question", [trap, mending])
def test_what_is_measured_can_be_shown(question, drawn, seen, monkeypatch):
    pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")
    monkeypatch.setattr("hilum.studies.s3.looking.look", lambda *_: seen)
    monkeypatch.setattr("hilum.studies.s3.fitting.SAMPLES", 100)
    text = shown(question.QUESTION, question.measure(bench(drawn), (0, 1)))
    assert "20 images" in text
    assert "0." in text


def test_the_trap_shows_in_the_numbers(drawn, seen, monkeypatch):
    pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")
    monkeypatch.setattr("hilum.studies.s3.looking.look", lambda *_: seen)
    monkeypatch.setattr("hilum.studies.s3.fitting.SAMPLES", 100)
    found = trap.measure(bench(drawn), (0, 1))["learnt"]["nih14"]
    assert found["nih14"]["value"] > 0.95
    assert found["nih14"]["value"] > found["other pneumonias"]["value"] + 0.05


def test_mending_heeds_a_stop(drawn, seen, monkeypatch):
    pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")
    monkeypatch.setattr("hilum.studies.s3.looking.look", lambda *_: seen)
    with pytest.raises(Stopped, match="Enough"):
        mending.measure(bench(drawn, stop=lambda: "Enough."), (0,))


def test_whole_networks_are_asked_once_a_fold(drawn, seen, cohort, monkeypatch):
    pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")
    monkeypatch.setattr("hilum.studies.s3.looking.look", lambda *_: seen)
    monkeypatch.setattr("hilum.studies.s3.fitting.SAMPLES", 100)
    side = np.zeros((len(cohort.table), 8, 8), np.uint8)
    monkeypatch.setattr("hilum.studies.s3.pictures.small_pictures", lambda *_: side)
    asked = []

    def learn(name, bench, pictures, covid, rows, *, seed):
        asked.append((name, set(rows.tolist())))
        return name

    monkeypatch.setattr("hilum.studies.s3.networks.learn", learn)
    monkeypatch.setattr(
        "hilum.studies.s3.networks.ask", lambda network, pictures: np.arange(len(pictures)) * 1.0
    )
    at = bench(drawn)
    at.out.mkdir()
    text = shown(transfer.QUESTION, transfer.measure(at, (0, 1)))
    assert ".548" in text
    assert len(asked) == 9
    assert all(not cohort.pneumonia[list(rows)].any() for _, rows in asked)
    transfer.measure(at, (0, 1))
    assert len(asked) == 9  # the rest was kept


def test_policies_are_those_of_s3():
    pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")
    six = augmentation.policy_of("some-of")
    assert (six.policy, six.some, len(six.steps)) == ("some-of", (1, 3), 6)
    for name in ("sequential", "one-of"):
        assert augmentation.policy_of(name).policy == name
        assert augmentation.policy_of(name).steps == six.steps
    assert augmentation.policy_of("salt-and-pepper").steps[0].share == 0.05
    for name in augmentation.WORDS:
        if name != "none":
            augmentation.policy_of(name).build()


def test_augmentations_are_learnt_from_and_plain_pictures_asked(drawn, cohort, monkeypatch):
    pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")
    rng = np.random.default_rng(0)
    side = rng.integers(0, 255, (len(cohort.table), 32, 32), np.uint8)
    side[cohort.inside] //= 2

    class Means:
        def __init__(self, *_):
            pass

        def __call__(self, grey):
            return grey.reshape(len(grey), 8, -1).mean(2)

    monkeypatch.setattr("hilum.studies.s3.pictures.small_pictures", lambda *_: side)
    monkeypatch.setattr("hilum.studies.s3.networks.Frozen", Means)
    monkeypatch.setattr("hilum.studies.s3.fitting.SAMPLES", 100)
    at = bench(drawn)
    at.out.mkdir()
    numbers = augmentation.measure(at, (0,))
    assert numbers["policies"]["none"]["across"]["value"] > 0.9
    assert ".9875" in shown(augmentation.QUESTION, numbers)
    assert len(list(at.out.glob("*.npy"))) == len(augmentation.WORDS)


def test_the_page_has_a_place_for_every_question(repository):
    page = (repository / "docs" / "studies" / "s3.md").read_text("utf-8")
    for question in STUDY.questions:
        assert f"<!-- begin s3/{question.name} -->" in page
        assert f"<!-- end s3/{question.name} -->" in page
