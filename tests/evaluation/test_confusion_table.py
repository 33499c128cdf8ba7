"""One answer of several, against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score, recall_score

from hilum.errors import EvaluationError
from hilum.evaluation import Confusion, ConfusionTable

CLASSES = ("negative", "typical", "indeterminate", "atypical")


@pytest.fixture
def answers():
    rng = np.random.default_rng(0)
    y = rng.choice(4, 400, p=[0.3, 0.4, 0.2, 0.1])
    return y, np.where(rng.random(400) < 0.6, y, rng.integers(0, 4, 400))


def test_it_is_that_of_scikit_learn(answers):
    y, said = answers
    table = ConfusionTable.of(y, said, CLASSES)
    np.testing.assert_array_equal(table.counts, confusion_matrix(y, said))
    assert table.accuracy.value == pytest.approx((y == said).mean())
    assert table.balanced_accuracy.value == pytest.approx(balanced_accuracy_score(y, said))
    for name in ("macro", "weighted", "micro"):
        found = getattr(table.f1_averages, name).value
        assert found == pytest.approx(f1_score(y, said, average=name)), name
    assert table.f1_averages.micro.value == pytest.approx(table.accuracy.value)
    for k, name in enumerate(CLASSES):
        assert table.f1(name).value == pytest.approx(f1_score(y == k, said == k))
        assert table.recalls[k].value == pytest.approx(recall_score(y == k, said == k))
        tn, fp, fn, tp = confusion_matrix(y == k, said == k).ravel()
        assert table.confusion(name) == Confusion(tp=tp, fp=fp, fn=fn, tn=tn)
    assert table.majority.value == np.bincount(y).max() / 400
    assert table.unpredicted == ()


def test_two_classes_are_the_published_four_averages():
    """44 / 16 / 53 / 284, as counted for one class, for the other, and for both together."""
    table = ConfusionTable(np.array([[284, 16], [53, 44]]), ("other", "covid-19"))
    y, said = np.repeat([0, 0, 1, 1], [284, 16, 53, 44]), np.repeat([0, 1, 0, 1], [284, 16, 53, 44])
    assert table.f1("covid-19").value == pytest.approx(f1_score(y, said))
    for name in ("macro", "weighted", "micro"):
        found = getattr(table.f1_averages, name).value
        assert found == pytest.approx(f1_score(y, said, average=name))
    assert table.f1_averages.micro.value == table.accuracy.value == 328 / 397


def test_classes_that_are_missing_are_named():
    counts = np.zeros((4, 4), int)
    counts[0, 0], counts[1, 0], counts[1, 1] = 5, 1, 3
    table = ConfusionTable(counts, CLASSES)
    why = "indeterminate (no positive), atypical (no positive)"
    assert table.balanced_accuracy.reason == f"mean of 2 of 4; left out: {why}"
    assert table.balanced_accuracy.value == pytest.approx((1 + 0.75) / 2)
    assert table.unpredicted == ("indeterminate", "atypical")
    assert table.f1_averages.macro.reason.startswith("mean of 2 of 4; left out: indeterminate (no")
    empty = ConfusionTable(np.zeros((2, 2), int), ("a", "b"))
    assert empty.accuracy.reason == empty.majority.reason == "no image"
    assert empty.balanced_accuracy.value is None


def test_what_is_no_table():
    with pytest.raises(EvaluationError, match=r"whole numbers, not negative, \[2, 2\]"):
        ConfusionTable(np.array([[1, -1], [0, 0]]), ("a", "b"))
    with pytest.raises(EvaluationError, match="got float64"):
        ConfusionTable(np.eye(2), ("a", "b"))
    with pytest.raises(EvaluationError, match="classes must be named apart"):
        ConfusionTable(np.zeros((2, 2), int), ("a", "a"))
    with pytest.raises(EvaluationError, match="answers must lie in 0 to 1"):
        ConfusionTable.of([0, 1], [0, 2], ("a", "b"))
    with pytest.raises(EvaluationError, match="answers must be whole numbers"):
        ConfusionTable.of([0, 1], [0.5, 1], ("a", "b"))
    with pytest.raises(EvaluationError, match="reference has 2 values, answers 1"):
        ConfusionTable.of([0, 1], [0], ("a", "b"))
    with pytest.raises(EvaluationError, match="no class 'c'; there are a, b"):
        ConfusionTable.of([0], [0], ("a", "b")).f1("c")
