"""Cards that say how heatmaps become boxes."""

import pytest
from pydantic import ValidationError

from hilum.bundles import Card

WHOLE = {"key": "mass", "likely": [[0.0, 0.0, 1.0, 1.0]]}
SAID = {
    "name": "boxing",
    "version": "1.0.0",
    "summary": "s",
    "intended_use": "u",
    "licence": "l",
    "findings": [{"key": "mass"}],
    "preprocessing": {"size": [32, 32]},
    "graph": {"cams": "cams"},
    "heatmap_boxes": {"findings": [WHOLE], "trust": 0.5},
}


def test_a_card_keeps_how_heatmaps_become_boxes():
    card = Card.model_validate(SAID)
    assert Card.model_validate_json(card.model_dump_json(by_alias=True)) == card
    assert card.heatmap_boxes is not None
    assert card.heatmap_boxes.keys == ("mass",)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"graph": {}}, "heatmap_boxes need graph.cams"),
        ({"findings": [{"key": "nodule"}]}, "each must be one of the findings, once"),
        ({"heatmap_boxes": {"findings": [WHOLE, WHOLE], "trust": 1}}, "one of the findings, once"),
        ({"heatmap_boxes": {"findings": [], "trust": 1}}, "at least 1 item"),
        ({"heatmap_boxes": {"findings": [WHOLE], "trust": -1}}, "greater than or equal to 0"),
        (
            {"heatmap_boxes": {"findings": [WHOLE | {"likely": [[0.5, 0, 0.5, 1]]}], "trust": 1}},
            "has no area",
        ),
        (
            {"heatmap_boxes": {"findings": [WHOLE | {"likely": [[0, 0, 1.1, 1]]}], "trust": 1}},
            "less than or equal to 1",
        ),
    ],
)
def test_what_no_card_may_say_of_them(change, fault):
    with pytest.raises(ValidationError, match=fault):
        Card.model_validate(SAID | change)
