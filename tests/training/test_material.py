from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.datasets.table import load, save  # noqa: E402
from hilum.domain import LabelTable, State  # noqa: E402
from hilum.domain.text import text  # noqa: E402
from hilum.errors import LabelError, RecipeError  # noqa: E402
from hilum.training.material import labels_and_tasks, split_of  # noqa: E402
from hilum.training.measuring import check_gate  # noqa: E402
from hilum.training.numbers import calibrate  # noqa: E402
from hilum.training.recipe import Recipe  # noqa: E402
from hilum.training.recipe.recipe import parse_recipe  # noqa: E402

pytestmark = pytest.mark.train

P, A, U = State.PRESENT, State.ABSENT, State.UNMENTIONED


def table(parts: list[str], states: np.ndarray | None = None) -> LabelTable:
    names = text([f"{at}.png" for at in range(len(parts))])
    given = np.resize([[P, A], [A, P]], (len(parts), 2)) if states is None else states
    columns = {"split": text(parts)} if any(parts) else {}
    return LabelTable(names, ("mass", "nodule"), given.astype(np.uint8), names, columns=columns)


def recipe(**data: object) -> Recipe:
    return parse_recipe({"model": {"backbone": "test_resnet"}, "data": data}, "test")


@pytest.mark.parametrize("seed", range(3))
def test_what_a_publisher_keeps_for_the_test_stays_the_test(tmp_path: Path, seed: int) -> None:
    known = table(["train"] * 40 + ["test"] * 20)
    split = split_of(recipe(split_seed=seed), known, tmp_path / "split")
    assert split.parts["test"].tolist() == list(range(40, 60))
    assert set(split.parts["train"]) | set(split.parts["tune"]) == set(range(40))
    assert 4 <= len(split.parts["tune"]) <= 10
    again = split_of(recipe(split_seed=seed), known, tmp_path / "split")
    assert again.digest == split.digest


def test_a_whole_split_is_taken_as_it_is(tmp_path: Path) -> None:
    split = split_of(recipe(), table(["train", "tune", "test"] * 10), tmp_path / "split")
    assert [len(split.parts[part]) for part in ("train", "tune", "test")] == [10, 10, 10]
    assert not (tmp_path / "split").exists()


def test_a_split_without_train_is_asked_about(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"names .*'test'.* and no train; say which column"):
        split_of(recipe(), table(["tune", "test"] * 10), tmp_path / "split")


def test_no_finding_is_said_only_where_all_else_is_absent(tmp_path: Path) -> None:
    states = np.array([[A, A], [P, A], [A, U], [U, U], [A, A], [A, P]])
    save(table([""] * 6, states), tmp_path / "labels.csv")
    asked = recipe(table="labels.csv", findings=["mass", "nodule", "no_finding"])
    found, _ = labels_and_tasks(asked, tmp_path)
    assert found.findings[-1] == "no_finding"
    assert found.states[:, -1].tolist() == [P, A, U, U, P, A]
    assert load(tmp_path / "labels.csv").findings == ("mass", "nodule")


def test_a_gate_is_not_measured_on_patients_of_the_training(
    tmp_path: Path, collection: Path, recipe_text: str
) -> None:
    import tomllib

    raw = tomllib.loads(recipe_text)
    learnt, _ = labels_and_tasks(parse_recipe(raw, "test"), collection)
    rows = learnt.rows(np.flatnonzero(learnt.columns["part"] != "other"))
    check_gate(parse_recipe(raw, "test"), collection, rows)
    raw["gate"] = {"measured": [{"part": "train"}]}
    with pytest.raises(RecipeError, match="48 of 48 images are of patients that the run learns"):
        check_gate(parse_recipe(raw, "test"), collection, rows)


def test_many_pictures_of_few_patients_make_no_trusted_calibration() -> None:
    rng = np.random.default_rng(0)
    targets = np.repeat([[1.0], [0.0]], 60, 0).astype(np.float32)
    logits = (targets + rng.normal(size=targets.shape)).astype(np.float32)
    mask = np.ones(targets.shape, np.bool_)
    (alone,) = calibrate(("mass",), logits, targets, mask, "test")
    few = text([f"p{at % 3 if at < 60 else at}" for at in range(120)])
    (of_three,) = calibrate(("mass",), logits, targets, mask, "test", few)
    assert (alone.calibration.trusted, of_three.calibration.trusted) == (True, False)


def test_opposites_are_told(tmp_path: Path) -> None:
    from hilum.models.tasks import Task
    from hilum.training.material import _opposites

    targets = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    both = (Task("multi-label", ("normal", "pneumonia")),)
    assert "opposite" in _opposites(both, targets, np.ones((3, 2), np.bool_))[0]
    targets[2, 1] = 1
    assert not _opposites(both, targets, np.ones((3, 2), np.bool_))
