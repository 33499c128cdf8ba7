"""Folders of files: nothing lost, nothing torn, nobody told."""

from __future__ import annotations

import csv
import os
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from hilum import imaging
from hilum.deidentify import Rules, deidentify, plan, run
from hilum.deidentify.work import work
from hilum.errors import RunError
from tests.deidentify.drawn import PLAIN, SECRET, TELLING, chest, planted, stored
from tests.imaging.corpus import CASES
from tests.imaging.corpus import TELLING as TOLD

MARKS = np.random.default_rng(3).integers(0, 4000, (64, 48)).astype(np.uint16)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def tree(folder: Path, *, state: bool = False) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and (state or ".deidentify" not in path.parts)
    }


@pytest.fixture
def many(tmp_path) -> Path:
    """Twelve files of three patients, a picture, a text and a file that is cut."""
    folder = tmp_path / "Roesler_Jadwiga"
    folder.mkdir()
    for n in range(12):
        imaging.write_dicom(
            folder / f"Roesler-{n}.dcm", MARKS + np.uint16(n), bits_stored=12,
            patient_name=f"Roesler^{n % 3}", patient_id=f"4711081{n % 3}", window=(2048, 4096),
        )  # fmt: skip
    (folder / "jadwiga.png").write_bytes(imaging.encode_png(stored(chest(), 8)))
    (folder / "notes.dcm").write_text("Roesler, Jadwiga: born 19560312")
    data = (folder / "Roesler-0.dcm").read_bytes()
    (folder / "cut.dcm").write_bytes(data[: len(data) // 2])
    return folder


def test_a_folder(many, tmp_path):
    out = tmp_path / "out"
    summary = deidentify([many], out, PLAIN, crosswalk=tmp_path / "cross.csv", workers=2)
    assert (summary.files, summary.done, summary.now, summary.cleaned) == (15, 15, 13, 13)
    assert summary.codes == {"damaged": 1, "not-an-image": 1}
    assert summary.complete
    manifest = rows(out / "manifest.csv")
    assert sorted(row["file"] for row in manifest) == sorted(
        name for name in tree(out) if name.startswith("files/")
    )
    assert len({row["patient"] for row in manifest if row["patient"]}) == 3
    refused = rows(out / "refused.csv")
    assert [row["code"] for row in refused] == ["damaged", "not-an-image"]
    written = b"".join(tree(out, state=True).values()).lower()
    names = " ".join(tree(out, state=True)).lower()
    assert not [word for word in TELLING if word.encode() in written or word in names]
    assert b"4711081" not in written
    cross = {row["source"].rpartition("/")[2]: row for row in rows(tmp_path / "cross.csv")}
    assert len(cross) == 15
    assert cross["cut.dcm"]["code"] == "damaged"
    assert stat.S_IMODE((tmp_path / "cross.csv").stat().st_mode) == 0o600
    for n in range(12):
        found = pydicom.dcmread(out / cross[f"Roesler-{n}.dcm"]["file"])
        assert np.array_equal(found.pixel_array, MARKS + n)
        assert found.PatientID == cross[f"Roesler-{n % 3}.dcm"]["patient"]


def test_a_second_run_does_what_is_new(many, tmp_path):
    out = tmp_path / "out"
    deidentify([many], out, PLAIN)
    before = tree(out)
    again = deidentify([many], out, PLAIN)
    assert (again.done, again.cleaned, again.codes.total()) == (0, 13, 2)
    assert tree(out) == before
    imaging.write_dicom(many / "new.dcm", MARKS * np.uint16(1), patient_id="other")
    assert deidentify([many], out, PLAIN).done == 1
    gone = next(name for name in before if name.startswith("files/"))
    (out / gone).unlink()
    assert deidentify([many], out, PLAIN).done == 1
    assert tree(out)[gone] == before[gone]


def test_the_same_bytes_by_any_number_of_workers_and_another_place(many, tmp_path):
    deidentify([many], tmp_path / "one", PLAIN)
    moved = many.rename(tmp_path / "elsewhere")
    deidentify([moved], tmp_path / "two", PLAIN, workers=3)
    one, two = tree(tmp_path / "one"), tree(tmp_path / "two")
    assert one["manifest.csv"] == two["manifest.csv"]
    assert {k: v for k, v in one.items() if "files" in k} == {
        k: v for k, v in two.items() if "files" in k
    }
    deidentify([moved], tmp_path / "three", Rules(b"another secret of the tests"))
    assert not set(tree(tmp_path / "three")) & set(one) - {"manifest.csv", "refused.csv"}


def test_what_a_folder_does_not_take(many, tmp_path):
    out = tmp_path / "out"
    deidentify([many], out, PLAIN)
    with pytest.raises(RunError, match="another secret"):
        plan([many], out, Rules(b"another secret of the tests"))
    with pytest.raises(RunError, match="another rules"):
        plan([many], out, replace(PLAIN, dates="keep"))
    with pytest.raises(RunError, match="holds other files"):
        plan([many], Path(sys.prefix), PLAIN)
    with pytest.raises(RunError, match="within each other"):
        plan([many], many / "out", PLAIN)
    with pytest.raises(RunError, match="leads back"):
        deidentify([many], tmp_path / "new", PLAIN, crosswalk=tmp_path / "new" / "c.csv")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(RunError, match="No DICOM"):
        plan([empty], tmp_path / "newer", PLAIN)


def test_copies_are_written_once_and_a_uid_of_two_pictures_is_noted(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, pixels in (("a", MARKS), ("b", MARKS), ("c", MARKS + np.uint16(5))):
        imaging.write_dicom(folder / f"{name}.dcm", pixels, instance_uid="1.2.3")
    summary = deidentify([folder], tmp_path / "out", PLAIN)
    assert (summary.now, summary.cleaned) == (3, 2)
    assert [row["notes"] for row in rows(tmp_path / "out" / "manifest.csv")] == ["uid-reused"] * 2


def test_archives_are_looked_into(many, tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "Jadwiga.zip", "w") as pack:
        for path in sorted(many.glob("*.dcm")):
            pack.write(path, f"Roesler/{path.name}")
    summary = deidentify([tmp_path / "Jadwiga.zip"], tmp_path / "out", PLAIN)
    assert (summary.cleaned, summary.codes.total()) == (12, 2)
    assert b"roesler" not in b"".join(tree(tmp_path / "out", state=True).values()).lower()


def test_a_full_disk_ends_the_run_in_good_order(many, tmp_path):
    calls = []

    def failing(request):
        calls.append(request.number)
        result = work(request)
        return replace(result, stop="No space left on device") if len(calls) == 5 else result

    planned = plan([many], tmp_path / "out", PLAIN)
    with pytest.raises(RunError, match=r"No space left .* 4 files of this run are done and kept"):
        run(planned, work=failing)
    assert deidentify([many], tmp_path / "out", PLAIN).done == 11


def test_another_run_keeps_out(many, tmp_path):
    planned = plan([many], tmp_path / "out", PLAIN)

    def meeting(request):
        with pytest.raises(RunError, match="Another run"):
            run(planned)
        return work(request)

    assert run(replace(planned, todo=planned.todo[:1]), work=meeting).done == 1


@pytest.mark.parametrize("seed", [0, 1])
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(many, tmp_path, seed):
    whole = tmp_path / "whole"
    deidentify([many], whole, PLAIN)
    (tmp_path / "secret").write_bytes(SECRET)
    command = [sys.executable, "-m", "hilum", "deidentify", str(many), "-o", str(tmp_path / "out"),
               "--secret", str(tmp_path / "secret"), "--workers", "1"]  # fmt: skip
    rng = np.random.default_rng(seed)
    for _ in range(2):
        begun = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + 20
        done, wanted = 0, int(rng.integers(1, 9))
        while done < wanted and time.monotonic() < deadline and begun.poll() is None:
            files = tmp_path / "out" / "files"
            done = len(list(files.iterdir())) if files.is_dir() else 0
        os.killpg(begun.pid, signal.SIGKILL)
        begun.wait()
    deidentify([many], tmp_path / "out", PLAIN)
    assert tree(tmp_path / "out") == tree(whole)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bad_files_are_cleaned_or_refused_and_tell_nobody(case, tmp_path):
    (tmp_path / "in").mkdir()
    file = case.build(tmp_path / "in")
    out = tmp_path / "out"
    summary = deidentify([file], out, PLAIN)
    assert summary.done >= 1
    assert summary.now + summary.codes.total() == summary.done
    written = b"".join(tree(out, state=True).values()).upper()
    assert not [word for word in TOLD if word.encode() in written]
    for path in (out / "files").iterdir():
        imaging.read(path)


def test_a_patient_in_every_corner_is_in_nothing_that_is_said(tmp_path, capfd, caplog):
    (tmp_path / "Roesler").mkdir()
    planted(tmp_path / "Roesler")
    deidentify([tmp_path / "Roesler"], tmp_path / "out", PLAIN, workers=2)
    said = capfd.readouterr()
    text = f"{said.out} {said.err} {caplog.text}".lower()
    text += b"".join(tree(tmp_path / "out", state=True).values()).decode("latin-1").lower()
    text += " ".join(tree(tmp_path / "out", state=True)).lower()
    assert not [word for word in TELLING if word in text]
