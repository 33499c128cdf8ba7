"""The loss against the paper's formulas, written out; and where it must be zero."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.training.self_supervision.vicreg import (  # noqa: E402
    EPSILON,
    GAMMA,
    hinge,
    redundancy,
    vicreg,
)

pytestmark = pytest.mark.train


def by_hand(one: list[list[float]], other: list[list[float]]) -> tuple[float, float, float]:
    """Invariance, variance and covariance, number by number as the paper has them."""
    n, d = len(one), len(one[0])
    alike = sum((one[i][j] - other[i][j]) ** 2 for i in range(n) for j in range(d)) / (n * d)
    apart = repeated = 0.0
    for z in (one, other):
        means = [sum(row[j] for row in z) / n for j in range(d)]
        c = [
            [
                sum((row[j] - means[j]) * (row[k] - means[k]) for row in z) / (n - 1)
                for k in range(d)
            ]
            for j in range(d)
        ]
        apart += sum(max(0.0, GAMMA - math.sqrt(c[j][j] + EPSILON)) for j in range(d)) / d
        repeated += sum(c[j][k] ** 2 for j in range(d) for k in range(d) if j != k) / d
    return alike, apart, repeated


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weights", [(25.0, 25.0, 1.0), (1.0, 0.0, 0.0), (0.0, 3.0, 2.0)])
def test_it_is_the_papers(seed: int, weights: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.normal(0, [[0.2, 1.0, 2.0]], (2, 5, 3))
    names = ("invariance", "variance", "covariance")
    options = dict(zip(names, weights, strict=True))
    found = vicreg(torch.from_numpy(one), torch.from_numpy(other), **options)
    terms = by_hand(one.tolist(), other.tolist())
    assert float(found) == pytest.approx(sum(w * t for w, t in zip(weights, terms, strict=True)))


def test_a_worked_example() -> None:
    one = torch.tensor([[0.0, 0.0], [2.0, 0.0]])
    # variances 2 and 0: one stays above 1, the other has √ε; no covariance
    assert float(hinge(one)) == pytest.approx((1 - math.sqrt(EPSILON)) / 2)
    assert float(redundancy(one)) == 0
    same = torch.tensor([[0.0, 0.0], [2.0, 2.0]])
    assert float(redundancy(same)) == pytest.approx((2.0**2 + 2.0**2) / 2)


def test_what_has_collapsed_still_has_a_slope() -> None:
    rng = torch.Generator().manual_seed(0)
    almost = (torch.randn(8, 4, generator=rng) * 1e-3).requires_grad_()
    hinge(almost).backward()
    assert almost.grad is not None
    assert torch.isfinite(almost.grad).all()
    assert (almost.grad.abs() > 1e-3).any()
