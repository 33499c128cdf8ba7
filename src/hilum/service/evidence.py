"""What a reading stands on, as files in its folder: pictures for pages, masks and maps for results.

    preview.jpg     at most 320 px, for the worklist
    display.png     what was looked at, at most 1,024 px: the grey level of 16 bits is 256 · red +
                    green, 0 black and 65,535 white
    grids.json      heatmaps and the places of boxes, in parts of the picture, for pages
    evidence.npz    heatmaps and lungs, with the way back to the stored pixels

A refusal by the gate has the two pictures and no ``evidence.npz``; one without a picture has
nothing. The same reading gives the same bytes.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.domain import Affine, Heatmap, Radiograph, Reading
from hilum.errors import ServiceError
from hilum.reading.lungs import LungFields
from hilum.report.boxes import on_picture
from hilum.report.pictures import grids, jpeg, preview

PREVIEW, DISPLAY, GRIDS, EVIDENCE = "preview.jpg", "display.png", "grids.json", "evidence.npz"
"""Names of the files."""

PREVIEW_PX = 320
DISPLAY_PX = 1024

_LEVELS = 4095
"""Grey levels of the display: as many as detectors tell apart, and a fifth fewer bytes than all."""

_PNG = [
    cv2.IMWRITE_PNG_COMPRESSION,
    1,
    cv2.IMWRITE_PNG_STRATEGY,
    cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY,
]
"""Noise repeats nothing: without looking for repetitions it takes two thirds of the time."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Heatmaps and lungs of one radiograph.

    Attributes:
        shape: (rows, columns) of the radiograph that was looked at, the long side at most 1,024.
        stored: (rows, columns) of the stored picture.
        to_source: maps points of the radiograph to points of the stored picture.
        heatmaps: one a finding; each leads to the radiograph, and with
            ``heatmap.to_radiograph.then(to_source)`` to the stored picture.
        lungs: bool [2, rows, columns] on the radiograph, the patient's right and left lung; None
            where they were not found, or not believed.
    """

    shape: tuple[int, int]
    stored: tuple[int, int]
    to_source: Affine
    heatmaps: tuple[Heatmap, ...] = ()
    lungs: NDArray[np.bool_] | None = None


def evidence_of(
    reading: Reading, radiograph: Radiograph, lungs: LungFields | None = None
) -> Evidence:
    """The evidence of a reading.

    Args:
        reading: with its heatmaps.
        radiograph: that was read.
        lungs: that were found on it; left out where they are not plausible.
    """
    return Evidence(
        radiograph.shape,
        radiograph.source.shape,
        radiograph.source.to_source,
        reading.heatmaps,
        lungs.masks if lungs is not None and lungs.plausible else None,
    )


def pictures(radiograph: Radiograph) -> dict[str, bytes]:
    """The radiograph for pages: file name → bytes."""
    return {PREVIEW: jpeg(preview(radiograph, PREVIEW_PX)), DISPLAY: _display(radiograph)}


def files(evidence: Evidence, reading: Reading, radiograph: Radiograph) -> dict[str, bytes]:
    """All files of a reading: name → bytes."""
    shown = {
        "shape": list(evidence.shape),
        "stored": list(evidence.stored),
        "grids": grids(evidence.heatmaps, evidence.shape),
        "boxes": [
            [float(f"{part:.6g}") for part in place]
            for place in on_picture(reading.boxes, radiograph)
        ],
    }
    return {
        **pictures(radiograph),
        GRIDS: json.dumps(shown, separators=(",", ":")).encode("ascii"),
        EVIDENCE: save(evidence),
    }


def save(evidence: Evidence) -> bytes:
    """Evidence as an npz file; the same evidence gives the same bytes."""
    arrays: dict[str, NDArray[np.generic]] = {
        "shape": np.array(evidence.shape, np.int64),
        "stored": np.array(evidence.stored, np.int64),
        "to_source": np.array(evidence.to_source.matrix, np.float64),
        "findings": np.array([heatmap.finding for heatmap in evidence.heatmaps], "S60"),
    }
    for number, heatmap in enumerate(evidence.heatmaps):
        arrays[f"values_{number}"] = heatmap.values
        arrays[f"place_{number}"] = np.array(heatmap.to_radiograph.matrix, np.float64)
    if evidence.lungs is not None:
        arrays["lungs"] = np.packbits(evidence.lungs, axis=-1)
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **arrays)
    return out.getvalue()


def load(path: Path) -> Evidence:
    """The evidence in a reading's folder.

    Args:
        path: the folder, or the file ``evidence.npz`` in it.

    Raises:
        ServiceError: there is none (the radiograph was refused, or deleted), or it is damaged.
    """
    file = path / EVIDENCE if path.is_dir() else path
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
            return _loaded(arrays)
    except FileNotFoundError:
        raise ServiceError("There is no evidence: it was refused, or is deleted.") from None
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error):
        raise ServiceError("The evidence of a reading is damaged; have it read again.") from None


def _loaded(arrays: Mapping[str, NDArray[np.generic]]) -> Evidence:
    rows, columns = arrays["shape"].tolist()
    lungs = None
    if "lungs" in arrays:
        packed = np.asarray(arrays["lungs"], np.uint8)
        lungs = np.unpackbits(packed, axis=-1, count=columns).astype(bool)
    return Evidence(
        (rows, columns),
        tuple(arrays["stored"].tolist()),
        _affine(arrays["to_source"]),
        tuple(
            Heatmap(
                key.decode("ascii"),
                np.asarray(arrays[f"values_{number}"], np.float32),
                _affine(arrays[f"place_{number}"]),
            )
            for number, key in enumerate(arrays["findings"].tolist())
        ),
        lungs,
    )


def _affine(matrix: NDArray[np.generic]) -> Affine:
    (a, b, x), (c, d, y) = matrix.tolist()
    return Affine(((a, b, x), (c, d, y)))


def _display(radiograph: Radiograph) -> bytes:
    """Grey levels of 16 bits in red and green, as PNG."""
    grey = radiograph.pixels
    factor = DISPLAY_PX / max(grey.shape)
    if factor < 1:
        rows, columns = (max(1, round(side * factor)) for side in grey.shape)
        grey = cv2.resize(grey, (columns, rows), interpolation=cv2.INTER_AREA)
    levels = np.rint(np.asarray(grey) * np.float32(_LEVELS)).astype(np.uint16)
    red = (levels >> 4).astype(np.uint8)
    green = ((levels << 4) | (levels >> 8)).astype(np.uint8)  # 4095 becomes 65,535
    picture = cv2.merge([np.zeros_like(red), green, red])  # OpenCV: blue, green, red
    done, data = cv2.imencode(".png", picture, _PNG)
    if not done:
        raise ValueError(f"OpenCV could not encode a picture of {picture.shape} as PNG")
    return bytes(data)
