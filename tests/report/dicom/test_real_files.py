"""Objects of real radiographs of many makers."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.domain import Affine, Heatmap
from hilum.errors import HilumError
from hilum.imaging import read
from hilum.imaging.dicomfile import open_dicom, quiet
from hilum.report.dicom import (
    heatmap_segmentation,
    lung_segmentation,
    presentation_state,
    secondary_capture,
    structured_report,
)
from tests.report.dicom.conftest import FACTS, faults, masks, record, refusal

FILES = (
    "966", "dx_image", "RG1_J2KI", "RG2_RLE", "RG2_JPLY_fixed", "RG3_RLE", "RG3_JLSL",
    "JPEG2KLossless_1s_1f_u_16_16", "vlut_04", "mlut_18",
    "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819",
)  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_valid_by_dciodvfy(name, shared, tmp_path):
    path = shared / "dicom" / f"{name}.dcm"
    radiograph = read(path, longest_px=512)
    with quiet():
        source = open_dicom(path.read_bytes()).dataset
    rows, columns = radiograph.source.shape
    box = record()["boxes"][0] | {"xywh": [0.2 * columns, 0.5 * rows, 0.3 * columns, 0.2 * rows]}
    told = record(shape=[rows, columns], boxes=[box])
    values = np.random.default_rng(1).normal(0, 2, (7, 7)).astype(np.float32)
    heatmap = Heatmap("effusion", values, Affine.scale(columns / 7, rows / 7))
    to_stored = Affine.scale(columns / masks().shape[2], rows / masks().shape[1])
    made = {
        "sr": structured_report(told, source, FACTS),
        "sr of a refusal": structured_report(refusal(), source, FACTS),
        "gsps": presentation_state(told, source, FACTS),
        "lungs": lung_segmentation(masks(), source, FACTS, to_stored=to_stored),
        "heatmaps": heatmap_segmentation(told, [heatmap], source, FACTS),
        "sc": secondary_capture(told, source, FACTS, picture=radiograph.pixels),
    }
    assert {kind: faults(one, tmp_path) for kind, one in made.items()} == {key: [] for key in made}


@pytest.mark.parametrize("name", ["CR-ModalitySequenceLUT", "no_meta_group_length"])
def test_headers_without_identity_say_so(name, shared):
    with quiet():
        source = open_dicom((shared / "dicom" / f"{name}.dcm").read_bytes()).dataset
    with pytest.raises(HilumError, match="UID"):
        structured_report(refusal(), source, FACTS)
