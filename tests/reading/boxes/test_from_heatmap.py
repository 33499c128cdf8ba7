"""Boxes from heatmaps: where they lie, when there are none, and the way back to the file."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.bundles import Card
from hilum.bundles.card import HeatmapBox
from hilum.domain import Affine, Heatmap, Prediction, Radiograph, Source
from hilum.evaluation.localisation import iou
from hilum.reading.boxes.from_heatmap import contrast, from_heatmaps, likeliest

LEFT, RIGHT = (0.0, 0.25, 0.5, 0.75), (0.5, 0.25, 1.0, 0.75)
SIDES = HeatmapBox(key="mass", likely=(LEFT, LEFT, RIGHT))


def card_of(**said):
    return Card.model_validate(
        {
            "name": "boxing", "version": "1.0.0", "summary": "s", "intended_use": "u",
            "licence": "l", "findings": [{"key": "mass"}, {"key": "nodule"}],
            "preprocessing": {"size": [32, 32]}, "graph": {"cams": "cams"}, **said,
        }
    )  # fmt: skip


CARD = card_of(heatmap_boxes={"findings": [SIDES.model_dump()], "trust": 2.0})


def map_of(side):
    values = np.zeros((4, 4), np.float32)
    values[1:3, side] = 1
    return values


def prediction(key="mass", probability=0.8):
    return Prediction(key, logit=0.0, probability=probability, operating_point=0.5)


def radiograph(shape=(40, 80), to_source=None, stored=None):
    source = Source("a.png", "png", stored or shape, to_source or Affine())
    return Radiograph(np.zeros(shape, np.float32), source)


def heatmap(values, shape=(40, 80), key="mass"):
    place = Affine.scale(shape[1] / values.shape[1], shape[0] / values.shape[0])
    return Heatmap(key, values, place)


def test_without_trust_the_most_usual_box_is_drawn():
    ltrb, overlap = likeliest(map_of(np.s_[2:]), SIDES, 0.0)
    assert tuple(ltrb) == LEFT
    assert overlap == pytest.approx(2 / 3)


def test_the_heatmap_moves_the_box_to_its_side():
    ltrb, overlap = likeliest(map_of(np.s_[2:]), SIDES, 2.0)
    assert tuple(ltrb) == RIGHT
    assert overlap > 0.9


def test_a_level_map_says_nothing():
    level = np.full((4, 4), 3.0, np.float32)
    assert (contrast(level, np.array([LEFT, RIGHT])) == 0).all()
    assert tuple(likeliest(level, SIDES, 2.0)[0]) == LEFT


def test_contrast_counts_parts_of_cells():
    values = np.array([[1.0, -1.0]], np.float32)
    boxes = np.array([[0, 0, 0.5, 1], [0, 0, 1, 1], [0.25, 0, 0.75, 1], [0.4, 0.2, 0.6, 0.3]])
    assert contrast(values, boxes) == pytest.approx([1, 0, 0, 0])


@given(
    st.integers(1, 8), st.integers(1, 8), st.floats(0, 4), st.integers(0, 99), st.floats(0.1, 10)
)
def test_the_box_is_a_likely_one_and_does_not_hang_on_the_scale_of_the_map(
    rows, columns, trust, seed, factor
):
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 0.5, (6, 2))
    likely = HeatmapBox.model_validate(
        {"key": "mass", "likely": np.hstack([low, low + rng.uniform(0.1, 0.5, (6, 2))]).tolist()}
    )
    values = rng.normal(size=(rows, columns)).astype(np.float32)
    ltrb, overlap = likeliest(values, likely, trust)
    assert tuple(ltrb) in likely.likely
    assert 0 < overlap <= 1 + 1e-12
    scaled = likeliest(values * np.float32(factor) + 1, likely, trust)
    assert scaled[1] == pytest.approx(overlap, rel=1e-3)


def test_boxes_lie_on_the_stored_picture():
    halved = radiograph((40, 80), Affine.scale(2, 2).then(Affine.shift(10, 0)), stored=(80, 180))
    (box,) = from_heatmaps(CARD, [heatmap(map_of(np.s_[2:]))], [prediction()], halved)
    assert (box.finding, box.origin) == ("mass", "heatmap")
    assert box.xywh == pytest.approx((90, 20, 80, 40))
    assert 0.8 * 0.9 < box.score <= 0.8


def test_a_box_is_cut_at_the_edge_of_the_picture():
    wide = heatmap(map_of(np.s_[2:]), (40, 120))
    (box,) = from_heatmaps(CARD, [wide], [prediction()], radiograph())
    assert box.xywh == pytest.approx((60, 10, 20, 20))


@pytest.mark.parametrize(
    ("card", "heatmaps", "predictions"),
    [
        (card_of(), [heatmap(map_of(0))], [prediction()]),
        (CARD, [heatmap(map_of(0))], [prediction(probability=0.4)]),
        (CARD, [], [prediction()]),
        (CARD, [heatmap(map_of(0), key="nodule")], [prediction("nodule")]),
        (CARD, [Heatmap("mass", map_of(0), Affine.shift(500, 0))], [prediction()]),
    ],
    ids=["no rule", "absent", "no heatmap", "no likely boxes", "outside the picture"],
)
def test_where_there_is_no_box(card, heatmaps, predictions):
    assert from_heatmaps(card, heatmaps, predictions, radiograph()) == ()


def test_the_surest_comes_first():
    both = card_of(
        heatmap_boxes={
            "findings": [SIDES.model_dump(), SIDES.model_dump() | {"key": "nodule"}], "trust": 2.0,
        }
    )  # fmt: skip
    maps = [heatmap(map_of(0)), heatmap(map_of(3), key="nodule")]
    found = from_heatmaps(
        both, maps, [prediction(probability=0.6), prediction("nodule", 0.9)], radiograph()
    )
    assert [box.finding for box in found] == ["nodule", "mass"]
    assert iou(found[0].xywh, found[1].xywh)[0, 0] == 0
