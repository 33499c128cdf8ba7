"""Pictures made smaller by area."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.imaging import spare

Pixels = TypeVar("Pixels", bound=np.generic)
Size = tuple[int, int]

_BANDS = 4

_resize: Callable[..., Any] = cv2.resize  # their types know no type variables
_split: Callable[..., Any] = cv2.split


def shrink(pixels: NDArray[Pixels], longest_px: int) -> NDArray[Pixels]:
    """Average a picture down to a longest side; one that is not longer stays as it is.

    In one step: averaging whole blocks first would be faster, and moves sharp edges by up to 100
    of 255 grey levels.

    Args:
        pixels: uint8, uint16 or float32 [rows, columns] or [rows, columns, 3].
        longest_px: the longest side wanted, at least 1.

    Returns:
        The averaged picture; its sides keep their proportion, rounded to whole pixels.
    """
    size = smaller(pixels.shape, longest_px)
    return pixels if size is None else np.asarray(average(pixels, size), pixels.dtype)


def smaller(shape: tuple[int, ...], longest_px: int) -> Size | None:
    """Rows and columns of a picture that is shrunk to a longest side; None: it is not longer."""
    factor = longest_px / max(shape[:2])
    if factor >= 1:
        return None
    return max(1, round(shape[0] * factor)), max(1, round(shape[1] * factor))


def average(pixels: Any, size: Size, table: NDArray[np.uint16] | None = None) -> NDArray[Any]:
    """Average a picture down to a size.

    Args:
        pixels: as for :func:`shrink`.
        size: rows and columns.
        table: uint16 [256 or 65,536]: what cells uint8 or uint16 [rows, columns] show, looked up
            before they are averaged.

    Returns:
        [rows, columns] or [rows, columns, 3], of the type of the table or the picture.
    """
    axis = _across(pixels, size)
    if axis is None and table is None:
        return _by_area(pixels, size)
    kind = pixels.dtype if table is None else table.dtype
    shape = pixels.shape if axis is None else _cut(pixels.shape, axis)
    with spare.room(shape, kind) as room:
        if axis is not None:
            place = room if pixels.dtype == kind else None
            pixels = cv2.merge(np.split(pixels, _BANDS, axis), place)
        if table is not None:
            pixels = cv2.LUT(pixels, table, room)
        if axis is None:
            return _by_area(pixels, size)
        return np.concatenate(_split(_by_area(pixels, _cut(size, axis))), axis)


def _by_area(pixels: Any, size: tuple[int, ...]) -> Any:
    return _resize(pixels, (size[1], size[0]), interpolation=cv2.INTER_AREA)


def _cut(size: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    """Rows, columns and channels of the bands."""
    rows, columns = size
    return (rows // _BANDS, columns, _BANDS) if axis == 0 else (rows, columns // _BANDS, _BANDS)


def _across(pixels: NDArray[np.generic], size: Size) -> int | None:
    """The axis along which a picture is cut into four equal bands, one channel each; None: none.

    OpenCV averages four channels in less than half of the time that it takes for one with as many
    samples. Weights and order of the sums are the same, for a band has the picture's proportion to
    what becomes of it. Floats lose more in putting the bands together, and whole multiples have a
    faster way of their own.
    """
    if pixels.ndim != 2 or pixels.dtype.itemsize > 2:
        return None
    sides = list(zip(pixels.shape, size, strict=True))
    if not any(side % to for side, to in sides):
        return None
    equal = [axis for axis, (side, to) in enumerate(sides) if not (side % _BANDS or to % _BANDS)]
    return equal[0] if equal else None
