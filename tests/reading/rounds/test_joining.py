"""Putting rounds together, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from hilum.errors import RecipeError
from hilum.reading.rounds import JOINS, join

RNG = np.random.default_rng(2)
SAID = RNG.random((5, 10, 3))
POINTS = [0.2, 0.5, 0.8]
WEIGHTS = RNG.random(10)


def extras(how):
    return {"thresholds": POINTS} if how == "vote" else {"weights": WEIGHTS[: SAID.shape[-2]]}


def test_joins_are_what_numpy_makes():
    assert np.allclose(join(SAID, "mean").probability, SAID.mean(axis=1))
    assert np.allclose(join(SAID, "maximum").probability, SAID.max(axis=1))
    ordered = np.sort(SAID, axis=1)
    assert np.allclose(join(SAID, "trimmed", trim=0.2).probability, ordered[:, 2:-2].mean(axis=1))
    assert np.allclose(join(SAID, "trimmed", trim=0.0).probability, SAID.mean(axis=1))
    votes = (np.array(POINTS) <= SAID).mean(axis=1)
    assert np.array_equal(join(SAID, "vote", thresholds=POINTS).probability, votes)
    share = WEIGHTS / WEIGHTS.sum()
    odds = np.einsum("irf,r->if", np.log(SAID / (1 - SAID)), share)
    assert np.allclose(join(SAID, "weighted", weights=WEIGHTS).probability, 1 / (1 + np.exp(-odds)))
    assert np.allclose(join(SAID).spread, SAID.std(axis=1))


@pytest.mark.parametrize("how", JOINS)
def test_weights_tell_who_counted(how):
    joined = join(SAID, how, **extras(how))
    assert joined.weights.shape == SAID.shape
    assert np.allclose(joined.weights.sum(axis=1), 1)
    if how in ("mean", "maximum", "trimmed"):
        assert np.allclose((joined.weights * SAID).sum(axis=1), joined.probability)


@pytest.mark.parametrize("how", JOINS)
@given(value=st.floats(0, 1), rounds=st.integers(1, 12))
def test_rounds_that_agree_have_no_spread(how, value, rounds):
    said = np.full((rounds, 1), value)
    joined = join(said, how, thresholds=[0.5], weights=np.arange(1, rounds + 1))
    assert joined.spread[0] == 0
    if how == "vote":
        assert joined.probability[0] == (value >= 0.5)
    else:
        assert joined.probability[0] == value


@pytest.mark.parametrize("how", ["mean", "maximum", "trimmed", "weighted"])
@given(said=nps.arrays(np.float64, (6, 2), elements=st.floats(0, 1)))
def test_a_join_lies_among_the_rounds_and_knows_no_order(how, said):
    joined = join(said, how, weights=np.ones(6))
    assert (joined.probability >= said.min(axis=0)).all()
    assert (joined.probability <= said.max(axis=0)).all()
    other = join(said[::-1], how, weights=np.ones(6))
    assert np.allclose(other.probability, joined.probability, atol=1e-12)
    assert np.allclose(other.spread, joined.spread, atol=1e-12)


@pytest.mark.parametrize(
    ("how", "more", "message"),
    [
        ("median", {}, "Unknown join 'median'; known: mean, vote"),
        ("vote", {}, "needs the operating points"),
        ("weighted", {}, "needs weights"),
        ("weighted", {"weights": [1, 2]}, "one a round, 10"),
        ("weighted", {"weights": [-1] + [1] * 9}, "must not be negative"),
        ("weighted", {"weights": [0] * 10}, "not all 0"),
        ("trimmed", {"trim": 0.5}, r"in \[0, 0.5\)"),
    ],
)
def test_what_cannot_be_joined_is_refused(how, more, message):
    with pytest.raises(RecipeError, match=message):
        join(SAID, how, **more)


def test_rounds_need_an_axis():
    with pytest.raises(RecipeError, match=r"\[..., rounds, findings\]"):
        join([0.1, 0.2])
