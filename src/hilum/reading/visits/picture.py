"""What laying two radiographs on each other needs of each: little enough to be kept."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.errors import VisitError
from hilum.reading.cropping import said, why
from hilum.reading.lung_shape import Mask
from hilum.reading.lungs import LungFields
from hilum.similarity import thumbnail

SIDE_PX = 256
"""Side of the squares that the masks are made small to."""

_NAMES = ("grey", "lungs", "shape", "doubt")


@dataclass(frozen=True, slots=True, eq=False)
class VisitPicture:
    """One radiograph made small, and where its lungs lie.

    Attributes:
        grey: uint8 [128, 128], the picture squashed to a square.
        lungs: bool [2, 256, 256], the patient's right and left lung, squashed likewise.
        shape: (rows, columns) of the radiograph that points are told on.
        doubt: why the lungs are not to be used, in a sentence; empty where they are.
    """

    grey: NDArray[np.uint8]
    lungs: Mask
    shape: tuple[int, int]
    doubt: str = ""

    @classmethod
    def of(cls, lungs: LungFields) -> VisitPicture:
        """Make it of what :class:`hilum.reading.lungs.LungReader` found on a radiograph."""
        doubt = "" if lungs.plausible else f"{why(lungs)}: {said(lungs)}"
        return cls.made(lungs.radiograph.pixels, lungs.masks, doubt)

    @classmethod
    def made(cls, pixels: NDArray[np.float32], lungs: Mask | None, doubt: str = "") -> VisitPicture:
        """Make it of a picture and masks.

        Args:
            pixels: float32 [rows, columns] in [0, 1].
            lungs: bool [2, r, c], the patient's right and left lung, of any size: they cover the
                whole picture. None where they were not found, or not believed.
            doubt: why they are not to be used.
        """
        shape = (pixels.shape[0], pixels.shape[1])
        if lungs is None:
            none = np.zeros((2, SIDE_PX, SIDE_PX), np.bool_)
            return cls(thumbnail(pixels), none, shape, doubt or "They were not found.")
        side = (SIDE_PX, SIDE_PX)
        masks = [
            cv2.resize(mask.astype(np.float32), side, interpolation=cv2.INTER_AREA) >= 0.5
            for mask in lungs
        ]
        return cls(thumbnail(pixels), np.stack(masks), shape, doubt)

    def to_bytes(self) -> bytes:
        """As a file of a few kilobytes (.npz, nothing pickled)."""
        held = io.BytesIO()
        np.savez_compressed(
            held,
            grey=self.grey,
            lungs=np.packbits(self.lungs),
            shape=np.array(self.shape),
            doubt=np.array(self.doubt),
        )
        return held.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> VisitPicture:
        """The picture of such a file.

        Raises:
            VisitError: it is none.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as held:
                grey, packed, shape, doubt = (held[name] for name in _NAMES)
            lungs = np.unpackbits(packed).reshape(2, SIDE_PX, SIDE_PX) > 0
            rows, columns = shape.tolist()
        except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise VisitError(
                "What was kept of a picture for comparing is damaged; delete it, it is made anew."
            ) from error
        return cls(grey, lungs, (rows, columns), str(doubt))
