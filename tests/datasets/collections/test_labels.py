"""Every label of every collection is mapped into the vocabulary, or listed with a reason."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hilum.datasets.collection import Collection
from hilum.datasets.collections import COLLECTIONS
from hilum.datasets.collections.padchest import TABLE
from hilum.datasets.verify import read_variant
from hilum.domain import State, finding
from hilum.domain.findings import wider
from tests.datasets.collections.layouts.folders import (
    covid19_radiography,
    paediatric_pneumonia,
)
from tests.datasets.collections.layouts.reports import PADCHEST_HEADER

UNDECIDED: dict[str, set[str]] = {
    "covid-chestxray": {"Unknown", "todo"},
    "padchest": {
        "abscess", "bronchovascular markings", "chronic changes", "cyst", "end on vessel",
        "exclude", "increased density", "lipomatosis", "obesity", "respiratory distress",
        "suboptimal study", "unchanged",
    },
    "siim-covid19": {"none"},
}  # fmt: skip
"""Collection → labels that are mapped to no finding; a change here is a decision."""


@pytest.fixture(params=sorted(COLLECTIONS))
def collection(request: pytest.FixtureRequest) -> Collection:
    return COLLECTIONS.resolve(request.param)


def test_labels_are_mapped_to_findings_that_exist(collection: Collection) -> None:
    assert collection.labels
    for key in filter(None, collection.labels.values()):
        finding(key)


def test_labels_that_are_not_are_listed_with_a_reason(collection: Collection) -> None:
    without = {label for label, key in collection.labels.items() if key is None}
    assert without == set(collection.undecided)
    assert all(reason.endswith(".") for reason in collection.undecided.values())


def test_labels_not_yet_decided(collection: Collection) -> None:
    assert set(collection.undecided) == UNDECIDED.get(collection.name, set())


def put_padchest(folder: Path) -> None:
    rows = [
        dict.fromkeys(PADCHEST_HEADER.split(","), "")
        | {"ImageID": f"{at}.png", "PatientID": "p", "StudyID": "s", "MethodLabel": "Physician",
           "Labels": f"['{label}']"}
        for at, label in enumerate(COLLECTIONS.resolve("padchest").labels)
    ]  # fmt: skip
    lines = [PADCHEST_HEADER, *(",".join(row.values()) for row in rows)]
    (folder / TABLE).write_text("\n".join([*lines, ""]))


def put_covid_chestxray(folder: Path) -> None:
    labels = COLLECTIONS.resolve("covid-chestxray").labels
    lines = [f"p,{label},PA,X-ray,{at}.png" for at, label in enumerate(labels)]
    header = "patientid,finding,view,modality,filename"
    (folder / "metadata.csv").write_text("\n".join([header, *lines, ""]))


def put_chestxray14(folder: Path) -> None:
    labels = COLLECTIONS.resolve("chestxray14").labels
    header = (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,"
        "View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
    )
    known = [label for label in labels if label in CHESTXRAY14]
    lines = [
        f"{at:08d}_000.png,{label},0,{at},57,M,PA,2682,2749,0.143,0.143"
        for at, label in enumerate(known)
    ]
    (folder / "Data_Entry_2017_v2020.csv").write_text("\n".join([header, *lines, ""]))


CHESTXRAY14 = (
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis",
    "Hernia", "Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax",
    "No Finding",
)  # fmt: skip

SILENT: dict[str, Callable[[Path], object]] = {
    "chestxray14": put_chestxray14,
    "covid-chestxray": put_covid_chestxray,
    "covid19-radiography": covid19_radiography,
    "padchest": put_padchest,
    "paediatric-pneumonia": paediatric_pneumonia,
}
"""Collections that name what is there, every label of theirs in a row of its own; the others hold
a cell for each finding, or no finding that is wider than another."""


@pytest.mark.parametrize("name", SILENT)
def test_no_row_has_a_kind_without_its_wider_finding(name: str, tmp_path: Path) -> None:
    SILENT[name](tmp_path)
    table = read_variant(COLLECTIONS.resolve(name), tmp_path)
    assert (table.states == State.PRESENT).any()
    for kind, states in zip(table.findings, table.states.T, strict=True):
        for wide in {*wider(kind)} & {*table.findings}:
            above = table.states[:, table.findings.index(wide)]
            both = (states == State.PRESENT) & (above == State.ABSENT)
            assert not both.any(), (kind, wide, table.images[both].tolist()[:3])


@pytest.mark.parametrize("name", ["covid-chestxray", "covid19-radiography"])
def test_covid_19_alone_says_nothing_of_pneumonia(name: str, tmp_path: Path) -> None:
    SILENT[name](tmp_path)
    table = read_variant(COLLECTIONS.resolve(name), tmp_path)
    covid = table.states[:, table.findings.index("covid_19")] == State.PRESENT
    viral = table.states[covid, table.findings.index("viral_pneumonia")]
    assert State.UNMENTIONED in viral
    assert State.ABSENT not in viral
