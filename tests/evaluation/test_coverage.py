"""Intervals by patient hold the truth about as often as they say, whatever they are of."""

import numpy as np
import pytest

from hilum.evaluation import Reference, compare, intervals_of

METRICS = ("auroc", "auroc within strata", "average precision")
PREVALENCE = np.array([0.35, 0.2])


def study(rng, patients):
    """Up to five images a patient; the patient, the source and the finding all move the score."""
    who = np.repeat(np.arange(patients), rng.integers(1, 6, patients))
    source = rng.integers(0, 2, patients)[who]
    often = np.where(rng.random((patients, 1)) < 0.5, 1.5, 0.5)[who] * PREVALENCE
    targets = rng.random(often.shape) < often
    scores = [
        targets + 0.4 * source[:, None] + rng.normal(size=(patients, 1))[who]
        + rng.normal(size=targets.shape)
        for _ in range(2)
    ]  # fmt: skip
    return Reference.of(targets, who, strata=source), scores


@pytest.mark.slow
def test_intervals_hold_the_truth():
    rng = np.random.default_rng(0)
    whole, scores = study(rng, 200_000)
    truth = intervals_of(whole, scores[0], METRICS, rng=rng, samples=1)
    held = {(m, part): 0 for m in METRICS for part in ("finding 0", "mean", "weighted")}
    differences = wrong = 0
    studies = 400
    for _ in range(studies):
        reference, (a, b) = study(rng, 150)
        found = intervals_of(reference, a, METRICS, rng=rng, samples=400)
        for metric in METRICS:
            for part in ("finding 0", "mean", "weighted"):
                here, there = (
                    m.each[0] if part == "finding 0" else getattr(m, part)
                    for m in (found[metric], truth[metric])
                )
                held[metric, part] += here.low <= there.value <= here.high
        apart = compare(reference, a, b, rng=rng, samples=400).mean
        differences += apart.difference.low <= 0 <= apart.difference.high
        wrong += apart.p_value < 0.05
    # Four standard errors of 400 studies are .044; percentile intervals are a little short.
    for what, count in held.items():
        assert 0.90 <= count / studies <= 0.99, what
    assert 0.91 <= differences / studies <= 0.99
    assert wrong / studies <= 0.09
