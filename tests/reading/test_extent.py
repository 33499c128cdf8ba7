"""Shares of lungs that are known exactly."""

import numpy as np
import pytest

from hilum.domain import Affine, FoundBox, Heatmap, Prediction, Radiograph, Source
from hilum.domain.zones import ZONES
from hilum.reading.extent import Extent, of_boxes, of_heatmap, of_mask, operating_logit
from hilum.reading.lung_shape import READING, faults, measure_shape
from hilum.reading.lungs import LungFields
from hilum.reading.scale import Scale

ROWS, COLUMNS = 90, 100


@pytest.fixture
def lungs():
    """Two plain boxes of 30 × 60 px; the file is stored at twice the size."""
    masks = np.zeros((2, ROWS, COLUMNS), np.bool_)
    masks[0, 15:75, 10:40] = masks[1, 15:75, 60:90] = True
    source = Source("a", "png", (2 * ROWS, 2 * COLUMNS), Affine.scale(2, 2))
    film = Radiograph(np.zeros((ROWS, COLUMNS), np.float32), source)
    shape = measure_shape(masks.astype(np.float32), masks)
    return LungFields(film, masks, shape, faults(shape, READING))


def test_a_mask_covers_shares_of_lungs_and_zones(lungs):
    mask = np.zeros((ROWS, COLUMNS), np.bool_)
    mask[:35, :50] = True  # the upper third of the right lung, and what lies around it
    extent = of_mask(mask, lungs)
    assert (extent.share, extent.right, extent.left) == pytest.approx((1 / 6, 1 / 3, 0))
    assert extent.zones == {name: float(name == "right upper") for name in ZONES}
    assert extent.score == 2


@pytest.mark.parametrize(
    ("right", "left", "score"),
    [(0, 0, 0), (0.01, 0, 1), (0.25, 0, 2), (0.49, 0.5, 5), (0.76, 0.74, 7), (1, 1, 8)],
)
def test_readers_score_a_quarter_of_a_lung_a_point(right, left, score):
    assert Extent((right + left) / 2, right, left, {}).score == score


def test_boxes_count_each_place_once(lungs):
    def box(*xywh):
        return FoundBox("opacity", 0.5, xywh, "detector")

    once = box(20, 30, 60, 60)  # in the file: rows 15 to 45, columns 10 to 40
    assert of_boxes([once], lungs).right == pytest.approx(0.5)
    assert of_boxes([once, once, box(20, 30, 30, 60)], lungs).right == pytest.approx(0.5)
    assert of_boxes([box(-50, -50, 400, 400)], lungs).share == 1.0
    assert of_boxes([box(82, 0, 30, 180)], lungs).share == 0.0  # between the lungs
    assert of_boxes([], lungs).share == 0.0


def test_a_place_counts_where_it_would_be_called_present_by_itself(lungs, tiny_card):
    logit = operating_logit(tiny_card, "effusion")
    row = tiny_card.findings[0]
    values = np.full((1, 2), 0.0, np.float32)
    values[0] = logit + 1, logit - 1  # the left half of the picture, and the right
    place = Affine.scale(COLUMNS / 2, ROWS)
    heatmap = Heatmap("effusion", values, place)
    mean = float(values.mean())

    def said(shift):
        point = row.operating_point.threshold
        return Prediction("effusion", mean + shift, 0.5, point)

    halves = of_heatmap(heatmap, said(0.0), tiny_card, lungs)
    assert (halves.right, halves.left) == (1.0, 0.0)
    assert of_heatmap(heatmap, said(1.5), tiny_card, lungs).share == 1.0
    assert of_heatmap(heatmap, said(-1.5), tiny_card, lungs).share == 0.0
    with pytest.raises(ValueError, match="a heatmap of effusion, a prediction of pneumonia"):
        of_heatmap(heatmap, Prediction("pneumonia", 0, 0.5, 0.5), tiny_card, lungs)


@pytest.mark.parametrize("key", ["effusion", "pneumonia", "pleural_thickening"])
def test_the_logit_of_the_operating_point_is_called_present_and_less_is_not(tiny_card, key):
    at = operating_logit(tiny_card, key)
    place = tiny_card.keys.index(key)
    for shift, present in ((1e-4, True), (-1e-4, False)):
        logits = np.zeros(3, np.float32)
        logits[place] = at + shift
        assert Scale.of(tiny_card, {}).predictions(logits)[place].present is present


def test_lungs_that_are_not_believed_have_no_share(lungs):
    shape = measure_shape(lungs.masks.astype(np.float32), lungs.masks[::-1])
    doubted = LungFields(lungs.radiograph, lungs.masks, shape, faults(shape, READING))
    with pytest.raises(ValueError, match="not plausible"):
        of_mask(np.ones((ROWS, COLUMNS), np.bool_), doubted)
    with pytest.raises(ValueError, match="a mask of"):
        of_mask(np.ones((2, 2), np.bool_), lungs)
