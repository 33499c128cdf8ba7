"""Prediction strings of the SIIM challenge."""

import gzip
import shutil

import numpy as np
import pytest

from hilum.datasets.collections import COLLECTIONS
from hilum.datasets.predicted_boxes import BoxFile
from hilum.datasets.predictions import Predictions
from hilum.datasets.source import read_columns
from hilum.datasets.submission import (
    Wanted,
    fill,
    parsed,
    read_prediction_strings,
    read_template,
    siim_reference,
    written,
)
from hilum.datasets.submission.strings import APPEARANCES
from hilum.domain import State
from hilum.domain.text import text
from hilum.errors import LabelError
from hilum.evaluation.localisation import siim_score

KEYS = (*APPEARANCES.values(), "opacity")


def predictions(images, values):
    return Predictions("net", text(images), KEYS, np.array(values, float))


def test_strings_are_read_and_written():
    string = "negative 0.5 0 0 1 1 opacity 0.25 10.5 20 30 40"
    assert written(parsed(string)) == string
    assert parsed("") == ()


@pytest.mark.parametrize(
    "string",
    [
        "opacity 0.5 1 2 3",
        "covid 1 0 0 1 1",
        "none x 0 0 1 1",
        "opacity 1 5 5 inf 9",
        "none nan 0 0 1 1",
    ],
)
def test_strings_that_mean_nothing(tmp_path, string):
    path = tmp_path / "s.csv"
    path.write_text(f"Id,PredictionString\na_image,{string}\n")
    with pytest.raises(LabelError, match=r"1 strings are no groups of label.*'a_image'"):
        read_prediction_strings(path)


def test_boxes_without_area_are_named(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text(
        "Id,PredictionString\na_image,opacity 1 5 5 5 9\nb_image,none 1 0 0 1 1\n"
        "c_image,opacity 1 0 0 9 9 opacity 0.5 9 9 3 3\n"
    )
    with pytest.raises(LabelError, match=r"2 ids have no area: a_image: 5 5 5 9, c_image: 9 9 3 3"):
        read_prediction_strings(path)


def test_an_id_twice(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("Id,PredictionString\na_image,\na_image,\n")
    with pytest.raises(LabelError, match="1 ids stand twice"):
        read_prediction_strings(path)


def test_studies_are_the_mean_of_their_images_and_images_hold_boxes(tmp_path):
    path = tmp_path / "sample.csv"
    path.write_text("Id,PredictionString\nS1_study,x\nI2_image,x\nI1_image,x\nS2_study,x\n")
    given = predictions(
        ["S1/x/I1.dcm", "S1/x/I2.dcm", "S2/y/I3.dcm"],
        [[0.1, 0.7, 0.1, 0.1, 0.9], [0.3, 0.5, 0.1, 0.1, 0.4], [0.6, 0.2, 0.1, 0.1, 0.2]],
    )
    boxes = BoxFile(
        "b.csv", text(["I1"]), text(["opacity"]), np.array([[10, 20, 5, 5.5]]), np.array([0.75])
    )
    made = fill(given, read_template(path), Wanted(boxes=boxes))
    rest = "indeterminate 0.1 0 0 1 1 atypical 0.1 0 0 1 1"
    assert made.csv.splitlines() == [
        "Id,PredictionString",
        f"S1_study,negative 0.2 0 0 1 1 typical 0.6 0 0 1 1 {rest}",
        "I2_image,none 0.6 0 0 1 1",
        "I1_image,none 0.1 0 0 1 1 opacity 0.75 10 20 15 25.5",
        f"S2_study,negative 0.6 0 0 1 1 typical 0.2 0 0 1 1 {rest}",
    ]
    assert made.extra == 1
    told = fill(
        predictions(["I1", "I2"], given.values[:2]), read_template(path),
        Wanted(studies={"I1": "S1", "I2": "S1"}, missing="none 1 0 0 1 1"),
    )  # fmt: skip
    assert told.missing == ("S2_study",)
    assert told.csv.splitlines()[1] == made.csv.splitlines()[1]


def test_strings_that_cannot_be_filled(tmp_path):
    path = tmp_path / "sample.csv"
    path.write_text("Id,PredictionString\nS1_study,x\nI1_image,x\n")
    given = predictions(["I1"], [[0.1] * 5])
    with pytest.raises(
        LabelError, match=r"1 of 2 ids of sample.csv have no prediction: 'S1_study'"
    ):
        fill(given, read_template(path))
    hollow = predictions(["a/S1/I1"], [[np.nan] * 5])
    with pytest.raises(LabelError, match="asked for are empty"):
        fill(hollow, read_template(path))
    few = Predictions("net", text(["I1"]), ("opacity",), np.array([[0.5]]))
    with pytest.raises(LabelError, match="does not tell of 'negative_for_pneumonia'"):
        fill(few, read_template(path))
    path.write_text("Id,PredictionString\nI1,x\n")
    with pytest.raises(LabelError, match="neither _study nor _image"):
        fill(given, read_template(path))


def test_the_published_labels_score_as_the_challenge_had_them(shared, tmp_path):
    name = "siim_covid19_train_kfold.csv"
    with gzip.open(shared / "labels" / f"{name}.gz") as packed, (tmp_path / name).open("wb") as out:
        shutil.copyfileobj(packed, out)
    table = COLLECTIONS.resolve("siim-covid19").variants["kfold"].read(tmp_path)
    reference = siim_reference(table)
    # The labels are written as strings themselves: every image's must come out again.
    cells = read_columns(tmp_path / name, ["imageid", "label"])
    for image, label in zip(cells["imageid"].tolist(), cells["label"].tolist(), strict=True):
        theirs = parsed(label)
        mine = reference[f"{image}_image"]
        assert len(theirs) == len(mine)
        for a, b in zip(theirs, mine, strict=True):
            assert a.label == b.label
            assert np.maximum(a.box, 0) == pytest.approx(b.box, abs=1e-6)
    assert len(reference) == 6_054 + 6_334

    # A template filled from what is so, with scores that know it, is the reference again.
    columns = [table.findings.index(key) for key in APPEARANCES.values()]
    sure = np.where(table.states[:, columns] == State.PRESENT, 0.97, 0.01)
    boxed = np.isin(np.arange(len(table)), table.boxes.row)
    given = Predictions("net", table.images, KEYS, np.column_stack([sure, boxed * 1.0]))
    boxes = BoxFile(
        "boxes.csv", table.images[table.boxes.row], table.boxes.finding, table.boxes.xywh,
        np.ones(len(table.boxes)),
    )  # fmt: skip
    sample = tmp_path / "sample.csv"
    sample.write_text(
        "Id,PredictionString\n" + "".join(f"{i},negative 1 0 0 1 1\n" for i in reference)
    )
    images = table.images.tolist()
    made = fill(
        given, read_template(sample),
        Wanted(studies=dict(zip(images, table.column("study").tolist(), strict=True)), boxes=boxes),
    )  # fmt: skip
    made.save(tmp_path / "out.csv")
    score = siim_score(reference, read_prediction_strings(tmp_path / "out.csv"))
    assert {k: m.value for k, m in score.each.items()} == pytest.approx(
        dict.fromkeys(score.each, 1)
    )
    assert score.missing == 0
