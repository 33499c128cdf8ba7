"""The loop for masks: Dice and cross-entropy, a cosine, averaged weights, one checkpoint an epoch.

Every random number comes from (seed, epoch, row), so a run that goes on equals one never stopped.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hilum.bundles.card import Preprocessing
from hilum.errors import RunError
from hilum.models.segmentation import Segmenter
from hilum.training.segmentation.augmentation import Variety
from hilum.training.segmentation.batches import Paint, batches, changed, plain
from hilum.training.segmentation.examples import Examples


@dataclass(frozen=True, slots=True)
class Fit:
    """The loop's settings.

    Attributes:
        epochs: passes over the training rows.
        batch: pictures a step.
        lr: of the decoder, at its highest.
        encoder_lr: of the encoder.
        weight_decay: of AdamW.
        warm_up: share of the steps in which the rates rise.
        average: decay of the averaged weights.
        clip: largest norm of the gradient.
        half: compute in bfloat16 where that is safe; the weights stay in single precision.
        seed: of everything random.
    """

    epochs: int = 6
    batch: int = 16
    lr: float = 2e-3
    encoder_lr: float = 4e-4
    weight_decay: float = 0.01
    warm_up: float = 0.1
    average: float = 0.99
    clip: float = 1.0
    half: bool = True
    seed: int = 0


def dice_and_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """1 − soft Dice (Milletari et al. 2016, squares in the denominator) plus cross-entropy.

    Args:
        logits: [B, structures, h, w].
        targets: the same shape, in [0, 1].

    Returns:
        A loss a picture and structure, [B, structures].
    """
    inside = torch.sigmoid(logits)
    shared = (inside * targets).sum((2, 3))
    size = (inside**2).sum((2, 3)) + (targets**2).sum((2, 3))
    entropy = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return 1 - (2 * shared + 1) / (size + 1) + entropy.mean((2, 3))


def dice(probabilities: NDArray[Any], targets: NDArray[Any]) -> NDArray[np.float64]:
    """Dice of masks cut at one half, [B, structures]; 1 where both are empty."""
    mine, theirs = probabilities >= 0.5, targets >= 0.5
    shared = (mine & theirs).sum((2, 3))
    size = mine.sum((2, 3)) + theirs.sum((2, 3))
    return np.where(size > 0, 2 * shared / np.maximum(size, 1), 1.0)


def fit_segmenter(
    network: Segmenter,
    examples: Examples,
    spec: Preprocessing,
    fit: Fit,
    *,
    folder: Path,
    paint: Paint | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Segmenter:
    """Train on the rows that have masks, going on from the last whole epoch in ``folder``.

    Args:
        network: changed in place.
        examples: pictures with masks, parts "train" and "tune".
        spec: value range of the input.
        fit: the loop's settings.
        folder: for ``last.ckpt`` (weights and numbers only) and ``epochs.jsonl``.
        paint: drawn over half of the training pictures before they are augmented.
        say: told a line an epoch.

    Returns:
        The averaged network after the last epoch, in evaluation mode.

    Raises:
        RunError: no training row has a mask, the loss is no number any more, or the checkpoint
            belongs to other settings.
    """
    rows, tune = examples.rows("train"), examples.rows("tune")
    if not len(rows) or not len(tune):
        raise RunError("there are no examples with masks in train, or none in tune")
    folder.mkdir(parents=True, exist_ok=True)
    structures = int(network.head.out_channels)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(network).requires_grad_(False)
    optimiser = torch.optim.AdamW(
        [
            {
                "params": [p for p in network.encoder.parameters() if p.requires_grad],
                "lr": fit.encoder_lr,
            },
            {"params": [p for n, p in network.named_parameters() if not n.startswith("encoder.")]},
        ],
        lr=fit.lr,
        weight_decay=fit.weight_decay,
    )
    highest = [group["lr"] for group in optimiser.param_groups]
    steps = math.ceil(len(rows) / fit.batch)
    said = {"fit": repr(fit), "rows": len(rows)}
    begin = _resume(folder / "last.ckpt", said, (network, average), optimiser)
    for epoch in range(begin, fit.epochs):
        started, total = time.monotonic(), 0.0
        network.train()
        order = np.random.default_rng([fit.seed, epoch]).permutation(rows)

        def make(row: int, epoch: int = epoch) -> Any:
            rng = np.random.default_rng([fit.seed, epoch, row])
            return changed(examples, row, spec, structures, variety=Variety(), paint=paint, rng=rng)

        for at, (image, target) in enumerate(batches(make, order, fit.batch)):
            done = (epoch * steps + at) / (fit.epochs * steps)
            for group, rate in zip(optimiser.param_groups, highest, strict=True):
                group["lr"] = rate * _cosine(done, fit.warm_up)
            laid = torch.from_numpy(image).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=fit.half):
                logits = network(laid)
            loss = dice_and_cross_entropy(logits.float(), torch.from_numpy(target)).mean()
            if not torch.isfinite(loss):
                raise RunError("the training loss is no number any more; lower the learning rates")
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), fit.clip)
            optimiser.step()
            step = epoch * steps + at
            _follow(average, network, min(fit.average, (1 + step) / (10 + step)))
            total += float(loss.detach())
        score = tune_dice(average, examples, spec, tune, fit.batch)
        line = {
            "epoch": epoch,
            "step": (epoch + 1) * steps,
            "train_loss": round(total / steps, 6),
            "tune_dice": {source: round(value, 4) for source, value in score.items()},
            "seconds": round(time.monotonic() - started, 1),
        }
        _keep(folder / "last.ckpt", said | {"epoch": epoch}, (network, average), optimiser)
        with (folder / "epochs.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        say(json.dumps(line))
    return average.eval()


def tune_dice(
    network: Segmenter,
    examples: Examples,
    spec: Preprocessing,
    rows: NDArray[np.int64],
    batch: int,
) -> dict[str, float]:
    """Mean Dice over structures and pictures, by source and maker of the mask."""
    network.eval()
    structures = int(network.head.out_channels)
    found: list[NDArray[np.float64]] = []
    for image, target in batches(lambda row: plain(examples, row, spec, structures), rows, batch):
        with torch.inference_mode():
            inside = torch.sigmoid(network(torch.from_numpy(image))).numpy()
        found.append(dice(inside, target).mean(1))
    each = np.concatenate(found)
    kinds = [f"{examples.source[row]} ({examples.mask_from[row]})" for row in rows]
    return {
        kind: float(np.mean([v for v, k in zip(each, kinds, strict=True) if k == kind]))
        for kind in sorted(set(kinds))
    }


def _cosine(done: float, warm_up: float) -> float:
    if done < warm_up:
        return (done + 1e-3) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))


def _follow(average: Segmenter, network: Segmenter, decay: float) -> None:
    with torch.no_grad():
        for mine, theirs in zip(average.parameters(), network.parameters(), strict=True):
            mine.lerp_(theirs, 1 - decay)


def _keep(
    file: Path,
    said: dict[str, Any],
    networks: tuple[Segmenter, Segmenter],
    optimiser: torch.optim.Optimizer,
) -> None:
    state = {"said": said, "optimiser": optimiser.state_dict()}
    state |= {"network": networks[0].state_dict(), "average": networks[1].state_dict()}
    part = file.with_suffix(".part")
    torch.save(state, part)
    part.replace(file)


def _resume(
    file: Path,
    said: dict[str, Any],
    networks: tuple[Segmenter, Segmenter],
    optimiser: torch.optim.Optimizer,
) -> int:
    if not file.exists():
        return 0
    state = torch.load(file, map_location="cpu", weights_only=True)
    if {name: state["said"][name] for name in said} != said:
        raise RunError(f"{file.parent} holds a run with other settings or rows; choose another")
    networks[0].load_state_dict(state["network"])
    networks[1].load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["said"]["epoch"]) + 1
