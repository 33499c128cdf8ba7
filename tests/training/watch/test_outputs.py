"""Single checks of outputs, on small arrays."""

import itertools

import numpy as np
import pytest

from hilum.training.watch.outputs import chance_of, no_better_than_chance, one_class, outputs_alike
from tests.training.watch.test_labels import MANY, ONE, Task

BINARY = Task("binary", ("mass",))


def outputs(*shape: int, spread: float = 1.0, level: float = 0.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (level + spread * rng.normal(size=shape)).astype(np.float32)


@pytest.mark.parametrize(
    ("values", "alike"),
    [
        (outputs(50, 3), False),
        (outputs(50, 3, spread=1e-2), False),
        (outputs(50, 3, spread=3e-5), True),
        (outputs(50, 3, spread=3e-4, level=-9), True),  # in parts of what it is
        (outputs(50, 3, spread=3e-3, level=-9), False),
        (outputs(50, 3, spread=1, level=-40), True),  # probabilities of no finding differ
        (np.where(np.arange(50)[:, None] == [0, 1, 2], 4, -30).astype(np.float32), False),
        (np.zeros((50, 3), np.float32), True),
        (np.zeros((1, 3), np.float32), False),
    ],
)
def test_outputs_alike(values, alike) -> None:
    assert (outputs_alike(values) is not None) == alike


def test_one_finding_that_speaks_is_enough() -> None:
    values = np.zeros((50, 3), np.float32)
    values[:, 1] = outputs(50, 1)[:, 0]
    assert outputs_alike(values) is None


@pytest.mark.parametrize(
    ("task", "log_odds", "targets", "found"),
    [
        (BINARY, [[-1]] * 100, [[1]] * 30 + [[0]] * 70, True),
        (BINARY, [[-1]] * 100, [[1]] * 5 + [[0]] * 95, False),  # rare: right to say no
        (BINARY, [[-1]] * 97 + [[1]] * 3, [[1]] * 30 + [[0]] * 70, False),
        (BINARY, [[1]] * 100, [[1]] * 30 + [[0]] * 70, True),
        (BINARY, [[-1]] * 9, [[1]] * 3 + [[0]] * 6, False),  # too few
        (ONE, [[1, -1, -2]] * 100, np.eye(3)[np.arange(100) % 3], True),
        (ONE, np.eye(3)[np.arange(100) % 3], np.eye(3)[np.arange(100) % 3], False),
        # all below 0.5, but on both sides of the frequency: a weak network of a rare finding
        (MANY, [[-3] * 3, [-1] * 3] * 50, [[1, 1, 1]] * 20 + [[0, 0, 0]] * 80, False),
        (MANY, [[-3] * 3] * 100, [[1, 1, 1]] * 20 + [[0, 0, 0]] * 80, True),
        (MANY, [[-3, -3, 2], [-3, -3, -2]] * 50, [[1, 1, 1]] * 20 + [[0, 0, 0]] * 80, False),
        (MANY, [[-9] * 3] * 100, [[1, 1, 1]] * 2 + [[0, 0, 0]] * 98, False),  # all are rare
    ],
)
def test_one_class(task, log_odds, targets, found) -> None:
    log_odds, targets = np.asarray(log_odds, np.float32), np.asarray(targets, np.float32)
    mask = np.ones(targets.shape, bool)
    assert (one_class(task, log_odds, targets, mask) is not None) == found


def test_what_is_not_known_is_not_judged() -> None:
    targets = np.array([[1.0]] * 30 + [[0.0]] * 70, np.float32)
    log_odds = np.where(np.arange(100)[:, None] < 3, 1, -1).astype(np.float32)
    mask = np.arange(100)[:, None] >= 3
    assert one_class(BINARY, log_odds, targets, mask) is not None
    assert one_class(BINARY, log_odds, targets, mask | True) is None


def test_the_limit_of_chance_is_the_exact_one() -> None:
    """All orders of 4 positive and 5 negative rows: mean 1/2, variance (p + n + 1) / 12 p n."""
    targets = np.array([[1.0]] * 4 + [[0.0]] * 5, np.float32)
    mask = np.ones((9, 1), bool)
    values = [sum(9 - rank for rank in chosen) for chosen in itertools.combinations(range(9), 4)]
    spread = np.std(values) / 20
    found = chance_of(BINARY, outputs(9, 1), targets, mask)
    assert found is not None
    assert found.limit == pytest.approx(0.5 + 1.645 * spread)


def test_scores_without_knowledge_stay_below_the_limit_19_times_in_20() -> None:
    rng = np.random.default_rng(0)
    targets = (rng.random((150, 3)) < 0.3).astype(np.float32)
    mask = np.ones(targets.shape, bool)
    above = 0
    for seed in range(400):
        found = chance_of(MANY, outputs(150, 3, seed=seed), targets, mask)
        assert found is not None
        above += found.auroc > found.limit
    assert 5 <= above <= 38  # 20 expected, four standard deviations


def test_knowledge_is_seen_and_few_rows_are_not_judged() -> None:
    targets = np.array([[1.0]] * 40 + [[0.0]] * 40, np.float32)
    mask = np.ones(targets.shape, bool)
    knowing = outputs(80, 1) + targets
    assert no_better_than_chance(BINARY, knowing, targets, mask) is None
    found = no_better_than_chance(BINARY, outputs(80, 1), targets, mask)
    assert found is not None
    assert "always answering 'no mass' 0.500" in found.message
    few = slice(38, 42)
    assert chance_of(BINARY, outputs(4, 1), targets[few], mask[few]) is None
    assert chance_of(BINARY, outputs(40, 1), targets[:40], mask[:40]) is None
