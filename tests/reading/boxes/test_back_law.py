"""Boxes come back to the stored picture within half a pixel, through every crop and resize."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.bundles import Card
from hilum.bundles.card import Preprocessing
from hilum.domain import Affine, Radiograph, Source
from hilum.imaging import read
from hilum.reading.boxes.drawn import drawn
from hilum.transforms.preprocess import fit

HALF = 0.5
FITS = ("squash", "letterbox", "centre-crop")
sides = st.integers(60, 400)


def card(spec):
    return Card.model_validate(
        {
            "name": "law",
            "version": "1.0.0",
            "summary": "A law.",
            "intended_use": "Tests of this package.",
            "licence": "Apache-2.0",
            "boxes": [{"key": "opacity", "threshold": 0.5}],
            "preprocessing": spec.model_copy(update={"crop_by": "0" * 64 if spec.crop else None}),
            "graph": {"boxes": "boxes"},
        }
    )


def turned(shape, zoom, turns, mirrored):
    """From a radiograph to a stored picture ``zoom`` times as large, turned and mirrored."""
    rows, columns = shape
    place = Affine()
    for _ in range(turns):
        place = place.then(Affine(((0.0, -1.0, float(rows)), (1.0, 0.0, 0.0))))
        rows, columns = columns, rows
    if mirrored:
        place = place.then(Affine(((-1.0, 0.0, float(columns)), (0.0, 1.0, 0.0))))
    stored = round(rows * zoom), round(columns * zoom)
    return place.then(Affine.scale(stored[1] / columns, stored[0] / rows)), stored


def part_within(data, shape):
    rows, columns = shape
    wide, high = data.draw(st.integers(20, columns)), data.draw(st.integers(20, rows))
    left, top = data.draw(st.integers(0, columns - wide)), data.draw(st.integers(0, rows - high))
    return left, top, wide, high


@given(
    data=st.data(),
    shape=st.tuples(sides, sides),
    size=st.tuples(st.integers(32, 512), st.integers(32, 512)),
    how=st.sampled_from(FITS),
    crop=st.booleans(),
    zoom=st.floats(0.5, 12.0),
    turns=st.integers(0, 3),
    mirrored=st.booleans(),
)
@settings(deadline=None, max_examples=150)
def test_what_lies_in_the_input_is_drawn_where_it_lies_in_the_file(
    data, shape, size, how, crop, zoom, turns, mirrored
):
    to_source, stored = turned(shape, zoom, turns, mirrored)
    film = Radiograph(np.zeros(shape, np.float32), Source("a", "png", stored, to_source))
    part = part_within(data, shape) if crop else None
    spec = Preprocessing(size=size, fit=how, crop="lungs" if crop else "")
    _, to_film = fit(film.pixels, spec, part)
    wide, high = data.draw(st.integers(1, stored[1])), data.draw(st.integers(1, stored[0]))
    x, y = data.draw(st.integers(0, stored[1] - wide)), data.draw(st.integers(0, stored[0] - high))
    to_input = to_film.then(to_source).inverse()
    ends = to_input([(x, y), (x + wide, y + high)])
    row = np.array([[*ends.min(0), *ends.max(0), 0.9, 0], [0] * 6], np.float32)
    (found,) = drawn(card(spec), row, to_film, film)
    assert np.abs(np.subtract(found.xywh, (x, y, wide, high))).max() <= HALF


def edges(profile):
    """Where a bright stretch begins and ends, between pixels, by its centre and its width."""
    centre = (profile * (np.arange(len(profile)) + 0.5)).sum() / profile.sum()
    width = profile.sum() / profile.max()
    return centre - width / 2, centre + width / 2


@pytest.mark.parametrize("how", FITS)
@pytest.mark.parametrize(
    ("stored", "part", "size"),
    [
        ((1500, 1300), None, (320, 320)),
        ((1500, 1300), (100, 150, 601, 703), (320, 320)),
        ((2111, 1777), (40, 60, 700, 811), (384, 288)),
        ((700, 650), (55, 31, 533, 577), (512, 512)),
    ],
)
def test_a_bright_rectangle_in_a_file_is_found_where_it_was_drawn(
    tmp_path, how, stored, part, size
):
    """Not the numbers alone: the pixels themselves, read, cut, fitted, and measured."""
    rows, columns = stored
    x, y, wide, high = round(0.4 * columns), round(0.35 * rows), 151, 203
    picture = np.zeros(stored, np.uint8)
    picture[y : y + high, x : x + wide] = 255
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    film = read(tmp_path / "a.png", longest_px=1024)
    assert max(film.shape) <= 1024
    spec = Preprocessing(size=size, fit=how, crop="lungs" if part else "")
    grey, to_film = fit(film.pixels, spec, part)
    (left, right), (top, bottom) = edges(grey.sum(0)), edges(grey.sum(1))
    row = np.array([[left, top, right, bottom, 0.9, 0]], np.float32)
    (found,) = drawn(card(spec), row, to_film, film)
    assert np.abs(np.subtract(found.xywh, (x, y, wide, high))).max() <= HALF
