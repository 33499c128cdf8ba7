"""Boxes that readers drew on radiographs that are here, and those on radiographs of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.bundles.card import HeatmapBox
from hilum.datasets.collections.chestxray14 import COLLECTION
from hilum.datasets.column_map import load_map, read_mapped
from hilum.datasets.files import find_images
from hilum.domain import LabelTable
from hilum.errors import LabelError
from hilum.export.heatmap_boxes import likely_boxes
from hilum.recipes import SHIPPED

SIDE = 1024
"""Pixels of a side of the collection's images, which its boxes are measured in."""
HELD_OUT = "test"
"""The part of the split that no network learnt from."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A box on a radiograph.

    Attributes:
        file: of the radiograph.
        patient: whose it is.
        finding: key.
        xywh: left, top, width, height as shares of the picture, float64 [4].
    """

    file: Path
    patient: str
    finding: str
    xywh: NDArray[np.float64]


def held_out(data: Path) -> LabelTable:
    """Radiographs of ChestX-ray14 that no shipped network learnt from, with their boxes.

    Args:
        data: folder with manifest.csv and boxes.csv.

    Raises:
        LabelError: they are not there, or none is held out.
    """
    table = read_mapped(data, load_map(SHIPPED / "columns" / "radiographs.toml"))
    source, split = (table.column(name).astype(str) for name in ("source", "split"))
    kept = table.rows(np.flatnonzero((source == "nih14") & (split == HELD_OUT)))
    if not len(kept):
        raise LabelError(f"The table has no row of nih14 whose split is {HELD_OUT}.")
    return kept


def cases_of(table: LabelTable, data: Path) -> list[Case]:
    """A case a box.

    Raises:
        LabelError: there is no box, or its radiograph is not there.
    """
    boxes = table.boxes
    if boxes is None or not len(boxes):
        raise LabelError("No held-out radiograph has a box: boxes.csv goes beside manifest.csv.")
    size = np.stack([table.column(name) for name in ("width_px", "height_px")], axis=1)
    paths = find_images(table, data).paths
    found: list[Case] = []
    for row, finding, xywh in zip(boxes.row.tolist(), boxes.finding, boxes.xywh, strict=True):
        path = paths[row]
        if path is None:
            raise LabelError("boxes.csv names a radiograph that is not in the folder.")
        share = xywh / np.tile(size[row].astype(np.float64), 2)
        found.append(Case(path, str(table.patients[row]), str(finding), share))
    return found


def boxes_of_others(data: Path, patients: frozenset[str]) -> dict[str, NDArray[np.float64]]:
    """Boxes of the whole collection but those of some patients, by finding.

    Args:
        data: the collection's tables lie in it, or in ``labels`` beside it.
        patients: who is left out, as "nih-01369".

    Returns:
        Key → left, top, width, height as shares of the picture, float64 [boxes, 4].

    Raises:
        LabelError: the tables are not there.
    """
    places = [data, data.parent / "labels"]
    folder = next((one for one in places if list(one.glob("BBox_List_2017.csv*"))), None)
    if folder is None:
        raise LabelError(
            f"BBox_List_2017.csv lies neither in {data.name} nor in labels beside it: put it "
            "there, with the other tables of ChestX-ray14."
        )
    table = COLLECTION.variants["v2020"].read(folder)
    assert table.boxes is not None  # the collection has some
    whose = np.array([_number(one) for one in table.patients[table.boxes.row].tolist()])
    other = ~np.isin(whose, [_number(one) for one in patients])
    return {
        key: table.boxes.xywh[other & (table.boxes.finding == key)] / SIDE
        for key in sorted(set(table.boxes.finding[other].tolist()))
    }


def _number(patient: str) -> int:
    return int(patient.rpartition("-")[2])


def likely_of(boxes: Mapping[str, NDArray[np.float64]]) -> dict[str, HeatmapBox]:
    """Likely boxes by finding."""
    return {key: likely_boxes(key, xywh) for key, xywh in boxes.items()}
