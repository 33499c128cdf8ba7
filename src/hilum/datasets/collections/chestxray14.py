"""ChestX-ray14: labels of 2017 and 2020, boxes, two splits, radiologists' reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets import counts
from hilum.datasets.collection import Collection, Variant
from hilum.datasets.columns import Columns, read_csv
from hilum.datasets.files import find_table, locate, need_table
from hilum.datasets.reference_boxes import reference_boxes
from hilum.datasets.source import read_columns, read_header
from hilum.datasets.table import with_boxes
from hilum.domain import CHEST14, LabelTable, State, finding
from hilum.domain.text import Text, first_few, text
from hilum.errors import LabelError

SIDE_PX = 1024
"""Sides of the published PNG files."""

OLDEST = 100
"""Ages above are known errors of the header (148, 155, 411 … in the table of 2017)."""

FILES = ("images_*/images/*.png", "images/*.png", "*.png")

LABELS: Mapping[str, str | None] = {finding(key).label: key for key in CHEST14} | {
    "Infiltrate": "infiltration",  # so in the list of boxes
    "No Finding": "no_finding",
    "Fracture": "fracture",
    "Airspace opacity": "airspace_opacity",
    "Nodule or mass": "nodule_or_mass",
}

ENTRIES = {"v2020": "Data_Entry_2017_v2020.csv", "2017": "Data_Entry_2017.csv"}
BOXES = "BBox_List_2017.csv"
READS = "google2019_nih-chest-xray-labels.csv"

_Lists = Mapping[str, tuple[str, ...]]

OFFICIAL: tuple[_Lists, ...] = (
    {
        "train": ("nih14_official_train.txt", "Xray14_train_official.txt"),
        "tune": ("nih14_official_val.txt", "Xray14_val_official.txt"),
        "test": ("nih14_official_test.txt", "Xray14_test_official.txt"),
    },
    {"train": ("train_val_list.txt",), "test": ("test_list.txt",)},
)
"""The official test list with a tuning list cut from the rest, or as the NIH gives it."""

CHEXNET: tuple[_Lists, ...] = (
    {
        "train": ("chexnet_split_train.txt", "labels/train_list.txt"),
        "tune": ("chexnet_split_val.txt", "labels/val_list.txt"),
        "test": ("chexnet_split_test.txt", "labels/test_list.txt"),
    },
)


def _read_entries(folder: Path, edition: str, lists: tuple[_Lists, ...]) -> LabelTable:
    table = _entries(need_table(folder, ENTRIES[edition]))
    table = _with_split(table, folder, lists)
    return locate(_with_boxes(table, folder), folder, FILES).table


def _read_chexnet(folder: Path) -> LabelTable:
    paths = {part: need_table(folder, *names) for part, names in CHEXNET[0].items()}
    cells = {part: _read_list(path) for part, path in paths.items()}
    for part, path in paths.items():
        if len(cells[part]) == 1:
            raise LabelError(f"{path.name} holds no labels; CheXNet's lists have 15 columns.")
    images = np.concatenate([c["image"] for c in cells.values()])
    states = np.stack(
        [np.concatenate([c[key] for c in cells.values()]) == "1" for key in CHEST14], axis=1
    )
    table = LabelTable(
        images=images,
        findings=CHEST14,
        states=states.astype(np.uint8),
        patients=_patients(images),
        columns={
            "split": text([part for part, c in cells.items() for _ in range(len(c["image"]))]),
            "width_px": np.full(len(images), SIDE_PX, np.int32),
            "height_px": np.full(len(images), SIDE_PX, np.int32),
        },
    )
    return locate(_with_boxes(with_facts(table, folder), folder), folder, FILES).table


def _read_reads(folder: Path) -> LabelTable:
    path = need_table(folder, READS)
    columns = Columns(
        image="Image Index",
        patient="Patient ID",
        findings={
            label: str(LABELS[label])
            for label in ("Fracture", "Pneumothorax", "Airspace opacity", "Nodule or mass")
        },
        states={"YES": State.PRESENT, "NO": State.ABSENT, "": State.UNMENTIONED},
        columns=_facts_in(path) | {"split": "Set Id"},
    )
    return locate(_tidied(path, read_csv(path, columns)), folder, FILES).table


def with_facts(table: LabelTable, folder: Path) -> LabelTable:
    """A table of ChestX-ray14 images with view, sex, age and visit, where the folder has them.

    Args:
        table: its images are names, such as "00000001_000.png".
        folder: of the collection.

    Raises:
        LabelError: the table of the facts is there and cannot be read.
    """
    path = find_table(folder, *ENTRIES.values())
    if path is None:
        note = f"No view, sex or age: {ENTRIES['v2020']} is not here."
        return replace(table, notes=(*table.notes, note))
    facts = _entries(path)
    at = rows_of(facts, table.images)
    lacking = int((at < 0).sum())
    if lacking:
        odd = first_few(table.images[at < 0].tolist())
        raise LabelError(f"{path.name} lacks {lacking:,} of the images: {odd}.")
    columns = {name: values[at] for name, values in facts.columns.items()}
    return replace(table, columns=columns | dict(table.columns), notes=table.notes + facts.notes)


def rows_of(table: LabelTable, images: Text) -> NDArray[np.int64]:
    """The rows of images; −1 where the table has none."""
    at = {image: row for row, image in enumerate(table.images.tolist())}
    return np.array([at.get(image, -1) for image in images.tolist()], np.int64)


def _entries(path: Path) -> LabelTable:
    columns = Columns(
        image="Image Index",
        patient="Patient ID",
        labels="Finding Labels",
        columns=_facts_in(path),
        known=LABELS,
    )
    return _tidied(path, read_csv(path, columns, CHEST14))


def _facts_in(path: Path) -> dict[str, str]:
    # the table of 2020 says "Patient Sex" in some downloads
    sex = "Patient Sex" if "Patient Sex" in read_header(path) else "Patient Gender"
    return {
        "view": "View Position",
        "sex": sex,
        "age": "Patient Age",
        "visit": "Follow-up #",
        "original_width_px": "OriginalImage[Width",
        "original_height_px": "Height]",
        "original_spacing_x_mm": "OriginalImagePixelSpacing[x",
        "original_spacing_y_mm": "y]",
    }


def patients_of(path: Path, images: Text, patients: Text) -> Text:
    """Patients as the images' names tell them: "00000001" of "00000001_000.png".

    Args:
        path: named in messages.
        images: names.
        patients: as the table writes them, with or without zeros in front.

    Raises:
        LabelError: name and table disagree.
    """
    named = _patients(images)
    pairs = zip(patients, named, strict=True)
    other = np.array([one.lstrip("0") != two.lstrip("0") for one, two in pairs], np.bool_)
    if other.any():
        odd = first_few(images[other].tolist())
        raise LabelError(
            f"{path.name}: {int(other.sum())} rows name another patient than their image: {odd}."
        )
    return named


def _tidied(path: Path, table: LabelTable) -> LabelTable:
    columns = dict(table.columns)
    ages = _ages(path, columns.pop("age"))
    wrong = int((ages > OLDEST).sum())
    columns["age_years"] = np.where(ages > OLDEST, np.nan, ages)
    for side in ("width_px", "height_px"):
        columns[side] = np.full(len(table), SIDE_PX, np.int32)
    notes = [*table.notes]
    if wrong:
        notes.append(f"{wrong} ages above {OLDEST} years are errors of the source: left unknown.")
    patients = patients_of(path, table.images, table.patients)
    return replace(table, patients=patients, columns=columns, notes=tuple(notes))


def _patients(images: Text) -> Text:
    return text([image.split("_")[0] for image in images.tolist()])


_AGE = re.compile(r"(\d+)([YMWD]?)")
_A_YEAR = {"": 1, "Y": 1, "M": 12, "W": 52, "D": 365}


def _ages(path: Path, cells: Text) -> NDArray[np.float64]:
    values, inverse = np.unique(cells, return_inverse=True)
    found = [_AGE.fullmatch(value.strip()) for value in values.tolist()]
    odd = [v for v, m in zip(values.tolist(), found, strict=True) if v.strip() and m is None]
    if odd:
        raise LabelError(f"{path.name}: {first_few(odd)} cannot be taken for an age.")
    years = [int(m[1]) / _A_YEAR[m[2]] if m else np.nan for m in found]
    return np.array(years)[inverse]


def _with_boxes(table: LabelTable, folder: Path) -> LabelTable:
    path = find_table(folder, BOXES)
    if path is None:
        return replace(table, notes=(*table.notes, f"No boxes: {BOXES} is not here."))
    corner = ("Bbox [x", "y", "w", "h]")
    cells = read_columns(path, ["Image Index", "Finding Label", *corner])
    try:
        xywh = np.stack([cells[name].astype(np.float64) for name in corner], axis=1)
    except ValueError as error:
        raise LabelError(f"{path.name}: a corner is no number: {error}.") from error
    unknown = sorted(set(cells["Finding Label"].tolist()) - set(LABELS))
    if unknown:
        raise LabelError(f"{path.name}: unknown labels {first_few(unknown)}.")
    keys = text([str(LABELS[label]) for label in cells["Finding Label"].tolist()])
    at = rows_of(table, cells["Image Index"])
    known = at >= 0
    notes = table.notes
    if not known.all():
        notes += (f"{int((~known).sum())} boxes are on images without a row: left out.",)
    # Boxes were drawn for single findings on chosen images; the rest was never looked at.
    annotated = np.isin(np.arange(len(table)), at[known])
    drawn = reference_boxes(
        path.name, table.images, at[known], keys[known], xywh[known], annotated=annotated
    )
    return with_boxes(replace(table, notes=notes), drawn)


def _with_split(table: LabelTable, folder: Path, choices: tuple[_Lists, ...]) -> LabelTable:
    for lists in choices:
        paths = {part: find_table(folder, *names) for part, names in lists.items()}
        there = {part: path for part, path in paths.items() if path is not None}
        if len(there) == len(lists):
            return _by_lists(table, there)
    wanted = ", ".join(names[0] for names in choices[-1].values())
    note = f"No column split: its lists are not here ({wanted})."
    return replace(table, notes=(*table.notes, note))


def _by_lists(table: LabelTable, paths: Mapping[str, Path]) -> LabelTable:
    lists = {part: _read_list(path, ["image"])["image"] for part, path in paths.items()}
    at = rows_of(table, np.concatenate(list(lists.values())))
    part = np.repeat(text(lists), [len(images) for images in lists.values()])
    strangers = int((at < 0).sum())
    at, part = at[at >= 0], part[at >= 0]
    split = text([""] * len(table))
    split[at] = part
    twice = at[split[at] != part]
    if len(twice):
        odd = first_few(table.images[twice].tolist())
        raise LabelError(f"{len(twice)} images stand in two lists of the split: {odd}.")
    notes = [*table.notes, "Column split from " + ", ".join(p.name for p in paths.values()) + "."]
    if strangers:
        notes.append(f"{strangers:,} images of these lists have no row.")
    outside = int((split == "").sum())
    if outside:
        notes.append(f"{outside:,} images stand in no list.")
    return replace(table, columns={**table.columns, "split": split}, notes=tuple(notes))


def _read_list(path: Path, wanted: list[str] | None = None) -> dict[str, Text]:
    width = len(read_header(path, separator=" "))
    names = ["image", *CHEST14]
    if width not in {1, len(names)}:
        raise LabelError(f"{path.name} has {width} columns; a list has 1, or 15 with labels.")
    return read_columns(path, wanted, header=names[:width], separator=" ")


# Labels of 2020: Data_Entry_2017_v2020.csv, and README of the NIH download.
_V2020 = {
    "atelectasis": 11_559, "cardiomegaly": 2_776, "effusion": 13_317, "infiltration": 19_894,
    "mass": 5_782, "nodule": 6_331, "pneumonia": 1_431, "pneumothorax": 5_302,
    "consolidation": 4_667, "edema": 2_303, "emphysema": 2_516, "fibrosis": 1_686,
    "pleural_thickening": 3_385, "hernia": 227,
}  # fmt: skip
# Labels of 2017: the lists of CheXNet's reproduction (arnoweng/CheXNet), which carry them.
_V2017 = _V2020 | {
    "atelectasis": 11_535, "cardiomegaly": 2_772, "effusion": 13_307, "infiltration": 19_870,
    "mass": 5_746, "nodule": 6_323, "pneumonia": 1_353, "pneumothorax": 5_298,
}  # fmt: skip
# Images, patients, boxes: Wang et al. 2017 and BBox_List_2017.csv.
_ALL = (counts.images(112_120), counts.patients(30_805))
_BOXES = (counts.boxes(984), counts.boxed_images(880))
# train_val_list.txt and test_list.txt of the NIH download.
_OFFICIAL = (counts.part(86_524, "train", "tune"), counts.part(25_596, "test"))
# Lengths of CheXNet's three lists.
_CHEXNET = (
    counts.part(78_468, "train"), counts.part(11_219, "tune"), counts.part(22_433, "test"),
)  # fmt: skip
# Rows and columns of google2019_nih-chest-xray-labels.csv, as torchxrayvision hands it on.
_READS = {"fracture": 186, "pneumothorax": 238, "airspace_opacity": 2_166, "nodule_or_mass": 605}
_LABELS_2020 = (*counts.present(_V2020), counts.without_finding(60_361))
_LABELS_2017 = (*counts.present(_V2017), counts.without_finding(60_412))

COLLECTION = Collection(
    name="chestxray14",
    title="NIH ChestX-ray14",
    about="Frontal chest radiographs of the NIH Clinical Center, 1992 to 2015, with fourteen "
    "findings mined from reports, and boxes on a few; 8-bit PNG of 1024 × 1024 px.",
    citation="Wang X, Peng Y, Lu L, Lu Z, Bagheri M, Summers RM. ChestX-ray8: Hospital-scale Chest "
    "X-ray Database and Benchmarks. CVPR 2017, 3462–3471.",
    licence="No restriction on use; cite the paper, acknowledge the NIH Clinical Center and link "
    "its download page.",
    home="https://nihcc.app.box.com/v/ChestXray-NIHCC",
    layout="""\
Data_Entry_2017_v2020.csv      labels of 2020, view, sex, age
Data_Entry_2017.csv            labels of 2017 (variant 2017)
BBox_List_2017.csv             boxes
train_val_list.txt, test_list.txt      official split
labels/train_list.txt, val_list.txt, test_list.txt      CheXNet's split, with labels of 2017
google2019_nih-chest-xray-labels.csv   radiologists' reads (variant google2019)
images_001/images/*.png … images_012/images/*.png, or images/*.png""",
    files=FILES,
    variants={
        "v2020": Variant(
            about="Labels as corrected in 2020, official split.",
            read=lambda folder: _read_entries(folder, "v2020", OFFICIAL),
            counts=(*_ALL, *_LABELS_2020, *_BOXES, *_OFFICIAL),
        ),
        "v2020-chexnet": Variant(
            about="Labels as corrected in 2020, split of CheXNet's reproduction (70/10/20).",
            read=lambda folder: _read_entries(folder, "v2020", CHEXNET),
            counts=(*_ALL, *_LABELS_2020, *_BOXES, *_CHEXNET),
        ),
        "2017": Variant(
            about="Labels as first published, official split.",
            read=lambda folder: _read_entries(folder, "2017", OFFICIAL),
            counts=(*_ALL, *_LABELS_2017, *_BOXES, *_OFFICIAL),
        ),
        "chexnet": Variant(
            about="Labels of 2017 and split, both from the lists of CheXNet's reproduction.",
            read=_read_chexnet,
            counts=(*_ALL, *_LABELS_2017, *_BOXES, *_CHEXNET),
        ),
        "google2019": Variant(
            about="Four findings as radiologists read them (Majkowska et al. 2020); a second "
            "reader for these images, part of no other variant's labels.",
            read=_read_reads,
            counts=(
                counts.images(4_376),
                counts.patients(1_695),
                *counts.present(_READS),
                counts.part(2_414, "tune"),
                counts.part(1_962, "test"),
            ),
        ),
    },
    labels=LABELS,
    same_images_as=("nih-cxr-lt", "rsna-pneumonia", "covid19-radiography"),
)
