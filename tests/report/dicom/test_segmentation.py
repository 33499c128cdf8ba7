"""Segmentations: what stands in their pixels, and on what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydicom
import pytest

from hilum.domain import Affine, Heatmap, Prediction
from hilum.errors import ResultError
from hilum.report.dicom import heatmap_segmentation, lung_segmentation, to_bytes
from hilum.report.pictures import strength
from tests.report.dicom.conftest import FACTS, SIZE, faults, header, heatmaps, masks, record


def frames(made, folder) -> np.ndarray:
    path = folder / "made.dcm"
    path.write_bytes(to_bytes(made))
    return pydicom.dcmread(path).pixel_array


def test_lungs_stand_where_the_masks_do(tmp_path):
    made = lung_segmentation(masks(), header(tmp_path), FACTS, to_stored=Affine.scale(2, 2))
    found = frames(made, tmp_path)
    assert (found.shape, found.dtype) == ((2, *SIZE), np.uint8)
    wanted = masks().repeat(2, axis=1).repeat(2, axis=2)
    assert (found.astype(bool) == wanted).mean() > 0.995  # outlines are interpolated
    for one, other in zip(found, wanted, strict=True):
        assert np.allclose(np.argwhere(one).mean(0), np.argwhere(other).mean(0), atol=0.26)
    same_size = lung_segmentation(wanted, header(tmp_path), FACTS)
    assert (frames(same_size, tmp_path).astype(bool) == wanted).all()


def test_sides_are_coded(tmp_path):
    made = lung_segmentation(masks(), header(tmp_path), FACTS, to_stored=Affine.scale(2, 2))
    told = [
        (one.SegmentLabel, one.SegmentedPropertyTypeCodeSequence[0].CodeValue,
         one.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence[0]
         .CodeMeaning, one.SegmentAlgorithmType)
        for one in made.SegmentSequence
    ]  # fmt: skip
    assert told == [
        ("Right lung", "39607008", "Right", "AUTOMATIC"),
        ("Left lung", "39607008", "Left", "AUTOMATIC"),
    ]
    assert "FrameOfReferenceUID" not in made
    (source,) = (
        made.PerFrameFunctionalGroupsSequence[0]
        .DerivationImageSequence[0]["SourceImageSequence"]
        .value
    )
    assert source.ReferencedSOPInstanceUID == header(tmp_path).SOPInstanceUID


def test_one_lung_alone_keeps_both_frames(tmp_path):
    one = masks()
    one[1] = False
    made = lung_segmentation(one, header(tmp_path), FACTS, to_stored=Affine.scale(2, 2))
    assert frames(made, tmp_path).any((1, 2)).tolist() == [True, False]
    assert faults(made, tmp_path) == []


@pytest.mark.parametrize(
    "bad",
    [np.zeros((2, 60, 50), bool), masks()[:1], masks().astype(np.uint8), masks()[0]],
    ids=["empty", "one lung", "no bool", "no pair"],
)
def test_masks_that_are_none(bad, tmp_path):
    with pytest.raises(ResultError, match="Masks of lungs"):
        lung_segmentation(bad, header(tmp_path), FACTS, to_stored=Affine.scale(2, 2))


def test_masks_of_another_size_need_a_place(tmp_path):
    with pytest.raises(ResultError, match="to_stored"):
        lung_segmentation(masks(), header(tmp_path), FACTS)


def test_heatmaps_are_strengths(tmp_path):
    values = np.full((7, 7), -1.0, np.float32)
    values[2, 4] = 5.0
    to_stored = Affine.scale(SIZE[1] / 7, SIZE[0] / 7)
    given = [Heatmap("effusion", values, to_stored), Heatmap("pleural_thickening", values / 10,
             to_stored)]  # fmt: skip
    made = heatmap_segmentation(record(), given, header(tmp_path), FACTS)
    assert made.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"  # what every archive takes
    found = frames(made, tmp_path)
    assert found.shape == (2, *SIZE)
    bright, faint = found.astype(float) / made.MaximumFractionalValue
    row, column = np.unravel_index(bright.argmax(), SIZE)
    assert (abs(row + 0.5 - 2.5 * SIZE[0] / 7), abs(column + 0.5 - 4.5 * SIZE[1] / 7)) < (3, 3)
    told = Prediction("effusion", 0.5, 0.87, 0.4)
    assert bright.max() == pytest.approx(strength(given[0], told).max(), abs=0.06)
    told = Prediction("pleural_thickening", 0.5, 0.123456789, 0.4)
    assert faint.max() == pytest.approx(strength(given[1], told).max(), abs=0.02)
    assert (bright[0, 0], faint[-1, 0]) == (0, 0)


def test_heatmaps_say_what_they_are(tmp_path):
    made = heatmap_segmentation(
        record(), heatmaps("lymphangitic_carcinomatosis"), header(tmp_path), FACTS
    )
    (segment,) = made.SegmentSequence
    kind = segment.SegmentedPropertyTypeCodeSequence[0]
    assert kind.CodeMeaning == "Evidence of a network for a finding"
    modifier = kind.SegmentedPropertyTypeModifierCodeSequence[0]
    assert modifier.LongCodeValue == "lymphangitic_carcinomatosis"
    assert segment.SegmentationAlgorithmIdentificationSequence[0].AlgorithmName == "chest14"


def test_heatmaps_that_are_none(tmp_path):
    with pytest.raises(ResultError, match="No heatmap"):
        heatmap_segmentation(record(), [], header(tmp_path), FACTS)
    with pytest.raises(ResultError, match="hernia"):
        heatmap_segmentation(record(), heatmaps("hernia"), header(tmp_path), FACTS)


def test_a_map_without_evidence_stays_dark(tmp_path):
    dark = [replace(heatmaps()[0], values=np.full((7, 7), -1, np.float32))]
    made = heatmap_segmentation(record(), dark, header(tmp_path), FACTS)
    assert not frames(made, tmp_path).any()
    assert faults(made, tmp_path) == []


def test_the_frame_of_several(tmp_path):
    source = header(tmp_path, np.zeros((2, *SIZE), np.uint8), modality="OT")
    source.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7.2"
    made = lung_segmentation(masks(), source, FACTS, to_stored=Affine.scale(2, 2))
    assert faults(made, tmp_path) == []
    assert {
        image.ReferencedFrameNumber
        for group in made.PerFrameFunctionalGroupsSequence
        for image in group.DerivationImageSequence[0].SourceImageSequence
    } == {1}
