"""Folders are walked in a settled order; every file gets a name of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from hilum.errors import RunError
from hilum.imaging import find_files


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
    passed = ("DICOMDIR", "notes.txt", "labels.csv", ".hidden.dcm", "x.zip", "VERSION", "LOCKFILE")
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
    (tmp_path / "one" / "nowhere.png").symlink_to(tmp_path / "missing.png")
    assert names(tmp_path) == ["one/a.png"]


def test_a_path_that_does_not_exist(tmp_path: Path):
    with pytest.raises(RunError, match=r"missing does not exist"):
        find_files([tmp_path / "missing"])
