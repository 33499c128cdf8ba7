"""VinDr-CXR: three readers an image in train, a consensus in test; boxes and six diagnoses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets import counts
from hilum.datasets.collection import Collection, Variant
from hilum.datasets.columns import stated
from hilum.datasets.files import find_table, locate, need_table
from hilum.datasets.reference_boxes import reference_boxes
from hilum.datasets.source import read_columns, read_header
from hilum.domain import LabelTable, State
from hilum.domain.boxes import Boxes
from hilum.domain.text import Text, first_few, text
from hilum.errors import LabelError

LABELS: Mapping[str, str | None] = {
    "Aortic enlargement": "aortic_enlargement",
    "Atelectasis": "atelectasis",
    "Calcification": "calcification",
    "Cardiomegaly": "cardiomegaly",
    "Clavicle fracture": "clavicle_fracture",
    "Consolidation": "consolidation",
    "Edema": "edema",
    "Emphysema": "emphysema",
    "Enlarged PA": "pulmonary_artery_enlargement",
    "ILD": "interstitial_lung_disease",
    "Infiltration": "infiltration",
    "Lung Opacity": "opacity",
    "Lung cavity": "cavity",
    "Lung cyst": "lung_cyst",
    "Mediastinal shift": "mediastinal_shift",
    "Nodule/Mass": "nodule_or_mass",
    "Pleural effusion": "effusion",
    "Pleural thickening": "pleural_thickening",
    "Pneumothorax": "pneumothorax",
    "Pulmonary fibrosis": "fibrosis",
    "Rib fracture": "rib_fracture",
    "Other lesion": "other_lesion",
    "COPD": "copd",
    "Lung tumor": "lung_tumour",
    "Pneumonia": "pneumonia",
    "Tuberculosis": "tuberculosis",
    "Other diseases": "other_disease",
    "No finding": "no_finding",
}
"""22 local labels with boxes, then the diagnoses of the whole image."""

ALSO = {"Other diseases": "Other disease"}
"""Other spellings of labels in the tables."""

NO_FINDING = -1
"""Its column in both tables; present by "any" only where all readers found nothing."""

KAGGLE = (
    "Aortic enlargement", "Atelectasis", "Calcification", "Cardiomegaly", "Consolidation", "ILD",
    "Infiltration", "Lung Opacity", "Nodule/Mass", "Other lesion", "Pleural effusion",
    "Pleural thickening", "Pneumothorax", "Pulmonary fibrosis", "No finding",
)  # fmt: skip
"""The labels of the competition, in the order of class_id."""

ANSWERS = {"1": State.PRESENT, "1.0": State.PRESENT, "0": State.ABSENT, "0.0": State.ABSENT}

FILES = tuple(
    f"{root}{part}/*.{end}"
    for root in ("", "*/")
    for part in ("train", "test")
    for end in ("dicom", "dcm")
)

CORNERS = ("x_min", "y_min", "x_max", "y_max")

NAMELESS = (
    "The publisher names no patients: each image counts as a patient of its own. Search for "
    "near-duplicates before splitting."
)


@dataclass(frozen=True, slots=True, eq=False)
class _Reads:
    """What readers said of the images of one part; a row a reader and image.

    Attributes:
        images: text [images].
        image: int64 [reads], row of ``images``; rising.
        reader: text [reads]; "" for a consensus. Rising within an image.
        present: bool [reads, findings].
    """

    images: Text
    image: NDArray[np.int64]
    reader: Text
    present: NDArray[np.bool_]


def _reads(images: Text, reader: Text, present: NDArray[np.bool_]) -> _Reads:
    names, image = np.unique(images, return_inverse=True)
    _, rank = np.unique(reader, return_inverse=True)
    order = np.lexsort((rank, image))
    return _Reads(names, image[order], reader[order], present[order])


_Rule = Callable[[_Reads], NDArray[np.uint8]]


def _votes(reads: _Reads) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    starts = np.flatnonzero(np.diff(reads.image, prepend=-1))
    yes = np.add.reduceat(reads.present.astype(np.int64), starts, axis=0)
    return yes, np.bincount(reads.image)[:, None]


def _majority(reads: _Reads) -> NDArray[np.uint8]:
    yes, readers = _votes(reads)
    states = np.where(2 * yes > readers, State.PRESENT, State.ABSENT)
    return np.where(2 * yes == readers, State.UNCERTAIN, states).astype(np.uint8)


def _any(reads: _Reads) -> NDArray[np.uint8]:
    yes, readers = _votes(reads)
    said = yes > 0
    said[:, NO_FINDING] = (yes == readers)[:, NO_FINDING]
    return np.where(said, State.PRESENT, State.ABSENT).astype(np.uint8)


def _agreement(reads: _Reads) -> NDArray[np.uint8]:
    yes, readers = _votes(reads)
    states = np.where(yes == 0, State.ABSENT, State.UNCERTAIN)
    return np.where(yes == readers, State.PRESENT, states).astype(np.uint8)


def _alone(number: int) -> _Rule:
    def rule(reads: _Reads) -> NDArray[np.uint8]:
        said = reads.present[_rows_of(reads, number)]
        return np.where(said, State.PRESENT, State.ABSENT).astype(np.uint8)

    return rule


def _rows_of(reads: _Reads, number: int) -> NDArray[np.int64]:
    """The read of each image's first, second … reader; a consensus is everybody's."""
    starts = np.flatnonzero(np.diff(reads.image, prepend=-1))
    readers = np.bincount(reads.image)
    few = (readers > 1) & (readers <= number)
    if few.any():
        names = reads.images[few].tolist()
        raise LabelError(f"{len(names)} images have no reader {number + 1}: {first_few(names)}.")
    return starts + np.where(readers == 1, 0, number)


def _read(folder: Path, rule: _Rule, only: int | None = None) -> LabelTable:
    parts = []
    for part in ("train", "test"):
        path = find_table(folder, *_below("image_labels", part))
        if path is not None:
            reads = _labels(path)
            drawn = need_table(folder, *_below("annotations", part))
            parts.append(_part(reads, rule, drawn, tuple(LABELS), only=only, part=part))
    if not parts:
        raise LabelError(
            f"Neither annotations/image_labels_train.csv nor image_labels_test.csv is in {folder}, "
            f"nor in a folder below it."
        )
    return _located(parts, tuple(LABELS), folder)


def _below(name: str, part: str) -> tuple[str, str]:
    return f"annotations/{name}_{part}.csv", f"{name}_{part}.csv"


def _read_kaggle(folder: Path) -> LabelTable:
    path = need_table(folder, "train.csv")
    cells = read_columns(path, ["image_id", "class_name", "rad_id"])
    _known(path, cells["class_name"], KAGGLE)
    pairs, first, pair = np.unique(
        cells["image_id"] + " " + cells["rad_id"], return_index=True, return_inverse=True
    )
    present = np.zeros((len(pairs), len(KAGGLE)), np.bool_)
    number = {label: at for at, label in enumerate(KAGGLE)}
    present[pair, [number[label] for label in cells["class_name"].tolist()]] = True
    reads = _reads(cells["image_id"][first], cells["rad_id"][first], present)
    return _located([_part(reads, _majority, path, KAGGLE, part="train")], KAGGLE, folder)


def _labels(path: Path) -> _Reads:
    header = read_header(path)
    names = [label if label in header else ALSO.get(label, label) for label in LABELS]
    reader = ["rad_id"] if "rad_id" in header else []
    cells = read_columns(path, ["image_id", *reader, *names])
    states = np.stack([stated(path, name, cells[name], ANSWERS) for name in names], axis=1)
    consensus = text([""]).repeat(len(states))
    readers = cells["rad_id"] if reader else consensus
    pairs = cells["image_id"] + " " + readers
    if len(np.unique(pairs)) < len(pairs):
        raise LabelError(f"{path.name}: a reader has two rows on one image.")
    return _reads(cells["image_id"], readers, states == State.PRESENT)


def _part(
    reads: _Reads,
    rule: _Rule,
    drawn: Path,
    labels: tuple[str, ...],
    *,
    only: int | None = None,
    part: str,
) -> LabelTable:
    states = rule(reads)
    starts = np.flatnonzero(np.diff(reads.image, prepend=-1))
    readers = [" ".join(names) for names in np.split(reads.reader, starts[1:])]
    chosen = None if only is None else reads.reader[_rows_of(reads, only)]
    boxes, notes = _boxes(drawn, reads.images, states, labels, chosen)
    return LabelTable(
        images=reads.images,
        findings=_keys(labels),
        states=states,
        patients=reads.images,
        columns={
            "view": text(["PA"]).repeat(len(states)),
            "split": text([part]).repeat(len(states)),
            "readers": text(readers),
            "votes": _told(reads, labels),
        },
        boxes=boxes,
        notes=notes,
    )


def _keys(labels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(LABELS[label]) for label in labels)


def _told(reads: _Reads, labels: tuple[str, ...]) -> Text:
    """Votes for what any reader saw: "cardiomegaly 2/3; nodule_or_mass 1/3"."""
    yes, readers = _votes(reads)
    keys, cells = _keys(labels), [""] * len(yes)
    for row, at in np.argwhere(yes > 0).tolist():
        cells[row] += f"{'; ' if cells[row] else ''}{keys[at]} {yes[row, at]}/{readers[row, 0]}"
    return text(cells)


def _boxes(
    path: Path,
    images: Text,
    states: NDArray[np.uint8],
    labels: tuple[str, ...],
    chosen: Text | None,
) -> tuple[Boxes, tuple[str, ...]]:
    """Boxes of every reader, or of the chosen one, where the table does not say absent."""
    header = read_header(path)
    reader = ["rad_id"] if "rad_id" in header and chosen is not None else []
    cells = read_columns(path, ["image_id", "class_name", *reader, *CORNERS])
    _known(path, cells["class_name"], labels)
    drawn = cells["class_name"] != "No finding"
    cells = {name: values[drawn] for name, values in cells.items()}
    row_of = {image: row for row, image in enumerate(images.tolist())}
    at = np.array([row_of.get(image, -1) for image in cells["image_id"].tolist()], np.int64)
    strangers = np.unique(cells["image_id"][at < 0]).tolist()
    if strangers:
        raise LabelError(f"{path.name}: {len(strangers)} images have no row of labels: "
                         f"{first_few(strangers)}.")  # fmt: skip
    number = {label: n for n, label in enumerate(labels)}
    column = np.array([number[label] for label in cells["class_name"].tolist()], np.int64)
    try:
        left, top, right, bottom = (cells[name].astype(np.float64) for name in CORNERS)
    except ValueError as error:
        raise LabelError(f"{path.name}: a corner of a box is no number: {error}.") from error
    keep = states[at, column] != State.ABSENT
    if reader and chosen is not None:
        keep &= cells["rad_id"] == chosen[at]
    flat = keep & ((right <= left) | (bottom <= top))
    keep &= ~flat
    notes = (f"{path.name}: {int(flat.sum())} boxes without area left out.",) if flat.any() else ()
    xywh = np.stack([left, top, right - left, bottom - top], axis=1)[keep]
    keys = text(_keys(labels))[column[keep]]
    looked = np.ones(len(images), np.bool_)
    return reference_boxes(path.name, images, at[keep], keys, xywh, annotated=looked), notes


def _known(path: Path, cells: Text, labels: tuple[str, ...]) -> None:
    odd = sorted(set(cells.tolist()) - set(labels))
    if odd:
        raise LabelError(f"{path.name}: unknown labels {first_few(odd)}.")


def _located(parts: list[LabelTable], labels: tuple[str, ...], folder: Path) -> LabelTable:
    starts = np.cumsum([0, *(len(table) for table in parts)])
    drawn = [table.boxes for table in parts if table.boxes is not None]
    table = LabelTable(
        images=np.concatenate([table.images for table in parts]),
        findings=_keys(labels),
        states=np.concatenate([table.states for table in parts]),
        patients=np.concatenate([table.patients for table in parts]),
        columns={
            name: np.concatenate([table.columns[name] for table in parts])
            for name in parts[0].columns
        },
        boxes=Boxes(
            np.concatenate([b.row + start for b, start in zip(drawn, starts, strict=False)]),
            np.concatenate([b.finding for b in drawn]),
            np.concatenate([b.xywh for b in drawn]),
            np.concatenate([b.annotated for b in drawn]),
        ),
    )
    notes = (NAMELESS, *(note for part in parts for note in part.notes))
    if len(parts) == 1:
        notes += (f"Only the part {str(parts[0].columns['split'][0])!r} is here.",)
    return locate(replace(table, notes=notes), folder, FILES, name=lambda path: path.stem).table


# Nguyen et al. 2022 and the page of version 1.0.0.
_ALL = (counts.images(18_000), counts.part(15_000, "train"), counts.part(3_000, "test"))
_ONE = " reader's read of each image of train, in the order of the readers' names; and consensus."

COLLECTION = Collection(
    name="vindr-cxr",
    title="VinDr-CXR 1.0.0",
    about="Adults' PA radiographs of two hospitals in Hanoi, 2018 to 2020, DICOM: 22 findings with "
    "boxes and six diagnoses, by three of 17 radiologists each in train, by a consensus of five in "
    "test.",
    citation="Nguyen HQ, Lam K, Le LT, et al. VinDr-CXR: An open dataset of chest X-rays with "
    "radiologist's annotations. Scientific Data 2022;9:429. doi:10.13026/3akn-b287",
    licence="PhysioNet Credentialed Health Data License 1.5.0: credentials, training and a signed "
    "agreement; no redistribution. The competition has rules of its own, on its page.",
    home="https://physionet.org/content/vindr-cxr/",
    layout="""\
annotations/image_labels_train.csv, image_labels_test.csv      a row a reader and image
annotations/annotations_train.csv, annotations_test.csv        boxes
train/<image_id>.dicom …, test/<image_id>.dicom …
(also one folder below, as 1.0.0/)
the competition VinBigData (variant kaggle): train.csv, train/<image_id>.dicom …""",
    files=FILES,
    variants={
        "majority": Variant(
            about="Present where more than half of the readers say so; boxes of all readers for "
            "what is present, so that one finding may have several.",
            read=lambda folder: _read(folder, _majority),
            counts=_ALL,
        ),
        "any": Variant(
            about="Present where any reader says so, no finding where all do; boxes of all.",
            read=lambda folder: _read(folder, _any),
            counts=_ALL,
        ),
        "agreement": Variant(
            about="Uncertain where the readers disagree.",
            read=lambda folder: _read(folder, _agreement),
            counts=_ALL,
        ),
        "reader-1": Variant(
            about="The first" + _ONE,
            read=lambda folder: _read(folder, _alone(0), 0),
            counts=_ALL,
        ),
        "reader-2": Variant(
            about="The second" + _ONE,
            read=lambda folder: _read(folder, _alone(1), 1),
            counts=_ALL,
        ),
        "reader-3": Variant(
            about="The third" + _ONE,
            read=lambda folder: _read(folder, _alone(2), 2),
            counts=_ALL,
        ),
        "kaggle": Variant(
            about="The competition's table: 14 findings, train alone, present by majority.",
            read=_read_kaggle,
            counts=(counts.images(15_000),),
        ),
    },
    labels=LABELS,
)
