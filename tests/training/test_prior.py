import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.training.prior import STEADY, Prior

pytestmark = pytest.mark.train


def logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


def test_what_a_stratum_says_beyond_all_rows() -> None:
    strata = np.repeat([0, 1, 2], [200, 200, 4]).astype(np.int64)
    targets = np.zeros((404, 1), np.float32)
    targets[:100] = 1  # half of the first, none of the second
    targets[400:] = 1  # and all of a third, which is not learnt from
    rows = np.arange(400)
    prior = Prior.of(targets, np.ones((404, 1), np.bool_), strata, rows)
    share = 100.5 / 401
    first = logit((100 + STEADY * share) / (200 + STEADY))
    second = logit(STEADY * share / (200 + STEADY))
    assert prior.overall == pytest.approx((first + second) / 2, abs=1e-5)
    assert prior.beyond[:200] == pytest.approx((first - second) / 2, abs=1e-5)
    assert prior.beyond[200:400] == pytest.approx((second - first) / 2, abs=1e-5)
    assert not prior.beyond[400:].any()


def test_a_single_stratum_says_nothing_more_and_masked_cells_do_not_count() -> None:
    rng = np.random.default_rng(0)
    targets = (rng.random((300, 2)) < 0.3).astype(np.float32)
    mask = rng.random((300, 2)) < 0.5
    rows = np.arange(300)
    alone = Prior.of(targets, mask, np.zeros(300, np.int64), rows)
    assert np.abs(alone.beyond).max() < 1e-6
    strata = rng.integers(0, 2, 300)
    told = Prior.of(targets, mask, strata, rows)
    hidden = Prior.of(np.where(mask, targets, 1 - targets), mask, strata, rows)
    assert np.array_equal(told.beyond, hidden.beyond)


def test_a_finding_that_is_never_present_stays_finite() -> None:
    targets = np.zeros((20, 1), np.float32)
    strata = np.repeat([0, 1], 10).astype(np.int64)
    prior = Prior.of(targets, np.ones((20, 1), np.bool_), strata, np.arange(20))
    assert np.isfinite(prior.overall).all()
    assert np.isfinite(prior.beyond).all()
    assert np.abs(prior.beyond).max() < 1e-5  # one stratum is as the other
