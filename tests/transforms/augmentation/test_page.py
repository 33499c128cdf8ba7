"""docs/augmentation.md says what the code does."""

import re
import tomllib
from dataclasses import fields
from typing import get_args

import pytest

from hilum.training.recipe.augmentation import Augmentation as Part
from hilum.transforms.augmentation import Choices, Step

TOML = re.compile(r"```toml\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def page(repository) -> str:
    return (repository / "docs" / "augmentation.md").read_text("utf-8")


@pytest.mark.parametrize("kind", get_args(Step), ids=lambda kind: kind.__name__)
def test_every_step_stands_on_the_page_with_its_settings_and_defaults(page, kind):
    settings = {field.name: field.default for field in fields(kind)}
    name = settings.pop("do")
    rows = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
    assert len(rows) == 1, name
    if name == "random-crop":
        assert "likewise" in rows[0]
        return
    for setting, default in settings.items():
        if setting == "outside":
            assert f"`{name}`" in page.split("let in black from outside")[0].rsplit("\n\n", 1)[1]
            continue
        assert f"`{setting}`" in rows[0], (name, setting)
        if default is None:
            continue
        assert not isinstance(default, Choices)
        said = f"[{default[0]:g}, {default[1]:g}]" if isinstance(default, tuple) else str(default)
        said = f"{default:g}" if isinstance(default, float) else said
        assert said.lower() in rows[0].lower(), (name, setting, said)


def test_recipes_on_the_page_are_valid(page):
    snippets = TOML.findall(page)
    assert snippets
    for text in snippets:
        Part.model_validate(tomllib.loads(text)["augmentation"]).build()
