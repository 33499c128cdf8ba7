"""Means over findings: macro, weighted, micro, and what they leave out."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from hilum.errors import EvaluationError
from hilum.evaluation import (
    Confusion,
    Measure,
    Reference,
    confusion,
    f1_averages,
    intervals,
    intervals_of,
    micro_auroc,
    micro_average_precision,
    pooled,
    weighted_mean_of,
)


@pytest.fixture
def study():
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(120), rng.integers(1, 4, 120))
    y = rng.random((len(who), 4)) < [0.5, 0.3, 0.1, 0.05]
    return y, rng.normal(size=y.shape) + y, who


def test_all_three_are_those_of_scikit_learn(study):
    y, s, who = study
    reference = Reference.of(y, who)
    both = intervals_of(reference, s, rng=np.random.default_rng(0), samples=20)
    for metric, theirs, micro in (
        ("auroc", roc_auc_score, micro_auroc),
        ("average precision", average_precision_score, micro_average_precision),
    ):
        assert both[metric].mean.value == pytest.approx(theirs(y, s, average="macro"))
        assert both[metric].weighted.value == pytest.approx(theirs(y, s, average="weighted"))
        assert micro(reference, s).value == pytest.approx(theirs(y, s, average="micro"))
        assert micro(reference, s).reason == ""


def test_f1_is_that_of_scikit_learn(study):
    y, s, _ = study
    d = s > 0.8
    found = f1_averages([confusion(y[:, f], d[:, f]) for f in range(4)], "abcd")
    for name in ("macro", "weighted", "micro"):
        assert getattr(found, name).value == pytest.approx(f1_score(y, d, average=name)), name


def test_an_undefined_finding_is_named():
    names = ("edema", "hernia")
    counts = [Confusion(5, 1, 1, 9), Confusion(0, 0, 0, 16)]
    found = f1_averages(counts, names)
    why = "left out: hernia (no positive, and none was decided)"
    assert found.macro.reason == f"mean of 1 of 2; {why}"
    assert found.weighted.reason == f"weighted mean of 1 of 2; {why}"
    assert found.macro.value == found.weighted.value == found.micro.value == 10 / 12
    y = np.array([[0, 0], [1, 0], [1, 0]])
    reference = Reference.of(y, range(3), findings=names)
    micro = micro_auroc(reference, [[0.1, 0.2], [0.5, 0.1], [0.6, 0.3]])
    assert micro.value == 1.0
    assert micro.reason == ("undefined alone, but in the pot: hernia (no positive among 3 images)")
    empty = micro_average_precision(Reference.of([[0, 0]], ["a"], findings=names), [[1, 2]])
    assert empty.value is None
    assert empty.reason.startswith("no positive among 2 images; undefined alone")


def test_weights_are_what_they_say():
    parts = [Measure(0.5), Measure(1.0), Measure(None, "no positive")]
    found = weighted_mean_of(parts, [3, 1, 2], ("a", "b", "c"))
    assert found.value == pytest.approx(0.625)
    assert found.reason == "weighted mean of 2 of 3; left out: c (no positive)"
    assert weighted_mean_of(parts[:2], [0, 0]).reason == "all weights are 0"
    assert weighted_mean_of(parts[2:], [1]).value is None
    with pytest.raises(EvaluationError, match="2 weights were given for 3 measures"):
        weighted_mean_of(parts, [1, 2])
    with pytest.raises(EvaluationError, match="weights must not be negative"):
        weighted_mean_of(parts, [1, float("nan"), 2])


def test_the_pot_draws_patients(study):
    y, s, who = study
    mask = np.random.default_rng(1).random(y.shape) < 0.8
    reference = Reference.of(y, who, mask=mask, strata=who % 2)
    pot, scores = pooled(reference, s)
    assert scores.shape == (mask.sum(), 1)
    assert pot.groups == reference.groups
    assert micro_auroc(reference, s).value == pytest.approx(roc_auc_score(y[mask], s[mask]))
    found = intervals(pot, scores, rng=np.random.default_rng(0), samples=200).each[0]
    alone = Reference.of(pot.targets, range(len(scores)))
    narrow = intervals(alone, scores, rng=np.random.default_rng(0), samples=200).each[0]
    assert found.low < found.value < found.high
    assert found.value == narrow.value


def test_the_weighted_mean_has_an_interval_of_its_own(study):
    y, s, who = study
    found = intervals(Reference.of(y, who), s, rng=np.random.default_rng(0), samples=300)
    assert found.weighted.low < found.weighted.value < found.weighted.high
    # The rare findings, which are the least sure, count less.
    assert found.weighted.high - found.weighted.low < found.mean.high - found.mean.low


def test_several_metrics_in_one_pass_are_each_alone(study):
    y, s, who = study
    reference = Reference.of(y, who, strata=who % 3)
    metrics = ("average precision", "auroc within strata", "auroc")
    together = intervals_of(
        reference, s, metrics, rng=np.random.default_rng(4), samples=150, level=0.9
    )
    assert tuple(together) == metrics
    for metric in metrics:
        assert together[metric] == intervals(
            reference, s, metric=metric, rng=np.random.default_rng(4), samples=150, level=0.9
        )


def test_threads_change_nothing(study, monkeypatch):
    y, s, who = study
    reference = Reference.of(y, who, strata=who % 3)
    metrics = ("auroc", "average precision", "auroc within strata")
    one = intervals_of(reference, s, metrics, rng=np.random.default_rng(4), samples=150)
    monkeypatch.setattr("hilum.evaluation.metrics._ALONE", 0)
    monkeypatch.setattr("hilum.evaluation.metrics._cores", lambda: 3)
    monkeypatch.setattr("hilum.evaluation.ranks.BLOCK", 700)
    monkeypatch.setattr("hilum.evaluation.resampling.CELLS", 5000)
    several = intervals_of(reference, s, metrics, rng=np.random.default_rng(4), samples=150)
    assert one == several
