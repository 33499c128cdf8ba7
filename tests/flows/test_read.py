"""A folder of radiographs, and of files that are none, through the command line to every result."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from dataclasses import replace

import cv2
import numpy as np
import pytest

import hilum as package
from hilum.cli import main
from hilum.errors import NotAnImage, Refused
from hilum.imaging import write_dicom
from hilum.phantoms import draw_blank, draw_chest


def as_stored(phantom, top):
    return np.rint(phantom.pixels * top).astype(np.uint16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three chests in three formats, a blank picture, a text, a cut file, and a passer-by."""
    root = tmp_path_factory.mktemp("study")
    (root / "ward 7").mkdir()
    chests = [draw_chest(np.random.default_rng(i), size=(300, 280)) for i in range(3)]
    write_dicom(
        root / "ward 7" / "a.dcm",
        as_stored(chests[0], 4095),
        bits_stored=12,
        window=(2048, 4096),
        transfer_syntax="jpeg-ls",
    )
    cv2.imwrite(str(root / "b.png"), as_stored(chests[1], 65535))
    cv2.imwrite(str(root / "c.jpg"), as_stored(chests[2], 255).astype(np.uint8))
    blank = draw_blank(np.random.default_rng(0), size=(300, 280))
    write_dicom(root / "d.dcm", as_stored(blank, 4095), bits_stored=12)
    (root / "e.dcm").write_text("no picture")
    whole = (root / "ward 7" / "a.dcm").read_bytes()
    (root / "f.dcm").write_bytes(whole[: len(whole) // 2])
    (root / "notes.txt").write_text("passed over")
    return root


READ = ["b.png", "c.jpg", "ward 7/a.dcm"]
REFUSED = ["d.dcm", "e.dcm", "f.dcm"]


def run(*arguments):
    try:
        main([str(a) for a in arguments])
    except SystemExit as end:
        return end.code


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def names_in(out):
    return [row[0] for row in rows(out / "readings.csv")[1:]]


@pytest.fixture(scope="module")
def results(folder, tiny_bundle, tmp_path_factory):
    out = tmp_path_factory.mktemp("results") / "out"
    arguments = ("--bundle", tiny_bundle.location, "--workers", 2)
    status = run("read", folder, "-o", out, *arguments)
    return status, out


def test_some_were_not_read_and_the_status_says_so(results, folder, tiny_bundle, tmp_path, capsys):
    status, _ = results
    assert status == 1
    arguments = ("--bundle", tiny_bundle.location)
    assert run("read", folder / "b.png", "-o", tmp_path / "good", *arguments) == 0
    assert "Read 1 of 1 files" in capsys.readouterr().out


def test_every_file_has_its_row(results):
    _, out = results
    assert rows(out / "readings.csv")[0] == ["Image Index", "Predict label"]
    assert sorted(names_in(out)) == READ
    assert sorted(row[0] for row in rows(out / "refused.csv")[1:]) == REFUSED
    assert len(rows(out / "findings.csv")) == 1 + 3 * len(READ)
    document = json.loads((out / "readings.json").read_text("utf-8"))
    assert document["bundle"]["name"] == "tiny"
    assert (out / "report.html").stat().st_size > 10_000
    assert len(list((out / "heatmaps").iterdir())) >= len(READ)
    assert not (out / "failures.log").exists()


def test_each_refusal_has_its_reason(results):
    _, out = results
    stages = {row[0]: row[1:3] for row in rows(out / "refused.csv")[1:]}
    assert stages["d.dcm"][0] == "gate"
    assert stages["e.dcm"] == ["intake", "not-an-image"]
    assert stages["f.dcm"] == ["intake", "damaged"]


def test_the_results_are_those_of_the_library(results, folder, tiny_bundle):
    _, out = results
    reading = package.read(folder / "ward 7" / "a.dcm", tiny_bundle.location)
    written = {
        row[1]: float(row[2]) for row in rows(out / "findings.csv")[1:] if row[0] == "ward 7/a.dcm"
    }
    assert len(written) == len(reading.predictions)
    for prediction, value in zip(reading.predictions, written.values(), strict=True):
        assert value == pytest.approx(prediction.probability, abs=1e-4)


def test_one_worker_writes_what_many_write(results, folder, tiny_bundle, tmp_path):
    _, out = results
    arguments = ("--bundle", tiny_bundle.location, "--workers", 1)
    assert run("read", folder, "-o", tmp_path / "out", *arguments) == 1
    for name in ("readings.csv", "findings.csv", "refused.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (out / name).read_bytes()


def test_earlier_results_are_not_overwritten(results, folder, tiny_bundle, capsys):
    _, out = results
    before = (out / "readings.json").read_bytes()
    assert run("read", folder, "-o", out, "--bundle", tiny_bundle.location) == 2
    assert "--resume" in capsys.readouterr().err
    assert (out / "readings.json").read_bytes() == before


def test_resume_reads_only_what_is_left(folder, tiny_bundle, tmp_path, capsys):
    arguments = ("-o", tmp_path / "out", "--bundle", tiny_bundle.location)
    assert run("read", folder / "ward 7", *arguments) == 0
    assert run("read", folder / "ward 7", folder / "b.png", *arguments, "--resume") == 0
    assert "Read 1 of 1 files" in capsys.readouterr().out
    assert sorted(names_in(tmp_path / "out")) == ["a.dcm", "b.png"]
    assert run("read", folder / "ward 7", *arguments, "--resume") == 0
    assert "Nothing left to read" in capsys.readouterr().out


def test_resume_takes_no_file_for_another_of_its_name(folder, tiny_bundle, tmp_path, capsys):
    for ward in "AB":
        (tmp_path / ward).mkdir()
        shutil.copy(folder / "b.png", tmp_path / ward / "1.png")
    arguments = ("-o", tmp_path / "out", "--bundle", tiny_bundle.location)
    assert run("read", tmp_path / "A", *arguments) == 0
    assert run("read", tmp_path / "B", *arguments, "--resume") == 2
    assert "lie elsewhere or were changed since (1.png)" in capsys.readouterr().err
    # both together have names of their own, and A's file is still the one that is done
    assert run("read", tmp_path / "A", tmp_path / "B", *arguments, "--resume") == 0
    assert names_in(tmp_path / "out") == ["1.png", "B/1.png"]
    os.utime(tmp_path / "A" / "1.png", (1, 1))
    assert run("read", tmp_path / "A", *arguments, "--resume") == 2


def test_earlier_refusals_are_not_forgotten(folder, tiny_bundle, tmp_path, capsys):
    arguments = ("-o", tmp_path / "out", "--bundle", tiny_bundle.location)
    assert run("read", folder / "e.dcm", *arguments) == 1
    assert run("read", folder / "e.dcm", folder / "b.png", *arguments, "--resume") == 1
    said = capsys.readouterr().out
    assert "Read 1 of 1 files" in said
    assert said.count("NOT read: 1 (1 not-an-image)") == 2


def test_files_passed_over_are_counted(folder, tiny_bundle, tmp_path, capsys):
    study = tmp_path / "study"
    study.mkdir()
    shutil.copy(folder / "b.png", study)
    (study / "film.jp2").write_bytes(b"x")
    (study / "film.bmp").write_bytes(b"x")
    arguments = ("-o", study / "out", "--bundle", tiny_bundle.location)
    for again in ([], ["--resume"]):  # its own tables are not counted the second time
        assert run("read", study, *arguments, *again) == 0
        assert "2 files passed over (not DICOM, PNG" in capsys.readouterr().out
        document = json.loads((study / "out" / "readings.json").read_text("utf-8"))
        assert document["counts"] == {"read": 1, "refused": 0, "passed_over": 2}
    assert "<b>2</b>" in (study / "out" / "report.html").read_text("utf-8")


def test_a_folder_that_cannot_be_listed_is_told(folder, tiny_bundle, tmp_path, capsys, monkeypatch):
    import hilum.imaging as module

    real = module.find_files
    monkeypatch.setattr(module, "find_files", lambda p: replace(real(p), unlistable=("ward 9",)))
    arguments = ("-o", tmp_path / "out", "--bundle", tiny_bundle.location)
    assert run("read", folder / "b.png", *arguments) == 1
    assert "NOT listed: 1 folders that may hold radiographs (ward 9)" in capsys.readouterr().out


def test_pictures_in_the_output_folder_are_not_read(folder, tiny_bundle, tmp_path):
    (tmp_path / "b.png").write_bytes((folder / "b.png").read_bytes())
    arguments = ("-o", tmp_path / "out", "--bundle", tiny_bundle.location)
    assert run("read", tmp_path, *arguments) == 0
    assert run("read", tmp_path, *arguments, "--resume") == 0
    assert names_in(tmp_path / "out") == ["b.png"]


def test_a_prevalence_changes_probabilities_and_no_decision(results, folder, tiny_bundle, tmp_path):
    _, out = results
    arguments = ("-o", tmp_path / "out", "--bundle", tiny_bundle.location)
    assert run("read", folder, *arguments, "--prevalence", "effusion=0.01") == 1
    before, after = rows(out / "findings.csv"), rows(tmp_path / "out" / "findings.csv")
    assert [row[-1] for row in before] == [row[-1] for row in after]
    changed = {new[1] for old, new in zip(before, after, strict=True) if old != new}
    assert len(changed) == 1
    document = json.loads((tmp_path / "out" / "readings.json").read_text("utf-8"))
    assert document["prevalence"] == "effusion=0.01"


def test_heatmaps_may_be_left_out(folder, tiny_bundle, tmp_path):
    arguments = ("-o", tmp_path / "out", "--bundle", tiny_bundle.location, "--no-heatmaps")
    assert run("read", folder / "b.png", *arguments) == 0
    assert list((tmp_path / "out" / "heatmaps").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prevalence", "effusion"], "not of the form FINDING=SHARE"),
        (["--prevalence", "effusion=much"], "not of the form FINDING=SHARE"),
        (["--prevalence", "efusion=0.1"], "did you mean effusion"),
        (["--prevalence", "effusion=5"], "between 0 and 1"),
        (["--workers", "0"], "--workers"),
        (["--bundle", "no-such-bundle"], "Unknown bundle"),
    ],
)
def test_wrong_arguments_do_nothing(folder, tiny_bundle, tmp_path, capsys, arguments, message):
    standard = ["--bundle", tiny_bundle.location] if "--bundle" not in arguments else []
    assert run("read", folder, "-o", tmp_path / "out", *standard, *arguments) == 2
    assert message in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


def test_no_radiographs(tiny_bundle, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("x")
    arguments = ("-o", tmp_path / "out", "--bundle", tiny_bundle.location)
    assert run("read", tmp_path, *arguments) == 2
    assert "no DICOM, PNG, JPEG or TIFF file was found among 1 files" in capsys.readouterr().err
    assert run("read", tmp_path / "nothing", *arguments) == 2
    assert "does not exist" in capsys.readouterr().err


def test_results_and_the_output_folder_are_told_from_nothing(
    results, folder, tiny_bundle, tmp_path, capsys
):
    bundle = tiny_bundle.location
    assert run("read", results[1], "-o", tmp_path / "out", "--bundle", bundle) == 2
    assert "results of an earlier reading" in capsys.readouterr().err
    shutil.copytree(folder, tmp_path / "own")
    assert run("read", tmp_path / "own", "-o", tmp_path / "own", "--bundle", bundle) == 2
    assert "lie in the output folder" in capsys.readouterr().err


def test_links_that_lead_nowhere_get_a_row(folder, tiny_bundle, tmp_path):
    (tmp_path / "study").mkdir()
    shutil.copy(folder / "c.jpg", tmp_path / "study" / "c.jpg")
    (tmp_path / "study" / "gone.dcm").symlink_to(tmp_path / "nowhere.dcm")
    os.mkfifo(tmp_path / "study" / "pipe.dcm")
    out = tmp_path / "out"
    assert run("read", tmp_path / "study", "-o", out, "--bundle", tiny_bundle.location) == 1
    assert {row[0] for row in rows(out / "refused.csv")[1:]} == {"gone.dcm", "pipe.dcm"}


def test_a_lying_header_is_doubted_and_mended_where_asked(tiny_bundle, tmp_path, capsys):
    chest = as_stored(draw_chest(np.random.default_rng(0), size=(300, 280)), 4095)
    write_dicom(tmp_path / "x.dcm", chest, bits_stored=12, photometric="MONOCHROME1")
    codes = {}
    for options in ((), ("--mend",)):
        out = tmp_path / f"out{len(options)}"
        arguments = (tmp_path / "x.dcm", "-o", out, "--bundle", tiny_bundle.location)
        run("read", *arguments, *options)
        result = json.loads((out / "readings.json").read_text("utf-8"))
        (one,) = [*result["readings"], *result["refusals"]]
        codes[options] = {note["code"] for note in one.get("notes", one.get("reasons"))}
    assert "polarity-doubtful" in codes[()]
    assert "mended-polarity" in codes["--mend",]
    assert "inverted" not in codes["--mend",]
    capsys.readouterr()
    assert run("read", *arguments, "--resume") == 2
    assert "were made with --mend, and this run is without --mend; add" in capsys.readouterr().err


def test_a_full_disk_is_noticed_before(folder, tiny_bundle, tmp_path, capsys, monkeypatch):
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 10**6, 10**6))
    arguments = ("-o", tmp_path / "out", "--bundle", tiny_bundle.location)
    assert run("read", folder, *arguments) == 2
    assert "has 1 MB free" in capsys.readouterr().err
    assert not (tmp_path / "out" / "report.html").exists()


def test_a_bug_on_one_file_becomes_a_row(folder, tiny_bundle, tmp_path, monkeypatch, capsys):
    import hilum.reading.seen as module

    real, calls, patient = module.prepare, [], "^".join(("DOE", "JANE"))

    def broken(pixels, *rest):
        calls.append(pixels.shape)
        if len(calls) == 2:
            raise ZeroDivisionError(patient)
        return real(pixels, *rest)

    monkeypatch.setattr(module, "prepare", broken)
    arguments = ("-o", tmp_path / "out", "--bundle", tiny_bundle.location, "--workers", 1)
    assert run("read", folder, *arguments) == 1
    assert "1 failed" in capsys.readouterr().out
    (failed,) = [row for row in rows(tmp_path / "out" / "refused.csv") if row[2] == "failed"]
    assert "ZeroDivisionError" in failed[3]
    log = (tmp_path / "out" / "failures.log").read_text("utf-8")
    assert "ZeroDivisionError" in log
    assert "reader.py" in log
    for file in (tmp_path / "out").rglob("*"):
        assert not file.is_file() or patient.encode() not in file.read_bytes()


def test_from_python(folder, tiny_bundle):
    bundle = package.load_bundle(tiny_bundle.location)
    assert bundle == tiny_bundle
    reading = package.read(folder / "b.png", bundle, prevalence={"effusion": 0.5})
    assert reading.prevalence == "effusion=0.5"
    assert reading.radiograph is not None
    with pytest.raises(NotAnImage, match=r"\S"):
        package.read(folder / "e.dcm", bundle)
    with pytest.raises(Refused, match=r"d\.dcm was not read: \S") as caught:
        package.read(folder / "d.dcm", bundle)
    assert caught.value.refusal.stage == "gate"


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_an_interrupted_run_goes_on(folder, tiny_bundle, tmp_path):
    study = tmp_path / "study"
    study.mkdir()
    for i in range(600):
        (study / f"{i:03d}.png").hardlink_to(folder / "b.png")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "hilum", "read", str(study), "-o", str(out)]
    command += ["--bundle", str(tiny_bundle.location), "--workers", "2"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs tests in the background has told its children to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:
        journal = out / ".hilum" / "journal.jsonl"
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if journal.exists() and journal.read_bytes().count(b"\n") >= 3:
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        text, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "--resume goes on" in text
    assert "Traceback" not in errors
    first = len(names_in(out))
    assert 0 < first < 600
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=True)
    assert f"{first} were done before" in done.stdout
    assert len(names_in(out)) == 600


@pytest.fixture(scope="module")
def packed(folder, tmp_path_factory):
    """The same study as a ZIP, a TAR.GZ and a part of one, and a name that leads out."""
    root = tmp_path_factory.mktemp("packed")
    with zipfile.ZipFile(root / "a.zip", "w") as one, tarfile.open(root / "b.tgz", "w:gz") as other:
        for path in sorted(folder.rglob("*.*")):
            one.write(path, path.relative_to(folder))
            other.add(path, str(path.relative_to(folder)))
        one.writestr("../../up.dcm", "evil")
    whole = (root / "b.tgz").read_bytes()
    (root / "c.tar.gz").write_bytes(whole[: len(whole) // 2])
    return root


def test_archives_are_read_like_folders(packed, folder, results, tiny_bundle, tmp_path):
    arguments = ("--bundle", tiny_bundle.location, "--workers", 2)
    before = sorted(packed.parent.rglob("*.dcm"))
    assert run("read", packed, "-o", tmp_path / "out", *arguments) == 1
    assert sorted(packed.parent.rglob("*.dcm")) == before  # nothing was unpacked
    names = names_in(tmp_path / "out")
    assert names[: 2 * len(READ)] == sorted(
        f"{archive}/{name}" for archive in ("a.zip", "b.tgz") for name in READ
    )
    refused = {row[0]: row[1:3] for row in rows(tmp_path / "out" / "refused.csv")[1:]}
    for archive in ("a.zip", "b.tgz"):
        for row in rows(results[1] / "refused.csv")[1:]:
            assert refused[f"{archive}/{row[0]}"] == row[1:3]
    assert refused["a.zip/up.dcm"] == ["intake", "unsafe-archive"]
    assert refused["c.tar.gz"] == ["intake", "damaged"]
    # The copies in the second archive are told, by the name of the first.
    document = json.loads((tmp_path / "out" / "readings.json").read_text("utf-8"))
    notes = {
        r["image"]: {n["code"]: n["message"] for n in r["notes"]} for r in document["readings"]
    }
    assert "A copy of a.zip/ward 7/a.dcm" in notes["b.tgz/ward 7/a.dcm"]["duplicate"]
    assert "duplicate" not in notes["a.zip/ward 7/a.dcm"]


def test_a_run_over_archives_goes_on(packed, tiny_bundle, tmp_path, monkeypatch):
    arguments = ("--bundle", tiny_bundle.location, "--workers", 2)
    assert run("read", packed, "-o", tmp_path / "whole", *arguments) == 1
    assert run("read", packed, "-o", tmp_path / "out", *arguments) == 1
    journal = tmp_path / "out" / ".hilum" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    for keep in (3, 8, 11):  # as if the run had been killed there
        journal.write_bytes(b"".join(lines[:keep]))
        assert run("read", packed, "-o", tmp_path / "out", *arguments, "--resume") == 1
        for name in ("readings.csv", "findings.csv", "refused.csv"):
            assert (tmp_path / "out" / name).read_bytes() == (
                tmp_path / "whole" / name
            ).read_bytes()


def test_an_archive_that_changed_is_not_gone_on_with(packed, tiny_bundle, tmp_path, capsys):
    path = shutil.copy(packed / "a.zip", tmp_path / "a.zip")
    arguments = ("-o", tmp_path / "out", "--bundle", tiny_bundle.location)
    assert run("read", path, *arguments) == 1
    os.utime(path, (1, 1))
    assert run("read", path, *arguments, "--resume") == 2
    assert "were changed since" in capsys.readouterr().err


def test_the_same_uid_with_other_pixels_is_refused(tiny_bundle, tmp_path):
    (tmp_path / "study").mkdir()
    for i in range(12):
        chest = draw_chest(np.random.default_rng(i), size=(300, 280))
        path = tmp_path / "study" / f"{i:02d}.dcm"
        write_dicom(path, as_stored(chest, 4095), bits_stored=12, instance_uid="1.2.3.4")
    for workers in (1, 3):
        out = tmp_path / f"out{workers}"
        arguments = ("--bundle", tiny_bundle.location, "--workers", workers)
        assert run("read", tmp_path / "study", "-o", out, *arguments) == 1
        assert names_in(out) == ["00.dcm"]
        assert {row[2] for row in rows(out / "refused.csv")[1:]} == {"uid-reused"}


def test_from_python_one_member(packed, tiny_bundle):
    reading = package.read(packed / "a.zip" / "ward 7" / "a.dcm", tiny_bundle.location)
    assert reading.source.name == "a.zip/ward 7/a.dcm"
    with pytest.raises(NotAnImage, match="hilum read` reads them all"):
        package.read(packed / "a.zip", tiny_bundle.location)


def test_an_archive_is_inspected(packed, capsys):
    assert run("inspect", packed / "a.zip") == 1
    text = " ".join(capsys.readouterr().out.split())
    assert "a.zip/ward 7/a.dcm" in text
    assert "Not read (unsafe-archive)" in text
    assert "6 files would be tried, 1 not read, 1 passed over." in text
    assert run("inspect", packed / "c.tar.gz", "--json") == 1
    (listed,) = json.loads(capsys.readouterr().out)
    assert listed["files"][-1]["error"]["code"] == "damaged"
    assert run("inspect", packed / "b.tgz" / "ward 7" / "a.dcm") == 0
    assert "Read: 300 × 280 px" in capsys.readouterr().out
