"""Drawn chests with boxes around what is wrong with them: to try detection, and to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.table import save
from hilum.domain import LabelTable, State
from hilum.domain.boxes import Boxes
from hilum.domain.labels import column_of
from hilum.domain.text import text
from hilum.imaging import encode_png
from hilum.phantoms import Lesion, Phantom, draw_chest

KINDS = ("consolidation", "effusion", "nodule", "pneumothorax")
"""What is drawn and boxed."""

SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")

TABLE = "labels.csv"

PARTS = {"train": 0.6, "tune": 0.15, "test": 0.25}
"""Shares of the parts, in their order."""

HEALTHY = 0.2
"""Share of the chests with nothing to find."""

LEAST = 0.35
"""Extent of a lesion, at least: below it a nodule is a few pixels of a small picture."""


def draw(rng: np.random.Generator, size: tuple[int, int]) -> Phantom:
    """Draw a chest, healthy or with one to three findings, each at most once a side.

    Args:
        rng: source of everything.
        size: (rows, columns).
    """
    view: Literal["PA", "AP"] = "AP" if rng.random() < 0.3 else "PA"
    lesions: list[Lesion] = []
    if rng.random() >= HEALTHY:
        sides = [(key, side) for key in KINDS for side in SIDES]
        chosen = [sides[at] for at in rng.permutation(len(sides))[: rng.integers(1, 4)].tolist()]
        lesions = [Lesion(key, side, float(rng.uniform(LEAST, 1))) for key, side in chosen]
    return draw_chest(rng, size=size, view=view, lesions=lesions)


def boxes_of(phantom: Phantom) -> list[tuple[str, tuple[int, int, int, int]]]:
    """Keys and boxes (left, top, width, height) of what a chest shows, side by side."""
    found = [(name.split("-")[0], box) for name, box in phantom.boxes.items()]
    return [(key, box) for key, box in found if key in KINDS]


def draw_folder(
    folder: Path, count: int, side_px: int, *, seed: int, advance: Any = lambda: None
) -> LabelTable:
    """Draw chests into a folder, with a table that ``hilum train`` reads; the n-th is always one.

    Args:
        folder: for ``images/`` and ``labels.csv``.
        count: how many; each is of a patient of its own.
        side_px: rows and columns.
        seed: of all of them.
        advance: called after each.

    Returns:
        The table, as it was written: findings of the whole image, boxes, and a column split.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    found: list[list[tuple[str, tuple[int, int, int, int]]]] = []
    for at in range(count):
        phantom = draw(np.random.default_rng([seed, at]), (side_px, side_px))
        names.append(f"images/phantom-{seed}-{at}.png")
        (folder / names[-1]).write_bytes(encode_png(phantom.pixels))
        found.append(boxes_of(phantom))
        advance()
    table = _table(names, found, side_px)
    save(table, folder / TABLE)
    return table


def part_of(at: int) -> str:
    """The part of the n-th chest: whatever the count, the same."""
    place = (at % 20) / 20
    ends = np.cumsum(list(PARTS.values()))
    return list(PARTS)[int(np.searchsorted(ends, place + 1e-9, "right"))]


def _table(
    names: Sequence[str],
    found: Sequence[Sequence[tuple[str, tuple[int, int, int, int]]]],
    side_px: int,
) -> LabelTable:
    states = np.full((len(names), len(KINDS)), State.ABSENT, np.uint8)
    for row, drawn in enumerate(found):
        states[row, [KINDS.index(key) for key, _ in drawn]] = State.PRESENT
    row = np.repeat(np.arange(len(names)), [len(drawn) for drawn in found])
    flat = [one for drawn in found for one in drawn]
    xywh: NDArray[np.float64] = np.array([box for _, box in flat], np.float64).reshape(-1, 4)
    annotated = np.ones(len(names), np.bool_)
    return LabelTable(
        images=text(names),
        findings=KINDS,
        states=states,
        patients=text([Path(name).stem for name in names]),
        columns={
            "split": column_of("split", [part_of(at) for at in range(len(names))]),
            "width_px": column_of("width_px", [side_px] * len(names)),
            "height_px": column_of("height_px", [side_px] * len(names)),
        },
        boxes=Boxes(row, text([key for key, _ in flat]), xywh, annotated),
    )
