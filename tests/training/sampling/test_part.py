"""The sampling's part of a recipe."""

import pytest
from pydantic import TypeAdapter, ValidationError

from hilum.training.recipe.sampling import All, InverseFrequency, Sampling, SecondStage

ADAPTER = TypeAdapter(Sampling)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"name": "proportionate"}, "'all', 'proportional', 'inverse-frequency', 'square-root'"),
        ({"name": "all", "number": 3}, "Extra inputs"),
        ({"name": "proportional", "number": 3}, "shares"),
        ({"name": "proportional", "number": 3, "shares": {}}, "at least 1 item"),
        ({"name": "proportional", "number": 3, "shares": {"mass": 1.2}}, "less than or equal to 1"),
        ({"name": "balanced", "draw": "never"}, "'once' or 'each-epoch'"),
        ({"name": "square-root", "number": -1}, "greater than or equal to 0"),
    ],
)
def test_faults_are_told(part, message) -> None:
    with pytest.raises(ValidationError, match=message):
        ADAPTER.validate_python(part)


def test_defaults() -> None:
    assert ADAPTER.validate_python({"name": "all"}) == All()
    assert SecondStage().sampling == InverseFrequency()
    assert (
        SecondStage.model_validate({"sampling": {"name": "balanced"}}).sampling.name == "balanced"
    )
