"""MIMIC-CXR-JPG: metadata an image, labels a study, split an image, joined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets import counts
from hilum.datasets.collection import Collection, Variant
from hilum.datasets.columns import STATES, one_row_an_image, stated, tidy
from hilum.datasets.dates import iso_dates, visits
from hilum.datasets.files import find_table, locate, need_table
from hilum.datasets.source import read_columns, read_header
from hilum.domain import LabelTable, State
from hilum.domain.text import Text, first_few, text
from hilum.errors import LabelError

LABELS: Mapping[str, str | None] = {
    "Atelectasis": "atelectasis",
    "Cardiomegaly": "cardiomegaly",
    "Consolidation": "consolidation",
    "Edema": "edema",
    "Enlarged Cardiomediastinum": "enlarged_cardiomediastinum",
    "Fracture": "fracture",
    "Lung Lesion": "lung_lesion",
    "Lung Opacity": "opacity",
    "No Finding": "no_finding",
    "Pleural Effusion": "effusion",
    "Pleural Other": "pleural_other",
    "Pneumonia": "pneumonia",
    "Pneumothorax": "pneumothorax",
    "Support Devices": "support_devices",
}
"""In the order of the tables."""

ALSO = {"Lung Opacity": "Airspace Opacity"}
"""Other spellings of labels in the tables."""

FINDINGS = tuple(str(key) for key in LABELS.values())

METADATA = "mimic-cxr-2.0.0-metadata.csv"
SPLIT = "mimic-cxr-2.0.0-split.csv"
LABELLERS = {
    "chexpert": "mimic-cxr-2.0.0-chexpert.csv",
    "negbio": "mimic-cxr-2.0.0-negbio.csv",
}
RADIOLOGIST = "mimic-cxr-2.1.0-test-set-labeled.csv"

_FACTS = (
    "dicom_id", "subject_id", "study_id", "ViewPosition", "Rows", "Columns", "StudyDate",
    "StudyTime",
)  # fmt: skip

FILES = ("files/p1*/p*/s*/*.jpg", "*/files/p1*/p*/s*/*.jpg")

VIEWS = {"PA": "PA", "AP": "AP", "LATERAL": "lateral", "LL": "lateral", "": ""}
"""Other values, such as "LAO" or "AP AXIAL", are "other"."""

NOTES = (
    "Dates are shifted by patient: the order of one patient's visits is true, the year is not.",
)


def _read(folder: Path, labels: str) -> LabelTable:
    metadata = need_table(folder, METADATA)
    facts = read_columns(metadata, _FACTS)
    table = _images(metadata, facts)
    path = need_table(folder, labels)
    states, unlabelled = _states(path, facts)
    split, notes = _split(folder, facts["dicom_id"])
    if unlabelled:
        notes.append(f"{unlabelled:,} studies have no row in {path.name}: unmentioned.")
    table = replace(
        table.with_states(FINDINGS, states),
        columns={**table.columns, "split": split},
        notes=(*NOTES, *notes),
    )
    return locate(table, folder, FILES, name=lambda file: "/".join(file.parts[-5:])).table


def _images(path: Path, facts: Mapping[str, Text]) -> LabelTable:
    patient, study, when = facts["subject_id"], facts["study_id"], facts["StudyDate"]
    ten = text([p[:2] for p in patient])
    days = iso_dates(path, "StudyDate", when)
    columns = {
        "study": study,
        "view": _views(facts["ViewPosition"]),
        "date": days,
        "visit": visits(patient, study, np.where(days == "", "", days + _clock(facts))),
        "width_px": tidy(path, "width_px", facts["Columns"]),
        "height_px": tidy(path, "height_px", facts["Rows"]),
    }
    images = "files/p" + ten + "/p" + patient + "/s" + study + "/" + facts["dicom_id"] + ".jpg"
    none = np.zeros((len(images), 0), np.uint8)
    return one_row_an_image(path.name, images, patient, ((), none), columns)


def _clock(facts: Mapping[str, Text]) -> Text:
    """Times of the day with their zeros in front: "3014.5" is 00:30:14."""
    times = facts["StudyTime"].tolist()
    return text([f"T{time.partition('.')[0].zfill(6)}" if time else "T" for time in times])


def _views(cells: Text) -> Text:
    values, inverse = np.unique(cells, return_inverse=True)
    return text([VIEWS.get(value.strip().upper(), "other") for value in values.tolist()])[inverse]


def _states(path: Path, facts: Mapping[str, Text]) -> tuple[NDArray[np.uint8], int]:
    header = read_header(path)
    names = [name if name in header else ALSO.get(name, name) for name in LABELS]
    cells = read_columns(path, ["study_id", *names])
    labelled = np.stack([stated(path, name, cells[name], STATES) for name in names], axis=1)
    key = cells["study_id"]
    studies, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    odd = (labelled != labelled[first][inverse]).any(1)
    if odd.any():
        raise LabelError(f"{path.name}: rows of {int(odd.sum())} studies disagree.")
    row_of = {study: row for row, study in enumerate(studies.tolist())}
    names, image = np.unique(facts["study_id"], return_inverse=True)
    at = np.array([row_of.get(study, -1) for study in names.tolist()], np.int64)
    known = at >= 0
    if not known.any():
        raise LabelError(f"{path.name} and {METADATA} share no study.")
    by_study = np.where(known[:, None], labelled[first][at], np.uint8(State.UNMENTIONED))
    return by_study[image], int((~known).sum())


def _split(folder: Path, images: Text) -> tuple[Text, list[str]]:
    path = find_table(folder, SPLIT)
    if path is None:
        return text([""]).repeat(len(images)), [f"No column split: {SPLIT} is not here."]
    cells = read_columns(path, ["dicom_id", "split"])
    part = dict(zip(cells["dicom_id"].tolist(), tidy(path, "split", cells["split"]).tolist(),
                    strict=True))  # fmt: skip
    found = [part.get(image, "") for image in images.tolist()]
    lacking = [image for image, where in zip(images.tolist(), found, strict=True) if not where]
    notes = [f"{len(lacking)} images stand in no part: {first_few(lacking)}."] if lacking else []
    return text(found), notes


def _read_radiologist(folder: Path) -> LabelTable:
    table = _read(folder, RADIOLOGIST)
    studies = read_columns(need_table(folder, RADIOLOGIST), ["study_id"])["study_id"]
    read = np.flatnonzero(np.isin(table.columns["study"], studies))
    return replace(table.rows(read), notes=NOTES)


# Johnson et al. 2019 (arXiv:1901.07042) and the page of version 2.0.0.
_ALL = (
    counts.images(377_110),
    counts.patients(65_379),
    counts.distinct("study", 227_835, "studies"),
    counts.part(368_960, "train"),
    counts.part(2_991, "tune"),
    counts.part(5_159, "test"),
)

COLLECTION = Collection(
    name="mimic-cxr-jpg",
    title="MIMIC-CXR-JPG 2.0.0 and later",
    about="Chest radiographs of the Beth Israel Deaconess Medical Center, 2011 to 2016, frontal "
    "and lateral, with fourteen labels mined from reports by two programs; JPEG.",
    citation="Johnson AEW, Pollard TJ, Greenbaum NR, et al. MIMIC-CXR-JPG, a large publicly "
    "available database of labeled chest radiographs. arXiv:1901.07042, 2019. "
    "doi:10.13026/jsn5-t979",
    licence="PhysioNet Credentialed Health Data License 1.5.0: credentials, training and a signed "
    "agreement; no redistribution.",
    home="https://physionet.org/content/mimic-cxr-jpg/",
    layout="""\
mimic-cxr-2.0.0-metadata.csv.gz       view, size, date
mimic-cxr-2.0.0-chexpert.csv.gz       labels by CheXpert's program (variant chexpert)
mimic-cxr-2.0.0-negbio.csv.gz         labels by NegBio (variant negbio)
mimic-cxr-2.0.0-split.csv.gz          train, validate, test
mimic-cxr-2.1.0-test-set-labeled.csv  a radiologist's labels of reports (variant radiologist)
files/p10/p10000032/s50414267/<dicom_id>.jpg …
(also one folder below)""",
    files=FILES,
    variants={
        "chexpert": Variant(
            about="Labels of reports by CheXpert's program.",
            read=lambda folder: _read(folder, LABELLERS["chexpert"]),
            counts=_ALL,
        ),
        "negbio": Variant(
            about="Labels of reports by NegBio.",
            read=lambda folder: _read(folder, LABELLERS["negbio"]),
            counts=_ALL,
        ),
        "radiologist": Variant(
            about="Labels that one radiologist gave to reports of the test part (2.1.0); only the "
            "images of those studies.",
            read=_read_radiologist,
        ),
    },
    labels=LABELS,
)
