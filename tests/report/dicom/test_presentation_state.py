"""The presentation state: shown by dcmtk as Hilum reads the radiograph, with boxes in place."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from pydicom import Dataset

from hilum.errors import InvalidHeader, ResultError
from hilum.imaging import read
from hilum.report.dicom import presentation_state, to_bytes
from hilum.report.result_words import NOT_WHOLE
from tests.report.dicom.conftest import (
    FACTS,
    SIZE,
    faults,
    header,
    prediction,
    record,
    refusal,
    run,
)

WIDE = np.arange(SIZE[0] * SIZE[1], dtype=np.uint16).reshape(SIZE)
SIGNED = (WIDE.astype(np.int32) - 6000).astype(np.int16)
CURVE = [round(1023 * (at / 255) ** 2) for at in range(256)]
DARK = {"photometric": "MONOCHROME1"}
SHOWN = {
    "window": (WIDE, {"window": (6000, 8000)}),
    "dark is high": (WIDE, {"window": (6000, 8000)} | DARK),
    "shape without photometric": (WIDE, {"window": (6000, 8000), "presentation": "INVERSE"}),
    "rescaled": (SIGNED, {"window": (0, 9000), "rescale": (1.5, -7.25)}),
    "voi table": (WIDE // 40, {"voi_lut": (0, CURVE, 10)}),
    "voi table, dark is high": (WIDE // 40, {"voi_lut": (20, CURVE, 10)} | DARK),
    "modality table": (WIDE // 40, {"modality_lut": (0, CURVE, 10), "window": (500, 700)}),
    "two tables": (WIDE // 40, {"modality_lut": (0, CURVE, 10), "voi_lut": (100, CURVE, 10)}),
}


@pytest.mark.parametrize("case", SHOWN)
def test_dcmtk_shows_what_hilum_reads(case, tmp_path):
    stored, facts = SHOWN[case]
    source = header(tmp_path, stored, **facts)
    made = presentation_state(record(boxes=[]), source, FACTS)
    assert faults(made, tmp_path) == []
    (tmp_path / "state.dcm").write_bytes(to_bytes(made))
    shown = tmp_path / "shown.pgm"
    done = run("dcmp2pgm", "-p", tmp_path / "state.dcm", tmp_path / "source.dcm", shown)
    assert done.returncode == 0, done.stderr
    picture = cv2.imread(str(shown), cv2.IMREAD_UNCHANGED) / 255
    assert np.abs(picture - read(tmp_path / "source.dcm").pixels).max() < 0.012


def test_a_sigmoid_is_kept(tmp_path):
    source = header(tmp_path, WIDE, window=(6000, 4000), voi_function="SIGMOID")
    (item,) = presentation_state(record(), source, FACTS).SoftcopyVOILUTSequence
    assert (item.WindowCenter, item.WindowWidth, item.VOILUTFunction) == (6000, 4000, "SIGMOID")


def test_a_table_without_window_shows_its_whole_range(tmp_path):
    source = header(tmp_path, WIDE // 40, modality_lut=(0, [entry // 2 for entry in CURVE], 10))
    made = presentation_state(record(), source, FACTS)
    assert faults(made, tmp_path) == []
    (item,) = made.SoftcopyVOILUTSequence
    table = np.frombuffer(made.ModalityLUTSequence[0].LUTData, "<u2").astype(float)
    share = (table - (item.WindowCenter - 0.5)) / (item.WindowWidth - 1) + 0.5
    assert np.allclose(share, np.array([entry // 2 for entry in CURVE]) / 1023, atol=1e-4)


def test_boxes_and_words(tmp_path):
    made = presentation_state(record(), header(tmp_path), FACTS)
    (annotation,) = made.GraphicAnnotationSequence
    (line,) = annotation.GraphicObjectSequence
    assert (line.GraphicType, line.GraphicAnnotationUnits) == ("POLYLINE", "PIXEL")
    assert np.allclose(
        np.reshape(line.GraphicData, (-1, 2)),
        [(10.5, 20), (40.5, 20), (40.5, 60.25), (10.5, 60.25), (10.5, 20)],
    )
    texts = [text.UnformattedTextValue for text in annotation.TextObjectSequence]
    assert texts[1] == "Pleural effusion 0.70"
    assert texts[0].split("\r\n") == [
        "AI, investigational; not for diagnosis",
        "Pleural effusion 0.87",
        "no decision: Lymphangitic carcinomatosis 0.41",
    ]
    (image,) = annotation.ReferencedImageSequence
    assert image.ReferencedSOPInstanceUID == header(tmp_path).SOPInstanceUID


def test_nothing_present_is_not_called_normal(tmp_path):
    told = record(predictions=[record()["predictions"][1]], boxes=[])
    made = presentation_state(told, header(tmp_path), FACTS)
    (text,) = made.GraphicAnnotationSequence[0].TextObjectSequence
    assert "No finding reaches its operating point" in text.UnformattedTextValue
    assert "not say that the radiograph is normal" in text.UnformattedTextValue


def test_a_refusal_says_why(tmp_path):
    many = [{"code": "x", "message": "因為 " + "long " * 300, "warning": True}]
    for told, why in ((refusal(), "This is a lateral view."), (refusal(reasons=many), "long")):
        made = presentation_state(told, header(tmp_path), FACTS)
        (text,) = made.GraphicAnnotationSequence[0].TextObjectSequence
        assert "NOT READ" in text.UnformattedTextValue
        assert why in text.UnformattedTextValue
        assert len(text.UnformattedTextValue.encode()) <= 1024
        assert faults(made, tmp_path) == []


def test_a_box_is_cut_at_the_edge(tmp_path):
    box = record()["boxes"][0] | {"xywh": [-5.0, 100.0, 300.0, 90.0]}
    made = presentation_state(record(boxes=[box]), header(tmp_path), FACTS)
    corners = np.reshape(made.GraphicAnnotationSequence[0].GraphicObjectSequence[0].GraphicData,
                         (-1, 2))  # fmt: skip
    assert corners.min(0).tolist() == [0, 100]
    assert corners.max(0).tolist() == [100, 120]


def test_colour_has_none(tmp_path):
    source = header(tmp_path, np.zeros((*SIZE, 3), np.uint8), photometric="RGB", modality="OT")
    with pytest.raises(ResultError, match="in colour"):
        presentation_state(record(), source, FACTS)


def test_grey_levels_that_are_undefined(tmp_path):
    source = header(tmp_path)
    broken = Dataset()
    broken.update(source)
    del broken.PhotometricInterpretation
    with pytest.raises(InvalidHeader, match="Photometric"):
        presentation_state(record(), broken, FACTS)


def test_pixels_that_are_not_square_stay_so(tmp_path):
    for facts, wanted in (
        ({"overrides": {"PixelAspectRatio": [2, 1]}}, [2, 1]),
        ({"spacing_mm": (0.3, 0.2)}, [3, 2]),
        ({"spacing_mm": (0.2, 0.2)}, [1, 1]),
    ):
        made = presentation_state(record(), header(tmp_path, **facts), FACTS)
        assert made.DisplayedAreaSelectionSequence[0].PresentationPixelAspectRatio == wanted
        assert faults(made, tmp_path) == []


def test_of_several_frames_the_first_is_named(tmp_path):
    word = "1.2.840.10008.5.1.4.1.1.7.3"  # Multi-frame Grayscale Word Secondary Capture
    source = header(
        tmp_path, np.stack([WIDE, WIDE]), modality="OT", overrides={"SOPClassUID": word}
    )
    made = presentation_state(record(), source, FACTS)
    assert faults(made, tmp_path) == []
    named = [
        *made.ReferencedSeriesSequence[0].ReferencedImageSequence,
        *made.GraphicAnnotationSequence[0].ReferencedImageSequence,
    ]
    assert {(one.ReferencedSOPClassUID, one.ReferencedFrameNumber) for one in named} == {(word, 1)}


def test_words_tell_what_is_not_calibrated_and_not_whole(tmp_path):
    unsure = record(
        predictions=[prediction("effusion", 0.87, "present", calibrated=False)],
        stages=[{"stage": "second", "outcome": "refused", "reasons": []}],
    )
    made = presentation_state(unsure, header(tmp_path), FACTS)
    text = made.GraphicAnnotationSequence[0].TextObjectSequence[0].UnformattedTextValue
    assert text.splitlines()[1:] == [NOT_WHOLE, "Pleural effusion 0.87 (not calibrated)"]
