"""The folder that ``lungs`` learns from: pictures, masks, and a table that says which are whose."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import cv2
import numpy as np

from hilum.bundles.card import Preprocessing
from hilum.domain import LabelTable
from hilum.errors import LabelError
from hilum.imaging import encode_png, read
from hilum.training.lungs.drawn import drawn_chest
from hilum.transforms.preprocess import LONGEST_PX, fit

TUNE_SHARE = 0.1

TABLE = "labels.csv"


@dataclass(frozen=True, slots=True)
class Example:
    """A row of the table.

    Attributes:
        file: of the picture, in the folder.
        patient: whose picture it is; no patient stands in two parts.
        part: "train" or "tune".
        mask: file of its mask, in the folder; "" where there is none.
        source: the collection, or "phantoms".
        mask_from: who drew the mask: "drawn", "teacher", "network", or "" where there is none.
    """

    file: str
    patient: str
    part: str
    mask: str
    source: str
    mask_from: str


def part_of(patient: str) -> str:
    """One patient in ten is of the part "tune", by a checksum of the key; the others "train"."""
    digest = hashlib.sha256(patient.encode()).digest()
    return "tune" if digest[0] < round(TUNE_SHARE * 256) else "train"


def draw(folder: Path, count: int, side_px: int, *, seed: int) -> Iterator[Example]:
    """Draw chests into a folder; the n-th is the same whatever the count.

    Args:
        folder: of the data.
        count: how many.
        side_px: rows and columns.
        seed: of all of them.
    """
    for at in range(count):
        picture, mask = drawn_chest(np.random.default_rng([seed, at]), side_px)
        name = f"phantom-{seed}-{at}"
        file, drawn = f"images/{name}.png", f"masks/{name}.png"
        write_png(folder / file, picture)
        write_png(folder / drawn, mask)
        yield Example(file, name, part_of(name), drawn, "phantoms", "drawn")


def sample(table: LabelTable, most: int, *, seed: int) -> LabelTable:
    """At most so many rows of a table, drawn at random, in the table's order."""
    if len(table) <= most:
        return table
    chosen = np.random.default_rng(seed).permutation(len(table))[:most]
    return table.rows(np.sort(chosen))


def decode(
    folder: Path, source: str, table: LabelTable, images: Path, side_px: int
) -> Iterator[Example]:
    """Decode radiographs into a folder, squashed to a square; none has a mask yet.

    Args:
        folder: of the data.
        source: name of the collection.
        table: its rows.
        images: that the table's images are relative to.
        side_px: rows and columns.

    Raises:
        IntakeError: a file cannot be read.
    """
    spec = Preprocessing(size=(side_px, side_px))
    for at, (image, patient) in enumerate(zip(table.images, table.patients, strict=True)):
        pixels = read(images / str(image), longest_px=LONGEST_PX).pixels
        file = f"images/{source}-{at}.png"
        write_png(folder / file, cv2.convertScaleAbs(fit(pixels, spec)[0], alpha=255.0))
        whose = f"{source}/{patient}"
        yield Example(file, whose, part_of(whose), "", source, "")


def write_table(folder: Path, examples: Iterable[Example]) -> None:
    """Write the table, in place of an earlier one."""
    partial = folder / f"{TABLE}.partial"
    with partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Example)])
        writer.writeheader()
        writer.writerows(asdict(one) for one in examples)
    partial.replace(folder / TABLE)


def read_table(folder: Path) -> list[Example]:
    """The rows of a folder's table.

    Raises:
        LabelError: there is none, or it is of another kind.
    """
    try:
        with (folder / TABLE).open(encoding="utf-8", newline="") as file:
            return [Example(**row) for row in csv.DictReader(file)]
    except (OSError, TypeError) as error:
        raise LabelError(
            f"{folder} holds no pictures with masks; make it with scripts/lungs_data.py."
        ) from error


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write uint8 [rows, columns], making the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(pixels))
