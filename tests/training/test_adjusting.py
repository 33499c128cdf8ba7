"""A network that adjusts for its strata gains nothing by telling them apart."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RecipeError  # noqa: E402
from hilum.models.tasks import Task  # noqa: E402
from hilum.training.cross_validation import cross_validate, material_for  # noqa: E402
from hilum.training.gradient import Gradient  # noqa: E402
from hilum.training.losses import Counts, build  # noqa: E402
from hilum.training.machine import Machine  # noqa: E402
from hilum.training.objective import Objective  # noqa: E402
from hilum.training.recipe.loss import BCE  # noqa: E402
from hilum.training.recipe.recipe import parse_recipe  # noqa: E402
from hilum.training.rows import Item  # noqa: E402

pytestmark = pytest.mark.train

RAW = {
    "folds": 3,
    "data": {
        "table": "labels.csv", "image": "file", "patient": "file", "labels": "labels",
        "findings": ["mass", "nodule"], "stratum": "road", "split": "part",
    },
    "model": {"backbone": "test_resnet", "batch_norm": "train"},
    "input": {"size": [64, 64], "value_range": [-1.0, 1.0]},
    "augmentation": {"steps": [{"do": "nothing"}]},
    "optimiser": {"name": "adamw", "lr": 2e-3, "head_lr": 2e-2},
    "fit": {"epochs": 16, "batch": 8, "average": 0.5, "best": "last", "precision": "float32"},
    "watch": {"stop": []},
}  # fmt: skip


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 pictures: a light corner tells the road and nothing else, a dark half tells a nodule.

    A mass is four times as frequent on one road, and is not to be seen.
    """
    folder = tmp_path_factory.mktemp("roads")
    rng = np.random.default_rng(4)
    with (folder / "labels.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["file", "labels", "part", "road"])
        for at in range(120):
            grey = rng.integers(80, 120, (64, 64)).astype(np.uint8)
            road, labels = "ab"[at % 2], []
            if road == "a":
                grey[:32, :32] = 255
            if rng.random() < (0.8 if road == "a" else 0.2):
                labels.append("Mass")
            if at % 3 == 0:
                grey[:, 32:] //= 4
                labels.append("Nodule")
            cv2.imwrite(str(folder / f"{at}.png"), grey)
            part = "tune" if at % 5 == 0 else "train"
            out.writerow([f"{at}.png", "|".join(labels) or "No Finding", part, road])
    return folder


def test_nothing_is_gained_by_telling_strata_apart(roads: Path, tmp_path: Path) -> None:
    found = {}
    for adjusted in (False, True):
        recipe = parse_recipe(
            RAW | {"data": RAW["data"] | {"adjust_for_stratum": adjusted}}, "roads"
        )
        material = material_for(recipe, roads, tmp_path / "store")
        out = cross_validate(
            recipe,
            material,
            weights=tmp_path,
            out=tmp_path / str(adjusted),
            store=tmp_path / "store",
        )
        targets = material.labelled.targets[out.rows] > 0.5
        light = material.labelled.strata[out.rows] == material.labelled.strata[0]
        found[adjusted] = [
            abs(float(out.logits[one, k].mean() - out.logits[~one, k].mean()))
            for k, one in enumerate((light, targets[:, 1]))
        ]
    (plain_road, plain_nodule), (road, nodule) = found[False], found[True]
    assert plain_road > 0.6  # log-odds of a mass, between roads
    assert road < plain_road / 2
    assert plain_nodule > 2  # of a nodule, between pictures with and without
    assert nodule > plain_nodule / 2


def test_the_loss_is_of_what_lies_beyond_the_stratum() -> None:
    task = Task("multi-label", ("a", "b"))
    objective = Objective(
        (task,), (build(BCE(), "multi-label", Counts((5, 9), (40, 36), ("a", "b")), 4),), (1.0,)
    )
    rng = torch.Generator().manual_seed(0)
    image = torch.randn(6, 1, 4, 4, generator=rng)
    beyond = torch.randn(9, 2, generator=rng)
    rows = torch.tensor([8, 3, 0, 1, 5, 2])
    target, mask = (torch.rand(6, 2, generator=rng) > 0.5).float(), torch.ones(6, 2)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
    machine = Machine.here(arithmetic="float32", workers=0)
    for part in (6, 4):  # in one piece, and in two
        gradient = Gradient(network, network, objective, machine, part, print, beyond)
        loss = gradient.of(Item(image, target, mask, rows), epoch=0, seed=0)
        wanted = (
            torch.nn.functional.binary_cross_entropy_with_logits(
                network(image) + beyond[rows], target, reduction="sum"
            )
            / 12
        )
        assert float(loss) == pytest.approx(float(wanted.detach()), rel=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": RAW["data"] | {"stratum": "", "adjust_for_stratum": True}}, "needs stratum"),
        (
            {
                "data": RAW["data"] | {"adjust_for_stratum": True},
                "fit": RAW["fit"] | {"mixup": 0.2},
            },
            "does not go with fit.mixup",
        ),
        (
            {
                "data": RAW["data"] | {"adjust_for_stratum": True},
                "task": [{"kind": "one-of"}],
            },
            "does not go with a task one-of",
        ),
        (
            {
                "data": RAW["data"] | {"adjust_for_stratum": True},
                "sampling": {"name": "inverse-frequency"},
            },
            "does not go with a sampling",
        ),
        ({"folds": 0}, "rows that would calibrate are learnt from"),
        ({"fit": RAW["fit"] | {"patience": 2}}, "it chooses when to stop"),
        ({"schedule": {"name": "plateau"}}, "it heeds the tuning rows"),
    ],
)
def test_what_cannot_go_together_is_refused(change: dict, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        parse_recipe(RAW | change, "roads")
