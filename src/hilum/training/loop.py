"""The one loop: Lightning, resumable, best checkpoint by tuning AUROC."""

from __future__ import annotations

import json
import logging
import math
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from hilum.errors import RunError
from hilum.evaluation import auroc_each, mean_of
from hilum.models.network import Network
from hilum.training.recipe import Fit
from hilum.training.rows import Rows, Shuffled
from hilum.training.views import Views

COLLAPSED = 1e-4
"""Largest standard deviation of any finding's logit over images at which outputs are the same."""


class Learner(pl.LightningModule):
    """A network on its way.

    Args:
        network: what learns; frozen parameters stay.
        fit: the loop's part of the recipe.
        keep_statistics: batch normalisation keeps the statistics that it has.
        seed: of dropout and mixup, with the epoch.
        cut: module behind which the batches start; "" for batches of images.
    """

    def __init__(
        self, network: Network, fit: Fit, *, keep_statistics: bool, seed: int, cut: str
    ) -> None:
        super().__init__()
        self.network = network
        self.fit = fit
        self.cut = cut
        self.keep_statistics = keep_statistics
        self.seed = seed
        self._seen: list[tuple[Tensor, Tensor, Tensor]] = []

    def forward(self, batch: Tensor) -> Tensor:
        """Logits of images, or of activations at the cut."""
        return logits(self.network, batch, self.cut)

    def on_train_epoch_start(self) -> None:
        """Seed the epoch, so that going on equals never having stopped."""
        torch.manual_seed(self.seed * 100_003 + self.current_epoch)
        loader = self.trainer.train_dataloader
        assert isinstance(loader, DataLoader)
        assert isinstance(loader.dataset, Rows | Views)
        loader.dataset.epoch = self.current_epoch
        if self.keep_statistics:
            for module in self.network.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def training_step(self, batch: tuple[Tensor, ...], _: int) -> Tensor:
        """Masked binary cross-entropy, after mixup where the recipe asks for it."""
        image, target, mask, _rows = batch
        if self.fit.mixup:
            share = float(torch.distributions.Beta(self.fit.mixup, self.fit.mixup).sample())
            other = torch.randperm(len(image), device=image.device)
            image = share * image + (1 - share) * image[other]
            target = share * target + (1 - share) * target[other]
            mask = mask * mask[other]
        loss = nn.functional.binary_cross_entropy_with_logits(
            self(image).float(), target, reduction="none"
        )
        loss = (loss * mask).sum() / mask.sum().clamp(min=1)
        if not torch.isfinite(loss):
            raise RunError("The training loss is no number any more; lower fit.lr.")
        self.log("train_loss", loss, on_epoch=True, on_step=False, batch_size=len(image))
        return loss

    def validation_step(self, batch: tuple[Tensor, ...], _: int) -> None:
        """Collect the logits of the tuning rows."""
        image, target, mask, _rows = batch
        self._seen.append((self(image).float().cpu(), target.cpu(), mask.cpu()))

    def on_validation_epoch_end(self) -> None:
        """Mean AUROC of the findings for which it is defined."""
        found, targets, mask = (torch.cat(part).numpy() for part in zip(*self._seen, strict=True))
        self._seen.clear()
        spread = float(found.std(0).max())
        if len(found) > 1 and spread < COLLAPSED:
            raise RunError(
                f"The network gives the same output for every image (spread {spread:.1g}): it has "
                f"collapsed. Lower fit.lr, or freeze more of it."
            )
        mean = mean_of(auroc_each(targets, found, mask > 0))
        if mean.value is None:
            raise RunError(f"The tuning rows give no AUROC: {mean.reason}.")
        self.log("tune_auroc", mean.value, prog_bar=True)

    def configure_optimizers(self) -> Any:
        """AdamW under one cycle of the learning rate, the head with its own."""
        body = [p for p in self.network.backbone.parameters() if p.requires_grad]
        head = list(self.network.head.parameters())
        groups = [{"params": body, "lr": self.fit.lr}] if body else []
        groups.append({"params": head, "lr": self.fit.head_lr})
        optimiser = torch.optim.AdamW(groups, weight_decay=self.fit.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            [g["lr"] for g in groups],
            total_steps=int(self.trainer.estimated_stepping_batches) + 1,
            pct_start=0.1,
        )
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


class _EpochLog(pl.Callback):
    """A line in JSON an epoch, appended, so that a run that goes on keeps what it had written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        numbers = {
            name: round(float(trainer.callback_metrics[name]), 6)
            for name in ("train_loss", "tune_auroc")
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"epoch": pl_module.current_epoch, **numbers}) + "\n")


@dataclass(frozen=True, slots=True)
class Fitted:
    """A network after training.

    Attributes:
        network: with the weights of the best checkpoint.
        epoch: the epoch of that checkpoint, from 0.
        tune_auroc: mean AUROC on the tuning rows there.
    """

    network: Network
    epoch: int
    tune_auroc: float


def fit_network(
    network: Network,
    train: Rows | Views,
    tune: Rows | Views,
    fit: Fit,
    *,
    keep_statistics: bool,
    cut: str,
    folder: Path,
) -> Fitted:
    """Train, going on from the last checkpoint in ``folder`` where there is one.

    The head starts at the training rows' log-odds of each finding, so that the first steps do not
    teach the backbone mere frequencies.

    Args:
        network: changed in place.
        train: rows to learn from.
        tune: rows that choose the checkpoint.
        fit: the loop's part of the recipe.
        keep_statistics: batch normalisation keeps the statistics that it has.
        cut: module behind which the rows start; "" where they are images.
        folder: for checkpoints; those hold weights and numbers only, and are loaded so.

    Returns:
        The network with its best weights, in evaluation mode.

    Raises:
        RunError: the loss or the tuning AUROC is undefined, or a checkpoint cannot be read.
    """
    _start_head(network, train)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    learner = Learner(network, fit, keep_statistics=keep_statistics, seed=train.seed, cut=cut)
    # Fixed names without version counters: a stop between two writes leaves nothing ambiguous.
    best = ModelCheckpoint(
        folder, "best", monitor="tune_auroc", mode="max", enable_version_counter=False
    )
    newest = ModelCheckpoint(folder, "last", enable_version_counter=False)
    callbacks: list[pl.Callback] = [_EpochLog(folder / "epochs.jsonl"), best, newest]
    seen = sys.stderr.isatty()
    if seen:
        callbacks.append(TQDMProgressBar(leave=True))
    if fit.average:
        callbacks.append(EMAWeightAveraging(decay=fit.average))
    with warnings.catch_warnings():
        # Lightning advises more loader processes; the images already lie in memory.
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*num_workers.*")
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
        trainer = pl.Trainer(
            max_epochs=fit.epochs,
            precision=precision(fit),
            callbacks=callbacks,
            logger=False,
            gradient_clip_val=fit.clip,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
            enable_model_summary=False,
            enable_progress_bar=seen,
            default_root_dir=folder,
        )
        last = folder / "last.ckpt"
        trainer.fit(
            learner,
            DataLoader(train, fit.batch, sampler=Shuffled(train), drop_last=len(train) > fit.batch),
            DataLoader(tune, fit.batch),
            ckpt_path=last if last.exists() else None,
            weights_only=True,
        )
    return load_best(network, folder)


def load_best(network: Network, folder: Path) -> Fitted:
    """The best checkpoint of a folder, loaded as weights only.

    Raises:
        RunError: there is none.
    """
    file = folder / "best.ckpt"
    if not file.exists():
        raise RunError(f"{folder.name} holds no best checkpoint; remove it to train it again.")
    state = torch.load(file, map_location="cpu", weights_only=True)
    prefix = "network."
    weights = {
        k.removeprefix(prefix): v for k, v in state["state_dict"].items() if k.startswith(prefix)
    }
    network.load_state_dict(weights)
    network.eval()
    score = next(
        float(v["best_model_score"])
        for k, v in state["callbacks"].items()
        if k.startswith("ModelCheckpoint") and v["best_model_score"] is not None
    )
    return Fitted(network, int(state["epoch"]), score)


def logits(network: Network, batch: Tensor, cut: str) -> Tensor:
    """Logits [batch, findings] of images, or of activations at a cut."""
    batch = batch.contiguous(memory_format=torch.channels_last)
    return network.beyond(batch, cut) if cut else network(batch)


def logits_of(network: Network, rows: Rows, batch: int) -> NDArray[np.float32]:
    """Logits [rows, findings] of images in float32, in the order of the rows."""
    network.eval()
    out: list[NDArray[np.float32]] = []
    with torch.inference_mode():
        for image, *_ in DataLoader(rows, batch):
            out.append(logits(network, image, "").numpy())
    return np.concatenate(out)


def features_of(network: Network, rows: Rows, batch: int) -> NDArray[np.float32]:
    """Features [rows, width] of images in float32, in the order of the rows."""
    network.eval()
    out: list[NDArray[np.float32]] = []
    with torch.inference_mode():
        for image, *_ in DataLoader(rows, batch):
            laid = image.contiguous(memory_format=torch.channels_last)
            out.append(network.map(laid).mean((2, 3)).numpy())
    return np.concatenate(out)


def precision(fit: Fit) -> Any:
    """Lightning's name of the arithmetic: bfloat16 where the hardware is made for it.

    A processor without matrix units (AMX) computes bfloat16 no faster than float32 when most of
    the network is frozen, so there "auto" means float32.
    """
    if fit.precision != "auto":
        return "bf16-mixed" if fit.precision == "bfloat16" else "32-true"
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    return "bf16-mixed" if torch.cpu._is_amx_tile_supported() else "32-true"


def _start_head(network: Network, train: Rows | Views) -> None:
    targets, mask = train.targets[train.rows], train.mask[train.rows]
    positives = (targets * mask).sum(0)
    share = (positives + 1) / (mask.sum(0) + 2)
    with torch.no_grad():
        odds = [math.log(p / (1 - p)) for p in share.tolist()]
        network.head.bias.copy_(torch.tensor(odds))
