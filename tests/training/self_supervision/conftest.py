"""A recipe that learns from pictures alone first."""

from __future__ import annotations

from pathlib import Path

import pytest

from hilum.training.recipe import Recipe, load_recipe

PART = """
[self_supervision]
epochs = 2
batch = 16
width = 16
[watch]
stop = []
"""


@pytest.fixture(params=["fresh", "remembered"])
def recipe(
    request: pytest.FixtureRequest, tmp_path: Path, recipe_text: str, frozen_recipe_text: str
) -> Recipe:
    """Of drawn chests; with views drawn anew, and with remembered activations."""
    text = recipe_text if request.param == "fresh" else frozen_recipe_text
    for epochs in ("epochs = 4", "epochs = 12"):
        text = text.replace(epochs, "epochs = 1")
    text = text.replace("average = 0.5", 'average = 0.5\nbest = "last"')
    path = tmp_path / "recipe.toml"
    path.write_text(text + PART, encoding="utf-8")
    return load_recipe(path)
