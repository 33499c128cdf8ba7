"""Each loss and each optimiser learns something from a few real radiographs in a few steps."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from hilum.models.backbones import build_backbone, layers
from hilum.training.losses import Counts, build
from hilum.training.optimisers import build_optimiser
from hilum.training.recipe.loss import Loss, losses_for
from hilum.training.recipe.optimiser import SGD, Adam, AdamW
from hilum.training.recipe.schedule import OneCycle
from hilum.training.schedules import make_schedule

FINDINGS = ("Effusion", "Infiltration", "Nodule")
STEPS = 20
READ = TypeAdapter(Loss)

pytestmark = pytest.mark.slow


@dataclass
class Material:
    """Thirty-six radiographs [36, 1, 32, 32], and targets of them a kind of task."""

    images: Tensor
    targets: dict[str, Tensor]


@pytest.fixture(scope="module")
def material(shared: Path) -> Material:
    folder = shared / "radiographs"
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == "nih14"]
    only = {key: [r for r in rows if r["findings"].split("|") == [key]] for key in FINDINGS}
    chosen = [row for key in FINDINGS for row in only[key][:12]]
    pictures = [cv2.imread(str(folder / row["file"]), cv2.IMREAD_GRAYSCALE) for row in chosen]
    small = [cv2.resize(p, (32, 32), interpolation=cv2.INTER_AREA) for p in pictures]
    images = torch.tensor(np.stack(small)[:, None] / 127.5 - 1, dtype=torch.float32)
    one = torch.eye(3)[[FINDINGS.index(row["findings"]) for row in chosen]]
    dark = (images < images.median()).float()
    return Material(
        images, {"multi-label": one, "one-of": one, "ordinal": one, "segmentation": dark}
    )


def learn(material: Material, kind: str, said: dict, part) -> tuple[float, float]:
    """The mean loss before and after some steps."""
    targets = material.targets[kind]
    mask = torch.ones(targets.shape[:2])
    counts = Counts((12,) * 3, (24,) * 3, FINDINGS)
    loss = build(READ.validate_python(said), kind, counts, STEPS)
    torch.manual_seed(0)
    if kind == "segmentation":
        body: nn.Module = nn.Conv2d(1, 8, 5, padding=2)
        head: nn.Module = nn.Sequential(nn.ReLU(), nn.Conv2d(8, 1, 1))
        depth = [("conv", list(body.parameters()))]
    else:
        body = build_backbone("test_resnet")
        width = 2 if kind == "ordinal" else 3
        head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(body.width, width))
        depth = layers(body)
    network = nn.Sequential(body, head)
    optimiser = build_optimiser(part, depth, head.parameters())
    schedule = make_schedule(optimiser, OneCycle(), STEPS, 3)
    number = loss.counted(targets, mask).sum()
    assert int(number) > 0
    means = []
    for at in range(STEPS):
        optimiser.zero_grad(set_to_none=True)
        mean = loss(network(material.images), targets, mask, at // 3).sum() / number
        mean.backward()
        optimiser.step()
        schedule.step()
        means.append(float(mean.detach()))
    return means[0], means[-1]


@pytest.mark.parametrize(
    ("kind", "name"),
    [(k, n) for k in ("multi-label", "one-of", "ordinal", "segmentation") for n in losses_for(k)],
)
def test_each_loss_falls(material, kind, name):
    said = {"name": name}
    if name == "ldam":  # its weights come late, and its first loss is not comparable after that
        said["reweight_after"] = 1.0
    first, last = learn(material, kind, said, AdamW(lr=3e-3))
    assert last < 0.8 * first, (first, last)


@pytest.mark.parametrize(
    "part",
    [
        SGD(lr=0.05, head_lr=0.05, layer_decay=0.8),
        SGD(lr=0.05, head_lr=0.05, momentum=0.0, nesterov=False),
        Adam(lr=3e-3, weight_decay=1e-4),
        AdamW(lr=3e-3, layer_decay=0.8, decay_all=True),
    ],
    ids=lambda part: part.name,
)
def test_each_optimiser_learns(material, part):
    first, last = learn(material, "multi-label", {"name": "bce"}, part)
    assert last < 0.9 * first, (first, last)
