import shutil
from pathlib import Path

import pytest

from hilum.datasets.collections.covid19_mortality import COLLECTION
from hilum.errors import LabelError
from tests.datasets.collections.layouts.folders import covid19_mortality
from tests.datasets.collections.layouts.pictures import put_picture

READ = COLLECTION.variants["folders"].read


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return covid19_mortality(tmp_path)


def test_outcome_patients_and_facts(folder: Path) -> None:
    table = READ(folder)
    assert table.findings == ("death",)
    assert table.states[:, 0].tolist() == [1, 1, 0, 0, 1, 0]
    assert table.patients.tolist() == ["p1", "p2", "p3", "p3", "p4", "p5"]
    assert table.columns["split"].tolist() == ["train"] * 4 + ["tune"] * 2
    assert table.columns["age_years"].tolist() == [81, 77, 40, 40, 69, 33]
    assert table.columns["temperature"].tolist() == ["38.1"] * 6
    assert "no picture shows it" in table.notes[0]


def test_without_a_table_each_image_is_a_patient_and_that_is_said(tmp_path: Path) -> None:
    table = READ(covid19_mortality(tmp_path, table=False))
    assert len(set(table.patients.tolist())) == 6
    assert any("each image counts as a patient" in note for note in table.notes)


def test_folders_and_table_must_agree(folder: Path) -> None:
    path = folder / "clinical.csv"
    path.write_text(path.read_text().replace("A001,p1,1", "A001,p1,0"))
    with pytest.raises(LabelError, match=r"disagree on 1 images: 'train/covid/A001\.png'"):
        READ(folder)


def test_images_that_the_table_lacks_are_named(folder: Path) -> None:
    put_picture(folder / "val" / "non" / "A099.png")
    with pytest.raises(LabelError, match="lacks 1 of the images: 'A099'"):
        READ(folder)


def test_an_image_with_two_rows_is_named(folder: Path) -> None:
    path = folder / "clinical.csv"
    path.write_text(path.read_text() + "\nA001.png,p1,1,81,38.1\n")
    with pytest.raises(LabelError, match="1 images stand twice: 'A001'"):
        READ(folder)


def test_two_tables_are_one_too_many(folder: Path) -> None:
    shutil.copy(folder / "clinical.csv", folder / "clinical (1).csv")
    with pytest.raises(LabelError, match="several tables"):
        READ(folder)


def test_a_table_without_images_is_refused(folder: Path) -> None:
    (folder / "clinical.csv").write_text("who,age\np1,80\n")
    with pytest.raises(LabelError, match="names no image"):
        READ(folder)


def test_an_outcome_of_another_kind_is_named(folder: Path) -> None:
    path = folder / "clinical.csv"
    path.write_text(path.read_text().replace("A001,p1,1", "A001,p1,dead"))
    with pytest.raises(LabelError, match="'dead' is no outcome"):
        READ(folder)


def test_an_empty_class_is_named(folder: Path) -> None:
    shutil.rmtree(folder / "train" / "non")
    shutil.rmtree(folder / "val" / "non")
    with pytest.raises(LabelError, match="No image in train/non"):
        READ(folder)
