"""Bundles that draw: what their cards may say."""

import pytest
from pydantic import ValidationError

from hilum.bundles import Card

SAID = {
    "name": "drawing",
    "version": "1.0.0",
    "summary": "s",
    "intended_use": "u",
    "licence": "l",
    "structures": ["lung_right", "lung_left"],
    "preprocessing": {"size": [32, 32]},
    "graph": {"masks": "masks"},
}


def test_a_bundle_may_draw_and_find_nothing():
    card = Card.model_validate(SAID)
    assert card.structures == ("lung_right", "lung_left")
    assert card.findings == ()
    assert Card.model_validate_json(card.model_dump_json(by_alias=True)) == card


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"structures": [], "graph": {}}, "no findings, structures or boxes"),
        ({"structures": []}, "no findings, structures or boxes"),
        ({"graph": {}}, "structures and graph.masks go together"),
        ({"structures": [], "findings": [{"key": "mass"}]}, "structures and graph.masks go"),
        ({"structures": ["lung", "lung"]}, "a structure stands twice"),
        ({"structures": ["Lung right"]}, "String should match pattern"),
    ],
)
def test_what_no_card_may_say(change, fault):
    with pytest.raises(ValidationError, match=fault):
        Card.model_validate(SAID | change)
