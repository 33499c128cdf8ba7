"""The one loop: a network learns, epoch by epoch, and can be stopped between any two steps."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hilum.errors import RunError, Stopped
from hilum.models.backbones import freeze, layers
from hilum.models.network import Network
from hilum.training import memory, sampling
from hilum.training.averaging import Average
from hilum.training.journal import Journal
from hilum.training.keeping import BEST, LAST, keep, kept
from hilum.training.metrics import journal_numbers
from hilum.training.optimisers import build_optimiser
from hilum.training.plan import Plan, Setting
from hilum.training.recipe.fit import Fit
from hilum.training.recipe.model import Model
from hilum.training.rows import PLAIN, Batch, Item, Served, batch_of
from hilum.training.sampling import Labels
from hilum.training.schedules import make_schedule
from hilum.training.serving import batches, outputs_of
from hilum.training.views import Views
from hilum.training.watch import Concern, EpochFacts, Watch, stopping
from hilum.training.watch.activations import dead_units, first_not_finite

COMPILED = 2000
"""Steps from which compiling a network for a GPU is worth its minute."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A network after training.

    Attributes:
        network: with the weights of the best checkpoint, in evaluation mode.
        epoch: of that checkpoint, from 0.
        value: of what chose it, higher is better.
    """

    network: Network
    epoch: int
    value: float


def fit_network(
    network: Network,
    rows: tuple[Served, Served],
    plan: Plan,
    setting: Setting,
    *,
    folder: Path,
    new_head: bool = True,
) -> Fitted:
    """Train, going on from the last checkpoint in ``folder`` where there is one.

    The head starts at the training rows' frequencies, so that the first steps do not teach the
    backbone those.

    Args:
        network: changed in place.
        rows: to learn from, and those that choose the checkpoint.
        plan: how.
        setting: where, and who is told.
        folder: for checkpoints and the journal; it exists.
        new_head: the head begins anew; False goes on with the one that the network has.

    Returns:
        The network with its best weights.

    Raises:
        Stopped: it was asked to; all is kept.
        RunError: the loss is no number any more, memory does not suffice for one image, the tuning
            rows choose nothing, a checkpoint cannot be read or written, or the watch stops the run.
    """
    train, _ = rows
    if new_head:
        network.start(train.targets[train.rows], train.mask[train.rows])
    with warnings.catch_warnings():
        # Fabric advises more loader processes, and of its own deprecations.
        warnings.filterwarnings("ignore", module="lightning")
        warnings.simplefilter("ignore", FutureWarning)
        _Learning(network, rows, plan, setting, folder).run()
    return load_best(network, folder)


def load_best(network: Network, folder: Path) -> Fitted:
    """The best checkpoint of a folder.

    Raises:
        RunError: there is none, or it is damaged or of another network.
    """
    file = folder / BEST
    if not file.exists():
        raise RunError(f"{folder.name} holds no best checkpoint; remove it to train it again.")
    state = kept(file)
    try:
        network.load_state_dict(
            {name.removeprefix("network."): value for name, value in state["state_dict"].items()}
        )
    except (RuntimeError, KeyError) as error:
        raise RunError(f"{file} is of another network; remove its folder.") from error
    network.eval()
    return Fitted(network, int(state["epoch"]), float(state["value"]))


class _Passed(nn.Module):
    """A network as the loop calls it: from images, or from activations at a cut."""

    def __init__(self, network: Network, cut: str) -> None:
        super().__init__()
        self.network, self.cut = network, cut

    def forward(self, batch: Tensor) -> Tensor:
        return self.network.beyond(batch, self.cut) if self.cut else self.network(batch)


class _Learning:
    """One network on its way: what is kept between steps, and what is made of it."""

    def __init__(
        self,
        network: Network,
        rows: tuple[Served, Served],
        plan: Plan,
        setting: Setting,
        folder: Path,
    ) -> None:
        self.network, (self.train, self.tune), self.plan = network, rows, plan
        self.folder, self.told, self.stop = folder, setting.told, setting.stop
        self.machine = machine = setting.machine
        self.labels = labels_of(self.train, plan.objective.findings)
        device = machine.fabric.device
        network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = Average(network, plan.fit.average) if plan.fit.average else None
        lengths = sampling.lengths(
            plan.sampling, self.labels, seed=plan.seed, epochs=plan.fit.epochs
        )
        self.steps = [sampling.batches(int(n), plan.fit.batch) for n in lengths]
        optimiser = build_optimiser(
            plan.optimiser,
            layers(network.backbone),
            network.head.parameters(),
            thawing=_thawing(network, plan.model),
        )
        self.schedule = make_schedule(
            optimiser, plan.schedule, sum(self.steps), round(float(np.mean(self.steps)))
        )
        passed = _Passed(network, plan.cut)
        self.passed: Any = passed
        self.part = self._part(passed)
        if _compiles(plan.fit, sum(self.steps), device):
            self.passed = torch.compile(passed)
        self.passed, self.optimiser = machine.fabric.setup(self.passed, optimiser)
        self.watch = Watch(
            plan.watch,
            plan.objective.tasks,
            chance=self._chance(),
        )
        # What a checkpoint holds beside weights.
        self.epoch = self.at = self.step = 0
        self.best: float | None = None
        self.best_epoch = self.since = 0
        self.sum_loss, self.seconds, self.seen = 0.0, 0.0, 0
        self.failed: set[int] = set()

    def run(self) -> None:
        """Learn what is left."""
        self._go_on()
        fit = self.plan.fit
        file = self.folder / "epochs.jsonl"
        with Journal.open(file, self.step) if self.machine.first else nullcontext() as journal:
            while self.epoch < fit.epochs and not self._waited_enough():
                self._thaw()
                if any(loss.turn == self.epoch for loss in self.plan.objective.losses):
                    self.watch.anew(self._chance())  # another loss from here on
                self._learn_epoch()
                self._finish_epoch(journal)

    # One epoch.

    def _learn_epoch(self) -> None:
        plan = self.plan
        found = sampling.order(plan.sampling, self.labels, seed=plan.seed, epoch=self.epoch)
        mine = sampling.slices(
            found, plan.fit.batch, ranks=self.machine.ranks, rank=self.machine.rank
        )
        keys = [[(self.epoch, at) for at in part.tolist()] for part in mine[self.at :]]
        self._to_training()
        began = time.monotonic()
        for batch in batches(self.train, keys, self.machine.workers):
            torch.manual_seed(_seed(plan.seed, self.step, self.machine.rank))
            self._learn(batch)
            self.at, self.step = self.at + 1, self.step + 1
            self.told.step(self.step)
            now = time.monotonic()
            self.seconds, began = self.seconds + now - began, now
            why = self._asked()
            if why or self.step % plan.fit.keep_every == 0:
                self._keep()
            if why:
                raise Stopped(f"{why} All is kept: the same command goes on from step {self.step}.")

    def _learn(self, batch: Batch) -> None:
        """One step of the optimiser, in as many parts as memory asks for."""
        self.failed.update(batch.failed.tolist())
        item = self._placed(batch.items)
        image, target, mask = self._mixed(item) if item else (None, None, None)
        counts = torch.zeros(len(self.plan.objective.tasks), device=self.machine.fabric.device)
        while True:
            if target is not None and mask is not None:
                counts = self._counted(target, mask)
            counts = self.machine.total(counts)
            self.optimiser.zero_grad(set_to_none=True)
            try:
                loss = self._backward(image, target, mask, counts)
                break
            except (RuntimeError, MemoryError) as error:
                if not memory.out_of_memory(error):
                    raise
            self._halve()
        parameters = [p for p in self.network.parameters() if p.grad is not None]
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.plan.fit.clip)
        loss = self.machine.total(loss)
        self._heed(
            self.watch.step(float(loss), float(norm), where=lambda: first_not_finite(self.network))
        )
        self.optimiser.step()
        self.schedule.step()
        if self.average:
            self.average.update(self.network)
        self.sum_loss += float(loss)
        self.seen += len(item.row) if item else 0

    def _backward(
        self, image: Tensor | None, target: Tensor | None, mask: Tensor | None, counts: Tensor
    ) -> Tensor:
        fabric, objective = self.machine.fabric, self.plan.objective
        whole = torch.zeros((), device=fabric.device)
        if image is None or target is None or mask is None:
            return whole
        starts = range(0, len(image), self.part)
        for start in starts:
            piece = slice(start, start + self.part)
            last = start == starts[-1]
            with fabric.no_backward_sync(self.passed, enabled=not last and self.machine.ranks > 1):
                raw = self.passed(image[piece])
                loss = objective.loss(raw, target[piece], mask[piece], counts, self.epoch)
                # Processes average their gradients; the parts of a batch sum to its loss.
                fabric.backward(loss * self.machine.ranks)
            whole += loss.detach()
        return whole

    def _counted(self, target: Tensor, mask: Tensor) -> Tensor:
        parts = zip(target.split(self.part), mask.split(self.part), strict=True)
        return torch.stack([self.plan.objective.counted(t, m) for t, m in parts]).sum(0)

    def _halve(self) -> None:
        if self.part == 1 or self.machine.ranks > 1:
            raise RunError(
                "Memory does not suffice for one image; choose a smaller network or input."
                if self.part == 1
                else "Memory does not suffice for a process's share of a batch; set "
                "fit.memory_gb, or start more processes. The same command goes on."
            )
        self.part = (self.part + 1) // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.told.note(
            f"Memory did not suffice: batches of {self.plan.fit.batch} are now worked off "
            f"{self.part} images at a time. The steps stay the same."
        )

    def _mixed(self, item: Item) -> tuple[Tensor, Tensor, Tensor]:
        """Mixup (Zhang et al. 2018, eq. 1) where the recipe asks for it."""
        if not self.plan.fit.mixup:
            return item.image, item.target, item.mask
        rng = np.random.default_rng([self.plan.seed, self.step, self.machine.rank])
        share = float(rng.beta(self.plan.fit.mixup, self.plan.fit.mixup))
        other = torch.from_numpy(rng.permutation(len(item.row))).to(item.image.device)
        image = share * item.image + (1 - share) * item.image[other]
        target = share * item.target + (1 - share) * item.target[other]
        return image, target, item.mask * item.mask[other]

    # Between epochs.

    def _finish_epoch(self, journal: Journal | None) -> None:
        plan, epoch = self.plan, self.epoch
        self.network.eval()
        with self._averaged():
            raw, failed = outputs_of(
                self.passed, self.tune, self._tune_batch(), machine=self.machine
            )
            self.failed.update(failed)
            rows = self.tune.rows
            good = ~np.isin(rows, sorted(failed))
            judged = plan.objective.judge(
                raw[good],
                self.tune.targets[rows[good]],
                self.tune.mask[rows[good]],
                epoch=epoch,
                strata=None if self.tune.strata is None else self.tune.strata[rows[good]],
            )
            train_loss = self.sum_loss / max(1, self.at)
            facts = EpochFacts(
                epoch, train_loss, judged.loss, judged.odds, judged.targets, judged.mask,
                dead=self._dead(),
            )  # fmt: skip
            concerns = self.watch.epoch(facts)
            if not np.isfinite(judged.odds).all():
                self._heed(concerns)
            value = plan.best.value(judged)
            better = self.best is None or value > self.best
            if better:
                self.best, self.best_epoch, self.since = value, epoch, 0
                self._keep_best(value)
            else:
                self.since += 1
        self.schedule.epoch_end(value)
        line = {
            "epoch": epoch,
            "step": self.step,
            "train_loss": train_loss,
            "tune_loss": judged.loss,
            "lr": self.optimiser.param_groups[0]["lr"],
            "seconds": round(self.seconds, 3),
            "memory_mb": round(memory.resident_mb(self.machine.fabric.device), 1),
            "images_per_s": round(self.seen * self.machine.ranks / max(self.seconds, 1e-9), 2),
            "best": better,
            "part": self.part,
            "failed_images": len(self.failed),
            "tune": journal_numbers(judged),
            "concerns": [one.line() for one in concerns],
        }
        if journal is not None:
            journal.write(line)
            self.told.epoch(line, best=better, of=plan.fit.epochs)
        self.epoch, self.at = epoch + 1, 0
        self.sum_loss, self.seconds, self.seen = 0.0, 0.0, 0
        self._keep()
        self._heed(concerns)

    def _heed(self, concerns: Sequence[Concern]) -> None:
        """Tell what the watch has found, and stop where it should."""
        for one in concerns:
            self.told.note(f"  {one.code}: {one.message} {one.advice}".rstrip())
        fatal = stopping(self.watch.part, concerns)
        if fatal:
            raise RunError(
                f"{fatal[0].code}: {fatal[0].message} {fatal[0].advice} The watch stopped the run "
                "([watch] stop in the recipe says at what)."
            )

    def _dead(self) -> dict[str, float]:
        # Of images even where activations are remembered: what lies before the cut is asked too.
        tune = self.tune.source if isinstance(self.tune, Views) else self.tune
        count = min(len(tune), 16)
        items = self._placed(batch_of([tune[PLAIN, at] for at in range(count)]).items)
        return {} if items is None else dead_units(self.network, items.image)

    def _waited_enough(self) -> bool:
        return bool(self.plan.fit.patience) and self.since >= self.plan.fit.patience

    def _chance(self) -> float:
        """The loss of always giving the frequencies of what an epoch shows."""
        plan, labels = self.plan, self.labels
        shown = sampling.order(plan.sampling, labels, seed=plan.seed, epoch=0)
        return plan.objective.chance(labels.targets[shown], labels.mask[shown])

    # What is kept.

    def _go_on(self) -> None:
        file = self.folder / LAST
        if not file.exists():
            return
        state = kept(file)
        try:
            self.network.load_state_dict(state["network"])
            if self.average:
                self.average.load_state_dict(state["average"])
            self._thaw(state["epoch"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.schedule.load_state_dict(state["schedule"])
            self.watch.load_state_dict(state["watch"])
            for name in _COUNTERS:
                setattr(self, name, state[name])
            self.failed = set(state["failed"])
        except (KeyError, ValueError, RuntimeError) as error:
            raise RunError(
                f"{file} is of another network or another version of Hilum; remove "
                f"{self.folder.name} to train that network again."
            ) from error
        self.told.step(self.step, learnt=False)
        self._heed(self.watch.standing())

    def _keep(self) -> None:
        if not self.machine.first:
            return
        keep(
            {
                "network": self.network.state_dict(),
                "average": self.average.state_dict() if self.average else None,
                "optimiser": self.optimiser.state_dict(),
                "schedule": self.schedule.state_dict(),
                "watch": self.watch.state_dict(),
                "failed": sorted(self.failed),
                **{name: getattr(self, name) for name in _COUNTERS},
            },
            self.folder / LAST,
        )

    def _keep_best(self, value: float) -> None:
        if self.machine.first:
            weights = {f"network.{name}": t for name, t in self.network.state_dict().items()}
            keep({"state_dict": weights, "epoch": self.epoch, "value": value,
                  "metric": str(self.plan.best)}, self.folder / BEST)  # fmt: skip

    # Small parts.

    def _part(self, passed: nn.Module) -> int:
        """How many images of a batch are worked off at a time."""
        fit, objective, device = self.plan.fit, self.plan.objective, self.machine.fabric.device
        share = -(-fit.batch // self.machine.ranks)
        found = batch_of([self.train[PLAIN, 0]]).items
        if found is None or self.machine.ranks > 1:
            return share
        one = self._placed(found)
        assert one is not None

        def forward(images: int) -> Tensor:
            many = [part.expand(images, *part.shape[1:]) for part in one[:3]]
            with self.machine.fabric.autocast():
                raw = passed(many[0])
            counts = objective.counted(many[1], many[2])
            return objective.loss(raw, many[1], many[2], counts, 0)

        self._to_training()
        kept_statistics = {name: value.clone() for name, value in passed.named_buffers()}
        part = memory.fitting(
            passed,
            forward,
            share,
            device=device,
            limit_bytes=int(fit.memory_gb * 1e9),
        )
        for name, value in passed.named_buffers():
            value.copy_(kept_statistics[name])
        if part < share:
            self.told.note(
                f"Batches of {fit.batch} do not fit into memory: {part} images are worked off at a "
                "time, and their gradients summed. The steps stay the same."
            )
        return part

    def _placed(self, item: Item | None) -> Item | None:
        if item is None:
            return None
        device = self.machine.fabric.device
        image = item.image.to(device, non_blocking=True)
        if image.ndim == 4:
            image = image.contiguous(memory_format=torch.channels_last)
        rest = (part.to(device, non_blocking=True) for part in item[1:])
        return Item(image, *rest)

    def _to_training(self) -> None:
        self.network.train()
        if self.plan.model.batch_norm == "frozen":
            for module in self.network.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()

    def _thaw(self, epoch: int | None = None) -> None:
        """Freeze what the recipe freezes in an epoch."""
        epoch = self.epoch if epoch is None else epoch
        model = self.plan.model
        due = [one.upto for one in model.unfreeze if one.epoch <= epoch + 1]
        if due:
            freeze(self.network.backbone, due[-1])

    def _tune_batch(self) -> int:
        return max(self.part, 1)

    def _asked(self) -> str:
        return self.machine.agreed(self.stop())

    def _averaged(self) -> Any:
        return self.average.in_place_of(self.network) if self.average else nullcontext()


_COUNTERS = ("epoch", "at", "step", "best", "best_epoch", "since", "sum_loss", "seconds", "seen")


def labels_of(served: Served, findings: Sequence[str]) -> Labels:
    """What is known of rows, for the sampling."""
    rows = served.rows
    return Labels(tuple(findings), served.targets[rows], served.mask[rows], served.patients[rows])


def _thawing(network: Network, model: Model) -> list[nn.Parameter]:
    """Parameters that are frozen now and learn later."""
    if not model.unfreeze:
        return []
    parameters = dict(network.backbone.net.named_parameters())
    frozen = {name for name, value in parameters.items() if not value.requires_grad}
    still = set(freeze(network.backbone, model.unfreeze[-1].upto))
    freeze(network.backbone, model.freeze)
    return [parameters[name] for name in sorted(frozen - still)]


def _seed(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1)[0])


def _compiles(fit: Fit, steps: int, device: torch.device) -> bool:
    if fit.compile == "auto":
        return device.type == "cuda" and steps > COMPILED
    return fit.compile
