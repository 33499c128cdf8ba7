"""Folders are walked in a settled order; every file gets a name of its own."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from hilum.errors import NotAnImage, RunError
from hilum.imaging import find_files, read, write_dicom


def tree(root: Path, *names: str) -> Path:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    return root


def names(*paths: Path) -> list[str]:
    return [file.name for file in find_files(paths)]


def test_a_folder_is_walked_in_order(tmp_path: Path):
    tree(tmp_path, "b/2.PNG", "b/10.dcm", "a.tiff", "IM0001", "1.2.840.113", "c/x.JPEG")
    assert names(tmp_path) == ["1.2.840.113", "IM0001", "a.tiff", "b/10.dcm", "b/2.PNG", "c/x.JPEG"]


def test_sidecars_and_hidden_files_are_passed_over_and_counted(tmp_path: Path):
    passed = ("DICOMDIR", "notes.txt", "labels.csv", ".hidden.dcm", "x.7z", "VERSION", "LOCKFILE")
    tree(tmp_path, "a.dcm", *passed)
    found = find_files([tmp_path])
    assert [file.name for file in found.files] == ["a.dcm"]
    assert found.passed_over == len(passed)
    assert len(found) == 1


def test_a_file_named_directly_is_always_taken(tmp_path: Path):
    tree(tmp_path, "notes.txt", ".hidden")
    assert names(tmp_path / "notes.txt", tmp_path / ".hidden") == ["notes.txt", ".hidden"]


def test_clashing_names_are_told_apart(tmp_path: Path):
    tree(tmp_path, "one/a.png", "one/b.png", "two/a.png", "x/two/a.png")
    found = names(tmp_path / "one", tmp_path / "two", tmp_path / "x" / "two")
    assert found == ["one/a.png", "b.png", "two/a.png", "two/a-2.png"]
    assert len(set(found)) == len(found)


def test_a_file_given_twice_is_taken_once(tmp_path: Path):
    tree(tmp_path, "one/a.png")
    assert names(tmp_path / "one", tmp_path / "one" / "a.png", tmp_path / "one") == ["a.png"]


def test_links_in_a_circle_end(tmp_path: Path):
    tree(tmp_path, "one/a.png")
    (tmp_path / "one" / "again").symlink_to(tmp_path / "one", target_is_directory=True)
    (tmp_path / "one" / "nowhere.txt").symlink_to(tmp_path / "missing.txt")
    assert names(tmp_path) == ["one/a.png"]


def test_a_path_that_does_not_exist(tmp_path: Path):
    with pytest.raises(RunError, match=r"missing does not exist"):
        find_files([tmp_path / "missing"])


def test_a_subfolder_that_cannot_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tree(tmp_path, "a/1.dcm", "locked/2.dcm", "z/3.dcm")
    listed = os.scandir

    def refuse(folder: Path):
        if Path(folder).name == "locked":  # chmod would not stop the superuser
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    monkeypatch.setattr("hilum.imaging.files.os.scandir", refuse)
    found = find_files([tmp_path])
    assert [file.name for file in found] == ["a/1.dcm", "z/3.dcm"]
    assert found.unlistable == ("locked",)
    with pytest.raises(RunError, match="locked cannot be listed"):
        find_files([tmp_path / "locked"])


def test_dicom_under_any_suffix_is_taken(tmp_path: Path):
    tree(tmp_path, "notes.txt")
    (tmp_path / "scan.img").write_bytes(bytes(128) + b"DICM" + bytes(9))
    (tmp_path / "P1.S2_v3").write_bytes(bytes(128) + b"DICM")
    found = find_files([tmp_path])
    assert [file.name for file in found] == ["P1.S2_v3", "scan.img"]
    assert found.passed_over == 1


def test_results_of_an_earlier_run_are_no_radiographs(tmp_path: Path):
    tree(tmp_path, "a.dcm", "out/.hilum/run.json", "out/previews/a.png", "out/heatmaps/a.png")
    found = find_files([tmp_path])
    assert [file.name for file in found] == ["a.dcm"]
    assert found.passed_over == 1
    assert len(find_files([tmp_path / "out"])) == 0


def test_without_preamble_a_file_is_passed_over_in_a_folder_and_tried_when_named(tmp_path: Path):
    stored = np.arange(64 * 48, dtype=np.uint16).reshape(64, 48)
    whole = write_dicom(tmp_path / "a.dcm", stored, bits_stored=12).read_bytes()
    bare = tmp_path / "bare" / "scan.img"
    bare.parent.mkdir()
    bare.write_bytes(whole[132:])
    assert find_files([bare.parent]).passed_over == 1
    assert "no-preamble" in [note.code for note in read(find_files([bare]).files[0]).notes]
    text = tmp_path / "bare" / "notes.txt"
    text.write_text("Read me.")
    with pytest.raises(NotAnImage, match="The file is text, no radiograph"):
        read(find_files([text]).files[0])
