"""Boxes of looks that show a part each: what is not shown says nothing, pieces are no boxes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.bundles.card import Preprocessing
from hilum.domain import Affine
from hilum.reading.boxes.looks import together
from hilum.reading.rounds import plan
from hilum.transforms.rounds import look

SIDE = 640
SPEC = Preprocessing(size=(320, 320), fit="squash")
WHOLE = (0, 0, SIDE, SIDE)


def looks_at(name, *places):
    """What a perfect detector draws in each round: the box around what a window shows of a place.

    Args:
        name: of the set of rounds.
        places: left, top, width, height on the radiograph, with a score of .9 each.
    """
    planes = []
    for x, y, w, h in places:
        pixels = np.zeros((SIDE, SIDE), np.float32)
        pixels[y : y + h, x : x + w] = 1
        planes.append(list(look(pixels, plan(name).rounds.chains, SPEC)))
    found = []
    for shown in zip(*planes, strict=True):
        rows = np.zeros((len(places), 6), np.float32)
        for row, (grey, _) in zip(rows, shown, strict=True):
            down, across = np.nonzero(grey > 0.5)
            if len(down) > 20:
                row[:] = across.min(), down.min(), across.max() + 1, down.max() + 1, 0.9, 0
        found.append((rows, shown[0][1]))
    return found


@pytest.mark.parametrize("name", ["plain", "five-crop", "ten-crop", "shifts", "flip"])
@pytest.mark.parametrize(
    "place",
    [
        (40, 440, 40, 60),  # ends where a window begins
        (4, 500, 60, 70),  # windows cut it
        (280, 280, 60, 60),  # every window shows it
        (0, 0, 60, 60),
    ],
)
def test_a_box_that_every_look_has_that_shows_it_keeps_its_score(name, place):
    fused, to_radiograph = together(looks_at(name, place), SPEC.size, WHOLE)
    rows = fused[fused[:, 4] > 0]
    assert len(rows) == 1
    assert rows[0, 4] == pytest.approx(0.9, abs=1e-6)
    left, top, right, bottom = to_radiograph(rows[0, :4].reshape(2, 2)).reshape(4)
    assert (left, top, right - left, bottom - top) == pytest.approx(place, abs=2.5)


def test_a_look_that_shows_the_place_and_has_no_box_counts_against_it():
    looks = looks_at("five-crop", (300, 300, 40, 40))
    looks[2][0][:] = 0
    fused, _ = together(looks, SPEC.size, WHOLE)
    assert fused[:, 4] == pytest.approx([0.9 * 4 / 5])
    corner = looks_at("five-crop", (10, 10, 24, 24))  # one window reaches so far
    assert [at for at, (rows, _) in enumerate(corner) if rows[0, 4]] == [1]
    fused, _ = together(corner, SPEC.size, WHOLE)
    assert fused[:, 4] == pytest.approx([0.9])
    edge = looks_at("five-crop", (10, 300, 24, 40))  # two windows reach so far to the left
    drew = [at for at, (rows, _) in enumerate(edge) if rows[0, 4]]
    assert len(drew) == 2
    edge[drew[0]][0][:] = 0
    fused, _ = together(edge, SPEC.size, WHOLE)
    assert fused[:, 4] == pytest.approx([0.45])


def test_a_piece_that_no_look_shows_whole_stays():
    """What a window cuts, and no other look has, is not lost."""
    looks = looks_at("five-crop", (4, 500, 60, 70))
    for rows, place in looks:
        low, high = place(rows[0, :4].reshape(2, 2))
        if rows[0, 4] and low[0] < 10 and high[1] > 565:
            rows[:] = 0  # the look that has it whole
    fused, _ = together(looks, SPEC.size, WHOLE)
    assert len(fused) > 0
    assert fused[:, 4].max() > 0.2


def test_another_kind_or_another_place_is_no_piece():
    looks = looks_at("five-crop", (4, 500, 60, 70), (4, 430, 50, 60))
    fused, _ = together(looks, SPEC.size, WHOLE)
    assert len(fused) == 2
    assert fused[:, 4] == pytest.approx([0.9, 0.9])
    looks = looks_at("five-crop", (4, 500, 60, 70), (4, 500, 60, 70))
    for rows, _ in looks:
        rows[1, 5] = 1
    fused, _ = together(looks, SPEC.size, WHOLE)
    assert sorted(fused[:, 5]) == [0, 1]
    assert fused[:, 4] == pytest.approx([0.9, 0.9])


def test_the_edge_of_what_is_shown_cuts_nothing():
    """A crop to the lungs ends inside the picture; a box that ends there is as whole as any."""
    part = (100, 100, 320, 320)
    inward = Affine.shift(100, 100)
    mirror = Affine.scale(-1, 1).then(Affine.shift(320, 0)).then(inward)
    at_edge = np.array([[0, 40, 60, 100, 0.9, 0]], np.float32)
    on_flip = np.array([[255, 40, 315, 100, 0.5, 0]], np.float32)  # 5 px off the edge
    fused, _ = together([(at_edge, inward), (on_flip, mirror)], (320, 320), part)
    assert fused[:, 4] == pytest.approx([0.7])
    fused, _ = together([(at_edge, inward), (on_flip, mirror)], (320, 320), WHOLE)
    assert fused[:, 4] == pytest.approx([0.5])  # there the first were a piece of the second


def test_looks_without_a_box_have_none():
    nothing = np.zeros((3, 6), np.float32)
    fused, _ = together([(nothing, Affine()), (nothing, Affine())], (320, 320), WHOLE)
    assert fused.shape == (0, 6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(["five-crop", "ten-crop", "shifts", "flip"]))
def test_no_fused_box_is_surer_than_the_surest_that_was_drawn(seed, name):
    rng = np.random.default_rng(seed)
    blank = np.zeros((64, 64), np.float32)
    looks, most = [], np.zeros(2)
    for _, place in look(blank, plan(name).rounds.chains, SPEC):
        low, size = rng.uniform(0, 280, (6, 2)), rng.uniform(5, 120, (6, 2))
        kinds, scores = rng.integers(0, 2, 6), rng.uniform(0.1, 1, 6)
        rows = np.column_stack([low, np.minimum(low + size, 320), scores, kinds])
        looks.append((rows.astype(np.float32), place))
        np.maximum.at(most, kinds, scores)
    fused, _ = together(looks, SPEC.size, (0, 0, 64, 64))
    assert (fused[:, 4] <= most[fused[:, 5].astype(int)] + 1e-6).all()
    assert (np.diff(fused[:, 4]) <= 0).all()
