"""A PNG, JPEG or TIFF picture → a PNG without metadata and without text in the pixels."""

from __future__ import annotations

import numpy as np

from hilum.deidentify.burned_in import find_text
from hilum.deidentify.instance import CleanFile
from hilum.deidentify.rules import Pixels
from hilum.errors import NotCleaned
from hilum.imaging import FoundFile, encode_png
from hilum.imaging.depth import read_full_depth
from hilum.imaging.encode16 import encode_png16


def clean_picture(file: FoundFile, data: bytes, pixels: Pixels = "clean") -> CleanFile:
    """Decode a picture and write its pixels alone.

    The first picture of a file, upright, grey (colour becomes luma), 8 or 16 bits as it was.

    Args:
        file: where it lies; only its kind counts.
        data: its bytes.
        pixels: what becomes of text.

    Raises:
        IntakeError: it cannot be read.
        NotCleaned: text, and it is to be refused.
    """
    whole = read_full_depth(file, data=data)
    grey = whole.pixels.copy()
    regions = () if pixels == "leave" else find_text(whole.radiograph.pixels)
    if regions and pixels == "refuse":
        raise NotCleaned(
            f"Text seems to be burned into the picture, at {len(regions)} "
            f"{'place' if len(regions) == 1 else 'places'}; --pixels clean would black it."
        )
    for region in regions:
        grey[region.top : region.bottom, region.left : region.right] = 0
    encoded = encode_png16(grey) if grey.dtype == np.uint16 else encode_png(grey)
    return CleanFile(encoded, ".png", regions, (grey.shape[0], grey.shape[1]))
