"""Evidence of readings as files: what is kept comes back, and pages can show it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hilum.bundles import Bundle
from hilum.domain import Affine, FoundBox, Heatmap, Radiograph, Reading, Source
from hilum.errors import ServiceError
from hilum.phantoms import draw_chest
from hilum.reading import Reader
from hilum.reading.lungs import LungFields, LungReader
from hilum.service import evidence


@pytest.fixture(scope="module")
def radiograph() -> Radiograph:
    """A drawn chest whose stored picture is twice as large."""
    chest = draw_chest(np.random.default_rng(5), size=(300, 260))
    source = Source("drawn", "png", (600, 520), Affine.scale(2, 2))
    return Radiograph(chest.pixels, source)


def _grey(png: bytes) -> np.ndarray:
    blue, green, red = cv2.split(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR))
    assert not blue.any()
    return red.astype(np.float64) * 256 + green


def test_the_display_holds_the_grey_levels(radiograph: Radiograph) -> None:
    shown = _grey(evidence.pictures(radiograph)["display.png"])

    assert shown.shape == radiograph.shape
    assert np.abs(shown / 65535 - radiograph.pixels).max() <= 0.5 / 4095 + 1 / 65535


@pytest.mark.parametrize("level", [0, 1])
def test_black_and_white_are_whole(level: int) -> None:
    flat = Radiograph(np.full((64, 64), level, np.float32), Source("flat", "png", (64, 64)))

    assert (_grey(evidence.pictures(flat)["display.png"]) == level * 65535).all()


@pytest.mark.parametrize(
    ("shape", "display", "preview"),
    [((2048, 1024), (1024, 512), (320, 160)), ((200, 100), (200, 100), (200, 100))],
)
def test_pictures_are_made_smaller_never_larger(
    shape: tuple[int, int], display: tuple[int, int], preview: tuple[int, int]
) -> None:
    grey = np.linspace(0, 1, shape[0] * shape[1], dtype=np.float32).reshape(shape)
    made = evidence.pictures(Radiograph(grey, Source("ramp", "png", shape)))

    for name, size in (("display.png", display), ("preview.jpg", preview)):
        found = cv2.imdecode(np.frombuffer(made[name], np.uint8), cv2.IMREAD_UNCHANGED)
        assert found.shape[:2] == size


def test_what_a_reader_found_comes_back(
    radiograph: Radiograph, tiny_bundle: Bundle, tmp_path: Path
) -> None:
    reading = Reader.of(tiny_bundle)(radiograph)
    lungs = LungReader.of("lungs")(radiograph)
    assert isinstance(lungs, LungFields)
    assert lungs.plausible

    made = evidence.evidence_of(reading, radiograph, lungs)
    files = evidence.files(made, reading, radiograph)
    (tmp_path / "evidence.npz").write_bytes(files["evidence.npz"])
    back = evidence.load(tmp_path)

    assert back.shape == (300, 260)
    assert back.stored == (600, 520)
    assert back.to_source == Affine.scale(2, 2)
    assert np.array_equal(back.lungs, lungs.masks)
    assert [heatmap.finding for heatmap in back.heatmaps] == [
        "effusion", "pneumonia", "pleural_thickening",
    ]  # fmt: skip
    for one, other in zip(back.heatmaps, reading.heatmaps, strict=True):
        assert np.array_equal(one.values, other.values)
        assert one.to_radiograph == other.to_radiograph
    shown = json.loads(files["grids.json"])
    assert shown["shape"] == [300, 260]
    assert shown["stored"] == [600, 520]
    assert shown["boxes"] == []
    assert {key for group in shown["grids"] for key in group["maps"]} == {
        "effusion", "pneumonia", "pleural_thickening",
    }  # fmt: skip
    assert files == evidence.files(made, reading, radiograph), "the same bytes"


def test_boxes_lie_on_the_picture_in_parts_of_it(
    radiograph: Radiograph, tiny_bundle: Bundle
) -> None:
    reading = Reader.of(tiny_bundle)(radiograph)
    assert isinstance(reading, Reading)
    box = FoundBox("effusion", 0.8, (130, 150, 260, 300), "heatmap")  # on 600 × 520 as stored
    boxed = replace(reading, boxed=("effusion",), boxes=(box,))
    made = evidence.evidence_of(boxed, radiograph)

    shown = json.loads(evidence.files(made, boxed, radiograph)["grids.json"])

    assert shown["boxes"] == [[0.25, 0.25, 0.75, 0.75]]


def test_lungs_that_are_not_believed_are_left_out(
    radiograph: Radiograph, tiny_bundle: Bundle
) -> None:
    reading = Reader.of(tiny_bundle)(radiograph)
    blank = Radiograph(np.zeros(radiograph.shape, np.float32), radiograph.source)
    lungs = LungReader.of("lungs")(blank, reading.gate)
    assert isinstance(lungs, LungFields)
    assert not lungs.plausible

    assert evidence.evidence_of(reading, radiograph, lungs).lungs is None


@given(
    values=arrays.arrays(np.float32, (3, 5), elements=st.floats(-9, 9, width=32)),
    lungs=st.none() | arrays.arrays(np.bool_, (2, 7, 13)),
    shift=st.floats(-100, 100),
)
def test_any_evidence_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    values: np.ndarray,
    lungs: np.ndarray | None,
    shift: float,
) -> None:
    place = Affine.shift(shift, -shift).then(Affine.scale(2, 3))
    made = evidence.Evidence((7, 13), (70, 130), place, (Heatmap("mass", values, place),), lungs)
    path = tmp_path_factory.mktemp("evidence") / "evidence.npz"
    path.write_bytes(evidence.save(made))
    back = evidence.load(path)

    assert back.to_source == place
    assert np.array_equal(back.heatmaps[0].values, values)
    assert (back.lungs is None) == (lungs is None)
    assert lungs is None or np.array_equal(back.lungs, lungs)


@pytest.mark.parametrize(
    ("data", "message"),
    [(None, "There is no evidence"), (b"", "damaged"), (b"PK\x03\x04 cut", "damaged")],
)
def test_missing_and_damaged_evidence_says_so(
    tmp_path: Path, data: bytes | None, message: str
) -> None:
    if data is not None:
        (tmp_path / "evidence.npz").write_bytes(data)

    with pytest.raises(ServiceError, match=message):
        evidence.load(tmp_path)
