"""Small drawn radiographs as files of any kind, for copies of published layouts."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.imaging.write import write_dicom
from hilum.phantoms import draw_chest


def put_picture(path: Path, *, deep: bool = False) -> None:
    """Write a radiograph, 96 × 80 px; the name decides the kind of file and who is drawn.

    Args:
        path: .png, .jpg, .jpeg, .dcm or .dicom; folders are made.
        deep: 16 bits, in PNG.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = _chest(len(path.name) % 3)
    if path.suffix in {".dcm", ".dicom"}:
        write_dicom(path, (grey * 4095).astype(np.uint16))
        return
    stored = (grey * 65535).astype(np.uint16) if deep else (grey * 255).astype(np.uint8)
    kind = ".jpg" if path.suffix == ".jpeg" else path.suffix
    path.write_bytes(cv2.imencode(kind, stored)[1].tobytes())


def put_table(path: Path, text: str) -> None:
    """Write a table; its name may end in .gz."""
    import gzip

    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")


@cache
def _chest(seed: int) -> NDArray[np.float32]:
    return draw_chest(np.random.default_rng(seed), size=(96, 80)).pixels
