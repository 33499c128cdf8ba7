"""The SIIM task from DICOM files to a scored submission, on a tree drawn as the challenge's is."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from hilum.cli import main
from hilum.datasets.collections import COLLECTIONS
from hilum.recipes import locate
from hilum.studies.s0.drawn import draw_tree

SMALL = {
    'table = "labels.csv"': 'table = "labels.csv"\nshares = [0.8, 0.1999, 0.0001]',
    "folds = 5": "folds = 0",
    "size = [320, 320]": "size = [160, 160]",
    "batch = 16": "batch = 8",
}
"""What makes the shipped recipe small: one network, half the side, the test part apart."""


def hilum(capsys, *arguments):
    capsys.readouterr()
    status = 0
    try:
        main([str(a) for a in arguments])
    except SystemExit as end:
        status = int(end.code or 0)
    said = capsys.readouterr()
    return status, said.out, said.err


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")
    return tmp_path


def rows(path):
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.train
def test_from_dicom_files_to_a_scored_submission(folder, capsys):
    pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")
    draw_tree(folder / "siim", train=60, test=16, side=256, seed=0, odd=True)
    recipe = locate("siim-detect").read_text("utf-8")
    for shipped, small in SMALL.items():
        assert recipe.count(shipped) == 1, shipped
        recipe = recipe.replace(shipped, small)
    Path("small.toml").write_text(recipe)

    steps = (
        ("datasets", "table", "siim-covid19", "siim", "-o", "siim/labels.csv"),
        ("train", "small.toml", "--data", "siim", "-o", "run"),
        ("read", "siim/test", "--bundle", "run/siim-detect", "-o", "read", "--boxes",
         "--no-heatmaps", "--workers", 1),
        ("submit", "read", "--template", "siim/sample_submission.csv", "-o", "submission.csv",
         "--missing", ""),
        ("evaluate", "submission.csv", "--labels", "siim/answers", "--columns", "siim-covid19",
         "-o", "score", "--samples", 200),
    )  # fmt: skip
    for step in steps:
        status, out, err = hilum(capsys, *step)
        # 1: a radiograph may be refused, and has no prediction then
        assert status == 0 or (status == 1 and step[0] in ("read", "submit")), (step, out, err)
    assert "average precision at an IoU above .5" in out

    sample, mine = rows("siim/sample_submission.csv"), rows("submission.csv")
    assert [row["Id"] for row in mine] == [row["Id"] for row in sample]
    # boxes lie on the pixels of the DICOM files, where those of the answers do
    score = {row["class"]: row["average_precision"] for row in rows("score/score.csv")}
    assert float(score["opacity"]) > 0.2
    assert float(score["mean"]) > 0.4
    assert json.loads(Path("score/score.json").read_text())["boxes"]["reference"] == 19


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The tree, and predictions that are right in all: a CSV of them, one of boxes, one of studies.

    Second images of a study have no box, as the answers have it.
    """
    folder = tmp_path_factory.mktemp("drawn")
    tree = draw_tree(folder / "siim", train=12, test=12, side=96, seed=3, odd=True)
    table = COLLECTIONS.resolve("siim-covid19").variants["original"].read(tree.answers)
    boxed = set(table.boxes.row.tolist())
    images, studies = table.images.tolist(), table.column("study").tolist()
    said = [
        [image, *(0.9 if state == 1 else 0.1 for state in table.states[row, :4].tolist()),
         0.8 if row in boxed else 0.2]
        for row, image in enumerate(images)
    ]  # fmt: skip
    write(folder / "said.csv", ["image", *table.findings[:4], "opacity"], said)
    pairs = zip(table.boxes.row.tolist(), table.boxes.xywh.tolist(), strict=True)
    boxes = [[images[row], "opacity", 0.8, *box] for row, box in pairs]
    write(folder / "boxes.csv", ["image", "finding", "score", "x", "y", "w", "h"], boxes)
    write(folder / "studies.csv", ["image", "study"], zip(images, studies, strict=True))
    return folder


def write(path, head, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *rows])


@pytest.fixture
def answered(drawn, folder):
    shutil.copytree(drawn, folder, dirs_exist_ok=True)


SUBMIT = ("submit", "said.csv", "--template", "siim/sample_submission.csv", "--labels",
          "studies.csv", "-o", "submission.csv")  # fmt: skip
LABELS = ("--labels", "siim/answers", "--columns", "siim-covid19", "--samples", 50)


def test_what_is_right_scores_one(answered, capsys):
    status, out, err = hilum(capsys, *SUBMIT, "--boxes", "boxes.csv")
    assert (status, err) == (0, ""), out
    status, out, _ = hilum(capsys, "evaluate", "submission.csv", *LABELS, "-o", "score")
    assert status == 0
    score = {row["class"]: row for row in rows("score/score.csv")}
    assert {name: float(row["average_precision"]) for name, row in score.items()} == dict.fromkeys(
        ("negative", "typical", "indeterminate", "atypical", "none", "opacity", "mean"), 1.0
    )
    assert score["typical"]["right"] == score["typical"]["of"]
    told = json.loads(Path("score/score.json").read_text())
    assert told["boxes"]["predicted"] == told["boxes"]["reference"] > 10
    assert (told["missing"], told["patients"]) == (0, 12)


def test_the_organisers_sample_scores_what_it_says(answered, capsys):
    """Every study negative, every image without a box."""
    sample = "siim/sample_submission.csv"
    status, out, _ = hilum(capsys, "evaluate", sample, *LABELS, "-o", "score")
    assert status == 0, out
    score = {row["class"]: row["average_precision"] for row in rows("score/score.csv")}
    assert 0 < float(score["negative"]) < 1
    assert float(score["opacity"]) == float(score["typical"]) == 0
    # a reference written as a submission is taken too; patients are not known then
    status, out, _ = hilum(capsys, "evaluate", sample, "--labels", sample, "-o", "same")
    assert status == 0
    assert "Patients are not known" in out


def test_boxes_of_the_read_folder_are_taken_and_others_named(answered, capsys):
    boxes = Path("boxes.csv").read_text()
    Path("boxes.csv").write_text(boxes.replace(",opacity,", ",nodule,", 1))
    status, out, _ = hilum(capsys, *SUBMIT, "--boxes", "boxes.csv")
    assert status == 0
    assert "1 boxes of other findings than opacity are left out" in out
    Path("submission.csv").unlink()
    Path("boxes.csv").write_text(boxes.replace(",opacity,", ",nodule,"))
    status, _, err = hilum(capsys, *SUBMIT, "--boxes", "boxes.csv")
    assert status == 2
    assert "holds boxes of 'nodule'; the challenge asks for boxes of opacities" in err
    assert not Path("submission.csv").exists()


@pytest.mark.parametrize(
    ("line", "options", "message"),
    [
        ("te0000a_study,typical 1 0 0 1 1", (), "Give the labels with --labels"),
        ("te0000a_study,typical 1 0 0 1 1", (*LABELS, "--compare", "b.csv"), "leave out --compare"),
        ("te0000c_image,opacity 1 9 9 3 3", LABELS, "1 ids have no area: te0000c_image: 9 9 3 3"),
        ("te0000c_image,fluff 1 0 0 1 1", LABELS, "1 strings are no groups of label"),
        ("te0000c_image,typical 1 0 0 1 1", LABELS, "labels do not belong to their ids"),
        ("zz_image,none 1 0 0 1 1", LABELS, "1 ids have no reference: 'zz_image'"),
    ],
)
def test_submissions_that_cannot_be_scored(answered, capsys, line, options, message):
    Path("bad.csv").write_text(f"Id,PredictionString\n{line}\n")
    status, _, err = hilum(capsys, "evaluate", "bad.csv", *options, "-o", "score")
    assert status == 2
    assert message in " ".join(err.split())
    assert not Path("score").exists()


def test_ids_of_which_nothing_is_said_count_as_missed(answered, capsys):
    Path("few.csv").write_text("Id,PredictionString\nte0000a_study,\n")
    status, out, _ = hilum(capsys, "evaluate", "few.csv", *LABELS, "-o", "score")
    assert status == 0
    assert "Nothing is said of 26 of 26 ids, which count as missed" in " ".join(out.split())
    assert json.loads(Path("score/score.json").read_text())["mean"]["average_precision"] == 0
