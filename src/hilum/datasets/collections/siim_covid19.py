"""SIIM-FISABIO-RSNA COVID-19: classes a study, boxes an image, DICOM files in a nested tree."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets import counts
from hilum.datasets.collection import Collection, Count, Variant
from hilum.datasets.columns import STATES, stated
from hilum.datasets.files import find_table, locate, need_table
from hilum.datasets.reference_boxes import reference_boxes
from hilum.datasets.source import read_columns
from hilum.domain import LabelTable, State
from hilum.domain.text import Text, first_few, repeated, text
from hilum.errors import LabelError

FILES = ("train/*/*/*.dcm",)

CLASSES: Mapping[str, str] = {
    "Negative for Pneumonia": "negative_for_pneumonia",
    "Typical Appearance": "typical_appearance",
    "Indeterminate Appearance": "indeterminate_appearance",
    "Atypical Appearance": "atypical_appearance",
}
LABELS: Mapping[str, str | None] = {**CLASSES, "opacity": "opacity", "none": None}

STUDIES = "train_study_level.csv"
IMAGES = "train_image_level.csv"
KFOLD = ("siim_covid19_train_kfold.csv", "train_kfold.csv")
META = ("siim_covid19_train_meta.csv", "train_meta.csv")

AGREE_PX = 0.5
"""How far the two spellings of one box may differ; they are rounded differently."""


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """What either pair of tables says, a row an image.

    Attributes:
        name: of the file with the boxes.
        images: DICOM files without ".dcm".
        studies: one an image.
        patients: one an image.
        classes: uint8 [images, 4], states of the four classes.
        boxes: for each image left, top, right, bottom of its boxes.
        columns: others.
        notes: as in the label table.
    """

    name: str
    images: Text
    studies: Text
    patients: Text
    classes: NDArray[np.uint8]
    boxes: Sequence[Sequence[tuple[float, ...]]]
    columns: Mapping[str, Text]
    notes: tuple[str, ...] = ()


def _read_original(folder: Path) -> LabelTable:
    studies, images = need_table(folder, STUDIES), need_table(folder, IMAGES)
    of_study = read_columns(studies, ["id", *CLASSES])
    of_image = read_columns(images, ["id", "boxes", "label", "StudyInstanceUID"])
    row_of = {name: row for row, name in enumerate(_without(studies, of_study["id"], "_study"))}
    uids = of_image["StudyInstanceUID"].tolist()
    lost = sorted(set(uids) - set(row_of))
    if lost:
        raise LabelError(f"{len(lost)} studies of {IMAGES} have no row in {STUDIES}: "
                         f"{first_few(lost)}.")  # fmt: skip
    names = text(_without(images, of_image["id"], "_image"))
    boxes = [_label_boxes(images, label) for label in of_image["label"].tolist()]
    _check_agreement(images, names, boxes, of_image["boxes"])
    notes = []
    idle = len(set(row_of) - set(uids))
    if idle:
        notes.append(f"{idle:,} studies of {STUDIES} have no image: left out.")
    patients, columns = _patients(folder, names)
    if patients is None:
        patients = of_image["StudyInstanceUID"]
        notes.append(
            "PATIENTS ARE NOT KNOWN: each study counts as a patient of its own, though the 6,054 "
            f"studies are of 3,261 patients, so that a split by patient leaks. Put {META[0]} (a "
            "row an image with patientid) beside the tables."
        )
    at = np.array([row_of[uid] for uid in uids], np.int64)
    classes = _classes(studies, of_study)[at]
    return _table(
        folder,
        _Rows(
            images.name,
            names,
            of_image["StudyInstanceUID"],
            patients,
            classes,
            boxes,
            columns,
            tuple(notes),
        ),
    )


def _read_kfold(folder: Path) -> LabelTable:
    path = need_table(folder, *KFOLD)
    others = ["patientid", "studyid", "series_id", "imageid", "label", "hasbox", "fold"]
    cells = read_columns(path, [*others, *CLASSES])
    boxes = [_label_boxes(path, label) for label in cells["label"].tolist()]
    says = np.array([cell.lower() == "true" for cell in cells["hasbox"]])
    odd = cells["imageid"][says != np.array([len(drawn) > 0 for drawn in boxes])]
    if len(odd):
        raise LabelError(f"{path.name}: label and hasbox disagree on {len(odd)} images: "
                         f"{first_few(odd.tolist())}.")  # fmt: skip
    columns = {"series": cells["series_id"], "fold": cells["fold"]}
    return _table(
        folder,
        _Rows(
            path.name,
            cells["imageid"],
            cells["studyid"],
            cells["patientid"],
            _classes(path, cells),
            boxes,
            columns,
        ),
    )


def _table(folder: Path, rows: _Rows) -> LabelTable:
    twice = repeated(rows.images.tolist())
    if twice:
        raise LabelError(f"{len(twice)} images have two rows: {first_few(twice)}.")
    boxed = np.array([len(drawn) > 0 for drawn in rows.boxes])
    negative = rows.classes[:, 0] == State.PRESENT
    # Of a study's images, often copies of one picture, the readers drew boxes on one. Its other
    # images were not looked at, though the table says "none" of them as of empty ones.
    skipped = ~boxed & ~negative & np.isin(rows.studies, np.unique(rows.studies[boxed]))
    opacity = np.select([boxed, skipped], [State.PRESENT, State.UNMENTIONED], State.ABSENT)
    notes = list(rows.notes)
    if skipped.any():
        notes.append(
            f"{int(skipped.sum()):,} images without a box belong to studies with a box on another "
            "image: they count as not looked at, and opacity as unmentioned."
        )
    at = np.repeat(np.arange(len(boxed)), [len(drawn) for drawn in rows.boxes])
    corners = np.array([box for drawn in rows.boxes for box in drawn]).reshape(-1, 4)
    cut = int((corners[:, :2] < 0).any(1).sum())
    if cut:
        notes.append(f"{cut} boxes begin left of or above their image: cut at its edge.")
    corners[:, :2] = np.maximum(corners[:, :2], 0)
    xywh = np.column_stack([corners[:, :2], corners[:, 2:] - corners[:, :2]])
    table = LabelTable(
        images=rows.images,
        findings=(*CLASSES.values(), "opacity"),
        states=np.column_stack([rows.classes, opacity]).astype(np.uint8),
        patients=rows.patients,
        columns={"study": rows.studies, **rows.columns},
        boxes=reference_boxes(
            rows.name, rows.images, at, ["opacity"] * len(at), xywh, annotated=~skipped
        ),
        notes=tuple(notes),
    )
    found = locate(table, folder, FILES, name=lambda path: path.stem).table
    _check_tree(found)
    return found


def _check_tree(table: LabelTable) -> None:
    odd = [
        image
        for image, study in zip(table.images.tolist(), table.column("study").tolist(), strict=True)
        if "/" in image and Path(image).parts[1] != study
    ]
    if odd:
        raise LabelError(f"{len(odd)} files lie in the folder of another study: {first_few(odd)}.")


def _without(path: Path, ids: Text, ending: str) -> list[str]:
    odd = [name for name in ids.tolist() if not name.endswith(ending)]
    if odd:
        raise LabelError(f"{path.name}: {len(odd)} ids do not end in {ending}: {first_few(odd)}.")
    return [name.removesuffix(ending) for name in ids.tolist()]


def _classes(path: Path, cells: Mapping[str, Text]) -> NDArray[np.uint8]:
    classes = np.stack([stated(path, name, cells[name], STATES) for name in CLASSES], axis=1)
    wrong = np.flatnonzero((classes == State.PRESENT).sum(1) != 1)
    if len(wrong):
        rows = first_few((wrong + 2).tolist(), quoted=False)
        raise LabelError(f"{path.name}: {len(wrong)} rows have not exactly one class: rows {rows}.")
    return classes


def _label_boxes(path: Path, label: str) -> list[tuple[float, ...]]:
    """Boxes of "opacity 1 x1 y1 x2 y2 …"; none of "none 1 0 0 1 1"."""
    words = label.split()
    groups = [words[i : i + 6] for i in range(0, len(words), 6)]
    try:
        if not groups or {len(group) for group in groups} != {6}:
            raise ValueError
        boxes = [tuple(float(n) for n in group[2:]) for group in groups if group[0] == "opacity"]
        if any(group[0] not in {"opacity", "none"} for group in groups):
            raise ValueError
    except ValueError as error:
        raise LabelError(
            f"{path.name}: {label!r} is no label; wanted is 'opacity 1 left top right bottom', "
            "repeated, or 'none 1 0 0 1 1'."
        ) from error
    return boxes


def _check_agreement(
    path: Path, names: Text, boxes: Sequence[Sequence[tuple[float, ...]]], cells: Text
) -> None:
    odd = []
    for name, drawn, cell in zip(names.tolist(), boxes, cells.tolist(), strict=True):
        try:
            theirs = [
                (b["x"], b["y"], b["x"] + b["width"], b["y"] + b["height"])
                for b in (ast.literal_eval(cell) if cell else [])
            ]
            same = len(theirs) == len(drawn) and np.allclose(theirs, drawn, rtol=0, atol=AGREE_PX)
        except (ValueError, SyntaxError, TypeError, KeyError):
            same = False
        if not same:
            odd.append(name)
    if odd:
        raise LabelError(
            f"{path.name}: columns boxes and label disagree on {len(odd)} images: {first_few(odd)}."
        )


def _patients(folder: Path, images: Text) -> tuple[Text | None, dict[str, Text]]:
    path = find_table(folder, *META, *KFOLD)
    if path is None:
        return None, {}
    cells = read_columns(path, ["imageid", "patientid", "series_id"])
    row_of = {name: row for row, name in enumerate(cells["imageid"].tolist())}
    lost = [name for name in images.tolist() if name not in row_of]
    if lost:
        raise LabelError(f"{path.name} lacks {len(lost)} of the images: {first_few(lost)}.")
    at = [row_of[name] for name in images.tolist()]
    return cells["patientid"][at], {"series": cells["series_id"][at]}


def _boxed(table: LabelTable) -> NDArray[np.bool_]:
    rows = np.zeros(0, np.int64) if table.boxes is None else table.boxes.row
    return np.isin(np.arange(len(table)), rows)


def _count(what: str, expected: int, which: Callable[[NDArray, NDArray], NDArray]) -> Count:
    def found(table: LabelTable) -> int:
        at = table.findings.index("negative_for_pneumonia")
        return int(which(table.states[:, at] == State.PRESENT, _boxed(table)).sum())

    return Count(what, expected, found)


# Counted by the users of train_study_level.csv and train_image_level.csv, and in the k-fold table.
_COUNTS = (
    counts.images(6_334),
    counts.distinct("study", 6_054, "studies"),
    counts.patients(3_261),
    counts.boxes(7_853),
    _count("negative without a box", 1_736, lambda negative, boxed: negative & ~boxed),
    _count("not negative without a box", 304, lambda negative, boxed: ~negative & ~boxed),
    _count("not negative with a box", 4_294, lambda negative, boxed: ~negative & boxed),
    _count("negative with a box", 0, lambda negative, boxed: negative & boxed),
    *counts.present({
        "negative_for_pneumonia": 1_736,
        "typical_appearance": 3_007,
        "indeterminate_appearance": 1_108,
        "atypical_appearance": 483,
    }),
)  # fmt: skip

COLLECTION = Collection(
    name="siim-covid19",
    title="SIIM-FISABIO-RSNA COVID-19",
    about="Radiographs of patients with and without COVID-19 from Valencia and from RICORD: one of "
    "four appearances a study, and boxes around opacities; DICOM, 128 GB with the test files.",
    citation="Lakhani P, Mongan J, Singhal C, et al. The 2021 SIIM-FISABIO-RSNA Machine Learning "
    "COVID-19 Challenge: Annotation and Standard Exam Classification of COVID-19 Chest "
    "Radiographs. J Digit Imaging 2023;36:365–372.",
    licence="Rules of the competition: non-commercial research (BIMCV-COVID19 and RICORD, "
    "CC BY-NC 4.0).",
    home="https://www.kaggle.com/c/siim-covid19-detection",
    layout="""\
train_study_level.csv          a row a study: four classes
train_image_level.csv          a row an image: boxes
siim_covid19_train_meta.csv    a row an image: patientid; not in the download
siim_covid19_train_kfold.csv   all of these and five folds (variant kfold); not in the download
train/STUDY/SERIES/IMAGE.dcm""",
    files=FILES,
    variants={
        "original": Variant(
            about="The two tables of the download, joined.", read=_read_original, counts=_COUNTS
        ),
        "kfold": Variant(
            about="One table with patients and five folds by patient (dungnb1333's solution).",
            read=_read_kfold,
            counts=_COUNTS,
        ),
    },
    labels=LABELS,
    undecided={"none": "means that no box was drawn; the finding opacity is absent then."},
)
