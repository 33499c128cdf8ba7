"""What makes boxes of heatmaps, learnt from boxes of readers."""

import numpy as np
import pytest

from hilum.bundles import save
from hilum.bundles.card import HeatmapBox, HeatmapBoxes
from hilum.errors import InvalidCard, LabelError
from hilum.export.heatmap_boxes import Drawn, learn_trust, likely_boxes, with_heatmap_boxes

LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)
LIKELY = {"mass": HeatmapBox(key="mass", likely=(LEFT, LEFT, RIGHT))}
ON_THE_RIGHT = np.array([[0.0, 1.0]], np.float32)


def drawn(box, values=ON_THE_RIGHT):
    left, top, right, bottom = box
    return Drawn("mass", values, np.array([left, top, right - left, bottom - top]))


def test_likely_boxes_are_cut_at_the_edge_and_those_beyond_left_out():
    found = likely_boxes("mass", np.array([[-0.1, 0.2, 0.3, 0.3], [1.2, 0, 0.1, 0.1]]))
    assert found.likely == ((0.0, 0.2, 0.2, 0.5),)
    with pytest.raises(LabelError, match="None of the 1 boxes of mass lies on its picture"):
        likely_boxes("mass", np.array([[1.2, 0, 0.1, 0.1]]))


def test_trust_is_learnt_where_heatmaps_are_right_and_not_where_they_are_wrong():
    assert learn_trust([drawn(RIGHT)] * 3, LIKELY) > 0
    assert learn_trust([drawn(LEFT)] * 3, LIKELY) == 0
    with pytest.raises(LabelError, match="No box with a heatmap"):
        learn_trust([], LIKELY)


def test_a_bundle_takes_the_rule_and_keeps_the_rest(tiny_model, tiny_card, tmp_path):
    bundle = save(tiny_card, {"model.onnx": tiny_model}, tmp_path / "tiny")
    key = bundle.card.keys[0]
    rule = HeatmapBoxes(findings=(HeatmapBox(key=key, likely=(LEFT,)),), trust=0.5, rule="here")
    found = with_heatmap_boxes(bundle, rule)
    assert found.card.heatmap_boxes == rule
    assert found.card.model_copy(update={"heatmap_boxes": None}) == bundle.card
    stray = rule.model_copy(update={"findings": (HeatmapBox(key="edema", likely=(LEFT,)),)})
    with pytest.raises(InvalidCard, match="each must be one of the findings"):
        with_heatmap_boxes(found, stray)
