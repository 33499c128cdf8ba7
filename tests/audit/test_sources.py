"""Labels that hang on sources, and AUROCs that are refused."""

import numpy as np
import pytest

from hilum.audit import Scores, Subject, audit
from hilum.domain.labels import Policy
from tests.audit.drawn import looks_of, shifted, table_of

N = 120


def judged(table, options, **more):
    return audit(Subject(title="drawn", table=table, **more), options)


def test_classes_of_two_sources_are_refused_and_what_can_be_asked_is_told(options):
    rng = np.random.default_rng(0)
    # 40 with COVID-19 from one source; without it: 60 from the other, 20 from the same
    has = [1] * 40 + [0] * 80
    table = table_of(
        {"covid_19": has, "pneumonia": [0] * 40 + [0] * 60 + [1] * 20},
        source=["a"] * 40 + ["b"] * 60 + ["a"] * 20,
    )
    scores = Scores("drawn", ("covid_19",), rng.random((N, 1)))
    found = judged(table, options, scores=scores, findings=("covid_19",))
    line = found.line("source-label")
    # by hand: 60 of 80 negatives lie below, 20 tie
    assert line.outcome == "fails"
    assert line.number.value == pytest.approx((60 + 20 / 2) / 80)
    assert found.line("between-sources").outcome == "passes"  # .875 is not yet nearly
    assert found.standings[0].model.defined

    table = table_of({"covid_19": has[:100], "pneumonia": [0] * 100},
                     source=["a"] * 40 + ["b"] * 60)  # fmt: skip
    found = judged(table, options, findings=("covid_19",),
                   scores=Scores("drawn", ("covid_19",), scores.values[:100]))  # fmt: skip
    line = found.line("between-sources")
    assert line.outcome == "fails"
    assert line.number.value == 1.0
    assert "wholly from different sources" in line.words
    assert "no source holds 10 patients of both" in line.advice
    assert found.standings[0].model.value is None
    assert "refused" in found.standings[0].model.reason
    assert found.standings[0].within.value is None


def test_nearly_different_sources_name_where_to_ask(options):
    has = [1] * 40 + [0] * 12 + [0] * 400
    table = table_of(
        {"covid_19": has, "bacterial_pneumonia": [0] * 40 + [1] * 12 + [0] * 400},
        source=["a"] * 52 + ["b"] * 400,
    )
    found = judged(table, options, findings=("covid_19",))
    line = found.line("between-sources")
    assert "nearly" in line.words
    assert "inside a (40 images of 40 patients against 12 of 12: Bacterial pneumonia 12)" in (
        line.advice
    )
    assert found.tables["inside"].rows[0][:6] == ("covid_19", "a", 40, 12, 40, 12)


def test_many_balanced_sources_pass(options):
    has = np.arange(400) % 2
    table = table_of({"mass": has}, source=[f"s{i // 20}" for i in range(400)])
    found = judged(table, options)
    assert found.line("source-label").outcome == "passes"
    assert found.line("between-sources").outcome == "passes"
    assert found.line("source-label").number.value == pytest.approx(0.5)


def test_silence_of_one_source_is_no_absence_unless_one_says_so(options):
    has = [1] * 30 + [0] * 30 + [3] * 60
    table = table_of({"covid_19": has}, source=["a"] * 60 + ["b"] * 60)
    found = judged(table, options)
    line = found.line("source-label")
    assert line.outcome == "warns"
    assert "COVID-19 (0.83)" in line.words  # 60 of 90 below, 30 tie
    assert found.line("between-sources").outcome == "passes"
    taken = judged(table, options, policy=Policy(unmentioned=0.0))
    assert taken.line("source-label").number.value == pytest.approx((60 + 30 / 2) / 90)


def test_without_a_source_it_is_not_asked(options):
    table = table_of({"mass": [0, 1] * 30})
    found = judged(table, options)
    for code in ("source-label", "between-sources", "source-in-border", "inside-each-source"):
        assert found.line(code).outcome == "not asked"
        assert "--source" in found.line(code).words


def test_which_source_is_told_where_vectors_tell_it(options):
    rng = np.random.default_rng(1)
    b = np.arange(N) % 2 == 1
    table = table_of({"mass": (np.arange(N) // 2) % 2}, source=["b" if x else "a" for x in b])
    looks = looks_of(rng, features=shifted(rng, b, 6.0))
    found = judged(table, options, looks=looks)
    line = found.line("source-in-features")
    assert line.outcome == "warns"  # known, but no label hangs on it
    assert line.number.low > 0.95
    assert found.line("source-in-border").outcome == "passes"
    rows = {row[:2]: row[2] for row in found.tables["which-source"].rows}
    assert rows["features", "balanced accuracy"] > 0.9
    assert rows["features", "a"] == pytest.approx(rows["features", "b"])


def test_a_probe_never_sees_the_patient(options):
    """Each patient has a vector of its own and a label drawn at random: nothing can be known."""
    rng = np.random.default_rng(2)
    people = np.repeat(np.arange(60), 4)
    own = rng.normal(size=(60, 8)) * 10
    has = rng.integers(0, 2, 60)[people]
    table = table_of({"mass": has}, [f"p{i}" for i in people])
    found = judged(table, options, looks=looks_of(rng, features=own[people]))
    whole = found.standings[0].whole
    assert whole.low < 0.5 < whole.high


def of_chance(seed, sources, n=240, images=1):
    """A finding and sources that have nothing to do with each other, by patients of some images."""
    rng = np.random.default_rng(seed)
    people = np.arange(n) // images
    has = (rng.random(n // images) < 0.3)[people].astype(int)
    source = rng.integers(0, sources, n // images)[people]
    return table_of({"mass": has}, [f"p{i}" for i in people], source=[f"s{i}" for i in source])


@pytest.mark.parametrize(("sources", "images"), [(20, 3), (120, 1), (12, 4)])
def test_small_sources_and_patients_with_many_images_are_no_shortcut(options, sources, images):
    alarms = {"source-label": 0, "between-sources": 0, "baselines": 0}
    for seed in range(10):
        table = of_chance(seed, sources, images=images)
        rng = np.random.default_rng(seed)
        has = table.states[:, 0]
        scores = Scores(
            "drawn", ("mass",), np.clip(0.5 * has + 0.5 * rng.random(len(has)), 0, 1)[:, None]
        )
        found = judged(table, options, scores=scores)
        assert found.standings[0].source.value > 0.6  # in-sample, by chance alone
        for code in alarms:
            alarms[code] += found.line(code).outcome == "fails"
    assert max(alarms.values()) <= 2, alarms


def test_sources_of_one_image_are_too_small_to_tell(options):
    table = table_of({"mass": [0, 1] * 60}, source=[f"s{i}" for i in range(N)])
    line = judged(table, options).line("between-sources")
    assert line.outcome == "not asked"
    assert "too small" in line.words


def test_a_source_may_be_called_unknown(options):
    rng = np.random.default_rng(4)
    has = np.arange(240) % 2
    table = table_of({"mass": has}, source=["unknown", "unknown", "b", "b", "", ""] * 40)
    scores = Scores("drawn", ("mass",), (0.4 * has + 0.6 * rng.random(240))[:, None])
    found = judged(table, options, scores=scores)
    rows = [row for row in found.tables["each-source"].rows if row[0] == "model"]
    assert [row[2] for row in rows] == ["b", "unknown", "unknown"]
    assert len({row[5] for row in rows}) == 3


def test_few_patients_say_nothing_of_sources(options):
    table = table_of({"mass": [0, 1] * 20}, ["one", "two"] * 20, source=["a", "b"] * 20)
    found = judged(table, options)
    for code in ("source-label", "between-sources"):
        assert found.line(code).outcome == "not asked"
        assert "10 patients" in found.line(code).words


def test_a_finding_that_is_asked_twice_is_judged_once(options):
    table = table_of({"mass": [0, 1] * 60}, source=["a", "a", "b", "b"] * 30)
    assert len(judged(table, options, findings=("mass", "mass")).standings) == 1
