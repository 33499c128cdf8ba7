"""One answer of several, with intervals: the plain bootstrap says the same, only slower."""

import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation import ConfusionTable, Reference, bootstrap, table_intervals

CLASSES = ("no finding", "nodule", "hernia")


@pytest.fixture
def study():
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(120), rng.integers(1, 4, 120))
    y = rng.choice(3, len(who), p=[0.6, 0.25, 0.15])
    said = np.where(rng.random(len(who)) < 0.6, y, rng.integers(0, 3, len(who)))
    return y, said, who


def reference(y, who):
    return Reference.of(np.eye(3)[y], who, findings=CLASSES)


def test_every_number_is_that_of_the_plain_bootstrap(study):
    y, said, who = study
    found = table_intervals(
        reference(y, who), said, rng=np.random.default_rng(3), samples=150,
        groups={"head": CLASSES[:1], "rest": CLASSES[1:]},
    )  # fmt: skip
    expected = {
        "accuracy": lambda t: t.accuracy,
        "balanced_accuracy": lambda t: t.balanced_accuracy,
        "recall": lambda t: t.recalls[1],
        "f1": lambda t: t.f1("hernia"),
        "macro": lambda t: t.f1_averages.macro,
        "weighted": lambda t: np.average(
            [t.f1(c).value for c in CLASSES], weights=np.bincount(y, minlength=3)
        ),
        "micro": lambda t: t.f1_averages.micro,
        "rest": lambda t: (t.recalls[1].value + t.recalls[2].value) / 2,
    }
    ours = {
        "accuracy": found.accuracy,
        "balanced_accuracy": found.balanced_accuracy,
        "recall": found.recalls[1],
        "f1": found.f1[2],
        "macro": found.f1_averages.macro,
        "weighted": found.f1_averages.weighted,
        "micro": found.f1_averages.micro,
        "rest": found.groups["rest"],
    }
    for name, number in expected.items():
        slow = bootstrap(
            lambda w, number=number: number(
                ConfusionTable.of(np.repeat(y, w), np.repeat(said, w), CLASSES)
            ),
            who,
            rng=np.random.default_rng(3),
            samples=150,
        )
        assert ours[name].value == pytest.approx(slow.value, abs=1e-12), name
        assert ours[name].low == pytest.approx(slow.low, abs=1e-12), name
        assert ours[name].high == pytest.approx(slow.high, abs=1e-12), name
    assert found.groups["head"] == found.recalls[0]


def test_a_class_of_one_patient_leaves_the_mean_without_an_interval(study):
    y, said, who = study
    y = np.where(y == 2, 1, y)
    y[0] = 2
    found = table_intervals(reference(y, who), said, rng=np.random.default_rng(0), samples=200)
    assert found.balanced_accuracy.value is not None
    assert found.balanced_accuracy.low is None
    assert "undefined in" in found.balanced_accuracy.reason
    assert found.accuracy.low is not None
    assert found.groups == {}
    y[0] = 1
    found = table_intervals(
        reference(y, who), said, rng=np.random.default_rng(0), samples=200,
        groups={"tail": ("hernia",), "none": ()},
    )  # fmt: skip
    assert found.recalls[2].reason == "no positive"
    assert "left out: hernia (no positive)" in found.balanced_accuracy.reason
    assert found.balanced_accuracy.low is not None
    assert found.groups["tail"].value is None
    assert found.groups["none"].reason == "the group is empty"


def test_what_is_no_one_of_task():
    rng = np.random.default_rng(0)
    for rows in ([[1, 1, 0], [0, 0, 1]], [[0, 0, 0], [0, 0, 1]]):
        with pytest.raises(EvaluationError, match="each image must be of one class"):
            table_intervals(Reference.of(rows, [0, 1], findings=CLASSES), [0, 1], rng=rng)
    one = Reference.of([[1, 0, 0]], [0], mask=[[1, 1, 0]], findings=CLASSES)
    with pytest.raises(EvaluationError, match="each image must be of one class"):
        table_intervals(one, [0], rng=rng)
    with pytest.raises(EvaluationError, match="answers must lie in 0 to 2"):
        table_intervals(reference([0, 1], [0, 1]), [0, 3], rng=rng)
