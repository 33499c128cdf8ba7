import shutil
from pathlib import Path

import pytest

from hilum.datasets.collections.covid19_radiography import COLLECTION
from hilum.domain import State
from hilum.errors import LabelError
from tests.datasets.collections.layouts.folders import covid19_radiography

READ = COLLECTION.variants["folders"].read
A, P, U = State.ABSENT, State.PRESENT, State.UNMENTIONED


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return covid19_radiography(tmp_path)


def test_a_folder_a_class(folder: Path) -> None:
    table = READ(folder)
    assert table.findings == ("covid_19", "normal", "opacity", "viral_pneumonia")
    states = dict(zip(table.patients.tolist(), table.states.tolist(), strict=True))
    assert states == {
        "COVID-1": [P, A, U, U],
        "COVID-2": [P, A, U, U],
        "Normal-1": [A, P, A, A],
        "Normal-2": [A, P, A, A],
        "Normal-3": [A, P, A, A],
        "Lung_Opacity-1": [A, A, P, U],
        "Viral Pneumonia-1": [A, A, U, P],
    }


def test_masks_are_no_radiographs(folder: Path) -> None:
    images = READ(folder).images.tolist()
    assert all("/images/" in image for image in images)
    assert all((folder / image).is_file() for image in images)


@pytest.mark.parametrize("below", ["COVID-19_Radiography_Dataset", "."])
def test_the_folder_may_be_that_of_the_archive_or_the_one_above(folder: Path, below: str) -> None:
    table = READ(folder / "COVID-19_Radiography_Dataset" if below != "." else folder)
    assert len(table) == 7


def test_older_versions_have_no_folder_images(folder: Path) -> None:
    for images in (folder / "COVID-19_Radiography_Dataset").glob("*/images"):
        for picture in images.iterdir():
            picture.rename(images.parent / picture.name)
        images.rmdir()
        shutil.rmtree(images.parent / "masks")
    assert len(READ(folder)) == 7


def test_it_says_that_patients_are_unknown(folder: Path) -> None:
    table = READ(folder)
    assert len(set(table.patients.tolist())) == len(table)
    assert "names no patients" in table.notes[0]
    assert "near-duplicates" in table.notes[0]


def test_an_empty_class_is_named(folder: Path) -> None:
    shutil.rmtree(folder / "COVID-19_Radiography_Dataset" / "Lung_Opacity")
    with pytest.raises(LabelError, match="Class 'Lung_Opacity' has no PNG"):
        READ(folder)


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="No folder COVID in"):
        READ(tmp_path)


def test_counts_are_those_of_the_classes(folder: Path) -> None:
    counts = {c.what: c for c in COLLECTION.variants["folders"].counts}
    table = READ(folder)
    assert counts["COVID-19"].found(table) == 2
    assert counts["Viral pneumonia"].found(table) == 1
    expected = [c.expected for c in counts.values()]
    assert expected[0] == sum(expected[1:])
