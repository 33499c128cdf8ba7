"""What a split lets go wrong, before training."""

from dataclasses import dataclass

import numpy as np
import pytest

from hilum.training.recipe.watch import Watch as Part
from hilum.training.watch import before, chance_loss, stopping


@dataclass(frozen=True)
class Task:
    kind: str
    findings: tuple[str, ...]


MANY = Task("multi-label", ("mass", "edema", "hernia"))
ONE = Task("one-of", ("mass", "edema", "hernia"))


def concerns(task, targets, mask=None, train=None, tune=None, part=Part(), where=""):  # noqa: B008
    targets = np.asarray(targets, np.float32)
    mask = np.ones(targets.shape, bool) if mask is None else mask
    rows = np.arange(len(targets))
    return before(
        part,
        [task],
        targets=targets,
        mask=mask,
        train=rows[: len(rows) // 2] if train is None else train,
        tune=rows[len(rows) // 2 :] if tune is None else tune,
        where=where,
    )


def mixed(rows: int = 40) -> np.ndarray:
    return (np.arange(rows)[:, None] + np.arange(3)) % 3 == 0


@pytest.mark.parametrize("task", [MANY, ONE])
def test_a_good_split_raises_nothing(task) -> None:
    assert concerns(task, mixed()) == []


@pytest.mark.parametrize(
    ("column", "value", "code", "message"),
    [
        (1, 0, "always-zero", "'edema': present on none of the 20 training rows of fold 2"),
        (2, 1, "always-one", "'hernia': present on all of the 20 training rows of fold 2"),
    ],
)
def test_a_label_that_never_changes(column, value, code, message) -> None:
    targets = mixed().astype(float)
    targets[:20, column] = value
    (found,) = concerns(MANY, targets, where="fold 2")
    assert found.code == code
    assert found.message.startswith(message)
    assert stopping(Part(), [found]) == [found]
    assert stopping(Part(stop=()), [found]) == []


def test_nothing_known_of_a_finding() -> None:
    mask = np.ones((40, 3), bool)
    mask[:20, 0] = False
    (found,) = concerns(MANY, mixed(), mask)
    assert (found.code, found.since) == ("class-absent", None)
    assert "'mass': none of the 20 training rows says anything of it" in found.message


def test_a_class_without_an_example() -> None:
    targets = np.eye(20)[np.arange(800) % 18]
    task = Task("one-of", tuple(f"class {at}" for at in range(20)))
    absent, untested = concerns(task, targets)
    assert absent.code == "class-absent"
    assert absent.message == (
        "2 of 20 classes have no example among the 400 training rows: 'class 18', 'class 19'."
    )
    assert untested.code == "untested"
    assert untested.message.startswith("'class 18', 'class 19': the 400 tuning rows")


def test_tuning_rows_without_a_finding() -> None:
    targets = mixed().astype(float)
    targets[20:, 0] = 0
    (found,) = concerns(MANY, targets)
    assert found.code == "untested"
    assert found.message.startswith("'mass': the 20 tuning rows do not hold both")
    assert concerns(MANY, targets, part=Part(quiet=("untested",))) == []


def test_softmax_on_rows_that_sum_to_zero_or_two() -> None:
    targets = np.eye(3)[np.arange(800) % 3]
    targets[:525] = 0  # No finding dropped, as in a published study
    targets[700:710] = [1, 1, 0]
    none, several = concerns(ONE, targets, train=np.arange(800), tune=np.arange(525, 700))
    assert none.code == "no-class"
    assert none.message.startswith("525 of the 800 training rows (66 %) have none")
    assert several.code == "several-classes"
    assert several.message.startswith("10 of the 800 training rows (1 %) have several")


@pytest.mark.parametrize(
    ("task", "targets", "message"),
    [
        (Task("binary", ("mass",)), [[0]] * 46 + [[1]] * 14, r"'no' for mass is right on 76\.7 %"),
        (Task("binary", ("mass",)), [[0]] * 44 + [[1]] * 16, None),
        (Task("binary", ("mass",)), [[1]] * 50 + [[0]] * 10, r"'yes' for mass is right on 83\.3 %"),
        (ONE, [[0, 1, 0]] * 48 + [[1, 0, 0]] * 6 + [[0, 0, 1]] * 6, "'edema' .* 80.0 %"),
        (MANY, [[0, 1, 0]] * 48 + [[1, 0, 0]] * 6 + [[0, 0, 1]] * 6, None),
    ],
)
def test_what_accuracy_hides(task, targets, message) -> None:
    import re

    rows = np.arange(len(targets))
    found = concerns(task, targets, train=rows, tune=rows)
    assert [one.code for one in found] == (["accuracy-misleads"] if message else [])
    if message:
        assert re.search(message, found[0].message)


def test_several_tasks_stand_side_by_side() -> None:
    targets = np.concatenate([mixed(), np.ones((40, 1))], 1).astype(np.float32)
    tasks = [ONE, Task("binary", ("fibrosis",))]
    rows = np.arange(40)
    mask = np.ones(targets.shape, bool)
    found = before(Part(), tasks, targets=targets, mask=mask, train=rows[:20], tune=rows[20:])
    assert [one.code for one in found] == ["always-one", "untested"]
    assert all("'fibrosis'" in one.message for one in found)


def test_the_loss_of_chance() -> None:
    twenty = np.eye(20, dtype=np.float32)
    task = Task("one-of", tuple(map(str, range(20))))
    assert chance_loss(task, twenty, np.ones((20, 20), bool)) == pytest.approx(np.log(20))
    targets = np.array([[1, 0], [0, 0], [0, 1], [0, 1]], np.float32)
    mask = np.array([[1, 1], [1, 1], [1, 1], [1, 0]], bool)
    binary = Task("multi-label", ("mass", "edema"))
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    third = -(np.log(1 / 3) / 3 + 2 * np.log(2 / 3) / 3)
    wanted = (4 * entropy + 3 * third) / 7
    assert chance_loss(binary, targets, mask) == pytest.approx(wanted)
    assert np.isnan(chance_loss(binary, targets, mask & False))
    assert chance_loss(binary, np.zeros((4, 2), np.float32), mask) < 1e-9
