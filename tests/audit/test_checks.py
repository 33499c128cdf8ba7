"""Lungs hidden, sources left out, baselines, outputs, drift: each on data with a known answer."""

import numpy as np
import pytest

from hilum.audit import Scores, Subject, audit
from hilum.audit.columns import for_all
from hilum.errors import EvaluationError
from hilum.evaluation import Measure
from tests.audit.drawn import looks_of, shifted, table_of

N = 240
HAS = np.arange(N) % 2 == 1


def judged(table, options, **more):
    return audit(Subject(title="drawn", table=table, **more), options)


def plain(**columns):
    return table_of({"mass": HAS.astype(int)}, **columns)


@pytest.mark.parametrize(
    ("hidden_tells", "outcome"), [(True, "fails"), (False, "passes")]
)  # fmt: skip
def test_what_is_left_when_the_lungs_are_hidden(options, hidden_tells, outcome):
    rng = np.random.default_rng(3)
    looks = looks_of(
        rng,
        features=shifted(rng, HAS),
        hidden=shifted(rng, HAS, 2.0 if hidden_tells else 0.0),
        border=shifted(rng, HAS, 2.0 if hidden_tells else 0.0),
    )
    found = judged(plain(), options, looks=looks)
    assert found.line("lungs-hidden").outcome == outcome
    assert found.line("border-alone").outcome == outcome
    rows = found.tables["hidden"].rows
    assert {row[:2] for row in rows} == {("lungs hidden", "probe"), ("border alone", "probe")}
    share = rows[0][-1]
    assert (share > 0.8) if hidden_tells else (share < 0.4)


def test_hiding_proves_nothing_where_nothing_was_told(options):
    rng = np.random.default_rng(4)
    looks = looks_of(rng, features=rng.normal(size=(N, 8)), hidden=rng.normal(size=(N, 8)))
    found = judged(plain(), options, looks=looks)
    assert found.line("lungs-hidden").outcome == "not asked"
    assert "well enough" in found.line("lungs-hidden").words


def test_the_models_own_scores_with_the_lungs_hidden(options):
    rng = np.random.default_rng(5)
    from dataclasses import replace

    looks = replace(
        looks_of(rng, features=shifted(rng, HAS)),
        findings=("mass",),
        scores=(HAS + rng.normal(0, 0.3, N))[:, None].astype(np.float32),
        hidden_scores=rng.normal(size=(N, 1)).astype(np.float32),
    )
    found = judged(plain(), options, looks=looks)
    [own] = [row for row in found.tables["hidden"].rows if row[1] == "model"]
    assert own[5] > 0.95
    assert own[8] == pytest.approx(0.5, abs=0.12)
    assert found.standings[0].own_hidden.value == pytest.approx(own[8])


@pytest.mark.parametrize(("turns", "outcome"), [(True, "fails"), (False, "passes")])
def test_a_source_left_out(options, turns, outcome):
    """In source b the sign turns round: what was learnt in a is wrong there."""
    rng = np.random.default_rng(6)
    b = np.arange(N) >= N // 2
    x = rng.normal(size=(N, 8))
    x[:, 0] += 3 * np.where(b & turns, ~HAS, HAS)
    x[:, 1] += 6 * b  # so that a probe which has seen both knows where it is
    if turns:
        x[:, 2] = x[:, 0] * np.where(b, -1, 1)
    table = plain(source=["b" if i else "a" for i in b])
    found = judged(table, options, looks=looks_of(rng, features=x))
    line = found.line("source-left-out")
    assert line.outcome == outcome
    assert (line.number.low > 0.1) == turns


def test_the_gap_between_sources(options):
    rng = np.random.default_rng(7)
    b = np.arange(N) >= N // 2
    values = np.where(b, rng.random(N), np.clip(HAS * 0.5 + rng.random(N) / 2, 0, 1))
    table = plain(source=["b" if i else "a" for i in b])
    found = judged(table, options, scores=Scores("drawn", ("mass",), values[:, None]))
    line = found.line("inside-each-source")
    assert line.outcome == "fails"
    assert line.number.value == pytest.approx(0.5, abs=0.15)
    assert line.number.low < line.number.value < line.number.high


def test_age_alone_is_a_baseline_that_a_model_must_beat(options):
    rng = np.random.default_rng(8)
    age = np.where(HAS, 70, 30) + rng.normal(0, 5, N)
    table = plain(age_years=age, sex=["F", "M"] * (N // 2))
    weak = Scores("drawn", ("mass",), np.clip(HAS * 0.2 + rng.random(N) * 0.8, 0, 1)[:, None])
    found = judged(table, options, scores=weak)
    assert found.standings[0].metadata.value > 0.95
    assert found.line("baselines").outcome == "fails"
    assert found.line("baselines").number.high < 0
    good = Scores("drawn", ("mass",), (0.1 + 0.8 * HAS)[:, None])
    table = plain(age_years=rng.normal(50, 10, N))
    assert judged(table, options, scores=good).line("baselines").outcome == "passes"


def test_unknown_ages_are_no_obstacle(options):
    age = [np.nan] * 40 + [50.0] * (N - 40)
    found = judged(plain(age_years=age, view=["PA"] * N), options)
    assert found.standings[0].metadata.value == pytest.approx(0.5, abs=0.1)
    assert found.standings[0].majority == 0.5


def test_outputs_that_do_not_differ(options):
    rng = np.random.default_rng(9)
    values = np.stack([0.2 + rng.random(N) * 0.001, rng.random(N), np.full(N, 0.7)], 1)
    values[:5, 1] = np.nan
    table = table_of({key: HAS.astype(int) for key in ("mass", "nodule", "edema")})
    scores = Scores("drawn", ("mass", "nodule", "edema"), values, {"mass": 0.5, "nodule": 0.5})
    found = judged(table, options, scores=scores)
    line = found.line("near-constant")
    assert line.outcome == "fails"
    assert "Mass" in line.words
    assert "oedema" in line.words
    assert "Nodule" not in line.words
    assert found.line("one-class").outcome == "fails"
    assert "Mass (absent, while 50% of the reference is present)" in found.line("one-class").words
    rare = Scores("drawn", ("nodule",), 0.002 * rng.random((N, 1)))
    low = judged(table, options, scores=rare).line("near-constant")
    assert low.outcome == "passes"  # low probabilities of a rare finding may well differ
    good = Scores("drawn", ("nodule",), values[:, [1]], {"nodule": 0.5})
    fine = judged(table.select(["nodule"]), options, scores=good)
    assert fine.line("near-constant").outcome == "passes"
    assert fine.line("one-class").outcome == "passes"


def test_two_versions_on_the_same_images(options):
    rng = np.random.default_rng(10)
    old = rng.random(N)
    new = old.copy()
    flipped = np.flatnonzero(old < 0.5)[:12]
    new[flipped] = 0.9
    more = {
        "scores": Scores("two", ("mass",), new[:, None]),
        "earlier": Scores("one", ("mass",), old[:, None], {"mass": 0.5}),
    }
    found = judged(plain(), options, **more)
    line = found.line("drift")
    assert line.number.value == pytest.approx(12 / N)
    assert line.outcome == "warns"
    assert "12 to present and 0 to absent" in line.words
    row = dict(zip(found.tables["drift"].header, found.tables["drift"].rows[0], strict=True))
    assert row["mean_move"] == pytest.approx(np.abs(new - old).mean())
    assert row["auroc_change_low"] <= row["auroc_change"] <= row["auroc_change_high"]
    same = judged(plain(), options, scores=more["earlier"], earlier=more["earlier"])
    assert same.line("drift").outcome == "passes"
    assert same.line("drift").number.value == 0.0


def test_a_table_alone_says_what_is_missing(options):
    found = judged(plain(), options)
    asked = {line.code: line for line in found.lines}
    assert len(asked) == len(found.lines) == 15
    assert {line.outcome for line in found.lines} == {"not asked"}
    assert all(line.words for line in found.lines)
    assert "--data" in asked["border-alone"].words
    assert found.model == ""


def test_findings_of_few_patients_are_not_asked(options):
    people = [f"p{i // 30}" for i in range(N)]
    found = judged(table_of({"mass": HAS.astype(int)}, people), options)
    assert not found.standings
    assert "fewer than 10 patients" in found.notes[0]


def test_images_that_were_learnt_from_are_told(options):
    scores = Scores("drawn", ("mass",), np.linspace(0, 1, N)[:, None])
    found = judged(plain(), options, scores=scores, train=np.arange(100), test=np.arange(100, N))
    assert "100 of 240 judged images stand in the training part" in found.notes[0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.full((N, 1), 1.5), "probabilities must lie in [0, 1]"),
        (np.full((N, 1), np.inf), "infinity"),
        (np.zeros((N, 2)), "must have shape"),
    ],
)
def test_scores_that_are_none(values, words):
    with pytest.raises(EvaluationError, match=words.replace("[", r"\[").replace("]", r"\]")):
        Scores("drawn", ("mass",), values)


def test_scores_of_other_images_and_foreign_findings_are_refused():
    with pytest.raises(EvaluationError, match="are of 3 images"):
        Subject(title="x", table=plain(), scores=Scores("s", ("mass",), np.zeros((3, 1))))
    with pytest.raises(EvaluationError, match="no labels of 'edema'"):
        Subject(title="x", table=plain(), findings=("edema",))


def test_the_same_seed_gives_the_same_audit(options):
    rng = np.random.default_rng(11)
    looks = looks_of(rng, features=shifted(rng, HAS))
    table = plain(source=["a", "b", "b", "a"] * (N // 4))
    one, two = (judged(table, options, looks=looks) for _ in range(2))
    assert one.lines == two.lines
    assert one.standings == two.standings


def test_the_surest_of_many_gaps_is_judged_not_the_widest(options):
    """Few images make wide gaps by chance; a gap that many images prove must not hide behind."""
    rng = np.random.default_rng(12)
    n = 1260
    has = np.arange(n) % 2
    source = np.array(["a"] * 600 + ["b"] * 600 + ["c"] * 60)
    far = np.select([source == "a", source == "b"], [0.9, 0.25], 0.01)
    values = np.clip(has * far * 0.6 + rng.random(n) * 0.4, 0, 1)
    table = table_of({"mass": has}, source=source.tolist())
    found = judged(table, options, scores=Scores("drawn", ("mass",), values[:, None]))
    line = found.line("inside-each-source")
    assert line.outcome == "fails"
    assert "of 3, with an interval that holds for all at once" in line.words


def test_gaps_between_many_sources_are_rarely_told_by_chance(options):
    told = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        has = rng.integers(0, 2, 400)
        table = table_of({"mass": has}, source=[f"s{i % 5}" for i in range(400)])
        values = np.clip(0.3 * has + 0.7 * rng.random(400), 0, 1)
        found = judged(table, options, scores=Scores("drawn", ("mass",), values[:, None]))
        told += found.line("inside-each-source").outcome != "passes"
    assert told <= 3


def test_an_interval_for_all_numbers_at_once():
    one = Measure(0.3, low=0.1, high=0.4)
    assert for_all(one, 1) == one
    ten = for_all(one, 10)
    assert ten.low == pytest.approx(0.3 - 0.2 * 2.807 / 1.960, abs=0.001)  # normal, 1 − .025/10
    assert ten.high == pytest.approx(0.3 + 0.1 * 2.807 / 1.960, abs=0.001)
    assert for_all(Measure(None, "undefined"), 10).value is None


def test_drift_and_outputs_count_the_judged_images_alone(options):
    old = np.tile([0.2, 0.8], N // 2)
    new = old.copy()
    new[: N // 2] = 1 - new[: N // 2]
    new[-6:] = np.nan
    scores = Scores("two", ("mass", "nodule"), np.stack([new, old], 1))
    earlier = Scores("one", ("mass",), old[:, None], {"mass": 0.5})
    found = judged(plain(), options, scores=scores, earlier=earlier,
                   judged=np.arange(N // 2, N))  # fmt: skip
    assert found.line("drift").number.value == 0.0
    assert [row[1] for row in found.tables["drift"].rows] == [N // 2 - 6]
    assert [row[1] for row in found.tables["outputs"].rows] == [N // 2 - 6, N // 2]
    ranks = Scores("three", ("mass",), 9 * old[:, None], probabilities=False)
    line = judged(plain(), options, scores=ranks, earlier=earlier).line("drift")
    assert line.outcome == "not asked"
    assert "two scales" in line.words
