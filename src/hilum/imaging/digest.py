"""What tells whether two files hold the same picture."""

from __future__ import annotations

from collections.abc import Callable

import imagecodecs
import numpy as np
from numpy.typing import NDArray

_crc32: Callable[..., int] = imagecodecs.deflate_crc32  # its types know no arrays


def pixel_digest(samples: NDArray[np.generic]) -> str:
    """A checksum of decoded stored values, the same however they were compressed without loss.

    Args:
        samples: [rows, columns] or [rows, columns, samples].

    Returns:
        The shape, the bytes a sample, and CRC-32: against mix-ups, not against forgers. For 15 MB
        libdeflate takes 0.3 ms, zlib 2, and SHA-256 8.
    """
    size = "x".join(map(str, samples.shape))
    checksum = _crc32(np.ascontiguousarray(samples).view(np.uint8))
    return f"{size}-{samples.dtype.itemsize}-{checksum:08x}"
