from dataclasses import replace

import numpy as np
import pytest

from hilum.domain import LabelTable, State
from hilum.domain.text import text
from hilum.errors import LabelError, Stopped
from hilum.evaluation import ConfusionTable
from hilum.studies.asking import markdown
from hilum.studies.linear_head import Rows, Way, learn, scaled
from hilum.studies.running import Bench
from hilum.studies.s2 import STUDY, long_tail, provoked, shown
from hilum.studies.s2.rows import COUNTS, Twenty, fold_of, rarest
from hilum.training.recipe.loss import BCE, LDAM, CrossEntropy, Focal
from hilum.training.recipe.sampling import Balanced, InverseFrequency, SquareRoot

KEYS = ("mass", "nodule", "no_finding")


def drawn(numbers=(12, 24, 120), seed=0):
    """Images of three classes that features tell, one a patient."""
    rng = np.random.default_rng(seed)
    answer = rng.permutation(np.repeat(range(3), numbers))
    features = rng.normal(size=(len(answer), 12)).astype(np.float32)
    features[np.arange(len(answer)), answer] += 4
    names = text([f"i{at}" for at in range(len(answer))])
    states = np.where(answer[:, None] == np.arange(3), State.PRESENT, State.ABSENT)
    table = LabelTable(names, KEYS, states.astype(np.uint8), names)
    fold = fold_of(table, KEYS, answer)
    roads = (answer == 2).astype(np.int64)
    return Twenty(KEYS, answer, features, np.arange(len(answer)), roads, fold, 0, {"hernia": 2})


def bench(tmp_path, stop=lambda: ""):
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    return Bench(tmp_path, tmp_path, out, stop=stop, tell=lambda _: None)


def test_the_study_is_made_of_questions():
    assert [one.name for one in STUDY.questions] == ["failures", "long-tail"]


def test_the_classes_are_those_of_s2():
    assert len(COUNTS) == 20
    assert sum(COUNTS.values()) == provoked.proportions()["counts"] == 88_337
    # 58,494 of them without a finding: of 800 about two thirds
    assert provoked.proportions()["zero"] == pytest.approx(800 * 58_494 / 88_337)


def test_an_image_of_several_findings_goes_to_the_rarest():
    present = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1], [0, 0, 0], [1, 1, 0]], bool)
    answer, several = rarest(present)
    assert answer.tolist() == [0, 1, 2, -1, 1]
    assert several == 3


def test_folds_keep_patients_and_spread_classes():
    data = drawn()
    for fold in range(5):
        assert set(data.answer[data.fold == fold].tolist()) == {0, 1, 2}


@pytest.mark.parametrize(
    "way",
    [
        Way(BCE()),
        Way(CrossEntropy(), kind="one-of"),
        Way(CrossEntropy(weights="balanced"), kind="one-of"),
        Way(Focal(), kind="one-of"),
        Way(LDAM(), kind="one-of", cosine=True),
        Way(CrossEntropy(), SquareRoot(), kind="one-of"),
        Way(CrossEntropy(), Balanced(draw="once"), kind="one-of", epochs=30),
        Way(CrossEntropy(), kind="one-of", hidden=16, second=InverseFrequency()),
    ],
    ids=lambda way: f"{way.loss.name} {way.sampling.name} {way.hidden}",
)
def test_a_head_learns_what_features_tell(way):
    data = drawn()
    way = replace(way, epochs=30, batch=8)
    targets = np.eye(3, dtype=np.float32)[data.answer]
    inside = data.fold != 0
    rows = Rows(data.features[inside], targets[inside], np.ones_like(targets[inside], bool), KEYS)
    said = learn(way, rows, seed=0)(data.features[~inside]).argmax(1)
    table = ConfusionTable.of(data.answer[~inside], said, KEYS)
    assert (table.balanced_accuracy.value or 0) > 0.6
    again = learn(way, rows, seed=0)(data.features[~inside]).argmax(1)
    np.testing.assert_array_equal(said, again)


def test_scaled_features_have_the_spread_of_the_training_rows():
    rng = np.random.default_rng(0)
    features = rng.normal(5, 3, size=(200, 10)).astype(np.float32)
    every = scaled(features[:150], features)
    assert every.shape == (200, 10)
    np.testing.assert_allclose(every[:150].mean(0), 0, atol=1e-5)
    turned = scaled(features[:150], features, 4)
    np.testing.assert_allclose(np.cov(turned[:150].T), np.eye(4), atol=0.02)


def answers_of(data, tmp_path, seeds=(0, 1)):
    own = bench(tmp_path)
    seen = long_tail.features_of_folds(data)
    names = ("majority", "road", "cross-entropy", "adjusted", "two-stages")
    arms = [arm for arm in long_tail.ARMS if arm.name in names]
    return {arm.name: long_tail._answers(arm, data, seen, own, seeds) for arm in arms}


def test_arms_are_judged_together(tmp_path, monkeypatch):
    monkeypatch.setattr(long_tail, "SAMPLES", 100)
    data = drawn()
    answers = answers_of(data, tmp_path)
    numbers = long_tail.judge(data, answers, (0, 1))
    arms = numbers["arms"]
    assert arms["majority"]["balanced_accuracy"][0] == pytest.approx(1 / 3, abs=1e-4)
    assert arms["majority"]["accuracy"][0] == pytest.approx(120 / 156, abs=1e-4)
    assert arms["cross-entropy"]["difference"]["balanced_accuracy"] == [0, 0, 0]
    found = ConfusionTable.of(data.answer, answers["cross-entropy"][0], KEYS)
    other = ConfusionTable.of(data.answer, answers["cross-entropy"][1], KEYS)
    wanted = np.mean([one.balanced_accuracy.value for one in (found, other)])
    assert arms["cross-entropy"]["balanced_accuracy"][0] == pytest.approx(wanted, abs=1e-5)
    macro = np.mean([one.f1_averages.macro.value for one in (found, other)])
    assert arms["cross-entropy"]["macro_f1"][0] == pytest.approx(macro, abs=1e-5)
    low, high = arms["cross-entropy"]["balanced_accuracy"][1:]
    assert low < wanted < high
    page = shown.long_tail(numbers)
    assert "Hiatal hernia (2)" in page.words[0]
    assert "`majority`" in markdown(page.tables[0])
    assert page.figures["balance"]().axes


def test_what_is_done_is_left(tmp_path):
    data = drawn()
    answers_of(data, tmp_path, seeds=(0,))
    [arm] = [one for one in long_tail.ARMS if one.name == "cross-entropy"]
    own = bench(tmp_path, stop=lambda: "The time limit is reached.")
    seen = long_tail.features_of_folds(data)
    assert len(long_tail._answers(arm, data, seen, own, (0,))) == 1
    with pytest.raises(Stopped, match="the same command goes on"):
        long_tail._answers(arm, data, seen, own, (1,))


def drawn_for_failures():
    """800 images of twelve classes, two thirds without a finding."""
    rng = np.random.default_rng(0)
    answer = np.where(rng.random(800) < 0.6, 11, rng.integers(0, 11, 800))
    features = rng.normal(size=(800, 40)).astype(np.float32)
    features[np.arange(800), answer] += 3
    return features, np.eye(12, dtype=np.float32)[answer], (*tuple(COUNTS)[:11], "no_finding")


@pytest.mark.parametrize(
    ("name", "code"), [("mae", "outputs-alike"), ("balanced", "stuck"), ("mended", "")]
)
def test_each_failure_is_named(name, code, monkeypatch):
    monkeypatch.setattr(provoked, "EPOCHS", 6)
    [one] = [failure for failure in provoked.FAILURES if failure.name == name]
    if not code:
        one = replace(one, rate=3e-3)
    found = provoked.provoke(one, *drawn_for_failures(), seed=0)
    codes = {told["code"] for told in found["watch"]}
    assert code in codes if code else not codes
    if name == "mended":
        assert found["balanced_accuracy"] > 0.5
    numbers = {
        "epochs": 6,
        "trap": {"images": 8, "zero": 5, "classes": 19, "without": 2, "said": []},
        "theirs": provoked.proportions(),
        "failures": [found, found],
    }
    page = shown.failures(numbers)
    assert "| 525 | 530 | 5 of 8 |" in markdown(page.tables[0])
    assert page.figures["losses"]().axes


def test_the_trap_is_told_before_training(shared, tmp_path):
    own = Bench(shared / "radiographs", tmp_path, tmp_path / "out", tell=lambda _: None)
    table = provoked.labels_of_twenty(own)
    rows = provoked.drawn_rows(table)
    found = provoked.trap(table, rows)
    assert len(rows) == 800
    assert [one["code"] for one in found["said"]] == ["class-absent", "no-class"]
    assert 0.6 < found["zero"] / 800 < 0.7
    with pytest.raises(LabelError, match="S2 took 800 images of one class each"):
        provoked.drawn_rows(table.rows(np.arange(100)))
