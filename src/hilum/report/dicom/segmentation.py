"""Lungs and heatmaps as segmentations, pixel for pixel on the radiograph.

A projection radiograph has no frame of reference, so the frames of a segmentation have its rows
and columns (PS3.3 A.51.5): masks and grids are brought to the stored size here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from hilum.domain import Affine, Heatmap, Prediction
from hilum.errors import ResultError
from hilum.report.boxes import colour_of
from hilum.report.dicom import codes
from hilum.report.dicom.codes import of_finding
from hilum.report.dicom.facts import ResultFacts
from hilum.report.dicom.finishing import need_highdicom, own_uid
from hilum.report.dicom.kinds import describe
from hilum.report.dicom.segments import assembled, segment
from hilum.report.dicom.source import cleaned, size_of
from hilum.report.pictures import ENLARGE, strength

_LUNG_COLOURS = ((61, 220, 151), (77, 227, 240))
_HALF = Affine.shift(0.5, 0.5)  # OpenCV counts from pixel centres, Affine from corners


def lung_segmentation(
    masks: NDArray[np.bool_],
    source: Dataset,
    facts: ResultFacts,
    *,
    to_stored: Affine | None = None,
) -> Dataset:
    """Right and left lung as a binary segmentation.

    Args:
        masks: bool [2, rows, columns], the patient's right and left lung, as
            :class:`hilum.reading.lungs.LungFields` has them; at least one place set.
        source: the radiograph's header; pixels are not needed.
        facts: of the bundle that drew the lungs.
        to_stored: maps points of the masks to points of the stored picture; None where masks and
            picture have the same size.

    Raises:
        MissingExtra: highdicom is not installed.
        ResultError: the header does not identify the radiograph, or the masks are none.

    Source:
        PS3.3 A.51, C.8.20; CID 7150 and 7166.
    """
    need_highdicom()
    header, kind = cleaned(source), describe("seg-lungs")
    size = size_of(header)
    given = np.asarray(masks)
    if given.ndim != 3 or len(given) != 2 or given.dtype != np.bool_ or not given.any():
        raise ResultError(
            f"Masks of lungs must be bool [2, rows, columns] with a place set, not "
            f"{given.dtype} {list(given.shape)}{'' if given.any() else ', all empty'}."
        )
    if to_stored is None and given.shape[1:] != size:
        raise ResultError(
            f"Masks of {given.shape[1]} × {given.shape[2]} px on a picture of {size[0]} × "
            f"{size[1]} px: tell where they lie (to_stored)."
        )
    planes = [_placed(one.astype(np.float32), to_stored, size) >= 0.5 for one in given]
    segments = [
        segment(
            number,
            f"{side.capitalize()} lung",
            (codes.BODY_STRUCTURE, codes.LUNG, codes.SIDES[side]),
            facts,
            own_uid(header, facts, f"tracked {side} lung"),
            _LUNG_COLOURS[number - 1],
        )
        for number, side in enumerate(("right", "left"), 1)
    ]
    return assembled(planes, segments, (header, facts, kind))


def heatmap_segmentation(
    reading: Mapping[str, Any],
    heatmaps: Sequence[Heatmap],
    source: Dataset,
    facts: ResultFacts,
) -> Dataset:
    """Heatmaps as a fractional segmentation, one segment a finding.

    A value is the strength that pictures and page light a place with
    (:func:`hilum.report.pictures.strength`), from 0 to 1 in steps of 1/255: only what speaks for
    the finding, against the map's peak, damped below the operating point. No probability.

    Args:
        reading: the entry of ``readings.json``.
        heatmaps: at least one; their ``to_radiograph`` must lead to the stored picture:
            ``replace(h, to_radiograph=h.to_radiograph.then(radiograph.source.to_source))``.
            Those of the findings that are present are what a viewer wants.
        source: the radiograph's header; pixels are not needed.
        facts: of the reading.

    Raises:
        MissingExtra: highdicom is not installed.
        ResultError: the header does not identify the radiograph or is of another one; no
            heatmap, or one of a finding that was not read.
    """
    need_highdicom()
    header, kind = cleaned(source), describe("seg-heatmaps")
    size = size_of(header, reading)
    if not heatmaps:
        raise ResultError("No heatmap was given, so there is nothing to segment.")
    told = {p["finding"]: p for p in reading.get("predictions", ())}
    strange = [h.finding for h in heatmaps if h.finding not in told]
    if strange:
        raise ResultError(f"Heatmaps of findings that the reading does not have: {strange[:3]}.")
    planes = [_enlarged(h, told[h.finding], size) for h in heatmaps]
    segments = [
        segment(
            number,
            f"Evidence: {of_finding(h.finding)[2]}"[:64],
            (codes.SPATIAL_CONCEPT, codes.EVIDENCE, of_finding(h.finding)),
            facts,
            own_uid(header, facts, f"tracked evidence {h.finding}"),
            colour_of(h.finding),
        )
        for number, h in enumerate(heatmaps, 1)
    ]
    return assembled(planes, segments, (header, facts, kind))


def _enlarged(
    heatmap: Heatmap, told: Mapping[str, Any], size: tuple[int, int]
) -> NDArray[np.uint8]:
    """The strength of each stored pixel, 255 for 1, enlarged as pictures are."""
    prediction = Prediction(
        heatmap.finding,
        told["logit"] or 0.0,
        told["probability"],
        told["operating_point"],
    )
    lit = strength(heatmap, prediction)
    big = cv2.resize(lit, None, fx=ENLARGE, fy=ENLARGE, interpolation=cv2.INTER_CUBIC)
    small = Affine.scale(1 / ENLARGE, 1 / ENLARGE).then(heatmap.to_radiograph)
    placed = _placed(np.asarray(big, np.float32), small, size)
    return np.asarray(cv2.convertScaleAbs(np.clip(placed, 0, 1), alpha=255.0), np.uint8)


def _placed(
    plane: NDArray[np.float32], to_stored: Affine | None, size: tuple[int, int]
) -> NDArray[np.float32]:
    """A plane on the stored pixels, linear between; 0 beyond its edge."""
    if to_stored is None:
        return plane
    matrix = np.asarray(_HALF.then(to_stored).then(_HALF.inverse()).matrix)
    placed = cv2.warpAffine(plane, matrix, (size[1], size[0]), flags=cv2.INTER_LINEAR)
    return np.asarray(placed, np.float32)
