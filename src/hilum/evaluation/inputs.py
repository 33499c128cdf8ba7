"""Checks of what every measure is given, and one kind of array behind them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.errors import EvaluationError


def numbers(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Values as float64, whatever their shape.

    Raises:
        EvaluationError: they are no numbers, or ragged.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise EvaluationError(f"{name} must be an array of numbers: {error}") from error


def vector(values: ArrayLike, name: str, length: int | None = None) -> NDArray[np.float64]:
    """Finite numbers, float64 [n].

    Raises:
        EvaluationError: another shape, another length, NaN or infinity.
    """
    array = numbers(values, name)
    if array.ndim != 1:
        raise EvaluationError(f"{name} must have one axis, got shape {list(array.shape)}")
    if length is not None and len(array) != length:
        raise EvaluationError(
            f"{name} has {len(array)} values where {length} were expected: one an image"
        )
    finite(array, name)
    return array


def finite(array: NDArray[np.float64], name: str, where: NDArray[np.bool_] | None = None) -> None:
    """Refuse NaN and infinity, in the cells of ``where`` alone if it is given."""
    bad = ~np.isfinite(array) if where is None else ~np.isfinite(array) & where
    if bad.any():
        raise EvaluationError(
            f"{name} hold{'s' if not name.endswith('s') else ''} NaN or infinity in "
            f"{int(bad.sum())} of {array.size} cells, first at {_place(bad)}; "
            f"leave those images out or mask those cells."
        )


def zero_one(
    values: ArrayLike, name: str, where: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """A reference or a decision: 0 or 1, as bool of the same shape.

    Raises:
        EvaluationError: another value, in the cells of ``where`` alone if it is given.
    """
    array = numbers(values, name)
    bad = (array != 0) & (array != 1)
    if where is not None:
        bad &= where
    if bad.any():
        raise EvaluationError(
            f"{name} must be 0 or 1, got {array[bad][0]:g} at {_place(bad)} and in "
            f"{int(bad.sum())} of {array.size} cells; choose a policy for uncertain labels or "
            f"mask those cells."
        )
    return array == 1


def references(values: ArrayLike, name: str = "reference") -> NDArray[np.bool_]:
    """A reference, bool [n]."""
    array = zero_one(values, name)
    if array.ndim != 1:
        raise EvaluationError(f"{name} must have one axis, got shape {list(array.shape)}")
    return array


def probabilities(values: ArrayLike, name: str, length: int | None = None) -> NDArray[np.float64]:
    """Probabilities, float64 [n] in [0, 1].

    Raises:
        EvaluationError: as :func:`vector`, or a value outside [0, 1].
    """
    array = vector(values, name, length)
    bad = (array < 0) | (array > 1)
    if bad.any():
        raise EvaluationError(
            f"{name} must lie in [0, 1], got {array[bad][0]:g} at {_place(bad)}; "
            f"calibrate logits first."
        )
    return array


def weights(values: ArrayLike | None, length: int) -> NDArray[np.float64]:
    """Weights, float64 [length], ≥ 0; all 1 where none are given."""
    if values is None:
        return np.ones(length)
    array = vector(values, "weights", length)
    if (array < 0).any():
        raise EvaluationError(
            f"weights must not be negative, got {array.min():g} at row {int(array.argmin())}"
        )
    return array


def table(
    values: ArrayLike, name: str, shape: tuple[int, int] | None = None
) -> NDArray[np.float64]:
    """Numbers [n, findings]; one axis is read as one finding.

    Raises:
        EvaluationError: another shape than expected.
    """
    array = numbers(values, name)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or (shape is not None and array.shape != shape):
        expected = "[images, findings]" if shape is None else str(list(shape))
        raise EvaluationError(f"{name} must have shape {expected}, got {list(array.shape)}")
    return array


def codes(values: ArrayLike, name: str, length: int) -> NDArray[np.int64]:
    """Names or numbers of patients or strata as 0, 1, 2 …, one an image."""
    array = np.asarray(values)
    if array.shape != (length,):
        raise EvaluationError(
            f"{name} must have one value an image, {length}, got shape {list(array.shape)}"
        )
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise EvaluationError(f"{name} hold NaN; give those images a value of their own")
    return np.unique(array, return_inverse=True)[1].astype(np.int64)


def _place(bad: NDArray[np.bool_]) -> str:
    first = np.argwhere(bad)[0]
    return " ".join(f"{axis} {int(i)}" for axis, i in zip(("row", "column"), first, strict=False))
