"""What holds of calibration and abstention, whatever the probabilities."""

import numpy as np
import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from hilum.errors import EvaluationError
from hilum.evaluation import (
    auroc,
    conformal,
    decision_curve,
    ece,
    fit_beta,
    fit_isotonic,
    fit_platt,
    reliability,
    risk_coverage,
)


def given(*strategies):
    """As Hypothesis's own, without a deadline: a busy machine breaks no law."""
    return lambda test: settings(deadline=None)(given_any(*strategies)(test))


@st.composite
def forecasts(draw):
    """A reference of both classes and probabilities with ties, [n]."""
    pairs = draw(st.lists(st.tuples(st.booleans(), st.integers(1, 19)), min_size=2, max_size=60))
    y = np.array([True, False, *(p[0] for p in pairs)])
    return y, np.array([0.65, 0.35, *(p[1] / 20 for p in pairs)])


@given(forecasts())
def test_the_mirror_image_is_calibrated_as_well(study):
    y, p = study
    assert ece(~y, 1 - p, by="width", bins=1).value == pytest.approx(
        ece(y, p, by="width", bins=1).value
    )
    assert risk_coverage(~y, 1 - p - 1e-9).area.value == pytest.approx(
        risk_coverage(y, p + 1e-9).area.value, abs=1e-6
    )


@given(forecasts())
def test_bins_hold_every_image_once(study):
    y, p = study
    for by in ("mass", "width"):
        found = reliability(y, p, by=by)
        assert found.counts.sum() == len(y)
        assert sum(m.positives for m in found.observed) == y.sum()
        assert 0 <= found.ece.value <= 1


@given(forecasts())
def test_finer_bins_never_look_better(study):
    y, p = study
    assert ece(y, p, by="width", bins=5).value <= ece(y, p, by="width", bins=10).value + 1e-12


@given(forecasts())
def test_no_decision_gains_more_than_the_prevalence(study):
    y, p = study
    curve = decision_curve(y, p)
    assert (curve.net_benefit <= y.mean() + 1e-12).all()
    assert curve.all[0] <= y.mean()


@given(forecasts())
def test_calibration_keeps_the_order(study):
    y, p = study
    z = np.log(p / (1 - p))
    for fit in (fit_platt, fit_beta, fit_isotonic):
        try:
            found = fit(z, y)
        except EvaluationError:
            continue  # the order speaks against the reference
        said = found(z)
        assert (np.diff(said[np.argsort(z, kind="stable")]) >= 0).all()
        if not found.ties(z):
            assert auroc(y, said) == auroc(y, z)


@given(forecasts())
def test_the_sets_of_the_calibration_hold_what_was_promised(study):
    """On the very images that made it a rule holds at least the promised share."""
    y, p = study
    for promised in (0.5, 0.8, 0.9):
        rule = conformal(y, p, promised=promised)
        held = rule.sets(p)[np.arange(len(y)), y.astype(int)]
        assert held.mean() >= promised
