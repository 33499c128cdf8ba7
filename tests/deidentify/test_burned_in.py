"""Rows of letters on radiographs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from hilum.deidentify import find_text
from hilum.errors import NotCleaned
from tests.deidentify.drawn import burned, chest, covered, outside

WORDS = "ROESLER JADWIGA 1956"


@pytest.mark.parametrize("seed", range(6))
def test_a_radiograph_without_text_has_none(seed):
    assert find_text(chest(seed, (900, 820))) == ()


@pytest.mark.parametrize("font", ["sans", "italic", "uni"])
@pytest.mark.parametrize("height", [14, 22, 40])
@pytest.mark.parametrize(("level", "at"), [(1.0, (30, 60)), (0.0, (60, 860)), (0.9, (120, 250))])
def test_text_is_found_and_little_else(font, height, level, at):
    grey = chest(1, (900, 820))
    if level == 0.0:
        grey = np.clip(grey + 0.3, 0, 1)  # black letters need something bright below
    picture, ink = burned(grey, WORDS, at, height=height, font=font, level=level)
    regions = find_text(picture)
    assert covered(ink, regions) > 0.97
    assert outside(ink.shape, regions).mean() > 0.9


@pytest.mark.parametrize("text", ["王大文先生", "1956-03-12", "#47110815", "van der Meer"])
def test_other_writing_is_found(text):
    picture, ink = burned(chest(2, (900, 820)), text, (40, 80), height=30, font="uni")
    assert covered(ink, find_text(picture)) > 0.97


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_text_that_is_turned_is_found(turns):
    picture, ink = burned(chest(3, (900, 820)), WORDS, (40, 80), height=30)
    regions = find_text(np.ascontiguousarray(np.rot90(picture, turns)))
    assert covered(np.rot90(ink, turns), regions) > 0.97


@pytest.mark.parametrize("text", ["L", "R", "PA"])
def test_side_markers_stay(text):
    picture, _ = burned(chest(4, (900, 820)), text, (60, 80), height=40)
    assert find_text(picture) == ()


@pytest.mark.parametrize("quality", [70, 90])
def test_compression_hides_nothing(quality):
    picture, ink = burned(chest(5, (900, 820)), WORDS, (40, 80), height=24)
    pixels = np.rint(picture * 255).astype(np.uint8)
    data = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    back = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    assert covered(ink, find_text(back.astype(np.float32) / 255)) > 0.95


def test_large_and_small_pictures():
    picture, ink = burned(cv2.resize(chest(0), (2200, 2400)), WORDS, (60, 150), height=56)
    assert covered(ink, find_text(picture)) > 0.97
    assert find_text(np.zeros((32, 32), np.float32)) == ()


def test_noise_and_pages_of_text_are_not_judged():
    with pytest.raises(NotCleaned, match="no radiograph"):
        find_text(np.random.default_rng(0).random((700, 700)).astype(np.float32))


def test_two_lines_are_two_regions_that_do_not_overlap():
    picture, one = burned(chest(1, (900, 820)), WORDS, (40, 60), height=24)
    picture, two = burned(picture, "Born 12 March", (40, 820), height=24)
    regions = find_text(picture)
    assert len(regions) >= 2
    assert covered(one | two, regions) > 0.97
    for a in regions:
        for b in regions:
            apart = a.right <= b.left or b.right <= a.left or a.bottom <= b.top or b.bottom <= a.top
            assert a == b or apart


@pytest.mark.slow
def test_text_drawn_on_real_radiographs(shared):
    """On 120 of them: nine of ten texts that stand out are covered whole."""
    from benchmarks.burned_in import drawn, radiographs

    rng = np.random.default_rng(0)
    hits = [
        covered(one.ink, find_text(one.picture)) >= 0.9
        for path in radiographs(shared, "nih14", 120, seed=1)
        if (one := drawn(path, rng)) is not None and one.contrast >= 0.15
    ]
    assert len(hits) > 60
    assert np.mean(hits) >= 0.9
