"""The one loop: a network learns, epoch by epoch, and can be stopped between any two steps."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hilum.errors import RunError, Stopped
from hilum.models.backbones import freeze
from hilum.models.detection import Detector
from hilum.models.views import (
    Among,
    AnyNetwork,
    backbones_of,
    freeze_all,
    head_of,
    layers_of,
)
from hilum.training import memory, sampling
from hilum.training.averaging import Average
from hilum.training.detection.objective import BoxObjective
from hilum.training.detection.passing import passed, start
from hilum.training.gradient import Gradient, fitting_part
from hilum.training.journal import Journal
from hilum.training.judging import chance_of, judged_on, unreadable
from hilum.training.keeping import BEST, LAST, keep, kept
from hilum.training.metrics import UNCHOSEN
from hilum.training.optimisers import build_optimiser
from hilum.training.plan import Plan, Setting
from hilum.training.recipe.model import Model
from hilum.training.rows import PLAIN, Batch, Item, Served, batch_of
from hilum.training.sampling import Labels
from hilum.training.schedules import make_schedule
from hilum.training.segmentation.objective import MaskObjective
from hilum.training.self_supervision.pairs import Pairs
from hilum.training.serving import answers, batches
from hilum.training.views import Views
from hilum.training.watch import Concern, EpochFacts, Watch, stopping
from hilum.training.watch.activations import dead_units, first_not_finite

FEW = 8
"""Pictures that may fail at the beginning of an epoch before it is said that most of them do."""

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

    network: AnyNetwork
    epoch: int
    value: float


def fit_network(
    network: AnyNetwork,
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
        start(network, train)
    with warnings.catch_warnings():
        # Fabric advises more loader processes, and of its own deprecations.
        warnings.filterwarnings("ignore", module="lightning")
        warnings.simplefilter("ignore", FutureWarning)
        _Learning(network, rows, plan, setting, folder).run()
    return load_best(network, folder)


def load_best(network: AnyNetwork, folder: Path) -> Fitted:
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
    # As it is laid out while it learns: another layout rounds in another order.
    network.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    return Fitted(network, int(state["epoch"]), float(state["value"]))


class Passed(nn.Module):
    """A network as the loop calls it: from images, or from activations at a cut."""

    def __init__(self, network: AnyNetwork, cut: str) -> None:
        super().__init__()
        self.network, self.cut = network, cut

    def forward(self, *batch: Tensor) -> Tensor:
        """Raw outputs [batch, outputs]."""
        if isinstance(self.network, Detector):
            return passed(self.network, *batch)
        return self.network.beyond(*batch, self.cut) if self.cut else self.network(*batch)  # type: ignore[operator]


class _Learning:
    """One network on its way: what is kept between steps, and what is made of it."""

    def __init__(
        self,
        network: AnyNetwork,
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
        decay = plan.fit.average
        self.average = Average(network, decay, warm_up=True) if decay else None
        lengths = sampling.lengths(
            plan.sampling, self.labels, seed=plan.seed, epochs=plan.fit.epochs
        )
        self.steps = [sampling.batches(int(n), plan.fit.batch) for n in lengths]
        optimiser = build_optimiser(
            plan.optimiser,
            layers_of(network),
            head_of(network),
            thawing=_thawing(network, plan.model),
        )
        self.schedule = make_schedule(
            optimiser, plan.schedule, sum(self.steps), round(float(np.mean(self.steps)))
        )
        passed = Passed(network, plan.cut)
        self._to_training()
        part, _ = fitting_part(passed, self.train, plan.objective, machine, plan.fit)
        self._tell_part(part)
        self.passed: Any = passed
        if _compiles(plan, sum(self.steps), device):
            self.passed = torch.compile(passed)
        self.optimiser = optimiser
        beyond = None if plan.prior is None else torch.from_numpy(plan.prior.beyond).to(device)
        self.gradient = Gradient(
            network, self.passed, plan.objective, machine, part, self._halved, beyond
        )
        self.watch = Watch(
            plan.watch,
            plan.objective.tasks,
            chance=self._chance(),
        )
        # What a checkpoint holds beside weights.
        self.epoch = self.at = self.step = 0
        self.best: float | None = None
        self.best_loss, self.since = 0.0, 0
        self.sum_loss, self.seconds, self.seen, self.lost = 0.0, 0.0, 0, 0
        self.failed: set[int] = set()

    def run(self) -> None:
        """Learn what is left."""
        self._go_on()
        fit = self.plan.fit
        file = self.folder / "epochs.jsonl"
        ended = self.step - self.at  # an epoch that is under way writes its line at its end
        with Journal.open(file, ended) if self.machine.first else nullcontext() as journal:
            while self.epoch < fit.epochs and not self._waited_enough():
                self._thaw()
                if any(loss.turn == self.epoch for loss in self.plan.objective.losses):
                    self.watch.anew(self._chance())  # another loss from here on
                self._learn_epoch()
                self._finish_epoch(journal)
        if self.failed:
            self.told.note(
                f"{len(self.failed):,} pictures could not be read any more and taught nothing. "
                "See which: `hilum pack PACK --verify`."
            )

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
            self._learn(batch)
            self.at, self.step = self.at + 1, self.step + 1
            self.told.step(self.step)
            now = time.monotonic()
            self.seconds, began = self.seconds + now - began, now
            why = self._agree(batch)
            if why or self.step % plan.fit.keep_every == 0:
                self._keep()
            if why:
                raise Stopped(f"{why} All is kept: the same command goes on from step {self.step}.")

    def _learn(self, batch: Batch) -> None:
        """One step of the optimiser, in as many parts as memory asks for."""
        item = self._mixed(None if batch.items is None else batch.items.to(self.machine.device))
        seed = _seed(self.plan.seed, self.step, self.machine.rank)
        loss = self.gradient.of(item, epoch=self.epoch, seed=seed)
        parameters = [p for p in self.network.parameters() if p.grad is not None]
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.plan.fit.clip)
        told, length = torch.stack([loss, norm.to(loss)]).tolist()
        self._heed(self.watch.step(told, length, where=lambda: first_not_finite(self.network)))
        self.optimiser.step()
        self.schedule.step()
        if self.average:
            self.average.update(self.network)
        self.sum_loss += told

    def _agree(self, batch: Batch) -> str:
        """Count what all processes have seen; why they should stop, or ""."""
        self.failed.update(batch.failed.tolist())
        why = self.stop()
        mine = [0 if batch.items is None else len(batch.items.row), len(batch.failed), bool(why)]
        seen, lost, asked = self.machine.sum_of(mine)
        self.seen, self.lost = self.seen + int(seen), self.lost + int(lost)
        if self.lost > max(self.seen, FEW):
            raise unreadable(self.lost, self.seen + self.lost, "of an epoch")
        return why or ("Another process was asked to stop." if asked else "")

    def _halved(self, part: int) -> None:
        self.told.note(
            f"Memory did not suffice: batches of {self.plan.fit.batch} are now worked off "
            f"{part} images at a time. The steps stay the same."
        )

    def _tell_part(self, part: int) -> None:
        if part < -(-self.plan.fit.batch // self.machine.ranks):
            self.told.note(
                f"Batches of {self.plan.fit.batch} do not fit into memory: {part} images are "
                "worked off at a time, and their gradients summed. The steps stay the same."
            )

    def _mixed(self, item: Item | None) -> Item | None:
        """Mixup (Zhang et al. 2018, eq. 1) where the recipe asks for it."""
        if item is None or not self.plan.fit.mixup:
            return item
        rng = np.random.default_rng([self.plan.seed, self.step, self.machine.rank])
        share = float(rng.beta(self.plan.fit.mixup, self.plan.fit.mixup))
        other = torch.from_numpy(rng.permutation(len(item.row))).to(item.image.device)
        image = share * item.image + (1 - share) * item.image[other]
        target = share * item.target + (1 - share) * item.target[other]
        return item._replace(image=image, target=target, mask=item.mask * item.mask[other])

    # Between epochs.

    def _finish_epoch(self, journal: Journal | None) -> None:
        plan, epoch = self.plan, self.epoch
        self.network.eval()
        with self._averaged():
            ask = partial(plan.objective.answer, self.passed)
            raw, failed = answers(
                ask, self.tune, self.gradient.part, machine=self.machine, exact=True
            )
            self.failed = set().union(failed, *self.machine.gathered(self.failed))
            judged = judged_on(self.tune, raw, failed, plan, epoch)
            train_loss = self.sum_loss / max(1, self.at)
            facts = EpochFacts(
                epoch + 1, train_loss, judged.loss, judged.odds, judged.targets, judged.mask,
                dead=self._dead(),
            )  # fmt: skip
            concerns = self.watch.epoch(facts)
            if not np.isfinite(judged.odds).all():
                self._heed(concerns)
            value = plan.best.value(judged)
            # On few tuning rows values tie, at 1 often: then the smaller loss is better.
            better = self.best is None or (value, -judged.loss) > (self.best, -self.best_loss)
            better = better or plan.best.metric == UNCHOSEN
            if better:
                self.best, self.best_loss, self.since = value, judged.loss, 0
                self._keep_best(value)
            else:
                self.since += 1
        self.schedule.epoch_end(value)
        line = {
            "epoch": epoch + 1,
            "step": self.step,
            "train_loss": train_loss,
            "tune_loss": judged.loss,
            "lr": self.optimiser.param_groups[0]["lr"],
            "seconds": round(self.seconds, 3),
            "memory_mb": round(memory.resident_mb(self.machine.device), 1),
            "images_per_s": round(self.seen / max(self.seconds, 1e-9), 2),
            "best": better,
            "part": self.gradient.part,
            "failed_images": len(self.failed),
            "tune": judged.numbers(),
            "concerns": [one.line() for one in concerns],
        }
        if journal is not None:
            journal.write(line)
            chosen = better and plan.best.metric != UNCHOSEN
            self.told.epoch(line, best=chosen, of=plan.fit.epochs)
        self.epoch, self.at = epoch + 1, 0
        self.sum_loss, self.seconds, self.seen, self.lost = 0.0, 0.0, 0, 0
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
        tune = self.tune.source if isinstance(self.tune, Views | Pairs) else self.tune
        count = min(len(tune), 16)
        found = batch_of([tune[PLAIN, at] for at in range(count)]).items
        items = None if found is None else found.to(self.machine.device)
        if items is None:
            return {}
        if items.present is None:
            return dead_units(self.network, items.image)
        found = dead_units(Among(self.network, items.present), items.image)
        return {name.removeprefix("network."): share for name, share in found.items()}

    def _waited_enough(self) -> bool:
        return bool(self.plan.fit.patience) and self.since >= self.plan.fit.patience

    def _chance(self) -> float:
        """The loss of always giving the frequencies of what an epoch shows, by stratum if known."""
        plan, labels = self.plan, self.labels
        shown = sampling.order(plan.sampling, labels, seed=plan.seed, epoch=0)
        return chance_of(plan, labels, self.train.rows, shown)

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
            # Parts round differently, and batch normalisation that learns sees them.
            self.gradient.part = min(self.gradient.part, int(state["part"]))
        except (KeyError, ValueError, RuntimeError) as error:
            raise RunError(
                f"{file} is of another network or another version of Hilum; remove "
                f"{self.folder.name} to train that network again."
            ) from error
        self.told.step(self.step, learnt=False)
        self._heed(self.watch.standing())

    def _keep(self) -> None:
        failed = sorted(set().union(*self.machine.gathered(self.failed)))
        if not self.machine.first:
            return
        keep(
            {
                "network": self.network.state_dict(),
                "average": self.average.state_dict() if self.average else None,
                "optimiser": self.optimiser.state_dict(),
                "schedule": self.schedule.state_dict(),
                "watch": self.watch.state_dict(),
                "failed": failed,
                "part": self.gradient.part,
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

    def _to_training(self) -> None:
        to_training(self.network, self.plan.model)

    def _thaw(self, epoch: int | None = None) -> None:
        """Freeze what the recipe freezes in an epoch."""
        epoch = self.epoch if epoch is None else epoch
        model = self.plan.model
        due = [one.upto for one in model.unfreeze if one.epoch <= epoch + 1]
        if due:
            freeze_all(self.network, due[-1])

    def _averaged(self) -> Any:
        return self.average.in_place_of(self.network) if self.average else nullcontext()


_COUNTERS = (
    "epoch", "at", "step", "best", "best_loss", "since", "sum_loss", "seconds", "seen", "lost",
)  # fmt: skip


def to_training(network: nn.Module, model: Model) -> None:
    """Put a network into training mode; batch normalisation that is frozen stays out of it."""
    network.train()
    if model.batch_norm == "frozen":
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


def labels_of(served: Served, findings: Sequence[str]) -> Labels:
    """What is known of rows, for the sampling."""
    rows = served.rows
    return Labels(tuple(findings), served.targets[rows], served.mask[rows], served.patients[rows])


def _thawing(network: AnyNetwork, model: Model) -> list[nn.Parameter]:
    """Parameters that are frozen now and learn later."""
    if not model.unfreeze:
        return []
    found: dict[int, nn.Parameter] = {}
    for backbone in backbones_of(network):
        parameters = dict(backbone.net.named_parameters())
        frozen = {name for name, value in parameters.items() if not value.requires_grad}
        still = set(freeze(backbone, model.unfreeze[-1].upto))
        freeze(backbone, model.freeze)
        found |= {id(parameters[name]): parameters[name] for name in sorted(frozen - still)}
    return list(found.values())


def _seed(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1)[0])


def _compiles(plan: Plan, steps: int, device: torch.device) -> bool:
    if plan.fit.compile == "auto":  # which views there are changes shapes from batch to batch
        drawn = isinstance(plan.objective, MaskObjective | BoxObjective)
        plain = not plan.model.views and not drawn
        return device.type == "cuda" and steps > COMPILED and plain
    return plan.fit.compile
