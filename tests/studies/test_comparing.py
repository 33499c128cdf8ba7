import numpy as np
import pytest

from hilum.errors import RunError
from hilum.evaluation import Measure, Reference, compare, intervals

pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.studies.comparing import (
    Effect,
    drawn,
    effect,
    holm,
    measure,
    with_its_interval,
)

pytestmark = pytest.mark.train
METRIC = "auroc within strata"


@pytest.fixture(scope="module")
def reference() -> Reference:
    rng = np.random.default_rng(1)
    targets = rng.random((300, 2)) < (0.3, 0.5)
    strata = rng.integers(0, 2, 300)
    patients = np.arange(300) // 2
    return Reference.of(targets, patients, strata=strata, findings=("mass", "nodule"))


def scores(reference: Reference, strength: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (reference.targets * strength + rng.normal(size=(300, 2))).astype(np.float32)


def test_one_seed_is_what_evaluation_says(reference: Reference) -> None:
    a, b = scores(reference, 1.0, 0), scores(reference, 0.5, 1)
    weights = drawn(reference, 400, np.random.default_rng(5))
    one, other = (measure(reference, {0: x}, weights) for x in (a, b))
    expected = intervals(reference, a, rng=np.random.default_rng(5), metric=METRIC, samples=400)
    mean = with_its_interval(reference, one)
    assert (mean.value, mean.low, mean.high) == pytest.approx(
        (expected.mean.value, expected.mean.low, expected.mean.high)
    )
    pair = compare(reference, a, b, rng=np.random.default_rng(5), metric=METRIC, samples=400).mean
    found = effect(reference, one, other)
    assert found.difference.value == pytest.approx(pair.difference.value)
    assert found.difference.low == pytest.approx(pair.difference.low)
    assert found.p_value == pytest.approx(pair.p_value)
    assert found.verdict == "helps"


def test_seeds_are_averaged_inside_each_draw(reference: Reference) -> None:
    weights = drawn(reference, 200, np.random.default_rng(5))
    arm = {seed: scores(reference, 1.0, seed) for seed in (0, 1, 2)}
    other = {seed: scores(reference, 1.0, 10 + seed) for seed in (1, 2, 3)}
    one, two = measure(reference, arm, weights), measure(reference, other, weights)
    found = effect(reference, one, two)
    assert found.seeds == (1, 2)
    assert found.difference.value == pytest.approx(np.mean(one.each[1:] - two.each[:2]))
    low, high = np.quantile((one.draws[1:] - two.draws[:2]).mean(0), (0.025, 0.975))
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high))
    assert found.least <= found.difference.value <= found.most
    with pytest.raises(RunError, match="no seed in common"):
        effect(reference, one, measure(reference, {9: other[1]}, weights))


def test_a_finding_that_no_stratum_can_compare_is_named() -> None:
    targets = np.array([[0, 1], [1, 1], [0, 0], [1, 0]])
    apart = Reference.of(targets, range(4), strata=[0, 0, 1, 1], findings=("mass", "nodule"))
    with pytest.raises(RunError, match="nodule"):
        measure(apart, {0: np.zeros((4, 2), np.float32)}, [np.ones((1, 4), np.int32)])


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.001, 0.01, "helps"),
        (-0.01, -0.001, "harms"),
        (-0.01, 0.01, "not shown"),
        (0.0, 0.01, "not shown"),
        (-0.01, 0.0, "not shown"),
        (None, None, "no interval"),
    ],
)
def test_a_verdict_needs_zero_outside(low: float | None, high: float | None, verdict: str) -> None:
    found = Effect(Measure(0.0, low=low, high=high), (0,), 0.0, 0.0, 0.5)
    assert found.verdict == verdict
    assert not found.survives


def test_holm_is_the_published_example() -> None:
    # Holm 1979 as stats::p.adjust(c(.01, .02, .03, .04, .05), "holm") of R gives it.
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.5, None, 0.001]) == pytest.approx([0.5, None, 0.002])
    assert holm([]) == []
