"""The COVID-19 image data collection: case reports with course, outcome and licence a row."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from hilum.datasets import counts
from hilum.datasets.collection import Collection, Count, Variant
from hilum.datasets.columns import one_row_an_image
from hilum.datasets.files import find_table, locate, need_table
from hilum.datasets.kinds import left_open
from hilum.datasets.source import read_columns, read_header
from hilum.domain import LabelTable, State
from hilum.domain.findings import wider
from hilum.domain.text import Text, first_few, text
from hilum.errors import LabelError

FILES = ("images/*",)
METADATA = ("metadata.csv", "ieee8023_metadata_2020-06-24.csv")
SEVERITY = ("covid-severity-scores.csv", "ieee8023_covid-severity-scores.csv")
LUNGS = ("lung_bounding_boxes.json", "ieee8023_lung_bounding_boxes.json")

_KINDS = {
    "Viral": "viral_pneumonia", "Viral/COVID-19": "covid_19", "Viral/SARS": "sars",
    "Viral/MERS-CoV": "mers", "Viral/Varicella": "varicella_pneumonia",
    "Viral/Influenza": "influenza_pneumonia", "Viral/Influenza/H1N1": "h1n1_pneumonia",
    "Viral/Herpes": "herpes_pneumonia", "Bacterial": "bacterial_pneumonia",
    "Bacterial/Streptococcus": "streptococcal_pneumonia",
    "Bacterial/Staphylococcus": "staphylococcal_pneumonia",
    "Bacterial/Staphylococcus/MRSA": "mrsa_pneumonia",
    "Bacterial/Klebsiella": "klebsiella_pneumonia", "Bacterial/E.Coli": "e_coli_pneumonia",
    "Bacterial/Legionella": "legionella_pneumonia", "Bacterial/Mycoplasma": "mycoplasma_pneumonia",
    "Bacterial/Chlamydophila": "chlamydophila_pneumonia",
    "Bacterial/Nocardia": "nocardia_pneumonia", "Fungal": "fungal_pneumonia",
    "Fungal/Pneumocystis": "pneumocystis_pneumonia", "Fungal/Aspergillosis": "aspergillosis",
    "Lipoid": "lipoid_pneumonia", "Aspiration": "aspiration_pneumonia",
}  # fmt: skip
"""What stands behind "Pneumonia/"; editions before July 2020 write the last word alone."""

LABELS: Mapping[str, str | None] = (
    {"Pneumonia": "pneumonia"}
    | {f"Pneumonia/{path}": key for path, key in _KINDS.items()}
    | {path.rsplit("/", maxsplit=1)[-1]: key for path, key in _KINDS.items()}
    | {
        "Mycoplasma Bacterial Pneumonia": "mycoplasma_pneumonia",
        "Tuberculosis": "tuberculosis",
        "ARDS": "ards",
        "No Finding": "no_finding",
        "todo": None,
        "Unknown": None,
    }
)

UNDECIDED = {
    "todo": "nobody has entered a finding yet: all findings are unmentioned.",
    "Unknown": "the source does not know: all findings are unmentioned.",
}

CLINICAL = (
    "intubated", "intubation_present", "went_icu", "in_icu", "needed_supplemental_O2", "extubated",
    "temperature", "pO2_saturation", "leukocyte_count", "neutrophil_count", "lymphocyte_count",
    "location", "doi", "url",
)  # fmt: skip
"""Columns kept as they are written; "?" is unknown."""

SURVIVAL = {"Y": State.ABSENT, "N": State.PRESENT, "": State.UNMENTIONED, "?": State.UNMENTIONED}
"""Survival → state of the finding death."""


def read(folder: Path) -> LabelTable:
    """Read the radiographs of the collection; CT is left out.

    Args:
        folder: with metadata.csv, annotations/ and images/.

    Raises:
        LabelError: no metadata.csv, a column is missing, labels outside the vocabulary.
    """
    path = need_table(folder, *METADATA)
    cells = {
        name: text([cell.strip() for cell in column]) for name, column in read_columns(path).items()
    }
    lacking = {"patientid", "finding", "view", "modality", "filename"} - set(cells)
    if lacking:
        raise LabelError(f"{path.name} lacks {sorted(lacking)}; it has {read_header(path)}.")
    drawn = cells["modality"] == "X-ray"
    notes = []
    if not drawn.all():
        others = ", ".join(sorted(set(cells["modality"][~drawn].tolist())))
        notes.append(f"{int((~drawn).sum())} rows are no radiographs ({others}): left out.")
    cells = {name: column[drawn] for name, column in cells.items()}
    unlabelled = int(np.isin(cells["finding"], ["", "todo", "Unknown"]).sum())
    if unlabelled:
        notes.append(f"{unlabelled} radiographs have no finding (todo, Unknown): unmentioned.")
    table = one_row_an_image(
        path.name, cells["filename"], cells["patientid"], _states(path, cells), _columns(cells)
    )
    for wanted, brought in (("days", "offset"), ("age_years", "age"), ("date", "date")):
        if brought in cells:
            given = cells[brought][~np.isin(cells[brought], ["", "?"])]
            known = table.columns[wanted]
            lost = len(given) - int(((known != "") if wanted == "date" else ~np.isnan(known)).sum())
            if lost:
                notes.append(f"{lost} cells of column {brought} are not understood: left unknown.")
    table = replace(table, columns=dict(table.columns) | _annotations(folder, table))
    return locate(replace(table, notes=(*table.notes, *notes)), folder, FILES).table


def _states(path: Path, cells: Mapping[str, Text]) -> tuple[tuple[str, ...], NDArray[np.uint8]]:
    values, inverse = np.unique(cells["finding"], return_inverse=True)
    told = [_keys(value) for value in values.tolist()]
    unknown = {value: int((inverse == at).sum()) for at, value in enumerate(values.tolist())
               if told[at] is None}  # fmt: skip
    if unknown:
        worst = [f"{value!r} ({n} rows)" for value, n in unknown.items()]
        raise LabelError(f"{path.name}: {len(unknown)} findings outside the vocabulary: "
                         f"{first_few(worst, quoted=False)}.")  # fmt: skip
    named = [keys or set() for keys in told]
    above = [_above(value, keys) for value, keys in zip(values.tolist(), named, strict=True)]
    every = {k for own, up in zip(named, above, strict=True) for k in own | up}
    order = dict.fromkeys(str(key) for key in LABELS.values())
    keys = tuple(key for key in order if key in every - {"no_finding"})
    states = np.array(
        [[_state(key, own, up) for key in keys] for own, up in zip(named, above, strict=True)],
        np.uint8,
    )[inverse]
    if "survival" not in cells:
        return keys, states
    odd = sorted(set(cells["survival"].tolist()) - set(SURVIVAL))
    if odd:
        raise LabelError(f"{path.name}, column 'survival': {first_few(odd)}; known: Y, N.")
    death = np.array([SURVIVAL[cell] for cell in cells["survival"].tolist()], np.uint8)
    return (*keys, "death"), np.column_stack([states, death])


def _keys(cell: str) -> set[str] | None:
    """Keys that a cell names; None where one of its labels is unknown."""
    labels = [label.strip() for label in cell.split(",")] if cell else []
    if set(labels) - set(LABELS):
        return None
    return {key for label in labels if (key := LABELS[label]) is not None}


def _above(cell: str, named: set[str]) -> set[str]:
    """Keys wider than those that a cell names, by the vocabulary and by the cell's own paths."""
    paths = [label.strip().split("/")[:-1] for label in cell.split(",")]
    steps = ["/".join(path[:end]) for path in paths for end in range(1, len(path) + 1)]
    wide = {k for key in named for k in wider(key)}
    return wide | {key for step in steps if (key := LABELS[step]) is not None}


def _state(key: str, named: set[str], above: set[str]) -> State:
    if key in named | above:
        return State.PRESENT
    if named == {"no_finding"}:
        return State.ABSENT
    # "Pneumonia" leaves its cause open, COVID-19 whether the image shows a pneumonia; ARDS is no
    # cause, and few rows say whether it was there.
    silent = not named - {"ards"} or key == "ards" or set(left_open(key)) & named
    return State.UNMENTIONED if silent else State.ABSENT


def _columns(cells: Mapping[str, Text]) -> dict[str, NDArray]:
    brought: Mapping[str, tuple[str, Callable[[str], object]]] = {
        "view": ("view", _view),
        "sex": ("sex", lambda cell: cell if cell in {"F", "M"} else ""),
        "age_years": ("age", _number),
        "days": ("offset", _number),
        "date": ("date", iso_date),
        "source": ("url", lambda cell: (urlsplit(cell).hostname or "").removeprefix("www.")),
        "licence": ("license", str),
        "projection": ("view", _blank),
        **{name: (name, _blank) for name in CLINICAL},
    }
    columns = {}
    for name, (column, bring) in brought.items():
        if column in cells:
            values, inverse = np.unique(cells[column], return_inverse=True)
            made = [bring(value) for value in values.tolist()]
            whole = np.array(made) if isinstance(made[0], float) else text(map(str, made))
            columns[name] = whole[inverse]
    return columns


def _blank(cell: str) -> str:
    return "" if cell == "?" else cell


def _view(cell: str) -> str:
    known = {"": "", "?": "", "L": "lateral", "PA": "PA"}
    return known.get(cell, "AP" if cell.startswith("AP") else "other")


def _number(cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        return float("nan")
    return number if np.isfinite(number) else float("nan")


_DATES = {
    "%Y-%m-%d": "%Y-%m-%d", "%B %d, %Y": "%Y-%m-%d", "%b %d, %Y": "%Y-%m-%d",
    "%d %B %Y": "%Y-%m-%d", "%d %b %Y": "%Y-%m-%d", "%m/%d/%y": "%Y-%m-%d",
    "%m/%d/%Y": "%Y-%m-%d", "%B %Y": "%Y-%m", "%b %Y": "%Y-%m", "%Y-%m": "%Y-%m", "%Y": "%Y",
}  # fmt: skip


def iso_date(cell: str) -> str:
    """A date in ISO 8601, to the precision that is known; "" where it is not understood.

    Args:
        cell: as the collection spells dates; with slashes the month comes first, as 11/27/19 shows.

    Example:
        >>> iso_date("Mar 4, 2020"), iso_date("March 2003"), iso_date("January 12")
        ('2020-03-04', '2003-03', '')
    """
    for spelling, iso in _DATES.items():
        try:
            return datetime.strptime(cell, spelling).strftime(iso)
        except ValueError:
            continue
    return ""


def _annotations(folder: Path, table: LabelTable) -> dict[str, Text]:
    columns = {}
    path = find_table(folder, *SEVERITY)
    if path is not None:
        lines = _open(path).splitlines()
        remarks = next((n for n, line in enumerate(lines) if not line.startswith("#")), 0)
        cells = read_columns(path, ["filename", "geographic_mean", "opacity_mean"], skip=remarks)
        for name, column in (("severity_extent", "geographic_mean"),
                             ("severity_opacity", "opacity_mean")):  # fmt: skip
            pairs = zip(cells["filename"].tolist(), cells[column].tolist(), strict=True)
            columns[name] = _by_image(table, dict(pairs))
    path = find_table(folder, *LUNGS)
    if path is not None:
        columns["lungs"] = _by_image(table, _lungs(path))
    return columns


def _lungs(path: Path) -> dict[str, str]:
    """Image → "right 10 20 30 40; left 50 20 30 40": left, top, width, height in pixels."""
    try:
        coco = json.loads(_open(path))
        side = {c["id"]: c["name"].split()[0].lower() for c in coco["categories"]}
        name = {i["id"]: i["file_name"] for i in coco["images"]}
        found: dict[str, list[str]] = {}
        for one in coco["annotations"]:
            if None in one["bbox"]:  # image 159 has two such
                continue
            numbers = " ".join(f"{float(n):g}" for n in one["bbox"])
            found.setdefault(name[one["image_id"]], []).append(
                f"{side[one['category_id']]} {numbers}"
            )
    except (ValueError, KeyError, TypeError) as error:
        raise LabelError(f"{path.name} is no list of boxes in COCO's form: {error!r}.") from error
    return {image: "; ".join(sorted(boxes, reverse=True)) for image, boxes in found.items()}


def _open(path: Path) -> str:
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return data.decode("utf-8-sig")
    except (gzip.BadGzipFile, EOFError, UnicodeDecodeError) as error:
        raise LabelError(f"{path.name} is damaged or not UTF-8: {error}.") from error


def _by_image(table: LabelTable, values: Mapping[str, str]) -> Text:
    return text(values.get(image, "") for image in table.images.tolist())


def _filled(what: str, column: str, expected: int) -> Count:
    def found(table: LabelTable) -> int:
        return int((table.columns[column] != "").sum()) if column in table.columns else 0

    return Count(what, expected, found)


def _survived(expected: int) -> Count:
    def found(table: LabelTable) -> int:
        if "death" not in table.findings:
            return 0
        return int((table.states[:, table.findings.index("death")] == State.ABSENT).sum())

    return Count("survived", expected, found)


# Rows of that edition's metadata.csv with modality X-ray; severity scores and boxes of the same
# commit: 94 scored images and 167 boxed ones, of which one has empty boxes and two are CT.
_EDITION = (
    counts.images(684),
    counts.patients(364),
    *counts.present({"covid_19": 460, "sars": 16, "bacterial_pneumonia": 47, "death": 49}),
    _survived(222),
    _filled("images with severity scores", "severity_extent", 94),
    _filled("images with boxes of the lungs", "lungs", 164),
)

COLLECTION = Collection(
    name="covid-chestxray",
    title="COVID-19 image data collection",
    about="Radiographs of COVID-19 and other pneumonias from publications and web pages, with "
    "survival, days since onset, intensive care and a licence a row; severity scores and boxes of "
    "the lungs for a part.",
    citation="Cohen JP, Morrison P, Dao L, Roth K, Duong TQ, Ghassemi M. COVID-19 Image Data "
    "Collection: Prospective Predictions Are the Future. arXiv:2006.11988, 2020.",
    licence="Each image has its own (column licence; empty where the source states none); "
    "metadata CC BY-NC-SA 4.0, annotations CC BY-SA.",
    home="https://github.com/ieee8023/covid-chestxray-dataset",
    layout="""\
metadata.csv
annotations/covid-severity-scores.csv
annotations/lung_bounding_boxes.json
images/*.jpg, *.jpeg, *.png""",
    files=FILES,
    variants={
        "metadata": Variant(
            about="Any edition of metadata.csv; editions differ, so no count is checked.",
            read=read,
        ),
        "2020-06-24": Variant(
            about="The edition of 24 June 2020: 768 rows, flat findings.",
            read=read,
            counts=_EDITION,
        ),
    },
    labels=LABELS,
    undecided=UNDECIDED,
    same_images_as=("covid19-radiography",),
)
