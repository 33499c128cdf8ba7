"""The loss is shared out exactly, and agreement is counted as its formulas say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RecipeError  # noqa: E402
from hilum.training.metrics import Best  # noqa: E402
from hilum.training.networks import mask_objective  # noqa: E402
from hilum.training.recipe.recipe import Recipe, parse_recipe  # noqa: E402
from hilum.training.rows import Item  # noqa: E402
from hilum.training.segmentation.overlap import METRICS, JudgedMasks, Overlap  # noqa: E402

pytestmark = pytest.mark.train

BASE: dict[str, Any] = {
    "model": {"backbone": "test_resnet"},
    "data": {"table": "t.csv", "image": "file", "patient": "p", "masks": "mask"},
    "task": [{"kind": "segmentation", "structures": ["a", "b"]}],
}


def recipe(**more: Any) -> Recipe:
    return parse_recipe(BASE | more, "recipe")


def item(rows: int) -> tuple[Any, Item]:
    torch.manual_seed(0)
    raw = torch.randn(rows, 2, 8, 8)
    target = (torch.rand(rows, 2, 8, 8) > 0.5).float()
    mask = torch.ones(rows, 2)
    mask[0, 1] = 0
    return raw, Item(torch.zeros(rows, 1, 16, 16), target, mask, torch.arange(rows))


def test_parts_of_a_batch_add_up_to_its_loss() -> None:
    objective = mask_objective(recipe())
    raw, batch = item(6)
    counts = objective.counted(batch.target, batch.mask)
    assert counts.tolist() == [11.0]
    whole = objective.loss(raw, batch.target, batch.mask, counts, 0)
    parts = sum(
        float(objective.loss(raw[at], batch.target[at], batch.mask[at], counts, 0))
        for at in (slice(0, 4), slice(4, 6))
    )
    assert float(whole) == pytest.approx(parts, abs=1e-6)


def test_what_is_judged() -> None:
    objective = mask_objective(recipe())
    raw, batch = item(6)
    found = objective.answer(lambda image: raw, batch).numpy()
    mask = batch.mask.numpy() > 0
    judged = objective.judge(found, np.zeros((6, 2), np.float32), mask, epoch=0)
    mine, theirs = raw.numpy() >= 0, batch.target.numpy() > 0.5
    dice = 2 * (mine & theirs).sum((2, 3)) / (mine.sum((2, 3)) + theirs.sum((2, 3)))
    assert judged.each("dice") == pytest.approx([dice[:, 0].mean(), dice[1:, 1].mean()])
    mean = (dice[:, 0].mean() + dice[1:, 1].mean()) / 2
    assert judged.numbers()["dice"]["mean"] == pytest.approx(mean)
    counts = objective.counted(batch.target, batch.mask)
    loss = float(objective.loss(raw, batch.target, batch.mask, counts, 0))
    assert judged.loss == pytest.approx(loss, abs=1e-6)
    assert Best.of("dice:b", ("a", "b"), METRICS).value(judged) == judged.each("dice")[1]
    assert Best.of("loss", ("a", "b"), METRICS).value(judged) == -judged.loss
    with pytest.raises(RecipeError, match="auroc"):
        Best.of("auroc", ("a", "b"), METRICS)


def judged(mine: list[int], theirs: list[int]) -> JudgedMasks:
    """Squares of four pixels, drawn or not, in the network's masks and the reference."""
    sizes = [np.array(one, np.float32)[:, None] * 4 for one in (mine, theirs)]
    found = Overlap(np.minimum(*sizes), *sizes)
    return JudgedMasks(
        ("a",),
        found,
        np.ones((len(mine), 1), np.bool_),
        0.0,
        np.zeros((0, 1), np.float32),
        sizes[1],
    )


@pytest.mark.parametrize(
    ("mine", "dice", "false"),
    [
        ([0] * 10, 0.0, 0.0),  # draws nothing
        ([1] * 10, 1.0, 1.0),  # draws always
        ([1, *[0] * 8, 1], 1.0, 1 / 9),
    ],
)
def test_pictures_with_nothing_to_draw_count_apart(
    mine: list[int], dice: float, false: float
) -> None:
    found = judged(mine, [1] + [0] * 9)
    assert Best.of("dice", ("a",), METRICS).value(found) == dice
    numbers = found.numbers()
    assert numbers["iou"] == {"mean": dice, "a": dice}
    assert numbers["false"]["a"] == pytest.approx(false)


def test_a_structure_that_no_picture_has() -> None:
    found = judged([0, 1], [0, 0])
    assert found.each("dice") == [None]
    assert found.numbers()["false"] == {"mean": 0.5, "a": 0.5}
    assert judged([1], [1]).numbers()["false"] == {"mean": None, "a": None}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"task": [*BASE["task"], {"findings": ["mass"]}]}, "the only task of its recipe"),
        ({"data": BASE["data"] | {"masks": "", "findings": ["mass"]}}, "needs data.masks"),
        ({"data": BASE["data"] | {"mask_values": [1]}}, "one a structure"),
        ({"input": {"size": [64, 65]}}, "even for a segmentation"),
        ({"sampling": {"name": "inverse-frequency"}}, "sampling: not for a segmentation"),
        ({"fit": {"views": 2}}, "fit.views"),
        ({"task": [{"kind": "segmentation"}]}, "names structures"),
        ({"task": [{"kind": "segmentation", "structures": ["a", "a"]}]}, "each once"),
        ({"task": [{"structures": ["a"]}]}, "are for a task segmentation"),
        ({"task": [{"kind": "multi-label"}]}, "data.masks is for a task segmentation"),
    ],
)
def test_what_does_not_go_together(more: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe(**more)


def test_a_loss_of_findings_is_refused() -> None:
    with pytest.raises(RecipeError, match="for it there are dice-bce"):
        mask_objective(recipe(loss={"name": "bce"}))


def test_defaults_of_a_segmentation_can_be_told_otherwise() -> None:
    plain = recipe()
    assert (plain.folds, plain.fit.best) == (0, "dice")
    told = recipe(folds=3, fit={"best": "loss"})
    assert (told.folds, told.fit.best) == (3, "loss")
    assert parse_recipe(told.model_dump(), "again") == told
