"""PadChest: findings and diagnoses of Spanish reports, by physicians and by a network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets import counts
from hilum.datasets.collection import Collection, Variant
from hilum.datasets.collections.padchest_labels import LABELS, UNDECIDED
from hilum.datasets.columns import named, one_row_an_image, tidy
from hilum.datasets.dates import iso_dates, visits
from hilum.datasets.files import locate, need_table
from hilum.datasets.kinds import with_kinds
from hilum.datasets.source import read_columns
from hilum.domain import LabelTable, State
from hilum.domain.text import Text, coded, first_few, text
from hilum.errors import LabelError

TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"

FILES = ("[0-9]*/*.png", "*.png", "images*/*.png", "images*/[0-9]*/*.png")

FINDINGS = tuple(dict.fromkeys(key for key in LABELS.values() if key is not None))

_FACTS = (
    "ImageID", "StudyDate_DICOM", "StudyID", "PatientID", "PatientBirth", "PatientSex_DICOM",
    "Projection", "Pediatric", "Manufacturer_DICOM", "Rows_DICOM", "Columns_DICOM", "MethodLabel",
    "Labels",
)  # fmt: skip
"""Columns that are read; the report itself is not."""

VIEWS = {"PA": "PA", "L": "lateral", "AP": "AP", "AP_horizontal": "AP", "": ""}
"""Other values, such as "COSTAL" or "EXCLUDE", are "other"."""

SEXES = {"F": "F", "M": "M", "O": "O"}

DAMAGED = frozenset({
    "216840111366964012819207061112010307142602253_04-014-084.png",
    "216840111366964012989926673512011074122523403_00-163-058.png",
    "216840111366964012959786098432011033083840143_00-176-115.png",
    "216840111366964012558082906712009327122220177_00-102-064.png",
    "216840111366964012339356563862009072111404053_00-043-192.png",
    "216840111366964013076187734852011291090445391_00-196-188.png",
    "216840111366964012373310883942009117084022290_00-064-025.png",
    "216840111366964012283393834152009033102258826_00-059-087.png",
    "216840111366964012373310883942009170084120009_00-097-074.png",
    "216840111366964012819207061112010315104455352_04-024-184.png",
    "216840111366964012819207061112010306085429121_04-020-102.png",
})  # fmt: skip
"""Files that cannot be decoded as published; the list of torchxrayvision's reader."""

NOTES = (
    "Ages are the year of the study less the year of birth: up to one year too high.",
    (
        "Findings that a report does not name are absent, wider findings of those that it names "
        "are present, and kinds of them are unmentioned. Where a report says 'unchanged' or "
        "'exclude', or nothing of any finding, what it does not name is unmentioned."
    ),
)


def _read(folder: Path, method: str = "") -> LabelTable:
    path = need_table(folder, TABLE)
    cells = read_columns(path, _FACTS, where={"MethodLabel": method} if method else None)
    states, marks = _states(path, cells["Labels"])
    sexes, views = cells["PatientSex_DICOM"], cells["Projection"]
    patient, study = cells["PatientID"], cells["StudyID"]
    date = iso_dates(path, "StudyDate_DICOM", cells["StudyDate_DICOM"])
    damaged = np.isin(cells["ImageID"], text(sorted(DAMAGED)))
    columns = {
        "study": study,
        "view": _spelt(views, VIEWS, "other"),
        "sex": _spelt(sexes, SEXES, ""),
        "age_years": _ages(path, date, cells["PatientBirth"]),
        "date": date,
        "visit": visits(patient, study, date),
        "width_px": tidy(path, "width_px", cells["Columns_DICOM"]),
        "height_px": tidy(path, "height_px", cells["Rows_DICOM"]),
        "projection": views,
        "paediatric": cells["Pediatric"],
        "manufacturer": cells["Manufacturer_DICOM"],
        "labelled_by": cells["MethodLabel"],
        "remarks": marks,
        "damaged": np.where(damaged, text(["yes"]), text([""])),
    }
    table = one_row_an_image(path.name, cells["ImageID"], patient, (FINDINGS, states), columns)
    notes = [*NOTES]
    if damaged.any():
        many = int(damaged.sum())
        told = "1 image is" if many == 1 else f"{many:,} images are"
        notes.append(f"{told} damaged as published: column damaged.")
    return locate(replace(table, notes=tuple(notes)), folder, FILES).table


_LIST = re.compile(r"\[(?:'[^']*'(?:, )?)*\]")


def _states(path: Path, cells: Text) -> tuple[NDArray[np.uint8], Text]:
    """States from cells that hold a list in Python's writing, and what is said of the report."""
    values, inverse = coded(cells)
    lists, marks, odd = [], [], []
    for value in values.tolist():
        if value.casefold() in {"", "nan"}:
            labels: list[str] = []
        elif _LIST.fullmatch(value):
            labels = [part.strip().casefold() for part in value[1:-1].split("'")[1::2]]
        else:
            labels = []
            odd.append(value)
        lists.append("|".join(filter(None, labels)))
        marks.append("|".join(mark for mark in REMARKS if mark in labels))
    if odd:
        raise LabelError(
            f"{path.name}: {len(odd)} cells of Labels are no list of labels: {first_few(odd)}."
        )
    known = {label.casefold(): key for label, key in LABELS.items()}
    found = named(path, text(lists)[inverse], "|", known, also=FINDINGS)
    states = with_kinds(FINDINGS, np.column_stack([found[key] for key in FINDINGS]))
    silent = np.array(["unchanged" in m or "exclude" in m for m in marks], np.bool_)[inverse]
    states[silent[:, None] & (states == State.ABSENT)] = State.UNMENTIONED
    return states, text(marks)[inverse]


REMARKS = ("exclude", "suboptimal study", "unchanged")
"""Labels of the report rather than of the patient; kept in the column ``remarks``."""


def _spelt(cells: Text, spellings: Mapping[str, str], otherwise: str) -> Text:
    values, inverse = coded(cells)
    return text([spellings.get(value.strip(), otherwise) for value in values.tolist()])[inverse]


def _ages(path: Path, date: Text, births: Text) -> NDArray[np.float32]:
    values, inverse = coded(births)
    years, odd = [], []
    for value in values.tolist():
        try:
            years.append(float(value) if value.strip() else np.nan)
        except ValueError:
            years.append(np.nan)
            odd.append(value)
    if odd:
        raise LabelError(f"{path.name}: {first_few(odd)} cannot be taken for a year of birth.")
    days, day = coded(date)
    studied = np.array([float(d[:4]) if d else np.nan for d in days.tolist()])[day]
    ages = studied - np.array(years)[inverse]
    return np.where((ages >= 0) & (ages <= OLDEST), ages, np.nan).astype(np.float32)


OLDEST = 120
"""Ages above, and below 0, are errors of the header."""

COLLECTION = Collection(
    name="padchest",
    title="PadChest",
    about="Chest radiographs of the Hospital San Juan, Alicante, 2009 to 2017, in six projections, "
    "with findings and diagnoses of the reports: a quarter by physicians, the rest by a recurrent "
    "network; 16-bit PNG.",
    citation="Bustos A, Pertusa A, Salinas JM, de la Iglesia-Vayá M. PadChest: A large chest x-ray "
    "image dataset with multi-label annotated reports. Medical Image Analysis 2020;66:101797.",
    licence="Dataset Research Use Agreement of BIMCV, read and accepted on the download page: "
    "research, not commercial, no redistribution.",
    home="https://bimcv.cipf.es/bimcv-projects/padchest/",
    layout=f"""\
{TABLE} (or .gz)
0/<ImageID> … 54/<ImageID>      as the archives 0.zip … 54.zip unpack
(or all images in one folder: this one, or images*/)""",
    files=FILES,
    variants={
        "all": Variant(
            about="Labels by physicians and by the network.",
            read=_read,
            # Bustos et al. 2020.
            counts=(
                counts.images(160_868),
                counts.patients(67_625),
                counts.distinct("study", 109_931, "studies"),
            ),
        ),
        "physician": Variant(
            about="Only reports that physicians labelled.",
            read=lambda folder: _read(folder, "Physician"),
        ),
        "network": Variant(
            about="Only reports that the network labelled.",
            read=lambda folder: _read(folder, "RNN_model"),
        ),
    },
    labels=LABELS,
    undecided=UNDECIDED,
)
