"""The capture: marked on its pixels, and the words that stand beside them."""

from __future__ import annotations

import cv2
import numpy as np
import pydicom
import pytest

from hilum.errors import ResultError
from hilum.report import burned_in as module
from hilum.report.boxes import colour_of
from hilum.report.burned_in import LEAST_PX, MOST_PX, burned_in
from hilum.report.dicom import secondary_capture, to_bytes
from hilum.report.result_words import NOT_WHOLE
from tests.report.dicom.conftest import FACTS, SIZE, header, prediction, record, refusal

GREY = np.full(SIZE, 128, np.uint8)


def pixels(made, folder):
    path = folder / "made.dcm"
    path.write_bytes(to_bytes(made))
    return pydicom.dcmread(path).pixel_array


def test_marked_on_its_pixels(tmp_path):
    made = secondary_capture(record(), header(tmp_path), FACTS, picture=GREY)
    assert (made.BurnedInAnnotation, made.ConversionType) == ("YES", "WSD")
    assert made.PhotometricInterpretation == "RGB"
    assert made.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert list(made.PatientOrientation) == ["L", "F"]
    drawn = pixels(made, tmp_path)
    height, width = drawn.shape[:2]
    assert max(height, width) >= LEAST_PX
    grey = (drawn == 128).all(2)
    top, bottom = np.flatnonzero(grey.mean(1) > 0.4)[[0, -1]]
    assert top > 10  # a band above, and one below
    assert bottom < height - 20
    corner = drawn[bottom - 12 : bottom, : width // 5].reshape(-1, 3).astype(int)
    amber = (corner[:, 0] > 200) & (corner[:, 1] > 100) & (corner[:, 2] < 90)
    assert amber.sum() > 50  # the mark on the picture itself, red, green, blue
    assert (drawn == colour_of("effusion")).all(2).sum() > 200


def test_the_box_stands_in_its_place():
    with_box = burned_in(GREY, record(), bundle="a")
    without = burned_in(GREY, record(boxes=[]), bundle="a")
    assert with_box.shape == without.shape
    changed = (with_box != without).any(2)
    scale = with_box.shape[1] / SIZE[1]
    top = np.flatnonzero((without == 128).all(2).any(1))[0]
    left, right = np.flatnonzero(changed.any(0))[[0, -1]]
    bottom = np.flatnonzero(changed.any(1))[-1]
    assert left == pytest.approx(10.5 * scale, abs=4)
    assert right == pytest.approx(40.5 * scale, abs=90)  # its name stands beside it
    assert bottom - top == pytest.approx(60.25 * scale, abs=4)


@pytest.mark.parametrize("told", [record(), refusal()], ids=["reading", "refusal"])
def test_pictures_of_every_kind(told):
    small = burned_in(GREY, told, bundle="a")
    shares = GREY.astype(np.float64) / 255
    assert (burned_in(shares, told, bundle="a") == small).all()
    coloured = cv2.cvtColor(GREY, cv2.COLOR_GRAY2BGR)
    assert (burned_in(coloured, told, bundle="a") == small).all()
    large = burned_in(np.zeros((3000, 2000), np.uint8), told, bundle="a")
    assert large.shape[1] == round(2000 * MOST_PX / 3000)


def test_a_refusal_does_not_look_read():
    read = burned_in(GREY, record(boxes=[]), bundle="a")
    refused = burned_in(GREY, refusal(), bundle="a")
    assert read.shape != refused.shape or (read != refused).any()


@pytest.mark.parametrize(
    "bad",
    [GREY.astype(np.uint16), GREY.astype(np.float32), np.zeros((0, 0), np.uint8),
     np.zeros((4, 4, 4), np.uint8), np.full(SIZE, np.nan)],
    ids=["16 bits", "beyond 1", "empty", "four colours", "no numbers"],
)  # fmt: skip
def test_pictures_that_are_none(bad, tmp_path):
    with pytest.raises(ResultError, match="picture"):
        secondary_capture(record(), header(tmp_path), FACTS, picture=bad)


@pytest.mark.parametrize(("told", "kept"), [("01", "01"), ("00", "00"), ("NONSENSE", "00")])
def test_once_lossy_always_lossy(told, kept, tmp_path):
    source = header(tmp_path)
    source.LossyImageCompression = told
    made = secondary_capture(record(), source, FACTS, picture=GREY)
    assert made.LossyImageCompression == kept


PART = {"stages": [{"stage": "second", "outcome": "refused", "reasons": []}]}


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (record(predictions=[prediction("effusion", 0.1, "absent")]),
         ["No finding reaches its operating point; not the same as normal"]),
        (record(predictions=[prediction("effusion", 0.41, "abstained")]),
         ["No finding is called present; not the same as normal", "No decision: Pleural effusion"]),
        (record(predictions=[]),
         ["Boxes alone, nothing is said of the whole: 1; none does not mean normal"]),
        (record(predictions=[prediction("effusion", 0.1, "absent")], **PART),
         ["No finding reaches its operating point; not the same as normal", NOT_WHOLE]),
    ],
)  # fmt: skip
def test_what_is_lacking_stands_below(told, wanted, monkeypatch):
    lines = []
    monkeypatch.setattr(module, "_broken", lambda line, *_: lines.append(line) or [line])
    burned_in(GREY, told, bundle="a")
    assert lines[1:-1] == wanted
