"""Carries out a move: grey levels, boxes and masks together, in one interpolation."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.transforms.augmentation.picture import Frame, Move, Picture

BOX_KEPT = 0.25
"""A box of which less than this share of its area stays in the picture is dropped."""

_BORDER = {None: cv2.BORDER_REPLICATE, "black": cv2.BORDER_CONSTANT, "edge": cv2.BORDER_REPLICATE}
"""Without an outside only the outer half of a pixel at the edge can lie beyond the centres."""


def about(centre: tuple[float, float], linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """A matrix [2, 3] that applies a linear one [2, 2] and leaves a point where it is."""
    offset = np.asarray(centre) - linear @ centre
    return np.concatenate([linear, offset[:, None]], axis=1)


def middle(shape: tuple[int, int]) -> tuple[float, float]:
    """(x, y) of the middle of a picture, counted from the centre of its first pixel."""
    return (shape[1] - 1) / 2, (shape[0] - 1) / 2


def then(first: Move, second: Move) -> Move:
    """Two moves as one: what the first would cut off comes back if the second shows it."""
    linear = second.matrix[:, :2] @ first.matrix[:, :2]
    offset = second.matrix[:, :2] @ first.matrix[:, 2] + second.matrix[:, 2]
    return Move(
        np.concatenate([linear, offset[:, None]], axis=1),
        second.shape,
        second.outside or first.outside,
    )


def moved(picture: Picture, move: Move) -> Picture:
    """The picture after a move.

    Grey levels are interpolated linearly, masks take the nearest pixel, boxes become the upright
    hull of their moved corners, clipped to the picture. Moves by whole pixels, flips and crops
    copy pixels. Nothing of a mask lies outside.
    """
    if _is_nothing(move, picture.shape):
        return picture
    boxes, kept = carried(picture.boxes, move)
    masks = np.zeros((len(picture.masks), *move.shape), np.uint8)
    for at, mask in enumerate(picture.masks):
        masks[at] = _pixels(mask, move, nearest=True)
    lungs = picture.lungs
    return Picture(
        np.asarray(_pixels(picture.grey, move, nearest=False), np.float32),
        boxes[kept],
        masks,
        None if lungs is None else hulls(lungs[None], move)[0],
        picture.numbers[kept],
    )


def carried(
    boxes: NDArray[np.float64], move: Move
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Boxes after a move, clipped to the picture, and which of them are still to be seen.

    Returns:
        float64 [boxes, 4] and bool [boxes]: False where less than :data:`BOX_KEPT` is left.
    """
    hull = hulls(boxes, move)
    inside = clipped(hull, move.shape)
    left = inside[:, 2] * inside[:, 3]
    return inside, left >= np.maximum(BOX_KEPT * hull[:, 2] * hull[:, 3], 1e-9)


def hulls(boxes: NDArray[np.float64], move: Move) -> NDArray[np.float64]:
    """The upright hulls of moved boxes [boxes, 4], as far as they reach."""
    x, y, w, h = boxes.T
    corners = np.stack([[x, x + w, x, x + w], [y, y, y + h, y + h]]) - 0.5  # to pixel centres
    at = np.einsum("ij,jkb->ikb", move.matrix[:, :2], corners) + move.matrix[:, 2, None, None]
    low, high = at.min(axis=1) + 0.5, at.max(axis=1) + 0.5
    return np.concatenate([low, high - low]).T


def clipped(boxes: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Boxes [boxes, 4] cut off at the edges of a picture; width or height 0 where outside."""
    most = np.array([shape[1], shape[0]])
    low = np.clip(boxes[:, :2], 0, most)
    high = np.clip(boxes[:, :2] + boxes[:, 2:], 0, most)
    return np.concatenate([low, high - low], axis=1)


def frame_after(frame: Frame, move: Move) -> Frame:
    """What the next geometric step must know."""
    if frame.lungs is None:
        return Frame(move.shape)
    return Frame(move.shape, hulls(frame.lungs[None], move)[0])


def _is_nothing(move: Move, shape: tuple[int, int]) -> bool:
    return move.shape == shape and bool(np.array_equal(move.matrix, np.eye(2, 3)))


def _pixels(values: NDArray, move: Move, *, nearest: bool) -> NDArray:
    copied = _copied(values, move)
    if copied is not None:
        return copied
    return cv2.warpAffine(
        values,
        move.matrix,
        (move.shape[1], move.shape[0]),
        flags=cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT if nearest else _BORDER[move.outside],
    )


def _copied(values: NDArray, move: Move) -> NDArray | None:
    """The pixels where they only change places and none comes in; else None."""
    (a, b, x), (c, d, y) = move.matrix.tolist()
    if b or c or abs(a) != 1 or abs(d) != 1 or x % 1 or y % 1:
        return None
    parts = []
    for sign, offset, had, wanted in zip((d, a), (y, x), values.shape, move.shape, strict=True):
        start = int(-offset if sign > 0 else offset - wanted + 1)
        if start < 0 or start + wanted > had:
            return None
        parts.append((slice(start, start + wanted), int(sign)))
    (rows, down), (columns, across) = parts
    return np.ascontiguousarray(values[rows, columns][::down, ::across])
