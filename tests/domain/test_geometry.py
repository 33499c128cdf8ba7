import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.domain import Affine

numbers = st.floats(-1e3, 1e3)
factors = st.floats(0.01, 100)


@given(x=numbers, y=numbers, a=factors, b=factors, tx=numbers, ty=numbers)
def test_inverse_goes_back(x: float, y: float, a: float, b: float, tx: float, ty: float) -> None:
    affine = Affine(((a, 0.0, tx), (0.0, b, ty)))
    there = affine([x, y])
    assert np.allclose(affine.inverse()(there), [x, y], atol=1e-6)


@given(a=factors, tx=numbers, x=numbers)
def test_then_applies_the_first_one_first(a: float, tx: float, x: float) -> None:
    both = Affine.scale(a, a).then(Affine.shift(tx, 0))
    assert np.allclose(both([x, 0]), [a * x + tx, 0])


def test_what_cannot_be_inverted_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be inverted"):
        Affine(((1.0, 1.0, 0.0), (1.0, 1.0, 0.0)))


def test_what_is_no_affine_is_refused() -> None:
    with pytest.raises(ValueError, match="2 × 3 finite numbers"):
        Affine(((1.0, 0.0, float("nan")), (0.0, 1.0, 0.0)))
