"""From a radiograph to the network's input, the same in training and in reading."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.bundles.card import Preprocessing
from hilum.domain import Affine

LONGEST_PX = 1024
"""Files are shrunk to this longest side as they are read, in training and in reading: more than
networks of today, the picture checks and the page's previews look at, and an eighth of the memory
of a detector's full size."""


Part = tuple[int, int, int, int]
"""Left, top, width and height in whole pixels: what is shown of a picture."""


def fit(
    pixels: NDArray[np.float32], spec: Preprocessing, part: Part | None = None
) -> tuple[NDArray[np.float32], Affine]:
    """Bring a picture to the input's size.

    Areas are averaged when the picture shrinks (no aliasing) and interpolated when it grows.

    Args:
        pixels: grey levels, float32 [rows, columns].
        spec: size, fit and crop.
        part: what is cropped to, where the spec asks for a crop; the whole picture has to be said
            as well.

    Returns:
        Grey levels float32 [size], and the map from points of the input to points of ``pixels``.

    Raises:
        ValueError: the spec asks for a crop and no part is given, or the other way round; or the
            part does not lie in the picture.
    """
    if (part is not None) != bool(spec.crop):
        raise ValueError(f"a part {part} of the picture, and a crop to {spec.crop or 'nothing'}")
    if part is not None:
        left, top, wide, high = part
        inner = pixels[max(top, 0) : top + high, max(left, 0) : left + wide]
        if inner.shape != (high, wide) or not inner.size:
            raise ValueError(f"the part {part} of a picture of {list(pixels.shape)}")
        grey, to_part = fit(inner, spec.of_crop)
        return grey, to_part.then(Affine.shift(left, top))
    rows, columns = pixels.shape
    high, wide = spec.size
    if spec.fit == "squash":
        return _resize(pixels, (high, wide)), Affine.scale(columns / wide, rows / high)
    if spec.fit == "letterbox":
        factor = min(high / rows, wide / columns)
        inner = (max(1, round(rows * factor)), max(1, round(columns * factor)))
        top, left = (high - inner[0]) // 2, (wide - inner[1]) // 2
        out = np.zeros((high, wide), np.float32)
        out[top : top + inner[0], left : left + inner[1]] = _resize(pixels, inner)
        back = Affine.scale(columns / inner[1], rows / inner[0])
        return out, Affine.shift(-left, -top).then(back)
    factor = min(rows / high, columns / wide)
    crop = (max(1, round(high * factor)), max(1, round(wide * factor)))
    top, left = (rows - crop[0]) // 2, (columns - crop[1]) // 2
    out = _resize(pixels[top : top + crop[0], left : left + crop[1]], (high, wide))
    return out, Affine.scale(crop[1] / wide, crop[0] / high).then(Affine.shift(left, top))


def normalise(grey: NDArray[np.float32], spec: Preprocessing) -> NDArray[np.float32]:
    """Bring grey levels to the network's range.

    Args:
        grey: float32 [..., rows, columns] in [0, 1].
        spec: value range, mean, standard deviation, channels.

    Returns:
        float32 [..., channels, rows, columns].
    """
    low, high = spec.value_range
    mean = np.asarray(spec.mean, np.float32)[:, None, None]
    std = np.asarray(spec.std, np.float32)[:, None, None]
    values = grey[..., None, :, :] * np.float32(high - low) + np.float32(low)
    values = (values - mean) / std
    shape = (*grey.shape[:-2], spec.channels, *grey.shape[-2:])
    return np.array(np.broadcast_to(values, shape), np.float32)


def prepare(
    pixels: NDArray[np.float32], spec: Preprocessing, part: Part | None = None
) -> tuple[NDArray[np.float32], Affine]:
    """Fit and normalise one picture; arguments and errors are those of :func:`fit`.

    Returns:
        float32 [channels, rows, columns], and the map from the input to ``pixels``.
    """
    grey, to_pixels = fit(pixels, spec, part)
    return normalise(grey, spec), to_pixels


def _resize(pixels: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    rows, columns = pixels.shape
    if (rows, columns) == size:
        return pixels.copy()
    shrinks = size[0] <= rows and size[1] <= columns
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (size[1], size[0]), interpolation=how), np.float32)
