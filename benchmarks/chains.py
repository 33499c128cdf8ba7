"""The chains of `intake`, each made in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import watched

EVERY_S = 0.01


def hilum_chain(apart: bool) -> Callable[..., int]:
    """Hilum: ``call(path, out, longest_px)`` writes a PNG and gives its bytes.

    Args:
        apart: whether decoders run in a process of their own.
    """
    import cv2

    from hilum.imaging import encode_png, isolate_decoders, read

    cv2.setNumThreads(1)
    isolate_decoders(apart)

    def call(path: str, out: str, longest_px: int | None = None) -> int:
        data = encode_png(read(path, longest_px=longest_px).pixels)
        return Path(out).write_bytes(data)

    return call


def usual_chain() -> Callable[..., int]:
    """pydicom, numpy and Pillow as most notebooks put them together: ``call`` as in Hilum's."""
    import numpy as np
    from PIL import Image
    from pydicom import dcmread
    from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

    def call(path: str, out: str, longest_px: int | None = None) -> int:
        dataset = dcmread(path)
        grey: Any = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
        grey = (grey - grey.min()) / (grey.max() - grey.min()) * 255
        if dataset.PhotometricInterpretation == "MONOCHROME1":
            grey = 255 - grey
        picture = Image.fromarray(grey.astype(np.uint8))
        if longest_px is not None:
            factor = longest_px / max(picture.size)
            size = (round(picture.width * factor), round(picture.height * factor))
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        picture.save(out)
        return Path(out).stat().st_size

    return call


def hilum_worker(apart: bool) -> Callable[..., tuple[int, float]]:
    """Hilum over many files: ``call(paths, out, longest_px)`` gives their number and the peak.

    That is the most that this process and its decoder process held together, in 10⁶ bytes.
    """
    chain = hilum_chain(apart)

    def call(paths: Sequence[str], out: str, longest_px: int) -> tuple[int, float]:
        with watched(os.getpid(), EVERY_S) as peak:
            for path in paths:
                chain(path, out, longest_px)
        return len(paths), peak[0] / 1e6

    return call
