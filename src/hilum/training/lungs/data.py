"""The examples that ``lungs`` learns from: drawn chests, and radiographs still without masks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np

from hilum.bundles.card import Preprocessing
from hilum.domain import LabelTable
from hilum.imaging import read
from hilum.training.lungs.drawn import drawn_chest
from hilum.training.segmentation.examples import Examples
from hilum.transforms.preprocess import LONGEST_PX, fit

TUNE_SHARE = 0.1


def part_of(patient: str) -> str:
    """One patient in ten is of the part "tune", by a checksum of the key; the others "train"."""
    digest = hashlib.sha256(patient.encode()).digest()
    return "tune" if digest[0] < round(TUNE_SHARE * 256) else "train"


def drawn_examples(count: int, side_px: int, *, seed: int) -> Examples:
    """Draw chests; the n-th is the same whatever the count.

    Args:
        count: how many.
        side_px: rows and columns.
        seed: of all of them.
    """
    drawn = [drawn_chest(np.random.default_rng([seed, at]), side_px) for at in range(count)]
    names = tuple(f"phantom-{seed}-{at}" for at in range(count))
    return Examples(
        pictures=np.stack([picture for picture, _ in drawn]),
        masks=np.stack([mask for _, mask in drawn]),
        name=names,
        source=("phantoms",) * count,
        patient=names,
        part=tuple(part_of(name) for name in names),
        mask_from=("drawn",) * count,
    )


def sample(table: LabelTable, most: int, *, seed: int) -> LabelTable:
    """At most so many rows of a table, drawn at random, in the table's order."""
    if len(table) <= most:
        return table
    chosen = np.random.default_rng(seed).permutation(len(table))[:most]
    return table.rows(np.sort(chosen))


def radiographs(
    tables: Iterable[tuple[str, LabelTable]],
    folder: Path,
    side_px: int,
    *,
    say: Callable[[str], None] = lambda _: None,
) -> Examples:
    """Decode radiographs of several collections, squashed to a square; none has a mask yet.

    Args:
        tables: (name of the collection, its rows).
        folder: that the tables' images are relative to.
        side_px: rows and columns.
        say: told how far it is.

    Raises:
        IntakeError: a file cannot be read.
    """
    spec = Preprocessing(size=(side_px, side_px))
    names: list[str] = []
    sources: list[str] = []
    patients: list[str] = []
    pictures: list[np.ndarray] = []
    for source, table in tables:
        for image, patient in zip(table.images, table.patients, strict=True):
            pixels = read(folder / str(image), longest_px=LONGEST_PX).pixels
            pictures.append(cv2.convertScaleAbs(fit(pixels, spec)[0], alpha=255.0))
            names.append(str(image))
            sources.append(source)
            patients.append(f"{source}/{patient}")
        say(f"{source}: {len(table.images)} radiographs")
    return Examples(
        pictures=np.stack(pictures),
        masks=np.zeros((len(pictures), side_px, side_px), np.uint8),
        name=tuple(names),
        source=tuple(sources),
        patient=tuple(patients),
        part=tuple(part_of(patient) for patient in patients),
        mask_from=("",) * len(pictures),
    )


def joined(one: Examples, other: Examples) -> Examples:
    """Both, the second behind the first."""
    return Examples(
        pictures=np.concatenate([one.pictures, other.pictures]),
        masks=np.concatenate([one.masks, other.masks]),
        name=one.name + other.name,
        source=one.source + other.source,
        patient=one.patient + other.patient,
        part=one.part + other.part,
        mask_from=one.mask_from + other.mask_from,
    )
