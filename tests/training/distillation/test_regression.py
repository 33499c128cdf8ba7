"""The regression that teaches, against scikit-learn's; what does not count, and what is added."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.training.distillation.regression import PENALTY, regressed

pytestmark = pytest.mark.train

RNG = np.random.default_rng(0)
INSIDE, OUTSIDE = RNG.normal(3, 2, (80, 12)), RNG.normal(3, 2, (30, 12))
TARGETS = (INSIDE[:, :2] + RNG.normal(0, 2, (80, 2)) > 3.5).astype(np.float32)
ALL = np.ones(TARGETS.shape, np.bool_)


def found(targets: np.ndarray, mask: np.ndarray, beyond: np.ndarray | None = None) -> np.ndarray:
    learnt = (INSIDE.astype(np.float32), targets, mask)
    return regressed(learnt, OUTSIDE.astype(np.float32), beyond)


def test_it_is_scikit_learns() -> None:
    linear = pytest.importorskip("sklearn.linear_model", reason="needs the extra analyse")
    mean, spread = INSIDE.mean(0), INSIDE.std(0)
    model = linear.LogisticRegression(C=1 / PENALTY, max_iter=5000, tol=1e-8)
    for k, column in enumerate(TARGETS.T):
        model.fit((INSIDE - mean) / spread, column)
        expected = model.decision_function((OUTSIDE - mean) / spread)
        assert found(TARGETS, ALL)[:, k] == pytest.approx(expected, abs=1e-4)


def test_what_is_unknown_does_not_count() -> None:
    mask = ALL.copy()
    mask[::3, 0] = False
    other = TARGETS.copy()
    other[::3, 0] = 1 - other[::3, 0]
    assert np.array_equal(found(TARGETS, mask), found(other, mask))
    assert not np.allclose(found(TARGETS, mask)[:, 0], found(TARGETS, ALL)[:, 0])


def test_what_strata_say_is_left_to_them() -> None:
    """Labels that follow a stratum alone teach nothing once the stratum has said it."""
    stratum = np.arange(80) % 2
    drawn = np.random.default_rng(1).random(80) < np.where(stratum, 0.8, 0.2)
    targets = np.column_stack([drawn, drawn]).astype(np.float32)
    features = np.column_stack([INSIDE[:, 2:], stratum, stratum]).astype(np.float32)
    asked = np.column_stack([np.zeros((2, 10)), [0, 1], [0, 1]]).astype(np.float32)
    beyond = np.log(np.where(stratum, 4.0, 0.25))[:, None].repeat(2, 1).astype(np.float32)
    gap = [
        float(np.ptp(regressed((features, targets, ALL), asked, one)[:, 0]))
        for one in (None, beyond)
    ]
    assert gap[1] < gap[0] / 3
