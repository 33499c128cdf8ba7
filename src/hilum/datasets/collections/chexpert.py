"""CheXpert: fourteen observations with uncertainty, mined from reports; frontal and lateral."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from hilum.datasets import counts
from hilum.datasets.collection import Collection, Variant
from hilum.datasets.columns import STATES, one_row_an_image, stated, tidy
from hilum.datasets.files import find_table, locate
from hilum.datasets.source import read_columns
from hilum.domain import LabelTable
from hilum.domain.text import Text, first_few, text
from hilum.errors import LabelError

LABELS: Mapping[str, str | None] = {
    "No Finding": "no_finding",
    "Enlarged Cardiomediastinum": "enlarged_cardiomediastinum",
    "Cardiomegaly": "cardiomegaly",
    "Lung Opacity": "opacity",
    "Lung Lesion": "lung_lesion",
    "Edema": "edema",
    "Consolidation": "consolidation",
    "Pneumonia": "pneumonia",
    "Atelectasis": "atelectasis",
    "Pneumothorax": "pneumothorax",
    "Pleural Effusion": "effusion",
    "Pleural Other": "pleural_other",
    "Fracture": "fracture",
    "Support Devices": "support_devices",
}
"""In the order of the table."""

FINDINGS = tuple(str(key) for key in LABELS.values())

PARTS = {"train": "train", "valid": "tune"}

_TABLES = Path("train.csv and valid.csv")
"""How messages call the two tables, which are read as one."""

_FACTS = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA")

FILES = tuple(
    f"{root}{part}patient*/study*/*.jpg"
    for root in ("", "CheXpert-v1.0*/")
    for part in ("train/", "valid/", "")
)

NOTES = (
    (
        "An empty cell is a finding that the report does not mention, not one that is absent; a "
        "policy says what becomes of it and of the uncertain ones."
    ),
    "An age of 90 means 90 or more.",
    (
        "Labels of train are mined from reports; those of valid are read from the images by three "
        "radiologists, who marked every finding present or absent."
    ),
)


def _read(folder: Path) -> LabelTable:
    notes = [*NOTES]
    parts: list[dict[str, Text]] = []
    for name, part in PARTS.items():
        path = find_table(folder, f"{name}.csv")
        if path is None:
            notes.append(f"{name}.csv is not here.")
            continue
        cells = read_columns(path, [*_FACTS, *LABELS])
        parts.append(cells | {"split": text([part]).repeat(len(cells["Path"]))})
    if not parts:
        raise LabelError(f"Neither train.csv nor valid.csv is in {folder} or a folder below it.")
    cells = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    images, patients, studies = _names(cells["Path"])
    ages = tidy(_TABLES, "age_years", cells["Age"])
    if (ages == 0).any():
        notes.append(f"{int((ages == 0).sum()):,} ages of 0 years are unknown ages.")
    states = np.stack([stated(_TABLES, name, cells[name], STATES) for name in LABELS], axis=1)
    columns = {
        "study": studies,
        "view": _views(cells["Frontal/Lateral"], cells["AP/PA"]),
        "sex": tidy(_TABLES, "sex", cells["Sex"]),
        "age_years": np.where(ages == 0, np.float32(np.nan), ages),
        "split": cells["split"],
    }
    table = one_row_an_image(_TABLES.name, images, patients, (FINDINGS, states), columns)
    table = replace(table, notes=tuple(notes))
    return locate(table, folder, FILES, name=lambda path: "/".join(path.parts[-3:])).table


def _names(cells: Text) -> tuple[Text, Text, Text]:
    """Images, patients and studies from "CheXpert-v1.0/train/patient00001/study1/view1_x.jpg".

    The first folders differ between downloads: a version with or without "-small", batches; the
    last three parts are the same in all of them.
    """
    images, patients, studies, odd = [], [], [], []
    for cell in cells.tolist():
        parts = PurePosixPath(cell).parts[-3:]
        if len(parts) < 3 or not parts[0].startswith("patient") or parts[1][:5] != "study":
            odd.append(cell)
            continue
        images.append("/".join(parts))
        patients.append(parts[0])
        studies.append(f"{parts[0]}/{parts[1]}")
    if odd:
        raise LabelError(
            f"{_TABLES.name}: {len(odd)} paths do not end in patient…/study…/view….jpg: "
            f"{first_few(odd)}."
        )
    return text(images), text(patients), text(studies)


_VIEWS = {("Frontal", "AP"): "AP", ("Frontal", "PA"): "PA", ("Lateral", ""): "lateral"}


def _views(side: Text, direction: Text) -> Text:
    pairs, inverse = np.unique(side + "|" + direction, return_inverse=True)
    views = []
    for pair in pairs.tolist():
        which, _, way = pair.partition("|")
        if which not in {"Frontal", "Lateral", ""}:
            raise LabelError(f"{_TABLES.name}: {which!r} is neither Frontal nor Lateral.")
        lateral = "lateral" if which == "Lateral" else "other" if which else ""
        views.append(_VIEWS.get((which, way), lateral))
    return text(views)[inverse]


COLLECTION = Collection(
    name="chexpert",
    title="CheXpert",
    about="Chest radiographs of Stanford Hospital, 2002 to 2017, frontal and lateral, with "
    "fourteen observations mined from reports: present, absent, uncertain or not mentioned.",
    citation="Irvin J, Rajpurkar P, Ko M, et al. CheXpert: A Large Chest Radiograph Dataset with "
    "Uncertainty Labels and Expert Comparison. AAAI 2019;33:590–597.",
    licence="Stanford University Dataset Research Use Agreement: research, not commercial, no "
    "redistribution; read and accepted on the download page.",
    home="https://stanfordmlgroup.github.io/competitions/chexpert/",
    layout="""\
train.csv, valid.csv
train/patient00001/study1/view1_frontal.jpg …
valid/patient64541/study1/view1_frontal.jpg …
(all below CheXpert-v1.0-small/ or CheXpert-v1.0/ as the archives unpack; the large version in
folders "CheXpert-v1.0 batch 2 (train 1)/patient00001/…" works too)""",
    files=FILES,
    variants={
        "reports": Variant(
            about="train as mined from reports and valid as read by radiologists.",
            read=_read,
            # Irvin et al. 2019, and the download page.
            counts=(
                counts.images(223_648),
                counts.patients(64_740),
                counts.part(223_414, "train"),
                counts.part(234, "tune"),
            ),
        )
    },
    labels=LABELS,
)
