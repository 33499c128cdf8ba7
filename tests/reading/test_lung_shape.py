"""Drawn lungs pass every limit; whatever is not formed like lungs is named."""

import numpy as np
import pytest

from hilum.phantoms import draw_chest
from hilum.reading.lung_shape import (
    LEARNING,
    READING,
    box_of,
    faults,
    largest_parts,
    measure_shape,
)


def lungs_of(seed, view="PA"):
    phantom = draw_chest(np.random.default_rng(seed), size=(192, 192), view=view)
    return np.stack([phantom.masks["lung_right"], phantom.masks["lung_left"]])


def codes(masks, limits=READING, sure=1.0):
    """Faults of masks that were drawn with a probability of ``sure``."""
    likely = np.where(masks, np.float32(sure), np.float32(1 - sure))
    kept = largest_parts(likely >= 0.5)
    return {note.code for note in faults(measure_shape(likely, kept), limits)}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("view", ["PA", "AP"])
def test_drawn_lungs_pass(seed, view):
    masks = lungs_of(seed, view)
    assert codes(masks) == set()
    assert codes(masks) <= codes(masks, LEARNING)
    assert codes(masks, LEARNING) <= {"unequal"}


def spoilt(kind):
    masks = lungs_of(1)
    rows, columns = masks.shape[1:]
    if kind == "no-lung":
        masks[0] = False
    elif kind == "sides":
        masks = masks[::-1].copy()
    elif kind == "stray":
        masks[0, -40:, -60:] = True
        masks[1, -40:, -60:] = False
    elif kind == "area":
        masks[1] = False
        masks[1, 60:64, 150:156] = True
    elif kind == "form":
        masks[1] = False
        masks[1, 80:100, 110:190] = True
    elif kind == "level":
        masks[1] = np.roll(masks[1], 90, 0) & (np.arange(rows)[:, None] > 110)
        masks[0] &= np.arange(rows)[:, None] < 100
    elif kind == "overlap":
        masks[1] = np.roll(masks[1], -60, 1)
        masks[0] &= ~masks[1]
    elif kind == "outline":
        masks[0] &= (np.arange(rows)[:, None] % 12 < 5) | (np.arange(columns) < 45)
    elif kind == "unequal":
        masks[1] &= np.arange(rows)[:, None] < 75
    return masks


@pytest.mark.parametrize(
    "kind",
    ["no-lung", "sides", "stray", "area", "form", "level", "overlap", "outline", "unequal"],
)
def test_what_is_no_pair_of_lungs_is_named(kind):
    assert kind in codes(spoilt(kind))


def test_an_unsure_network_is_named():
    masks = lungs_of(2)
    assert "unsure" in codes(masks, sure=0.6)
    assert "unsure" not in codes(masks, sure=0.99)


def test_sureness_compares_the_firm_outline_with_the_faint_one():
    masks = lungs_of(3)
    likely = np.where(masks, np.float32(0.8), np.float32(0.0))
    likely[:, :, :30] = 0.3
    shape = measure_shape(likely, largest_parts(masks))
    expected = (likely >= 0.75).sum() / (likely >= 0.25).sum()
    assert shape.sureness == pytest.approx(expected)


def test_the_largest_part_is_kept_and_its_holes_are_filled():
    mask = np.zeros((1, 40, 40), bool)
    mask[0, 5:25, 5:25] = True
    mask[0, 10:12, 10:12] = False
    mask[0, 30:33, 30:33] = True
    (kept,) = largest_parts(mask)
    assert box_of(kept) == (5, 5, 20, 20)
    assert kept.sum() == 400
    assert box_of(np.zeros((4, 4), bool)) == (0, 0, 0, 0)


def test_a_squashed_picture_has_the_tallness_of_the_film():
    masks = lungs_of(1)
    plain = measure_shape(masks.astype(np.float32), masks)
    wide = measure_shape(masks.astype(np.float32), masks, aspect=2.0)
    assert wide.tallness[0] == pytest.approx(plain.tallness[0] / 2)
