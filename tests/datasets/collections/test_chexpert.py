from pathlib import Path

import numpy as np
import pytest

from hilum.datasets.collections.chexpert import COLLECTION
from hilum.domain import State
from hilum.errors import LabelError
from tests.datasets.collections.layouts.reports import chexpert

VARIANT = COLLECTION.variants["reports"]
READ = VARIANT.read


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return chexpert(tmp_path)


def state(table, image: str, key: str) -> State:
    row = next(n for n, name in enumerate(table.images.tolist()) if name.endswith(image))
    return State(table.states[row, table.findings.index(key)])


def test_four_states(folder: Path) -> None:
    table = READ(folder)
    first = "patient00001/study1/view1_frontal.jpg"
    assert state(table, first, "no_finding") is State.PRESENT
    assert state(table, first, "pneumothorax") is State.ABSENT
    assert state(table, first, "edema") is State.UNMENTIONED
    assert state(table, "patient00002/study2/view1_frontal.jpg", "edema") is State.UNCERTAIN


def test_views_sex_age(folder: Path) -> None:
    table = READ(folder)
    assert table.columns["view"].tolist() == ["AP", "AP", "lateral", "PA", "other", "AP"]
    assert table.columns["sex"].tolist() == ["F", "F", "F", "F", "", "M"]
    assert np.isnan(table.columns["age_years"][4])
    assert any("1 ages of 0 years" in note for note in table.notes)


def test_patients_and_studies(folder: Path) -> None:
    table = READ(folder)
    assert len(set(table.patients.tolist())) == 4
    assert len(set(table.columns["study"].tolist())) == 5
    assert table.columns["split"].tolist() == ["train"] * 5 + ["tune"]


@pytest.mark.parametrize("small", [True, False], ids=["small", "batches"])
def test_files_are_found_in_every_download(tmp_path: Path, small: bool) -> None:
    table = READ(chexpert(tmp_path, small=small))
    assert all((tmp_path / image).is_file() for image in table.images.tolist())


def test_inside_its_own_folder(folder: Path) -> None:
    inside = folder / "CheXpert-v1.0-small"
    table = READ(inside)
    assert all((inside / image).is_file() for image in table.images.tolist())


def test_valid_alone_is_said(folder: Path) -> None:
    (folder / "CheXpert-v1.0-small" / "train.csv").unlink()
    table = READ(folder)
    assert table.columns["split"].tolist() == ["tune"]
    assert "train.csv is not here." in table.notes


def test_no_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"Neither train\.csv nor valid\.csv"):
        READ(tmp_path)


def test_paths_of_another_kind_are_named(folder: Path) -> None:
    path = folder / "CheXpert-v1.0-small" / "train.csv"
    path.write_text(path.read_text().replace("patient00001/study1/", "p1/"))
    with pytest.raises(LabelError, match=r"1 paths do not end in patient"):
        READ(folder)


def test_a_cell_that_is_no_state_is_named(folder: Path) -> None:
    path = folder / "CheXpert-v1.0-small" / "train.csv"
    path.write_text(path.read_text().replace("-1.0", "maybe"))
    with pytest.raises(LabelError, match="'maybe' is no state"):
        READ(folder)


def test_counts(folder: Path) -> None:
    found = {count.what: count.found(READ(folder)) for count in VARIANT.counts}
    assert found == {"images": 6, "patients": 4, "images, split train": 5, "images, split tune": 1}
