"""A DICOMDIR stands for the images that it lists, and for nothing outside of its folder."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset

from hilum.errors import DamagedFile, IntakeError
from hilum.imaging import find_files, load, read, write_dicom

STORED = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)


def record(kind: str, file_id: object = None, *, in_use: int = 0xFFFF) -> Dataset:
    dataset = Dataset()
    with pydicom.config.disable_value_validation():
        if file_id is not None:
            dataset.ReferencedFileID = file_id
    dataset.OffsetOfTheNextDirectoryRecord = 0
    dataset.RecordInUseFlag = in_use
    dataset.OffsetOfReferencedLowerLevelDirectoryEntity = 0
    dataset.DirectoryRecordType = kind
    return dataset


@pytest.fixture
def medium(tmp_path: Path):
    """Makes a medium with two images, whose DICOMDIR lists what it is told to."""
    folder = tmp_path / "cd"
    for name in ("IM1", "IM2"):
        (folder / "PT1").mkdir(parents=True, exist_ok=True)
        write_dicom(folder / "PT1" / name, STORED, bits_stored=12)
    write_dicom(tmp_path / "outside.dcm", STORED, bits_stored=12)

    def make(*records: Dataset) -> Path:
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
        dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
        dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
        dataset.DirectoryRecordSequence = list(records)
        with pydicom.config.disable_value_validation():
            pydicom.dcmwrite(folder / "DICOMDIR", dataset, enforce_file_format=True)
        return folder / "DICOMDIR"

    return make


def test_images_are_listed_in_order(medium):
    path = medium(
        record("PATIENT"),
        record("IMAGE", ["PT1", "IM2"]),
        record("IMAGE", ["PT1", "IM1"]),
        record("IMAGE", ["PT1", "IM2"]),
        record("SR DOCUMENT", ["PT1", "SR1"]),
        record("IMAGE", ["PT1", "IM3"], in_use=0),
    )
    found = find_files([path])
    assert [file.name for file in found] == ["PT1/IM2", "PT1/IM1"]
    assert read(found.files[0]).shape == (64, 48)


def test_in_a_walked_folder_the_images_are_found_by_themselves(medium):
    path = medium(record("IMAGE", ["PT1", "IM1"]), record("IMAGE", ["PT1", "GONE"]))
    found = find_files([path.parent])
    assert [file.name for file in found] == ["PT1/IM1", "PT1/IM2"]
    assert found.passed_over == 1
    for name in ("IM1", "IM2"):
        (path.parent / "PT1" / name).unlink()
    found = find_files([path.parent])  # nothing but the DICOMDIR is left
    assert [file.name for file in found] == ["PT1/IM1", "PT1/GONE"]
    assert found.passed_over == 0


def test_a_file_that_is_missing_is_told(medium):
    first, second = find_files([medium(record("IMAGE", "GONE"), record("IMAGE", ["PT1", "IM1"]))])
    assert first.name == "GONE"
    with pytest.raises(IntakeError, match="lists this file, and it is not there"):
        load(first)
    assert load(second)


def test_lower_case_names_of_a_mounted_disc_are_found(medium, tmp_path: Path):
    path = medium(record("IMAGE", ["PT1", "IM1"]))
    (tmp_path / "cd" / "PT1").rename(tmp_path / "cd" / "pt1")
    (tmp_path / "cd" / "pt1" / "IM1").rename(tmp_path / "cd" / "pt1" / "im1")
    (file,) = find_files([path])
    assert (file.name, file.problem) == ("pt1/im1", None)


@pytest.mark.parametrize(
    "file_id",
    [
        ["..", "outside.dcm"],
        ["PT1", "..", "..", "outside.dcm"],
        "../outside.dcm",
        "/etc/passwd",
        "C:",
        ["PT1", "OUT"],
        [".", "PT1", "IM1"],
    ],
)
def test_nothing_outside_of_its_folder_is_read(medium, tmp_path: Path, file_id):
    (tmp_path / "cd" / "PT1" / "OUT").symlink_to(tmp_path / "outside.dcm")
    evil, good = find_files([medium(record("IMAGE", file_id), record("IMAGE", ["PT1", "IM1"]))])
    assert not {"..", "", "."} & set(evil.name.split("/"))
    with pytest.raises(DamagedFile, match="outside of its own folder"):
        load(evil)
    assert load(good)


def test_one_that_lists_nothing_or_is_cut_has_a_row(medium):
    path = medium(record("PATIENT"))
    (file,) = find_files([path])
    assert "lists no images" in str(file.problem)
    data = medium(*(record("IMAGE", ["PT1", f"IM{i}"]) for i in range(9))).read_bytes()
    assert all(file.name != "DICOMDIR" for file in find_files([path]))
    for length in range(300, len(data), 7):
        path.write_bytes(data[:length])
        last = find_files([path]).files[-1]
        assert last.name == "DICOMDIR"
        assert last.problem is not None, length


def test_damage_anywhere_is_an_intake_error_at_most(medium):
    path = medium(record("PATIENT"), *(record("IMAGE", ["PT1", f"IM{i}"]) for i in range(3)))
    whole, lucky = path.read_bytes(), random.Random(0)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(3):
            data[lucky.randrange(132, len(data))] = lucky.randrange(256)
        path.write_bytes(data)
        for file in find_files([path]):
            with suppress(IntakeError):
                load(file)
