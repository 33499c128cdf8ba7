"""How good a bundle that draws lungs is: its boxes beside those of readers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.bundles import Bundle
from hilum.bundles.card import Result
from hilum.datasets.columns import Columns, read_csv
from hilum.errors import LabelError
from hilum.evaluation.localisation.overlap import hull, region_iou
from hilum.evaluation.resampling import bootstrap
from hilum.reading.lungs import LungFields, LungReader

RIGHT, LEFT = 1, 2
"""Categories of the lung boxes."""


@dataclass(frozen=True, slots=True, eq=False)
class LungBoxes:
    """Lung boxes that readers drew.

    Attributes:
        image: path of each image.
        patient: whose it is.
        view: "PA", "AP" or as the table says.
        boxes: float64 [images, 2, 4], left, top, width, height of the right and the left lung, in
            pixels of the image.
    """

    image: tuple[str, ...]
    patient: tuple[str, ...]
    view: tuple[str, ...]
    boxes: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How one image's boxes agree.

    Attributes:
        image: its path.
        patient: whose it is.
        hull: intersection over union of the boxes around both lungs.
        union: intersection over union of the regions that two boxes, one a lung, cover.
        usable: whether the masks were plausible.
        sureness: of the network.
    """

    image: str
    patient: str
    hull: float
    union: float
    usable: bool
    sureness: float


def read_lung_boxes(file: Path, table: Path) -> LungBoxes:
    """The lung boxes of the COVID-19 image data collection, for the images of a table.

    Args:
        file: ``lung_bounding_boxes.json``, packed by gzip or not (COCO; categories 1 right and 2
            left). Images whose boxes are null are left out.
        table: a CSV with file, patient_id, view, source_path, out_w and out_h; boxes are scaled
            from the size that the annotation states to out_w × out_h.

    Raises:
        LabelError: an image has another number of boxes than two, or none is in the table.
    """
    raw = file.read_bytes()
    said: dict[str, Any] = json.loads(gzip.decompress(raw) if file.suffix == ".gz" else raw)
    drawn: dict[int, dict[int, list[float]]] = {}
    for one in said["annotations"]:
        if None not in one["bbox"]:
            drawn.setdefault(one["image_id"], {})[one["category_id"]] = one["bbox"]
    known = {Path(one["file_name"]).stem: one for one in said["images"] if one["id"] in drawn}
    columns = {"projection": "view", "origin": "source_path", "wide": "out_w", "high": "out_h"}
    rows = read_csv(table, Columns(image="file", patient="patient_id", columns=columns))
    origin = [Path(str(path)).stem for path in rows.columns["origin"]]
    kept = [at for at, stem in enumerate(origin) if stem in known]
    if not kept:
        raise LabelError(f"{table.name} holds none of the images of {file.name}")
    boxes: list[list[list[float]]] = []
    for at in kept:
        one = known[origin[at]]
        two = drawn[one["id"]]
        if set(two) != {RIGHT, LEFT}:
            raise LabelError(f"{file.name}: image {one['id']} has {len(two)} lung boxes, not two")
        across = float(rows.columns["wide"][at]) / one["width"]
        down = float(rows.columns["high"][at]) / one["height"]
        scale = [across, down, across, down]
        boxes.append([[v * s for v, s in zip(two[k], scale, strict=True)] for k in (RIGHT, LEFT)])
    return LungBoxes(
        image=tuple(str(rows.images[at]) for at in kept),
        patient=tuple(str(rows.patients[at]) for at in kept),
        view=tuple(str(rows.columns["projection"][at]) for at in kept),
        boxes=np.array(boxes),
    )


def compare(bundle: Bundle, reference: LungBoxes, folder: Path) -> list[Agreement]:
    """Compare a bundle's boxes with readers'; masks that are not plausible count as they are.

    Args:
        bundle: as it ships.
        reference: the readers' boxes.
        folder: that their images are relative to.

    Returns:
        One an image; 0 where the picture was refused before the network saw it.
    """
    reader = LungReader.of(bundle, threads=1)
    found: list[Agreement] = []
    for image, patient, boxes in zip(
        reference.image, reference.patient, reference.boxes, strict=True
    ):
        lungs = reader.read(folder / image, name=image)
        if not isinstance(lungs, LungFields):
            found.append(Agreement(image, patient, 0.0, 0.0, False, 0.0))
            continue
        mine = np.array([lungs.in_file(box) for box in lungs.boxes.values()])
        around = region_iou([hull(mine)], [hull(boxes)])
        found.append(
            Agreement(
                image=image,
                patient=patient,
                hull=around,
                union=region_iou(mine, boxes),
                usable=lungs.plausible,
                sureness=lungs.shape.sureness,
            )
        )
    return found


def box_results(found: Sequence[Agreement], *, split: str, seed: int) -> list[Result]:
    """Mean intersection over union with its interval by patient, and how many were usable."""
    patients = [one.patient for one in found]
    note = (
        "mean over images, every image counted whether its masks are plausible or not; interval: "
        f"bootstrap by patient, {len(set(patients))} patients, 2,000 draws"
    )
    results: list[Result] = []
    for metric, values in (
        ("IoU of the box around both lungs", [one.hull for one in found]),
        ("IoU of the union of the two lung boxes", [one.union for one in found]),
    ):
        each = np.array(values)
        measured = bootstrap(
            lambda weights, each=each: float((weights * each).sum() / max(1, weights.sum())),
            patients,
            rng=np.random.default_rng(seed),
        )
        results.append(
            Result(
                metric=metric,
                split=split,
                value=measured.value,
                low=measured.low,
                high=measured.high,
                images=len(found),
                note=note,
            )
        )
    usable = float(np.mean([one.usable for one in found]))
    results.append(
        Result(
            metric="share of radiographs with plausible masks",
            split=split,
            value=usable,
            images=len(found),
        )
    )
    return results


def usable_result(bundle: Bundle, images: Sequence[Path], *, split: str) -> Result:
    """On how many radiographs the masks are plausible."""
    reader = LungReader.of(bundle, threads=1)
    good = 0
    for image in images:
        lungs = reader.read(image)
        good += isinstance(lungs, LungFields) and lungs.plausible
    return Result(
        metric="share of radiographs with plausible masks",
        split=split,
        value=good / len(images),
        images=len(images),
    )
