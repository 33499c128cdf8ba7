"""A run under watch: what each step and epoch shows, told once, again when worse, and when over."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.domain.text import first_few
from hilum.training.recipe.watch import Code
from hilum.training.recipe.watch import Watch as Part
from hilum.training.watch.concern import Concern, concern
from hilum.training.watch.curves import TOO_HIGH, diverging, overfitting, stuck
from hilum.training.watch.embeddings import EMBEDDING, collapsed
from hilum.training.watch.labels import Mask, Targets, Task, spans
from hilum.training.watch.outputs import (
    Accident,
    chance_of,
    no_better_than_chance,
    one_class,
    outputs_alike,
)

PATIENT: frozenset[Code] = frozenset(
    {"outputs-alike", "one-class", "no-better-than-chance", "collapsed"}
)
"""Accidents that a healthy run may show for an epoch or two."""

WORSE = 2.0
"""An accident is told again once it is so many times larger than when it was last told."""

OVER = 2
"""Epochs without it after which an accident is over."""

DEAD = 0.75
"""Share of a layer's channels from which its units are called dead."""

FIRST, RECENT = 10, 20
"""Steps whose median says where the loss began, and where it is."""


@dataclass(frozen=True, slots=True, eq=False)
class EpochFacts:
    """What an epoch showed.

    Attributes:
        epoch: from 1.
        train_loss: mean over the epoch.
        tune_loss: of the same function, on the tuning rows.
        log_odds: float32 [tuning rows, findings], log-odds of each finding.
        targets: float32, the same shape, 0 to 1.
        mask: bool, the same shape, which targets count.
        dead: layer → share of dead channels, from :func:`hilum.training.watch.activations.
            dead_units`; empty where it was not looked at.
    """

    epoch: int
    train_loss: float
    tune_loss: float
    log_odds: NDArray[np.float32]
    targets: Targets
    mask: Mask
    dead: Mapping[str, float] = field(default_factory=dict[str, float])


class Watch:
    """Finds named accidents while a network learns.

    Args:
        part: of the recipe.
        tasks: their findings stand side by side in the columns of every epoch's facts.
        chance: the recipe's loss when every row that an epoch shows is given the frequencies of
            those rows, such as :func:`hilum.training.watch.labels.chance_loss` for cross-entropies;
            of the sampled rows, not of all, for balanced classes are harder to guess. None where it
            is not known: "stuck" is not looked for then, and other losses are compared with those
            of the first steps.
    """

    def __init__(self, part: Part, tasks: Sequence[Task], *, chance: float | None = None) -> None:
        self.part, self.tasks, self.chance = part, tuple(tasks), _usable(chance)
        self._epoch = 1
        self._first: list[float] = []
        self._recent: list[float] = []
        self._largest, self._gradient = 0.0, -1.0
        self._train: list[float] = []
        self._tune: list[float] = []
        self._began = 0
        self._streaks: dict[str, int] = {}
        self._told: dict[str, dict[str, Any]] = {}

    def step(
        self, loss: float, gradient: float | None = None, *, where: Callable[[], str] | None = None
    ) -> list[Concern]:
        """Look at one step of the optimiser, before it is taken.

        Args:
            loss: of the step's batch.
            gradient: norm of the gradient before clipping; None where it is not computed.
            where: called only when one of them is no finite number, to say where that began; see
                :func:`hilum.training.watch.activations.first_not_finite`.

        Returns:
            Mostly none; "not-finite" stops the run at once.
        """
        for what, value in (("loss", loss), ("gradient", gradient)):
            if value is not None and not math.isfinite(value):
                place = where() if where else ""
                first = f"; first in: {place}" if place else ""
                text = f"The {what} of a step in epoch {self._epoch} is {value}{first}."
                return self._tell({"not-finite": Accident("not-finite", text)})
        if len(self._first) < FIRST:
            self._first.append(float(loss))
        self._recent = [*self._recent, float(loss)][-RECENT:]
        self._largest = max(self._largest, float(loss))
        self._gradient = max(self._gradient, -1.0 if gradient is None else float(gradient))
        limit = (TOO_HIGH + 1) * self._start()
        if len(self._recent) < RECENT or "diverging" in self._told or not limit > 0:
            return []
        now = median(self._recent)
        if now <= limit:
            return []
        text = (
            f"The loss of the last {RECENT} steps of epoch {self._epoch} is {now:.4g} (median), "
            f"against {self._start():.4g} at the start. The learning rate is too large."
        )
        return self._tell({"diverging": Accident("diverging", text, size=now / self._start())})

    def epoch(self, facts: EpochFacts) -> list[Concern]:
        """Look at an epoch that has ended.

        Returns:
            What is told for the first time, what has become twice as bad, what is over; codes
            that the recipe calls quiet left out. :func:`stopping` says which of them stop the run.
        """
        self._epoch = facts.epoch
        values = (facts.train_loss, facts.tune_loss)
        if not (np.isfinite(values).all() and np.isfinite(facts.log_odds).all()):
            number = int((~np.isfinite(facts.log_odds)).any(1).sum())
            text = (
                f"Epoch {facts.epoch} has the training loss {facts.train_loss:.4g}, the tuning "
                f"loss {facts.tune_loss:.4g}, and outputs that are no finite number for {number:,} "
                f"of {len(facts.log_odds):,} tuning images."
            )
            return self._tell({"not-finite": Accident("not-finite", text)})
        if not self._train:
            self._began = facts.epoch
        self._train.append(float(facts.train_loss))
        self._tune.append(float(facts.tune_loss))
        found = self._of_outputs(facts) | self._of_curves(facts)
        told = self._tell(self._patiently(found), missing=True)
        self._largest, self._gradient, self._epoch = 0.0, -1.0, facts.epoch + 1
        return told

    def standing(self) -> list[Concern]:
        """What was told and is not over: a run that goes on after a stop is not told it again."""
        told = self._told.values()
        found = [concern(one["code"], one["message"], one["since"]) for one in told]
        return [one for one in found if one.code not in self.part.quiet]

    def anew(self, chance: float | None = None) -> None:
        """Forget the losses, for from now on another is learnt (another stage, other weights)."""
        self.chance = _usable(chance)
        self._first, self._recent, self._train, self._tune = [], [], [], []

    def state_dict(self) -> dict[str, Any]:
        """All that is remembered, as JSON has it."""
        return {
            "epoch": self._epoch,
            "chance": self.chance,
            "first": list(self._first),
            "recent": list(self._recent),
            "largest": self._largest,
            "gradient": self._gradient,
            "train": list(self._train),
            "tune": list(self._tune),
            "began": self._began,
            "streaks": dict(self._streaks),
            "told": {key: dict(value) for key, value in self._told.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` gave."""
        self.chance = state["chance"]
        self._epoch, self._began = int(state["epoch"]), int(state["began"])
        self._first, self._recent = list(state["first"]), list(state["recent"])
        self._largest, self._gradient = float(state["largest"]), float(state["gradient"])
        self._train, self._tune = list(state["train"]), list(state["tune"])
        self._streaks = dict(state["streaks"])
        self._told = {key: dict(value) for key, value in state["told"].items()}

    def _start(self) -> float:
        """The loss of chance, or of the first step, which no rate had changed: the larger."""
        if self.chance:
            return max([self.chance, *self._first[:1]])
        return median(self._first) if self._first else 0.0

    def _of_outputs(self, facts: EpochFacts) -> dict[str, Accident]:
        found: dict[str, Accident | None] = {}
        if any(task.kind == EMBEDDING for task in self.tasks):
            found["collapsed"] = collapsed(facts.log_odds)
        else:
            found["outputs-alike"] = outputs_alike(facts.log_odds)
        for at, (task, columns) in enumerate(zip(self.tasks, spans(self.tasks), strict=True)):
            if not task.findings:
                continue
            cells = (facts.log_odds[:, columns], facts.targets[:, columns], facts.mask[:, columns])
            found[f"one-class {at}"] = one_class(task, *cells)
            found[f"no-better-than-chance {at}"] = no_better_than_chance(task, *cells)
        worst = [f"{k} {100 * v:.0f} %" for k, v in facts.dead.items() if v >= DEAD]
        if worst:
            text = (
                f"Units are dead, zero for every image of a batch, in {len(worst)} of "
                f"{len(facts.dead)} layers: {first_few(worst, quoted=False)}."
            )
            found["dead-units"] = Accident("dead-units", text, size=len(worst))
        return {key: one for key, one in found.items() if one}

    def _of_curves(self, facts: EpochFacts) -> dict[str, Accident]:
        start = self._start() or self._train[0]
        scale = self.chance or self._tune[0]
        patience = self.part.patience
        found: dict[str, Accident | None] = {}
        if scale > 0:
            found["overfitting"] = overfitting(
                self._train,
                self._tune,
                patience=patience,
                scale=scale,
                first=self._began,
                told="overfitting" in self._told,
            )
        if start > 0:
            found["diverging"] = diverging(
                self._train,
                start=start,
                largest=max(self._largest, facts.train_loss),
                gradient=self._gradient if self._gradient >= 0 else None,
            )
        if self.chance and not self._knows(facts):  # a slow beginning is none
            found["stuck"] = stuck(
                self._train, chance=self.chance, patience=patience, first=self._began
            )
        if found.get("diverging"):
            found.pop("overfitting", None)  # the curves mean nothing then
        return {key: one for key, one in found.items() if one}

    def _knows(self, facts: EpochFacts) -> bool:
        for task, columns in zip(self.tasks, spans(self.tasks), strict=True):
            found = chance_of(
                task, facts.log_odds[:, columns], facts.targets[:, columns], facts.mask[:, columns]
            )
            if found and found.auroc > found.limit:
                return True
        return False

    def _patiently(self, found: dict[str, Accident]) -> dict[str, Accident]:
        self._streaks = {
            key: self._streaks.get(key, 0) + 1 for key, one in found.items() if one.code in PATIENT
        }
        return {
            key: one
            for key, one in found.items()
            if one.code not in PATIENT or self._streaks[key] >= self.part.patience
        }

    def _tell(self, found: Mapping[str, Accident], *, missing: bool = False) -> list[Concern]:
        concerns: list[Concern] = []
        for key, one in found.items():
            since = self._epoch - self._streaks.get(key, 1) + 1 if one.since is None else one.since
            before = self._told.get(key)
            if before is None or one.size >= WORSE * before["size"]:
                since = since if before is None else before["since"]
                self._told[key] = {
                    "code": one.code,
                    "message": one.message,
                    "size": one.size,
                    "since": since,
                    "absent": 0,
                }
                concerns.append(concern(one.code, one.message, since))
            else:
                before["absent"] = 0
        for key in [key for key in self._told if missing and key not in found]:
            self._told[key]["absent"] += 1
            if self._told[key]["absent"] >= OVER:
                old = self._told.pop(key)
                text = f"Over since epoch {self._epoch - OVER + 1}: {old['code']}."
                concerns.append(Concern(old["code"], text, "", old["since"], ended=True))
        return [one for one in concerns if one.code not in self.part.quiet]


def _usable(chance: float | None) -> float | None:
    """None for what nothing can be compared with: NaN, or labels that never change."""
    return chance if chance is not None and math.isfinite(chance) and chance > 1e-6 else None
