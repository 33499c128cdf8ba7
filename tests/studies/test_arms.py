from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RecipeError
from hilum.studies.arms import load_study, studies
from hilum.training.recipe import Recipe

pytestmark = pytest.mark.train


@pytest.mark.parametrize("name", studies())
def test_every_arm_is_a_recipe_and_changes_something(name: str) -> None:
    study = load_study(name)
    base = study.recipe_for(study.arms[0], 0)
    for arm in study.arms:
        recipe = study.recipe_for(arm, 7)
        assert recipe.seed == 7
        # The same images and folds for all; only what is learnt of their strata may differ.
        same = {"adjust_for_stratum": base.data.adjust_for_stratum}
        assert recipe.data.model_copy(update=same) == base.data
        assert recipe.folds == base.folds
        changed = recipe.model_copy(update={"seed": 0}) != base
        assert changed or arm.method != "network" or arm.each_finding or arm is study.arms[0]
        assert arm.why.endswith((".", "?", "!"))
        against = study.against(arm)
        assert against == "" or study.arm(against) is not None


def test_the_levers_of_the_studies_are_asked() -> None:
    study = load_study("levers")
    asked = {(arm.study, arm.lever) for arm in study.arms}
    assert {
        ("S1", "augmentation"), ("S1", "sampling"), ("S1", "crop"), ("S1", "backbone"),
        ("S1", "one network a finding"), ("S1", "learning rate"),
        ("S2", "loss"), ("S2", "sampling"), ("S2", "dropout"), ("S2", "second stage"),
        ("S3", "augmentation"), ("S3", "freeze depth"),
    } <= asked  # fmt: skip
    assert len(study.seeds) >= 3


def test_changes_go_where_their_path_leads(study_folder: Path) -> None:
    study = load_study(study_folder)
    assert study.recipe_for(study.arm("base"), 3).fit.epochs == 3
    assert study.recipe_for(study.arm("still"), 3).optimiser.head_lr == 1e-9
    assert study.against(study.arm("base")) == study.against(study.arm("still")) == "base"


def recipes(folder: Path) -> list[Recipe]:
    study = load_study(folder)
    return [study.recipe_for(arm, 0) for arm in study.arms]


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("arms", '"optimiser.head_lr"', '"optimiser.haed_lr"', "head_lr"),
        ("arms", '"optimiser.head_lr"', '"folds.many"', "no table"),
        ("arms", 'name = "still"', 'name = "base"', "twice"),
        ("arms", 'lever = "learning rate"', 'lever = "x"\nagainst = "bsae"', "base"),
        ("arms", 'lever = "learning rate"', 'lever = "x"\nwhi = "?"', "whi"),
        ("arms", 'lever = "learning rate"', 'lever = "x"\nwithout = ["gate"]', "no gate"),
        ("study", 'arms = ["arms"]', 'arms = ["amrs"]', "amrs"),
        ("study", "title", "= title", "no TOML"),
    ],
)
def test_what_cannot_be_is_refused(
    study_folder: Path, file: str, old: str, new: str, message: str
) -> None:
    path = study_folder / f"{file}.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(RecipeError, match=message):
        recipes(study_folder)


def test_an_unknown_study_or_arm_lists_what_there_is() -> None:
    with pytest.raises(RecipeError, match="levers"):
        load_study("lever")
    with pytest.raises(RecipeError, match="focal"):
        load_study("levers").arm("focla")
