"""Embeddings that tell pictures apart, and those that do not."""

import numpy as np
import pytest

from hilum.training.watch.embeddings import COLLAPSED, collapsed, effective_rank, spread

SHAPE = (200, 8)
NORMAL = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


def test_spread_is_the_mean_standard_deviation() -> None:
    values = np.array([[0, 0], [2, 0]], np.float32)
    assert spread(values) == pytest.approx(0.5)


@pytest.mark.parametrize("directions", [1, 3, 8])
def test_effective_rank_counts_directions(directions: int) -> None:
    basis = np.linalg.qr(np.random.default_rng(1).normal(size=(8, 8)))[0][:directions]
    scores = np.linalg.qr(np.random.default_rng(2).normal(size=(200, directions + 1)))[0]
    scores -= scores.mean(0)
    scores = np.linalg.qr(scores)[0][:, :directions]
    assert effective_rank((scores @ basis).astype(np.float32)) == pytest.approx(directions, abs=0.1)


def test_without_any_difference_there_is_no_direction() -> None:
    assert effective_rank(np.ones(SHAPE, np.float32)) == 0


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (NORMAL, False),
        (NORMAL * 2 * COLLAPSED, False),
        (NORMAL * COLLAPSED / 2, True),
        (np.ones(SHAPE, np.float32), True),
        (NORMAL * COLLAPSED / 2 + 5, True),
    ],
    ids=["healthy", "small", "smaller", "one", "one and far"],
)
def test_a_collapse_is_found(values: np.ndarray, told: bool) -> None:
    found = collapsed(values)
    assert (found is not None) == told
    if found is not None:
        assert found.code == "collapsed"
        assert "200 training pictures" in found.message
