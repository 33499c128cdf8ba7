"""The one backbone of this study, frozen or learning, from whichever weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from hilum.errors import Stopped
from hilum.models.tasks import Task
from hilum.studies.running import Bench
from hilum.studies.s3.cohort import COVID
from hilum.studies.s3.pictures import grey_of
from hilum.training.machine import Machine, arithmetic
from hilum.training.networks import begin
from hilum.training.recipe.recipe import parse_recipe

BACKBONE = "mobilenet_edgetpu_100"
WEIGHTS = {
    "chest14": "bundle:chest14",
    "imagenet": "mobilenet_edgetpu_100.backbone.fp16.safetensors",
    "random": "",
}
"""Name → what it starts from; the last from nothing."""
RATES = {"chest14": 1e-4, "imagenet": 1e-4, "random": 1e-3}
"""Learning rates of Adam where the whole network learns."""
EPOCHS = 5
BATCH = 32
DECAY = 0.05


def build(name: str, weights: Path, side: int, *, seed: int = 0) -> Any:
    """A network for COVID-19 or not.

    Args:
        name: of :data:`WEIGHTS`.
        weights: folder of weights.
        side: of its pictures, in pixels.
        seed: of what begins at random.

    Raises:
        RecipeError: the weights are not there.
    """
    recipe = parse_recipe(
        {
            "seed": seed,
            "bundle": {"name": "s3"},
            "data": {"findings": [COVID]},
            "model": {"backbone": BACKBONE, "weights": WEIGHTS[name], "batch_norm": "frozen"},
            "input": {"size": [side, side], "value_range": [-1.0, 1.0]},
        },
        "s3",
    )
    return begin(recipe, [Task("binary", (COVID,))], weights).network


class Frozen:
    """A backbone that does not learn, as a function of pictures.

    Args:
        name: of :data:`WEIGHTS`.
        weights: folder of weights.
        side: of its pictures, in pixels.
    """

    def __init__(self, name: str, weights: Path, side: int) -> None:
        self.machine = Machine.here(arithmetic=arithmetic("auto", mostly_frozen=False))
        self.backbone = build(name, weights, side).backbone.eval().to(self.machine.device)

    def __call__(self, grey: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features [pictures, width] of grey levels in [0, 1], [pictures, rows, columns]."""
        with torch.inference_mode(), self.machine.autocast():
            maps = self.backbone(_batch(grey, self.machine))
        return maps.float().mean((2, 3)).cpu().numpy()


def learn(
    name: str,
    bench: Bench,
    pictures: NDArray[np.uint8],
    covid: NDArray[np.bool_],
    rows: NDArray[np.int64],
    *,
    seed: int,
) -> nn.Module:
    """A whole network that learnt from some pictures.

    Args:
        name: of :data:`WEIGHTS`: what it starts from.
        bench: where weights lie, and who may stop it.
        pictures: uint8 [images, side, side].
        covid: [images].
        rows: that are learnt from.
        seed: of everything random.

    Raises:
        Stopped: it was asked to.
    """
    network = build(name, bench.weights, pictures.shape[1], seed=seed)
    machine = Machine.here(arithmetic=arithmetic("auto", mostly_frozen=False))
    network.to(machine.device)
    targets = torch.from_numpy(covid.astype(np.float32)).to(machine.device)
    optimiser = torch.optim.AdamW(network.parameters(), RATES[name], weight_decay=DECAY)
    order = np.random.default_rng(seed)
    for _ in range(EPOCHS):
        network.train()
        shown = order.permutation(rows)
        for start in range(0, len(shown) - len(shown) % BATCH, BATCH):
            if why := bench.stop():
                raise Stopped(f"{why} What is done is kept: the same command goes on.")
            at = shown[start : start + BATCH]
            with machine.autocast():
                raw = network(_batch(grey_of(pictures[at]), machine))
            loss = binary_cross_entropy_with_logits(raw[:, 0].float(), targets[at])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return network.eval()


def ask(network: nn.Module, pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Log-odds of COVID-19, [images], of uint8 [images, side, side]."""
    machine = Machine.here(arithmetic=arithmetic("auto", mostly_frozen=False))
    said = []
    with torch.inference_mode(), machine.autocast():
        for start in range(0, len(pictures), BATCH):
            grey = grey_of(pictures[start : start + BATCH])
            said.append(network(_batch(grey, machine))[:, 0].float().cpu().numpy())
    return np.concatenate(said).astype(np.float64)


def _batch(grey: NDArray[np.float32], machine: Machine) -> torch.Tensor:
    batch = torch.from_numpy(grey * 2 - 1)[:, None].to(machine.device)
    return batch.contiguous(memory_format=torch.channels_last)
