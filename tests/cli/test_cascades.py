"""``hilum cascades`` and ``hilum read --cascade``, from a folder to every file."""

from __future__ import annotations

import csv
import shutil

import numpy as np
import pytest

from hilum.cli import main
from hilum.imaging import write_dicom
from hilum.phantoms import draw_blank, draw_chest

TEXT = """
name = "own"
version = "0.1.0"
summary = "A cascade of bundles beside it."

[[stage]]
name = "covid"
bundle = "./covid"

[[stage]]
name = "findings"
bundle = "findings"
when = { finding = "covid.covid_19", is = "negative" }
"""


def run(*arguments):
    try:
        main([str(a) for a in arguments])
    except SystemExit as end:
        return end.code


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.fixture
def cascade(fixed_bundle, tmp_path):
    said = {
        "covid": {"covid_19": 0.1, "fibrosis": 0.1, "hernia": 0.1},
        "findings": {"effusion": 0.9, "mass": 0.1, "nodule": 0.3},
    }
    for name, findings in said.items():
        shutil.copytree(fixed_bundle(name, **findings).location, tmp_path / "cascade" / name)
    path = tmp_path / "cascade" / "own.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    for name, draw in (("a.dcm", draw_chest), ("b.dcm", draw_chest), ("c.dcm", draw_blank)):
        phantom = draw(np.random.default_rng(1), size=(300, 280))
        stored = np.rint(phantom.pixels * 4095).astype(np.uint16)
        write_dicom(folder / name, stored, bits_stored=12, window=(2048, 4096))
    (folder / "d.dcm").write_text("no picture")
    return folder


def test_the_list_names_what_is_shipped(capsys):
    assert run("cascades", "list") == 0
    out = capsys.readouterr().out
    assert "covid-then-findings  1.0.0  covid → chest14" in out
    assert "hilum read FOLDER --cascade NAME -o OUT" in out


def test_show_prints_the_file(capsys, cascade):
    assert run("cascades", "show", cascade) == 0
    assert capsys.readouterr().out == TEXT
    assert run("cascades", "show", "covid-then") == 2
    assert "did you mean covid-then-findings?" in capsys.readouterr().err


def test_check_says_what_a_cascade_does(capsys, cascade):
    assert run("cascades", "check", cascade) == 0
    out = capsys.readouterr().out
    assert "1. covid: covid 1.2.3, 3 findings; reads everything\n" in out
    assert "2. findings: findings 1.2.3, 3 findings; reads where covid.covid_19 is negative" in out
    assert "own 0.1.0 is sound" in out
    cascade.write_text(TEXT.replace("covid.covid_19", "covid.covid19"), encoding="utf-8")
    assert run("cascades", "check", cascade) == 2
    assert "did you mean covid_19?" in capsys.readouterr().err


def test_a_folder_is_read_and_the_run_goes_on(capsys, cascade, study, tmp_path):
    out = tmp_path / "out"
    assert run("read", study / "a.dcm", "-o", out, "--cascade", cascade) == 0
    arguments = ("read", study, "-o", out, "--cascade", cascade, "--resume", "--workers", 2)
    assert run(*arguments) == 1
    said = capsys.readouterr().out
    assert "NOT read: 2" in said
    assert (out / "readings.csv").read_text("utf-8") == (
        "Image Index,Predict label\na.dcm,Effusion\nb.dcm,Effusion\n"
    )
    assert [row[0] for row in rows(out / "refused.csv")[1:]] == ["c.dcm", "d.dcm"]
    assert (out / "report.html").is_file()
    for stage, names in (("covid", ["", ""]), ("findings", ["Effusion", "Effusion"])):
        own = rows(out / "stages" / stage / "readings.csv")[1:]
        assert [row[1] for row in own] == names
    assert not (out / "failures.log").exists()
    cascade.write_text(TEXT.replace('is = "negative"', 'is = "abstained"'), encoding="utf-8")
    assert run(*arguments) == 2
    assert "were made with bundle own 0.1.0" in capsys.readouterr().err


def test_a_prevalence_and_an_abstention_reach_the_stage(capsys, cascade, study, tmp_path):
    text = TEXT.replace(
        'bundle = "./covid"', 'bundle = "./covid"\nabstain = { covid_19 = [0.2, 0.9] }'
    )
    cascade.write_text(text, encoding="utf-8")
    arguments = ("--cascade", cascade, "--prevalence", "covid_19=0.4", "--no-heatmaps")
    assert run("read", study / "a.dcm", "-o", tmp_path / "out", *arguments) == 1
    assert "Read in part, NOT in readings.csv: 1 (1 abstained)" in capsys.readouterr().out
    assert rows(tmp_path / "out" / "readings.csv")[1:] == []
    assert rows(tmp_path / "out" / "refused.csv")[1][:3] == ["a.dcm", "covid", "abstained"]
    assert run("read", study, "-o", tmp_path / "no", "--cascade", cascade, "--prevalence",
               "oedema=0.1") == 2  # fmt: skip
    assert "Unknown finding of this cascade 'oedema'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--cascade", "covid"), "Unknown cascade 'covid'"),
        (("--cascade", "x.toml"), "No cascade x.toml: there is no such file"),
        (("--cascade", "covid-then-findings", "--bundle", "chest14"), "give one of --bundle and"),
    ],
)
def test_what_cannot_begin(capsys, study, tmp_path, arguments, said):
    assert run("read", study, "-o", tmp_path / "out", *arguments) == 2
    text = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert said in text
    assert not (tmp_path / "out").exists()
