"""Boxes of a graph's output on the stored picture."""

import numpy as np
import pytest

from hilum.bundles import Card
from hilum.domain import Affine, Radiograph, Source
from hilum.errors import InvalidCard
from hilum.reading.boxes.drawn import drawn
from hilum.transforms.preprocess import fit

CARD = Card.model_validate(
    {
        "name": "two-kinds",
        "version": "1.0.0",
        "summary": "s",
        "intended_use": "u",
        "licence": "l",
        "boxes": [{"key": "opacity", "threshold": 0.5}, {"key": "nodule", "threshold": 0.2}],
        "preprocessing": {"size": [64, 64]},
        "graph": {"boxes": "boxes"},
    }
)
NOTHING = [0.0] * 6


def radiograph(shape=(100, 200), stored=None, to_source=None):
    source = Source("a.png", "png", stored or shape, to_source or Affine())
    return Radiograph(np.zeros(shape, np.float32), source)


def found(*rows, place=None, of=None):
    boxes = np.array([*rows, NOTHING], np.float32)
    return drawn(CARD, boxes, place or Affine(), of or radiograph())


def test_each_kind_has_its_threshold_and_the_surest_come_first():
    boxes = found(
        [10, 20, 30, 60, 0.25, 1],
        [5, 5, 25, 15, 0.9, 0],
        [1, 1, 9, 9, 0.4, 0],
        [0, 0, 9, 9, 0.5, 0],
    )
    assert [(box.finding, round(box.score, 6)) for box in boxes] == [
        ("opacity", 0.9), ("opacity", 0.5), ("nodule", 0.25)
    ]  # fmt: skip
    assert boxes[2].xywh == (10, 20, 20, 40)
    assert {box.origin for box in boxes} == {"detector"}
    assert {(box.zones, box.in_lungs, box.size_mm) for box in boxes} == {((), None, None)}


@pytest.mark.parametrize(
    ("row", "xywh"),
    [
        ([-10, -10, 30, 40], (0, 0, 30, 40)),  # cut at the edge
        ([150, 50, 250, 150], (150, 50, 50, 50)),
        ([-50, -50, -10, -10], None),  # nothing of it lies on the picture
        ([200, 0, 220, 50], None),
        ([30, 40, 30, 60], None),  # no area
        ([30, 60, 20, 80], None),  # ends before it begins
    ],
)
def test_boxes_are_cut_at_the_edge_of_the_picture(row, xywh):
    boxes = found([*row, 0.9, 0])
    assert [box.xywh for box in boxes] == ([] if xywh is None else [xywh])


@pytest.mark.parametrize("fitted", ["squash", "letterbox", "centre-crop"])
def test_boxes_go_back_through_the_resize_to_the_stored_pixels(fitted):
    of = radiograph((100, 200), (400, 800), Affine.scale(4, 4))
    spec = CARD.preprocessing.model_copy(update={"fit": fitted})
    _, place = fit(of.pixels, spec)
    wanted = np.array([(80.0, 30.0), (120.0, 70.0)])  # of the radiograph
    corners = place.inverse()(wanted).ravel()
    (box,) = found([*corners, 0.9, 0], place=place, of=of)
    assert box.xywh == pytest.approx((320, 120, 160, 160), abs=0.01)


def test_a_turned_picture_gives_upright_boxes():
    turn = Affine(((0.0, -1.0, 100.0), (1.0, 0.0, 0.0)))  # a quarter, to the right
    of = radiograph((100, 200), (200, 100), turn)
    (box,) = found([10, 20, 30, 60, 0.9, 0], of=of)
    assert box.xywh == pytest.approx((40, 10, 40, 20))


def test_without_a_box_nothing_is_found():
    assert found() == ()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([0, 0, 9, 9, 0.9, 2], "1 boxes of kind 2, the card names 2"),
        ([0, 0, 9, 9, 0.9, -1], "1 boxes of kind -1, the card names 2"),
        ([0, 0, 9, 9, 0.9, 0.5], "boxes of kind 0.5"),
        ([0, 0, 9, 9, 1.5, 0], r"gave a box the score 1\.5"),
    ],
)
def test_what_no_graph_of_the_card_gives_is_refused(row, message):
    with pytest.raises(InvalidCard, match=message):
        found(row)


def test_a_score_that_rounding_lifts_above_one_is_one():
    (box,) = found([0, 0, 9, 9, np.nextafter(np.float32(1), np.float32(2)), 0])
    assert box.score == 1.0
