from pathlib import Path

import pytest

from hilum.datasets.collections.paediatric_pneumonia import COLLECTION
from hilum.datasets.split import by_column
from hilum.domain import State
from hilum.errors import LabelError, LeakError
from tests.datasets.collections.layouts.folders import (
    PAEDIATRIC,
    paediatric_pneumonia,
    paediatric_second,
)
from tests.datasets.collections.layouts.pictures import put_picture

VARIANT = COLLECTION.variants["folders"]
READ = VARIANT.read
PARTS = {"train": "train", "tune": "tune", "test": "test"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return paediatric_pneumonia(tmp_path)


def test_each_image_once_although_the_archive_holds_it_twice(folder: Path) -> None:
    images = READ(folder).images.tolist()
    assert sorted(images) == sorted(f"chest_xray/{name}" for name in PAEDIATRIC)


def test_children_are_told_from_names(folder: Path) -> None:
    table = READ(folder)
    who = {Path(i).name: p for i, p in zip(table.images.tolist(), table.patients, strict=True)}
    assert who["person1_bacteria_1.jpeg"] == who["person1_bacteria_2.jpeg"]
    assert who["person1_bacteria_1.jpeg"] != who["person1_virus_6.jpeg"]
    assert who["IM-0500-0001-0001.jpeg"] == who["IM-0500-0001-0002.jpeg"] == "IM-0500"
    assert who["NORMAL2-IM-0500-0001.jpeg"] != "IM-0500"


def test_cause_and_class(folder: Path) -> None:
    table = READ(folder)
    assert table.findings == ("normal", "pneumonia", "bacterial_pneumonia", "viral_pneumonia")
    states = {Path(i).name: s for i, s in zip(table.images.tolist(), table.states.tolist(),
                                              strict=True)}  # fmt: skip
    assert states["IM-0115-0001.jpeg"] == [1, 0, 0, 0]
    assert states["person1_bacteria_1.jpeg"] == [0, 1, 1, 0]
    assert states["person1000_virus_1681.jpeg"] == [0, 1, 0, 1]


def test_val_is_the_tuning_part(folder: Path) -> None:
    split = by_column(READ(folder), "split", PARTS)
    assert [len(split.parts[part]) for part in PARTS] == [7, 2, 3]


def test_a_child_in_two_parts_is_told_and_refused_as_a_split(folder: Path) -> None:
    put_picture(folder / "chest_xray" / "test" / "PNEUMONIA" / "person1_bacteria_9.jpeg")
    table = READ(folder)
    assert any("1 children stand in two" in note for note in table.notes)
    with pytest.raises(LeakError, match="1 patients stand in two parts"):
        by_column(table, "split", PARTS)


def test_the_names_of_the_second_version(tmp_path: Path) -> None:
    table = READ(paediatric_second(tmp_path))
    assert table.patients.tolist() == ["child1003233", "child1008087", "child1008087",
                                       "child1024341"]  # fmt: skip
    assert table.states[:, 2].tolist() == [State.ABSENT, State.PRESENT, State.PRESENT, State.ABSENT]


@pytest.mark.parametrize("name", ["PNEUMONIA/copy of 7.jpeg", "NORMAL/person3_virus_1.jpeg",
                                  "PNEUMONIA/IM-0009-0001.jpeg"])  # fmt: skip
def test_names_that_do_not_fit_are_named(folder: Path, name: str) -> None:
    put_picture(folder / "chest_xray" / "train" / name)
    with pytest.raises(LabelError, match="1 file names tell no child, or another class"):
        READ(folder)


def test_an_empty_class_is_named(tmp_path: Path) -> None:
    put_picture(tmp_path / "train" / "NORMAL" / "IM-0009-0001.jpeg")
    with pytest.raises(LabelError, match=r"No image in the folders \['PNEUMONIA'\]"):
        READ(tmp_path)


def test_counts_are_of_both_parts(folder: Path) -> None:
    found = {count.what: count.found(READ(folder)) for count in VARIANT.counts}
    assert found["images"] == 12
    assert found["images, split train or tune"] == 9
    assert found["normal, train and val"] == 5
    assert found["viral_pneumonia, test"] == 1
    expected = {count.what: count.expected for count in VARIANT.counts}
    train = [n for what, n in expected.items() if what.endswith("train and val")]
    assert sum(train) == expected["images, split train or tune"]
