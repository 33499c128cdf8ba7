"""Spoilt pictures are told from sound ones, on a drawn chest and on real radiographs."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from hilum.imaging import checks


def drawn() -> np.ndarray:
    """A chest of two dark ovals beside a bright column over a bright belly, with fine texture."""
    y, x = np.mgrid[0:512, 0:480] / 480.0
    grey = 0.55 + 0.25 * np.exp(-(((x - 0.5) / 0.09) ** 2)) + 0.25 * (y > 0.8)
    for centre in (0.29, 0.71):
        grey = np.where(((x - centre) / 0.15) ** 2 + ((y - 0.45) / 0.32) ** 2 < 1, 0.25, grey)
    grey = np.where((y < 0.1) & (np.abs(x - 0.5) > 0.2), 0.05, grey)
    grain = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 1, y.shape), (0, 0), 0.8)
    return np.clip(grey + 0.02 * grain, 0, 1).astype(np.float32)


def codes(picture: np.ndarray) -> set[str]:
    facts = checks.measure(np.ascontiguousarray(picture, np.float32))
    return {note.code for note in checks.flags(facts)}


def spoil(picture: np.ndarray, how: str) -> np.ndarray:
    rng = np.random.default_rng(4)
    if how == "blurred":
        return cv2.GaussianBlur(picture, (0, 0), 3 * max(1, max(picture.shape) / 512))
    if how == "inverted":
        return 1 - picture
    if how == "turned":
        return np.rot90(picture)
    if how == "noisy":
        return np.clip(picture + rng.normal(0, 0.2, picture.shape), 0, 1)
    if how == "noise-only":
        return rng.random(picture.shape)
    bordered = picture.copy()
    bordered[: len(picture) // 5] = 0
    return bordered if how == "bordered" else 0.4 + 0.05 * picture


FAULTS = ("blurred", "inverted", "turned", "noisy", "noise-only", "blank", "bordered")


def test_a_sound_picture_gets_no_flag():
    assert codes(drawn()) == set()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault: str):
    assert fault in codes(spoil(drawn(), fault))


def test_the_turn_that_mends():
    assert checks.measure(np.ascontiguousarray(np.rot90(drawn()))).pose == (90, False)
    assert checks.measure(np.ascontiguousarray(np.rot90(drawn(), -1))).pose == (270, False)
    assert checks.measure(1 - drawn()).pose == (0, True)
    assert checks.measure(1 - drawn()).inverted_score > 0.3


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_uniform_picture_has_finite_measures(value: float):
    facts = checks.measure(np.full((300, 200), value, np.float32))
    assert (facts.contrast, facts.entropy, facts.sharpness) == (0, 0, 0)
    assert facts.likeness == (0, 0, 0, 0)
    assert facts.border == (1, 1, 1, 1)
    assert (facts.black, facts.white) == (float(value == 0), float(value == 1))
    assert {note.code for note in checks.flags(facts)} == {"blank"}


def test_borders_are_measured_at_each_side():
    picture = drawn()
    rows, columns = picture.shape
    picture[: rows // 4] = 0
    picture[:, -columns // 5 :] = 0
    top, right, bottom, left = checks.measure(picture).border
    assert top == pytest.approx(0.25, abs=0.02)
    assert right == pytest.approx(0.2, abs=0.02)
    assert (bottom, left) == (0, 0)


def test_large_and_small_are_measured_alike():
    small = checks.measure(drawn())
    large = checks.measure(cv2.resize(drawn(), None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST))
    assert large.sharpness == pytest.approx(small.sharpness, rel=0.05)
    assert large.likeness[0] == pytest.approx(small.likeness[0], abs=0.02)


def test_on_real_radiographs(shared: Path):
    with (shared / "radiographs" / "manifest.csv").open(newline="") as file:
        rows = [row["file"] for row in csv.DictReader(file)][5::30]
    pictures = [
        cv2.imread(str(shared / "radiographs" / row), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
        for row in rows
    ]
    flagged = [codes(picture) for picture in pictures]
    assert len(pictures) > 90
    for fault in FAULTS:
        falsely = sum(fault in found for found in flagged)
        named = {fault, "noise-only"} if fault == "noisy" else {fault}
        found = sum(bool(named & codes(spoil(picture, fault))) for picture in pictures[::3])
        assert falsely <= 0.03 * len(pictures), fault
        assert found >= 0.9 * len(pictures[::3]), fault
