"""The command, on radiographs drawn by code."""

import numpy as np
import pytest

from hilum.bundles import load
from hilum.datasets.table import save
from hilum.domain import LabelTable
from hilum.imaging.encode import encode_png
from hilum.phantoms import draw_chest

KEYS = ("effusion", "pneumonia", "pleural_thickening")
OLD = ((0.5, -1.0), (1.5, 0.25), (1.0, 0.0))


@pytest.fixture
def ward(tmp_path):
    """Probabilities of the tiny bundle for 600 images, and labels that they are too sure for."""
    rng = np.random.default_rng(0)
    odds = rng.normal(-0.5, 2, (600, 3))
    states = (rng.random((600, 3)) < 1 / (1 + np.exp(-(0.5 * odds + 0.5)))).astype(np.uint8)
    images = [f"{i}.png" for i in range(600)]
    part = np.where(np.arange(600) % 2, "tune", "test")
    patients = [f"p{i // 2}" for i in range(600)]
    table = LabelTable(images, KEYS, states, patients, columns={"split": part})
    save(table, tmp_path / "labels.csv")
    said = 1 / (1 + np.exp(-odds))
    rows = [",".join([name, *(f"{v:.9g}" for v in row)])
            for name, row in zip(images, said, strict=True)]  # fmt: skip
    (tmp_path / "said.csv").write_text("\n".join([f"image,{','.join(KEYS)}", *rows]) + "\n")
    return tmp_path


def test_a_new_version_is_written(hilum, ward, tiny_bundle):
    done = hilum(
        "recalibrate", tiny_bundle.location, ward / "said.csv", "--labels", ward / "labels.csv",
        "-o", ward / "new", "--sample", "Ward 3", "--method", "platt",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert "tiny 1.3.0; recalibrated for 3 of 3 findings on 600 images of 300 patients" in done.out
    assert "→" in done.out
    card = load(ward / "new").card
    for row, (slope, intercept) in zip(card.findings, OLD, strict=True):
        assert row.calibration.slope == pytest.approx(0.5 * slope, rel=0.4)
        assert row.calibration.intercept == pytest.approx(0.5 * intercept + 0.5, abs=0.5)
    assert hilum("bundles", "verify", ward / "new").status == 0
    shown = hilum("bundles", "show", ward / "new").out
    assert "Brier after recalibration" in shown
    assert "moved" in shown


def test_a_part_alone_under_another_name(hilum, ward, tiny_bundle):
    done = hilum(
        "recalibrate", tiny_bundle.location, ward / "said.csv", "--labels", ward / "labels.csv",
        "-o", ward / "new.hilum", "--part", "val", "--method", "shift", "--name", "ward-3",
        "--version", "2.0.0",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert "Warning: the sample holds train or tune rows" in done.err
    assert "ward-3 2.0.0; recalibrated for 3 of 3 findings on 300 images" in done.out


def test_findings_that_keep_their_calibration_are_told(hilum, ward, tiny_bundle):
    done = hilum(
        "recalibrate", tiny_bundle.location, ward / "said.csv", "--labels", ward / "labels.csv",
        "-o", ward / "new", "--method", "isotonic", "--part", "test",
    )  # fmt: skip
    assert done.status == 2
    assert "isotonic needs 200 patients with the finding and 200 without" in done.err
    assert not (ward / "new").exists()


def test_images_without_a_prediction_are_told(hilum, ward, tiny_bundle):
    lines = (ward / "said.csv").read_text().splitlines()
    (ward / "said.csv").write_text("\n".join(lines[:501]) + "\n")
    done = hilum(
        "recalibrate", tiny_bundle.location, ward / "said.csv", "--labels", ward / "labels.csv",
        "-o", ward / "new", "--method", "shift",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert "100 of 600 images of the labels lack a prediction" in done.out


@pytest.mark.parametrize("method", ["auto", "shift"])
def test_labels_that_go_the_other_way_are_told(hilum, ward, tiny_bundle, method):
    said = [line.split(",") for line in (ward / "said.csv").read_text().splitlines()]
    turned = [",".join([name, *(f"{1 - float(v):.9g}" for v in row)]) for name, *row in said[1:]]
    (ward / "said.csv").write_text("\n".join([",".join(said[0]), *turned]) + "\n")
    done = hilum(
        "recalibrate", tiny_bundle.location, ward / "said.csv", "--labels", ward / "labels.csv",
        "-o", ward / "new", "--method", method,
    )  # fmt: skip
    assert "the FEWER have it here" in done.out


def test_radiographs_are_read_where_they_lie(hilum, ward, tiny_bundle):
    folder = ward / "films"
    folder.mkdir()
    for i in range(3):
        phantom = draw_chest(np.random.default_rng(i), size=(300, 320))
        (folder / f"{i}.png").write_bytes(encode_png(phantom.pixels))
    done = hilum(
        "recalibrate", tiny_bundle.location, "--data", folder, "--labels", ward / "labels.csv",
        "-o", ward / "new",
    )  # fmt: skip
    assert done.status == 2
    assert "No finding can be recalibrated on 3 images of 2 patients" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", "labels.csv", "-o", "new"], "Give PREDICTIONS, or --data"),
        (["said.csv", "--labels", "labels.csv", "-o", "said.csv"], "exists"),
        (["said.csv", "--labels", "labels.csv", "-o", "new", "--part", "x"], "of the part 'x'"),
        (["said.csv", "--labels", "none.csv", "-o", "new"], "No labels none.csv"),
        (["said.csv", "--labels", "labels.csv", "-o", "new", "--version", "9"], "three numbers"),
        (["said.csv", "--labels", "labels.csv", "-o", "new", "--name", "A b"], "hyphens"),
    ],
)
def test_what_cannot_be_done(hilum, ward, tiny_bundle, monkeypatch, arguments, message):
    monkeypatch.chdir(ward)
    done = hilum("recalibrate", tiny_bundle.location, *arguments)
    assert done.status == 2
    assert message in done.err
