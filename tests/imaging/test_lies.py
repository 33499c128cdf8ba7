"""Headers that lie: each lie is found and mended, and no honest header is doubted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydicom import Dataset
from pydicom.multival import MultiValue

from hilum.domain import Acquisition
from hilum.imaging import lies, spacing
from hilum.imaging.acquisition import acquisition
from hilum.imaging.grey import GreyFacts, LookUp, Window, render
from hilum.phantoms import draw_blank, draw_chest, draw_hand, draw_lateral

ONE_LEVEL = 1 / 255
TWELVE = GreyFacts(12)


def chest(seed: int = 0, size: tuple[int, int] = (512, 448)) -> np.ndarray:
    """Twelve bits with a detector's noise."""
    rng = np.random.default_rng(seed)
    pixels = draw_chest(rng, size=size).pixels
    return np.clip(pixels * 3700 + 150 + rng.normal(0, 5, size), 0, 4095).astype(np.uint16)


CHEST = chest()
SIXTEEN = CHEST * 16 + np.random.default_rng(1).integers(0, 16, CHEST.shape, np.uint16)
BELOW_ZERO = (CHEST.astype(np.int32) - 1500).astype(np.int16).view(np.uint16)
WINDOW = Window(2000, 3600)


def overlaid(cells: np.ndarray, bits: tuple[int, ...]) -> np.ndarray:
    out = cells.copy()
    for bit in bits:
        plane = np.zeros(cells.shape, np.uint8)
        cv2.putText(plane, "RIGHT 125 kV", (10, 60 + 20 * bit), cv2.FONT_HERSHEY_SIMPLEX, 1, 1, 2)
        cv2.rectangle(plane, (40, 200), (300, 300), 1, -1 if bit == 13 else 1)
        out |= plane.astype(np.uint16) << bit
    return out


def codes(cells: np.ndarray, facts: GreyFacts, of_chest: bool | None = True) -> list[str]:
    return [one.note.code for one in lies.examine(cells, facts, of_chest=of_chest)]


LIES = {
    "polarity": (CHEST, replace(TWELVE, inverted=True, voi=WINDOW), replace(TWELVE, voi=WINDOW)),
    "polarity of MONOCHROME1": (4095 - CHEST, TWELVE, replace(TWELVE, inverted=True)),
    "byte-order": (CHEST.byteswap(), replace(TWELVE, voi=WINDOW), replace(TWELVE, voi=WINDOW)),
    "byte-order of 16 bits": (SIXTEEN.byteswap(), GreyFacts(16), GreyFacts(16)),
    "depth 12 for 16": (SIXTEEN, GreyFacts(12), GreyFacts(16)),
    "depth 10 for 12": (CHEST, GreyFacts(10), TWELVE),
    "depth 10 for 12, lossy": (CHEST, GreyFacts(10, saturate=True), replace(TWELVE, saturate=True)),
    "depth 16 for signed 12": (
        (CHEST - np.uint16(2048)) & 4095, GreyFacts(16, signed=True), GreyFacts(12, signed=True),
    ),
    "high-bit 15 for 11": (CHEST, GreyFacts(12, shift=4), TWELVE),
    "high-bit 11 for 15": (CHEST << 4, TWELVE, GreyFacts(12, shift=4)),
    "sign said of unsigned": (CHEST, replace(TWELVE, signed=True), TWELVE),
    "sign not said": (BELOW_ZERO, GreyFacts(16), GreyFacts(16, signed=True)),
    "window above": (CHEST, replace(TWELVE, voi=Window(30000, 2000)), TWELVE),
    "window below": (CHEST, replace(TWELVE, voi=Window(-9000, 2000)), TWELVE),
    "window of 16 bits": (CHEST, replace(TWELVE, voi=Window(32768, 65536)), TWELVE),
    "window of one value": (CHEST, replace(TWELVE, voi=Window(2000, 1)), TWELVE),
    "window, VOI LUT all white": (
        CHEST, replace(TWELVE, voi=LookUp(0, np.full(4096, 255.0), 8)), TWELVE,
    ),
}  # fmt: skip
"""Kind of lie → cells, what the header says, what it should say."""


@pytest.mark.parametrize("kind", LIES)
def test_every_lie_is_found_and_mended(kind: str):
    cells, said, truth = LIES[kind]
    found = lies.examine(cells, said, of_chest=True)
    code = kind.split(maxsplit=1)[0].rstrip(",")
    assert [one.note.code for one in found] == [f"{code}-doubtful"]
    assert found[0].note.warning
    before = cells.copy()
    mended, facts, notes = lies.mend(cells, said, found)
    assert [note.code for note in notes] == [f"mended-{code}"]
    right = SIXTEEN if kind == "byte-order of 16 bits" else CHEST
    expected = render(right if code == "byte-order" else cells, truth).pixels
    assert np.abs(render(mended, facts).pixels - expected).max() <= ONE_LEVEL
    assert (cells == before).all()


@pytest.mark.parametrize("kind", LIES)
def test_what_was_mended_is_not_doubted_again(kind: str):
    cells, said, _ = LIES[kind]
    mended, facts, _ = lies.mend(cells, said, lies.examine(cells, said, of_chest=True))
    assert codes(mended, facts) == []


HONEST: dict[str, tuple[np.ndarray, GreyFacts]] = {
    "12 bits": (CHEST, TWELVE),
    "a window": (CHEST, replace(TWELVE, voi=WINDOW)),
    "SIGMOID": (CHEST, replace(TWELVE, voi=Window(2000, 2500, "SIGMOID"))),
    "a window without width": (CHEST, replace(TWELVE, voi=Window(2000, 0))),
    "MONOCHROME1": (4095 - CHEST, replace(TWELVE, inverted=True)),
    "16 bits": (SIXTEEN, GreyFacts(16)),
    "16 bits said of 12": (CHEST, GreyFacts(16)),
    "8 bits": ((CHEST >> 4).astype(np.uint8), GreyFacts(8)),
    "signed": (BELOW_ZERO, GreyFacts(16, signed=True)),
    "signed, 12 bits extended": ((CHEST - np.uint16(2048)), GreyFacts(12, signed=True)),
    "signed, 12 bits alone": ((CHEST - np.uint16(2048)) & 4095, GreyFacts(12, signed=True)),
    "bits 4 to 15": (CHEST << 4, GreyFacts(12, shift=4)),
    "an overlay": (overlaid(CHEST, (12,)), TWELVE),
    "four overlays": (overlaid(CHEST, (12, 13, 14, 15)), TWELVE),
    "overshoot": (np.where(CHEST > 3800, CHEST + 300, CHEST), replace(TWELVE, saturate=True)),
    "padding": (np.where(CHEST < 400, 9, CHEST), replace(TWELVE, padding=(9, 9))),
    "a rescale": (CHEST, replace(TWELVE, slope=2, intercept=-1000, voi=Window(3000, 7200))),
}


@pytest.mark.parametrize("kind", HONEST)
def test_no_honest_header_is_doubted(kind: str):
    assert codes(*HONEST[kind]) == []
    assert lies.mend(*HONEST[kind], ()) == (*HONEST[kind], ())


@pytest.mark.parametrize("level", [0, 4095])
def test_a_collimator_is_no_sign_and_no_window(level: int):
    framed = np.full_like(CHEST, level)
    framed[60:-40, 50:-60] = CHEST[60:-40, 50:-60]
    for facts in (TWELVE, replace(TWELVE, voi=WINDOW)):
        assert codes(framed, facts) == []


def test_dead_pixels_are_no_sign():
    rng = np.random.default_rng(0)
    cells = np.where(rng.random(CHEST.shape) < 0.003, 4095, CHEST >> 1).astype(np.uint16)
    cells[rng.random(CHEST.shape) < 0.003] = 0
    cells[:, 100] = 4095
    assert codes(cells, TWELVE) == []


def test_a_drawn_pattern_is_no_sign():
    bars = np.where(np.arange(512) // 3 % 2, 2047, 2048).astype(np.uint16)  # highest and lowest
    bars += np.arange(512).astype(np.uint16) % 2 * np.where(bars == 2047, -1, 1).astype(np.uint16)
    pattern = np.tile(bars, (512, 1))
    pattern[200:] = 4000
    pattern[:, :150] = np.repeat(np.arange(0, 1500, 100, np.uint16), 10)
    assert codes(pattern, GreyFacts(12, signed=True)) == []


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_noise_is_not_mended_into_a_picture(bits: int, signed: bool):
    noise = np.random.default_rng(bits).integers(0, 1 << bits, (256, 256)).astype(np.uint16)
    for cells in (noise, noise.byteswap(), noise << (16 - bits)):
        assert codes(cells, GreyFacts(bits, signed=signed)) == []
    assert codes(noise, GreyFacts(bits - 2, signed=signed, saturate=True)) == []


@pytest.mark.parametrize("level", [0, 7, 4095])
def test_a_constant_picture_has_nothing_to_doubt(level: int):
    cells = np.full((64, 64), level, np.uint16)
    for facts in (TWELVE, GreyFacts(16, signed=True), replace(TWELVE, voi=Window(9000, 10))):
        assert codes(cells, facts) == []


def test_an_empty_exposure_is_no_bad_window():
    blank = draw_blank(np.random.default_rng(0), size=(256, 256), noise=0.01).pixels
    cells = np.rint(blank * 4095).astype(np.uint16)
    assert codes(cells, replace(TWELVE, voi=Window(2048, 4096))) == []


@pytest.mark.parametrize("draw", [draw_hand, draw_lateral])
@pytest.mark.parametrize("seed", range(3))
def test_other_pictures_are_not_inverted(draw: Callable, seed: int):
    pixels = draw(np.random.default_rng(seed), size=(320, 256)).pixels
    cells = np.rint(pixels * 4095).astype(np.uint16)
    for turned in range(4):
        assert codes(np.rot90(cells, turned), TWELVE, None) == []


def test_polarity_is_for_chests():
    negative = 4095 - CHEST
    assert codes(negative, TWELVE, True) == ["polarity-doubtful"]
    assert codes(negative, TWELVE, False) == []


def test_lies_on_lies_are_mended_in_order():
    cells = (4095 - CHEST).byteswap()
    said = replace(TWELVE, voi=Window(50000, 10))
    found = lies.examine(cells, said, of_chest=True)
    assert [one.note.code for one in found] == [
        "byte-order-doubtful", "window-doubtful", "polarity-doubtful",
    ]  # fmt: skip
    mended, facts, _ = lies.mend(cells, said, found)
    expected = render(4095 - CHEST, replace(TWELVE, inverted=True)).pixels
    assert np.abs(render(mended, facts).pixels - expected).max() <= ONE_LEVEL


def test_a_window_that_the_caller_chose_is_not_doubted():
    facts = replace(TWELVE, voi=Window(30000, 10))
    assert lies.examine(CHEST, facts, own_voi=True) == ()


def test_a_doubt_that_is_too_weak_stays_a_doubt():
    low, high = np.percentile(CHEST, (20, 60))
    facts = replace(TWELVE, voi=Window((low + high) / 2, high - low))
    found = lies.examine(CHEST, facts)
    assert [(one.note.code, one.mended) for one in found] == [("window-doubtful", None)]
    assert lies.mend(CHEST, facts, found) == (CHEST, facts, (found[0].note,))


def test_dark_bytes_are_stretched():
    dark = (CHEST >> 8).astype(np.uint8)  # 16 grey levels of 256
    found = lies.examine(dark, GreyFacts(8), of_chest=True)
    assert [one.note.code for one in found] == ["window-doubtful"]
    _, facts, _ = lies.mend(dark, GreyFacts(8), found)
    assert np.ptp(render(dark, facts).pixels) == 1.0


def header(**values: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in ({"Modality": "DX", "BodyPartExamined": "CHEST"} | values).items():
        setattr(dataset, keyword, value)
    return dataset


SHAPE = (3000, 2500)
SPACINGS: dict[str, tuple[dict[str, object], list[tuple[str, bool]]]] = {
    "a detector's": ({"PixelSpacing": [0.14, 0.14], "ImagerPixelSpacing": [0.143, 0.143]}, []),
    "none": ({}, []),
    "empty": ({"PixelSpacing": []}, []),
    "0": ({"PixelSpacing": [0, 0]}, [("spacing-invalid", False)]),
    "below 0": ({"ImagerPixelSpacing": [-0.14, -0.14]}, [("spacing-invalid", False)]),
    "not a number": ({"PixelSpacing": ["nan", "nan"]}, [("spacing-invalid", False)]),
    "three": ({"PixelSpacing": [0.1, 0.1, 0.1]}, [("spacing-invalid", False)]),
    "× 10": ({"PixelSpacing": [1.4, 1.4]}, [("spacing-doubtful", True)]),
    "÷ 10": ({"PixelSpacing": [0.014, 0.014]}, [("spacing-doubtful", True)]),
    "× 1.2": ({"PixelSpacing": [0.17, 0.17]}, [("spacing-doubtful", False)]),
    "÷ 2, an adult": (
        {"PixelSpacing": [0.07, 0.07], "PatientAge": "050Y"}, [("spacing-doubtful", False)]
    ),
    "÷ 2, a child": ({"PixelSpacing": [0.07, 0.07], "PatientAge": "002Y"}, []),
    "not square": ({"PixelSpacing": [0.14, 0.12]}, [("spacing-doubtful", False)]),
    "not square at all": ({"PixelSpacing": [0.15, 0.05]}, [("spacing-doubtful", True)]),
    "two that disagree": (
        {"PixelSpacing": [0.07, 0.07], "ImagerPixelSpacing": [0.14, 0.14]},
        [("spacing-contradiction", False)],
    ),
    "× 10 of a leg": ({"PixelSpacing": [1.4, 1.4], "BodyPartExamined": "LEG"}, []),
    "× 10 in a tomograph": ({"PixelSpacing": [1.4, 1.4], "Modality": "MR"}, []),
}  # fmt: skip
"""Header → suspicions, and whether the spacing is dropped."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", SPACINGS)
def test_spacing(kind: str):
    values, expected = SPACINGS[kind]
    dataset = header(**values)
    taken = acquisition(dataset, "1.2.840.10008.1.2.1", 1)
    found = spacing.examine_spacing(dataset, SHAPE, taken)
    assert [(one.note.code, one.mended is not None) for one in found] == expected
    dropped = any(sure for _, sure in expected)
    after = spacing.without_spacing(taken, found)
    assert after.spacing_mm == (None if dropped else taken.spacing_mm)
    assert after.spacing_at == (None if dropped else taken.spacing_at)


def test_a_spacing_that_is_no_number_is_named_without_its_value():
    dataset = header()
    dataset.add_new(0x00280030, "LO", MultiValue(str, ["DOE^JANE", "x"]))
    found = spacing.examine_spacing(dataset, SHAPE, Acquisition(modality="DX"))
    assert [one.note.code for one in found] == ["spacing-invalid"]
    assert "DOE" not in found[0].note.message


@pytest.mark.parametrize("source", ["nih14", "paediatric", "ieee8023"])
def test_real_radiographs(shared: Path, source: str):
    paths = sorted((shared / "radiographs" / source).glob("*.jpg"))[:400:20]
    assert len(paths) == 20
    right = 0
    for path in paths:
        grey = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
        assert codes(grey, GreyFacts(8)) == []
        right += codes(255 - grey, GreyFacts(8)) == ["polarity-doubtful"]
    assert right >= 18
