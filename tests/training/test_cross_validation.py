from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RecipeError, RunError
from hilum.training.cross_validation import cross_validate, features_of_frozen, material_for
from hilum.training.held_out import INNER, Division, folds_of, shipped_rows
from hilum.training.recipe import Recipe, load_recipe
from hilum.training.run import train

pytestmark = pytest.mark.train


@pytest.fixture
def recipe(tmp_path: Path, frozen_recipe_text: str) -> Recipe:
    path = tmp_path / "recipe.toml"
    path.write_text(frozen_recipe_text.replace("epochs = 12", "epochs = 2"), encoding="utf-8")
    return load_recipe(path)


def test_its_folds_are_those_of_a_whole_run(
    tmp_path: Path, collection: Path, recipe: Recipe
) -> None:
    run = tmp_path / "run"
    recipe = recipe.model_copy(update={"watch": recipe.watch.model_copy(update={"stop": ()})})
    train(recipe, data=collection, weights=tmp_path, out=run)
    store = tmp_path / "store"
    material = material_for(recipe, collection, store)
    options = {"weights": tmp_path, "store": store}
    found = cross_validate(recipe, material, out=tmp_path / "alone", **options)
    with np.load(run / "out-of-fold.npz") as expected:
        assert np.array_equal(found.rows, expected["rows"])
        assert np.array_equal(found.logits, expected["logits"])
    again = cross_validate(recipe, material, out=tmp_path / "alone", **options)
    assert np.array_equal(again.logits, found.logits)
    other = recipe.model_copy(update={"seed": 4})
    with pytest.raises(RunError, match="another recipe"):
        cross_validate(other, material, out=tmp_path / "alone", **options)


@pytest.mark.parametrize("inner", [3, INNER])
def test_which_rows_choose_the_checkpoint(
    tmp_path: Path, collection: Path, recipe: Recipe, inner: int
) -> None:
    material = material_for(recipe, collection, tmp_path / "store")
    division = Division(inner=inner)
    each, _ = folds_of(recipe, material.table, material.rows, inner=division.inner)
    for fold in each:
        assert not np.intersect1d(fold.held, np.union1d(fold.train, fold.tune)).size
        assert len(np.union1d(fold.train, fold.tune)) + len(fold.held) == len(material.rows)
        assert not np.intersect1d(fold.train, fold.tune).size
        assert len(fold.tune) == pytest.approx(40 / inner, abs=2)


def test_where_no_checkpoint_is_chosen_all_other_rows_are_learnt_from(
    tmp_path: Path, collection: Path, recipe: Recipe
) -> None:
    last = recipe.model_copy(update={"fit": recipe.fit.model_copy(update={"best": "last"})})
    material = material_for(last, collection, tmp_path / "store")
    for fold in folds_of(last, material.table, material.rows)[0]:
        assert np.array_equal(fold.train, np.setdiff1d(material.rows, fold.held))
        assert np.array_equal(fold.tune, fold.held)
    learnt, watched = shipped_rows(last, material.split)
    assert np.array_equal(learnt, np.sort(material.rows))
    assert np.array_equal(watched, material.split.parts["tune"])
    chosen, _ = shipped_rows(recipe, material.split)
    assert np.array_equal(chosen, material.split.parts["train"])


def test_what_has_no_folds_is_refused(tmp_path: Path, collection: Path, recipe: Recipe) -> None:
    material = material_for(recipe, collection, tmp_path / "store")
    options = {"weights": tmp_path, "store": tmp_path / "store"}
    none = recipe.model_copy(update={"folds": 0})
    with pytest.raises(RecipeError, match="needs folds"):
        cross_validate(none, material, out=tmp_path / "out", **options)
    with pytest.raises(RecipeError, match="whole backbone is frozen"):
        features_of_frozen(recipe, material, **options)
