"""Every recipe that is shipped can be read, and is where an installed package finds it."""

import tomllib

import pytest

from hilum import recipes
from hilum.datasets.column_map import load_map
from hilum.errors import RecipeError
from hilum.training.recipe import load_recipe
from hilum.training.recipe.loss import check_loss, plain_loss


@pytest.mark.parametrize("name", recipes.training())
def test_a_training_recipe_is_valid_and_says_what_it_is(name):
    path = recipes.locate(name)
    load_recipe(path)
    assert recipes.about(path)


@pytest.mark.train
@pytest.mark.parametrize("name", recipes.training())
def test_the_parts_of_a_training_recipe_go_together(name):
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")
    from hilum.models.backbones import build_backbone, freeze
    from hilum.models.weights import backbone_of
    from hilum.training.detection.judged import OF_BOXES
    from hilum.training.metrics import Best
    from hilum.training.segmentation.overlap import METRICS as OF_MASKS
    from hilum.transforms.augmentation import size_after

    recipe = load_recipe(recipes.locate(name))
    for task in (one for one in recipe.task if one is not recipe.detection):
        loss = task.loss or recipe.loss or plain_loss(task.kind)
        check_loss(loss, task.kind, len(task.findings or recipe.findings))
    boxed = recipe.detection.boxes if recipe.detection else ()
    findings = recipe.structures or (*recipe.findings, *boxed) or ("pneumonia",)
    metrics = OF_MASKS if recipe.structures else OF_BOXES if boxed else ()
    assert Best.of(recipe.fit.best, findings, metrics)
    assert size_after(recipe.augmentation.build(), recipe.input.size) == recipe.input.size
    if recipe.sampling.name == "proportional":
        assert set(recipe.sampling.shares) <= {*findings, "no_finding"}
    said = recipe.model
    with torch.device("meta"):
        backbone = build_backbone(
            said.backbone or backbone_of(said.weights),
            cut=said.cut,
            normalisation=said.normalisation,
            drop_path=said.drop_path,
        )
        stages = [said.freeze, *(one.upto for one in said.unfreeze)]
        frozen = [len(freeze(backbone, upto)) for upto in stages]
    assert frozen == sorted(frozen, reverse=True)  # it thaws
    assert bool(frozen[0]) == bool(said.freeze)


@pytest.mark.parametrize("name", recipes.others())
def test_a_file_of_another_kind_is_toml_and_says_what_it_is(name):
    path = recipes.locate(name)
    assert tomllib.loads(path.read_text("utf-8"))
    assert recipes.about(path)
    if name.startswith("columns/"):
        load_map(path)


def test_recipes_lie_inside_the_package(repository):
    from tomllib import loads

    said = loads((repository / "pyproject.toml").read_text("utf-8"))
    (source,) = said["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert recipes.locate("chest14").is_relative_to(repository / source)


def test_a_path_is_taken_as_it_is(tmp_path, monkeypatch):
    mine = tmp_path / "mine.toml"
    mine.write_text("")
    assert recipes.locate(mine) == mine
    (tmp_path / "chest14").mkdir()
    monkeypatch.chdir(tmp_path)
    assert recipes.locate("chest14") == recipes.SHIPPED / "chest14.toml"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("chest41", "Unknown recipe 'chest41'; did you mean chest14"),
        ("none.toml", "No recipe none.toml"),
        (".", r"\. is a folder; a recipe is a file"),
        ("../chest14", "Unknown recipe"),
    ],
)
def test_what_is_no_recipe(tmp_path, monkeypatch, name, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match=message):
        recipes.locate(name)


@pytest.mark.parametrize(
    ("text", "about"),
    [("# One line.\n# Two.\n", "One line."), ("\n#Close.\n", "Close."), ("a = 1\n# No.\n", "")],
)
def test_the_first_line_of_comment(tmp_path, text, about):
    path = tmp_path / "r.toml"
    path.write_text(text)
    assert recipes.about(path) == about
