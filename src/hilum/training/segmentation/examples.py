"""Pictures of one size with masks: a folder of two arrays and a table."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.errors import PackError

PICTURES, MASKS, TABLE = "pictures.npy", "masks.npy", "examples.csv"
COLUMNS = ("name", "source", "patient", "part", "mask_from")

Bits = NDArray[np.uint8]
"""Masks of up to eight structures in one array: bit k is set where structure k lies."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What a network that draws learns from.

    Attributes:
        pictures: uint8 [examples, rows, columns], grey, 0 black.
        masks: uint8 [examples, rows, columns], a bit a structure.
        name: where each picture comes from; unique.
        source: the collection, or "phantoms".
        patient: whose picture it is; no patient stands in two parts.
        part: "train" or "tune".
        mask_from: who drew the mask: "drawn", "teacher", "network", or "" where there is none.
    """

    pictures: NDArray[np.uint8]
    masks: Bits
    name: tuple[str, ...]
    source: tuple[str, ...]
    patient: tuple[str, ...]
    part: tuple[str, ...]
    mask_from: tuple[str, ...]

    def __post_init__(self) -> None:
        shapes = {self.pictures.shape, self.masks.shape}
        counts = {len(getattr(self, column)) for column in COLUMNS} | {len(self.pictures)}
        if len(shapes) > 1 or len(counts) > 1:
            raise PackError(
                f"pictures {list(self.pictures.shape)}, masks {list(self.masks.shape)} and "
                f"{sorted(counts)} rows do not belong together"
            )
        split: dict[str, str] = {}
        torn = {
            patient
            for patient, part in zip(self.patient, self.part, strict=True)
            if split.setdefault(patient, part) != part
        }
        if torn:
            raise PackError(f"{len(torn)} patients stand in two parts; divide by patient")

    def __len__(self) -> int:
        return len(self.pictures)

    def rows(self, part: str, *, masked: bool = True) -> NDArray[np.int64]:
        """Rows of a part; only those that have a mask unless ``masked`` is False."""
        kept = [
            at
            for at, (of, by) in enumerate(zip(self.part, self.mask_from, strict=True))
            if of == part and (by or not masked)
        ]
        return np.array(kept, np.int64)

    def save(self, folder: Path) -> None:
        """Write the arrays and the table."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / PICTURES, self.pictures)
        np.save(folder / MASKS, self.masks)
        with (folder / TABLE).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(zip(*(getattr(self, column) for column in COLUMNS), strict=True))

    @classmethod
    def load(cls, folder: Path) -> Examples:
        """Read what :meth:`save` wrote; pictures and masks stay on the disk until they are used.

        Raises:
            PackError: something is missing, or does not belong together.
        """
        try:
            with (folder / TABLE).open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            pictures = np.load(folder / PICTURES, mmap_mode="r", allow_pickle=False)
            masks = np.load(folder / MASKS, mmap_mode="r", allow_pickle=False)
            columns = {column: tuple(row[column] for row in rows) for column in COLUMNS}
        except (OSError, ValueError, KeyError) as error:
            raise PackError(
                f"{folder} holds no pictures with masks ({error}); make it with "
                f"scripts/lungs_data.py"
            ) from error
        return cls(pictures, masks, **columns)


def unpack(bits: Bits, structures: int) -> NDArray[np.bool_]:
    """One mask a structure, bool [structures, rows, columns], of bits [rows, columns]."""
    return np.stack([(bits >> k) & 1 == 1 for k in range(structures)])


def pack(masks: NDArray[np.bool_]) -> Bits:
    """Bits [rows, columns] of masks [structures, rows, columns], at most eight."""
    return np.bitwise_or.reduce(
        [mask.astype(np.uint8) << np.uint8(k) for k, mask in enumerate(masks)]
    ).astype(np.uint8)
