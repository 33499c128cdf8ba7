import re
from pathlib import Path

import pytest

from hilum.errors import RecipeError
from hilum.training.recipe import load_recipe


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_is_read(tmp_path: Path, recipe_text: str) -> None:
    recipe = load_recipe(write(tmp_path, recipe_text))
    assert recipe.data.findings == ("mass", "nodule")
    assert recipe.fit.epochs == 4


def test_all_faults_come_at_once_with_near_matches(tmp_path: Path, recipe_text: str) -> None:
    text = recipe_text.replace("epochs = 4", "epoch = 4\nbatch_size = 4").replace("seed = 3", "")
    text = text.replace("64, 64", "8, 64").replace("lr = 1e-3", "lr = 1e-3\nmomentum = 0.9")
    text = text.replace('do = "warp"', 'do = "warp"\nrotate = 3').replace('"nodule"', '"nodul"')
    with pytest.raises(RecipeError) as caught:
        load_recipe(write(tmp_path, text))
    message = str(caught.value)
    assert "fit.epoch: Unknown key 'epoch'; did you mean epochs" in message
    assert "fit.batch_size: Unknown key 'batch_size'; did you mean batch" in message
    assert "optimiser.adamw.momentum: Unknown key 'momentum'" in message
    assert "Unknown key 'rotate'; did you mean rotate_deg" in message
    assert "data.findings: Unknown finding 'nodul'; did you mean nodule" in message
    assert "input.size.0" in message


def test_an_unknown_finding_is_named(tmp_path: Path, recipe_text: str) -> None:
    with pytest.raises(RecipeError, match="Unknown finding 'nodul'; did you mean nodule"):
        load_recipe(write(tmp_path, recipe_text.replace('"nodule"', '"nodul"')))


def test_views_need_a_frozen_part(tmp_path: Path, recipe_text: str) -> None:
    with pytest.raises(RecipeError, match=r"fit\.views needs model\.freeze"):
        load_recipe(write(tmp_path, recipe_text.replace("views = 0", "views = 2")))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("seed = 3\nfolds = 3", "folds = 2", "folds: 3 or more, or 0 for none"),
        ('backbone = "test_resnet"\n', "", "backbone: which network"),
        ("[model]", "[model]\nunfreeze = [{epoch = 2}]", "unfreeze needs freeze"),
        ('patient = "patient"\n', "", "needs image, patient and findings"),
        ("[model]", '[model]\nviews = {names = ["PA", "lateral"]}', "model.views needs data.group"),
        (
            "[model]",
            '[[task]]\nfindings = ["mass"]\n[[task]]\nfindings = ["mass", "nodule"]\n[model]',
            "task: mass stands in two tasks",
        ),
        ("[model]", '[[task]]\nkind = "binary"\n[[task]]\n[model]', "each names its findings"),
        ("[model]", '[[task]]\nkind = "one-of"\nfindings = ["mass"]\n[model]', "two findings"),
        ("[model]", '[loss]\nname = "focl"\n[model]', "focal"),
    ],
)
def test_what_does_not_go_together_is_said(
    tmp_path: Path, recipe_text: str, before: str, after: str, message: str
) -> None:
    assert before in recipe_text
    with pytest.raises(RecipeError, match=re.escape(message)):
        load_recipe(write(tmp_path, recipe_text.replace(before, after)))


def test_no_file_and_no_toml(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="No recipe"):
        load_recipe(tmp_path / "none.toml")
    with pytest.raises(RecipeError, match="is no TOML"):
        load_recipe(write(tmp_path, "= ="))


def test_the_recipe_of_the_docs_is_whole(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "pack.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    recipe = load_recipe(path)
    assert recipe.data.stratum == ""
    assert (recipe.data.train, recipe.data.tune, recipe.data.test) == ("train", "tune", "test")
