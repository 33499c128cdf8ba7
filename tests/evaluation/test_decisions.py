"""Numbers of decisions: published matrices, scikit-learn, and what is undefined."""

import math

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    class_likelihood_ratios,
    f1_score,
    matthews_corrcoef,
    precision_score,
    recall_score,
)

from hilum.errors import EvaluationError
from hilum.evaluation import Confusion, clopper_pearson, npv_at, ppv_at, shares, wilson

# TP, FP, FN, TN of published runs, and the numbers printed beside them: some are cut off at their
# last digit, some rounded.
DEATH = {
    "ResNet18": ((4, 23, 26, 225), {"f1": "0.14"}),
    "ResNet34": ((9, 34, 21, 214), {"f1": "0.25"}),
    "ResNet50": ((16, 98, 14, 150), {"f1": "0.22"}),
    "SqueezeNet 1.0": ((15, 44, 15, 204), {"f1": "0.33"}),
    "SqueezeNet 1.1": ((6, 46, 24, 202), {"f1": "0.15"}),
    "normalised": ((13, 38, 17, 210), {"f1": "0.32"}),
    "watched macro": ((15, 44, 15, 204), {"f1": "0.33"}),
    "watched micro": ((19, 45, 11, 203), {"f1": "0.40"}),
    "watched weighted": ((15, 40, 15, 208), {"f1": "0.35"}),
    "watched binary": ((16, 50, 14, 198), {"f1": "0.33"}),
    "cut −1": ((12, 47, 18, 201), {"f1": "0.27"}),
    "cut 1": ((14, 43, 16, 205), {"f1": "0.32"}),
    "cut 2": ((8, 29, 22, 219), {"f1": "0.24"}),
    "cut 20": ((9, 29, 21, 219), {"f1": "0.26"}),
    "not cut": ((19, 45, 11, 203), {"f1": "0.40"}),
}
COVID = {
    "485/250/250, 16": ((41, 17, 54, 80), {}),
    "485/750/750, 16, first": ((30, 20, 62, 272), {}),
    "485/750/750, 16, second": ((34, 20, 58, 272), {}),
    "485/750/750, 8": (
        (44, 16, 53, 284),
        {
            "accuracy": "0.8262",
            "ppv": "0.7333",
            "sensitivity": "0.4536",
            "f1": "0.5605",
            "specificity": "0.9467",
        },
    ),
    "485/450/450, 8": ((54, 23, 43, 181), {}),
    "485/750/750, 4": ((40, 24, 57, 276), {}),
    "always no": ((0, 0, 97, 300), {"accuracy": "0.7557"}),
}
PUBLISHED = [
    pytest.param(counts, printed, id=name) for name, (counts, printed) in (DEATH | COVID).items()
]


def rows(confusion):
    """Reference and decisions that give these counts."""
    counts = (confusion.tp, confusion.fp, confusion.fn, confusion.tn)
    return np.repeat([1, 0, 1, 0], counts), np.repeat([1, 1, 0, 0], counts)


@pytest.mark.parametrize(("counts", "printed"), PUBLISHED)
def test_published_matrices(counts, printed):
    for name, number in printed.items():
        value = getattr(Confusion(*counts), name).value
        unit = 10 ** len(number.partition(".")[2])
        cut, rounded = math.floor(value * unit) / unit, round(value * unit) / unit
        assert float(number) in (cut, rounded), name


@pytest.mark.parametrize(("counts", "printed"), PUBLISHED)
def test_published_matrices_against_scikit_learn(counts, printed):
    found = Confusion(*counts)
    y, d = rows(found)
    if counts[0] + counts[1] == 0:
        for name in ("ppv", "mcc"):
            assert getattr(found, name).reason == "nothing was decided present"
        assert found.f1.value == 0.0
        return
    expected = {
        "sensitivity": recall_score(y, d),
        "specificity": recall_score(1 - y, 1 - d),
        "ppv": precision_score(y, d),
        "npv": precision_score(1 - y, 1 - d),
        "f1": f1_score(y, d),
        "accuracy": accuracy_score(y, d),
        "balanced_accuracy": balanced_accuracy_score(y, d),
        "mcc": matthews_corrcoef(y, d),
    }
    expected["lr_positive"], expected["lr_negative"] = class_likelihood_ratios(y, d)
    for name, value in expected.items():
        assert getattr(found, name).value == pytest.approx(value, abs=1e-12), name


def test_what_is_undefined_says_why():
    perfect = Confusion(tp=5, fp=0, fn=0, tn=5)
    assert perfect.mcc.value == 1.0
    assert perfect.lr_positive.reason == "no false positive: the ratio has no bound"
    assert perfect.lr_negative.value == 0.0
    wrong = Confusion(tp=0, fp=5, fn=5, tn=0)
    assert wrong.mcc.value == -1.0
    assert wrong.lr_negative.reason == "no true negative: the ratio has no bound"
    healthy = Confusion(tp=0, fp=1, fn=0, tn=8)
    assert healthy.lr_positive.reason == healthy.mcc.reason == "no positive"
    assert healthy.lr_negative.reason == "no positive"
    assert Confusion(1, 0, 0, 0).lr_positive.reason == "no negative"
    assert (Confusion(1, 2, 3, 4) + Confusion(4, 3, 2, 1)) == Confusion(5, 5, 5, 5)


@pytest.mark.parametrize(
    ("method", "interval"), [("wilson", wilson), ("clopper-pearson", clopper_pearson)]
)
def test_shares_have_their_intervals(method, interval):
    found = shares(Confusion(tp=44, fp=16, fn=53, tn=284), method=method, level=0.9)
    assert list(found) == ["sensitivity", "specificity", "ppv", "npv", "accuracy"]
    trials = {"sensitivity": (44, 97), "specificity": (284, 300), "ppv": (44, 60),
              "npv": (284, 337), "accuracy": (328, 397)}  # fmt: skip
    for name, (part, whole) in trials.items():
        expected = interval(part, whole, level=0.9)
        assert found[name].value == part / whole
        assert (found[name].low, found[name].high) == (expected.low, expected.high)
        assert (found[name].positives, found[name].negatives) == (97, 300)
    assert shares(Confusion(0, 0, 0, 3))["sensitivity"].reason == "no positive"
    with pytest.raises(EvaluationError, match="Unknown method 'wald'; known: wilson, clopper"):
        shares(Confusion(1, 1, 1, 1), method="wald")


def test_predictive_values_at_another_prevalence():
    found = Confusion(tp=90, fp=10, fn=10, tn=90)
    assert ppv_at(found, 0.5).value == pytest.approx(found.ppv.value)
    assert npv_at(found, 0.5).value == pytest.approx(found.npv.value)
    # Of 1,000: 10 with the finding, 9 called; 990 without, 99 called.
    assert ppv_at(found, 0.01).value == pytest.approx(9 / 108)
    assert npv_at(found, 0.01).value == pytest.approx(891 / 892)
    own = Confusion(tp=44, fp=16, fn=53, tn=284)
    assert ppv_at(own, 97 / 397).value == pytest.approx(own.ppv.value)
    assert npv_at(own, 97 / 397).value == pytest.approx(own.npv.value)
    assert ppv_at(Confusion(0, 0, 5, 5), 0.1).reason == "nothing was decided present"
    assert npv_at(Confusion(5, 5, 0, 0), 0.1).reason == "nothing was decided absent"
    assert ppv_at(Confusion(0, 1, 0, 1), 0.1).reason == "no positive"
    assert npv_at(Confusion(1, 0, 1, 0), 0.1).reason == "no negative"
    with pytest.raises(EvaluationError, match=r"prevalence must lie in \(0, 1\), got 1"):
        ppv_at(found, 1)
