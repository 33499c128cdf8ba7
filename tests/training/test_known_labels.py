import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.domain import State
from hilum.errors import LabelError, RecipeError
from hilum.training.material import labels_and_tasks
from hilum.training.recipe.recipe import parse_recipe

pytestmark = pytest.mark.train

ROWS = ("COVID-19", "Mass", "todo", "No Finding", "todo|Mass", "Odd shadow")


def recipe(**data):
    own = {"table": "t.csv", "image": "file", "patient": "file", "labels": "said",
           "findings": ["covid_19"]}  # fmt: skip
    return parse_recipe({"model": {"backbone": "test_resnet"}, "data": {**own, **data}}, "test")


@pytest.fixture
def folder(tmp_path):
    lines = [f"{at}.png,{said}" for at, said in enumerate(ROWS)]
    (tmp_path / "t.csv").write_text("\n".join(["file,said", *lines]))
    return tmp_path


def test_labels_that_say_nothing_leave_their_rows_out(folder):
    known = {"todo": "", "Odd shadow": "pneumonia"}
    table, _ = labels_and_tasks(recipe(known=known), folder)
    assert table.images.tolist() == ["0.png", "1.png", "3.png", "4.png", "5.png"]
    assert table.states[:, 0].tolist() == [State.PRESENT] + [State.ABSENT] * 4


def test_labels_that_nobody_knows_are_refused(folder):
    with pytest.raises(LabelError, match="todo"):
        labels_and_tasks(recipe(), folder)
    with pytest.raises(LabelError, match="no row is left"):
        labels_and_tasks(recipe(known=dict.fromkeys([*ROWS, "Mass", "todo"], "")), folder)


def test_known_needs_a_column_of_labels():
    with pytest.raises(RecipeError, match="known goes with image and labels"):
        recipe(known={"todo": ""}, labels="")
