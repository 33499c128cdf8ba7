"""RSNA Pneumonia Detection Challenge 2018: boxes and three classes on ChestX-ray14 images."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets import counts
from hilum.datasets.collection import Collection, Variant
from hilum.datasets.files import find_table, locate, need_table
from hilum.datasets.reference_boxes import reference_boxes
from hilum.datasets.source import read_columns
from hilum.datasets.table import with_boxes
from hilum.domain import LabelTable, State
from hilum.domain.boxes import Boxes
from hilum.domain.text import Text, first_few, text
from hilum.errors import LabelError

SIDE_PX = 1024
"""Sides of the published DICOM images."""

LABELS: Mapping[str, str | None] = {
    "Lung Opacity": "pneumonia_opacity",
    "No Lung Opacity / Not Normal": "no_opacity_not_normal",
    "Normal": "normal",
}

FINDINGS = tuple(str(key) for key in LABELS.values())

BOXES = "stage_2_train_labels.csv"
CLASSES = "stage_2_detailed_class_info.csv"
MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"

FILES = ("stage_2_train_images/*.dcm", "*/stage_2_train_images/*.dcm")

SAME_IMAGES = (
    (
        "All images are from NIH ChestX-ray14: a test on one after training on the other tests on "
        "what was learnt."
    ),
)
NAMELESS = (
    (
        f"patientId is a name of an image, not of a patient: without {MAPPING} each image counts "
        "as a patient of its own, and one person may stand in two parts of a split."
    ),
)


def _read(folder: Path) -> LabelTable:
    images, states = _classes(need_table(folder, CLASSES))
    patients, columns, notes = _patients(folder, images)
    sides = np.full(len(images), SIDE_PX, np.int32)
    table = LabelTable(
        images=images,
        findings=FINDINGS,
        states=states,
        patients=patients,
        columns={
            **columns,
            "split": text(["train"]).repeat(len(images)),
            "width_px": sides,
            "height_px": sides,
        },
        notes=(*SAME_IMAGES, *notes),
    )
    table = with_boxes(table, _boxes(need_table(folder, BOXES), table))
    return locate(table, folder, FILES, name=lambda path: path.stem).table


def _classes(path: Path) -> tuple[Text, NDArray[np.uint8]]:
    """Images in the order of the file, a row a box there, and states."""
    cells = read_columns(path, ["patientId", "class"])
    odd = sorted(set(cells["class"].tolist()) - set(LABELS))
    if odd:
        raise LabelError(f"{path.name}: unknown classes {first_few(odd)}; known: {list(LABELS)}.")
    _, first, inverse = np.unique(cells["patientId"], return_index=True, return_inverse=True)
    other = cells["class"] != cells["class"][first][inverse]
    if other.any():
        names = np.unique(cells["patientId"][other]).tolist()
        raise LabelError(f"{path.name}: {len(names)} images have two classes: {first_few(names)}.")
    rows = np.sort(first)
    kinds = cells["class"][rows]
    states = np.stack([kinds == label for label in LABELS], axis=1)
    return cells["patientId"][rows], np.where(states, State.PRESENT, State.ABSENT).astype(np.uint8)


def _boxes(path: Path, table: LabelTable) -> Boxes:
    corner = ("x", "y", "width", "height")
    cells = read_columns(path, ["patientId", *corner, "Target"])
    odd = sorted(set(cells["Target"].tolist()) - {"0", "1"})
    if odd:
        raise LabelError(f"{path.name}: Target is 0 or 1, not {first_few(odd)}.")
    row_of = {image: row for row, image in enumerate(table.images.tolist())}
    rows = np.array([row_of.get(image, -1) for image in cells["patientId"].tolist()], np.int64)
    strangers = cells["patientId"][rows < 0].tolist()
    if strangers:
        raise LabelError(
            f"{path.name}: {len(strangers)} rows are of images that {CLASSES} lacks: "
            f"{first_few(strangers)}."
        )
    drawn = cells["Target"] == "1"
    empty = np.stack([cells[name] == "" for name in corner]).all(0)
    odd = cells["patientId"][~drawn & ~empty].tolist()
    if odd:
        raise LabelError(
            f"{path.name}: {len(odd)} rows have a box, and a Target that says there is none: "
            f"{first_few(odd)}."
        )
    present = table.states[:, FINDINGS.index("pneumonia_opacity")] == State.PRESENT
    boxed = np.zeros(len(table), np.bool_)
    boxed[rows[drawn]] = True
    if (boxed != present).any():
        names = table.images[boxed != present].tolist()
        raise LabelError(
            f"{path.name} and {CLASSES} disagree on {len(names)} images: {first_few(names)}; a box "
            f"and the class Lung Opacity go together."
        )
    try:
        xywh = np.stack([cells[name][drawn].astype(np.float64) for name in corner], axis=1)
    except ValueError as error:
        raise LabelError(f"{path.name}: a corner of a box is no number: {error}.") from error
    looked = np.zeros(len(table), np.bool_)
    looked[rows] = True
    keys = ["pneumonia_opacity"] * int(drawn.sum())
    return reference_boxes(path.name, table.images, rows[drawn], keys, xywh, annotated=looked)


def _patients(folder: Path, images: Text) -> tuple[Text, dict[str, Text], tuple[str, ...]]:
    path = find_table(folder, MAPPING)
    if path is None:
        return images, {}, NAMELESS
    try:
        rows = json.loads(path.read_text("utf-8"))
        nih = {row["subset_img_id"]: row["img_id"] for row in rows}
    except (ValueError, TypeError, KeyError) as error:
        raise LabelError(
            f"{path.name} is damaged or not the mapping that the RSNA offers: it should be a list "
            f"of entries with subset_img_id and img_id."
        ) from error
    lacking = [image for image in images.tolist() if image not in nih]
    if lacking:
        raise LabelError(f"{path.name} lacks {len(lacking):,} images: {first_few(lacking)}.")
    names = text([nih[image] for image in images.tolist()])
    return text([name.split("_")[0] for name in names.tolist()]), {"nih_image": names}, ()


# Pages of the challenge (stage 2); Shih et al. 2019.
_PRESENT = {"pneumonia_opacity": 6_012, "no_opacity_not_normal": 11_821, "normal": 8_851}

COLLECTION = Collection(
    name="rsna-pneumonia",
    title="RSNA Pneumonia Detection Challenge 2018 (stage 2)",
    about="Frontal radiographs of NIH ChestX-ray14 that radiologists read anew: opacity suspicious "
    "for pneumonia with boxes, otherwise abnormal, normal; DICOM of 1024 × 1024 px.",
    citation="Shih G, Wu CC, Halabi SS, et al. Augmenting the National Institutes of Health Chest "
    "Radiograph Dataset with Expert Annotations of Possible Pneumonia. Radiology: Artificial "
    "Intelligence 2019;1:e180041.",
    licence="Rules of the competition, on its page, and those of NIH ChestX-ray14 for the images.",
    home="https://www.kaggle.com/c/rsna-pneumonia-detection-challenge",
    layout=f"""\
{CLASSES}
{BOXES}
{MAPPING}      images and patients of the NIH; from the RSNA's page of the challenge
stage_2_train_images/<patientId>.dcm …
(stage_2_test_images have no published labels and are not read)""",
    files=FILES,
    variants={
        "stage-2": Variant(
            about="Classes and boxes of stage 2, training images.",
            read=_read,
            counts=(
                counts.images(26_684),
                *counts.present(_PRESENT),
                counts.boxes(9_555),
                counts.boxed_images(6_012),
            ),
        )
    },
    labels=LABELS,
    same_images_as=("chestxray14", "nih-cxr-lt", "covid19-radiography"),
)
