"""Numbers that may be undefined, and means that do not hide it."""

import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation import Measure, mean_of


def test_a_mean_names_what_it_left_out():
    parts = [
        Measure(0.8, positives=3, negatives=7),
        Measure(None, "no positive among 10 images", negatives=10),
        Measure(0.6, positives=5, negatives=5),
    ]
    mean = mean_of(parts, ["mass", "hernia", "edema"])
    assert mean.value == pytest.approx(0.7)
    assert mean.reason == "mean of 2 of 3; left out: hernia (no positive among 10 images)"
    assert (mean.positives, mean.negatives) == (8, 12)
    assert "finding 1 (no positive" in mean_of(parts).reason


def test_a_mean_of_all_has_nothing_to_say():
    assert mean_of([Measure(0.5), Measure(1.0)]) == Measure(0.75)


def test_a_mean_of_nothing_is_undefined():
    assert mean_of([]).reason == "there is nothing to average"
    assert mean_of([Measure(None, "why")], ["mass"]).reason == "no finding is defined: mass (why)"


def test_nan_never_passes_as_a_number():
    with pytest.raises(EvaluationError, match="value is nan: an undefined number is None"):
        Measure(float("nan"))
    with pytest.raises(EvaluationError, match="needs the reason"):
        Measure(None)
    with pytest.raises(EvaluationError, match="an interval needs both ends"):
        Measure(0.5, low=0.1)
    with pytest.raises(EvaluationError, match="1 names were given for 2 measures"):
        mean_of([Measure(0.5), Measure(0.5)], ["mass"])


def test_a_measure_reads_well():
    assert str(Measure(0.8124, low=0.79, high=np.float64(0.8333))) == "0.812 (0.790 to 0.833)"
    assert str(Measure(None, "no image")) == "undefined (no image)"
