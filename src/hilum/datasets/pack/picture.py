"""An image file → the picture that is packed, by many workers at once."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.bundles.card import Preprocessing
from hilum.datasets.pack.layout import PackSpec
from hilum.datasets.pack.writer import Picture
from hilum.domain import Affine, Radiograph
from hilum.errors import IntakeError
from hilum.imaging import load, read
from hilum.imaging.shrink import shrink
from hilum.transforms.preprocess import LONGEST_PX, Part, fit


@dataclass(frozen=True, slots=True)
class Refused:
    """An image that could not become a picture.

    Attributes:
        name: in the table.
        code: of the error.
        message: why; without patient data.
    """

    name: str
    code: str
    message: str


Work = Callable[[str], Picture | Refused]
PartOf = Callable[[Radiograph], Part]
"""What is cut out of a radiograph; may be called by several threads at once."""


def decode(
    folder: Path, name: str, spec: PackSpec, part_of: PartOf | None = None
) -> Picture | Refused:
    """Read one image as `hilum read` does, and bring it to the pack's size.

    Args:
        folder: that the name is relative to.
        name: of the image in its table.
        spec: size and fit.
        part_of: what is cut out of it before that; None to take it whole.
    """
    path = folder / name
    shortest = spec.size[0]
    longest_px = LONGEST_PX if spec.equal else max(LONGEST_PX, 2 * shortest)
    try:
        data = load(path)
        radiograph = read(path, data=data, name=name, longest_px=longest_px)
    except IntakeError as error:
        return Refused(name, error.code, str(error))
    if spec.equal:
        cut = {"crop": "lungs"} if part_of is not None else {}
        wanted = Preprocessing.model_validate({"size": spec.size, "fit": spec.fit, **cut})
        part = None if part_of is None else part_of(radiograph)
        grey, to_pixels = fit(radiograph.pixels, wanted, part)
    else:
        grey, to_pixels = _short_side(radiograph.pixels, shortest)
    return Picture(
        name=name,
        pixels=np.rint(grey * 255).astype(np.uint8),
        to_source=to_pixels.then(radiograph.source.to_source),
        source_size=radiograph.source.shape,
        source_bytes=len(data),
        source_crc32=zlib.crc32(data),
    )


def _short_side(pixels: NDArray[np.float32], shortest: int) -> tuple[NDArray[np.float32], Affine]:
    rows, columns = pixels.shape
    factor = min(shortest / min(rows, columns), 2 * shortest / max(rows, columns))
    grey = shrink(pixels, max(1, round(max(rows, columns) * min(factor, 1.0))))
    return grey, Affine.scale(columns / grey.shape[1], rows / grey.shape[0])
