"""Plans of several bundles."""

from __future__ import annotations

import pytest

from hilum.errors import RecipeError
from hilum.reading.rounds import Plan
from hilum.reading.rounds.checking import named, narrowed
from hilum.transforms.rounds import RoundSet
from hilum.transforms.rounds.sets import Round

PLAIN = RoundSet("own", (Round("plain"),))


def test_a_plan_of_a_cascade_is_narrowed_to_each_bundle():
    own = Plan(
        PLAIN,
        "weighted",
        weights={"Pneumonia": (1.0,), "others": (2.0,)},
        operating_points={"mass": 0.2, "Pneumonia": 0.3},
    )
    whole = named(own, ["mass", "pneumonia"])
    assert dict(whole.weights) == {"pneumonia": (1.0,), "others": (2.0,)}
    assert dict(whole.operating_points) == {"mass": 0.2, "pneumonia": 0.3}
    first = narrowed(whole, ["mass"])
    assert dict(first.weights) == {"others": (2.0,)}
    assert dict(first.operating_points) == {"mass": 0.2}
    assert named(first, ["mass"]) == first
    with pytest.raises(RecipeError, match="Unknown finding of this bundle 'Pneumonia'"):
        named(own, ["mass"])
