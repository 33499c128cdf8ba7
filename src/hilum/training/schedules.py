"""How learning rates change from step to step, in closed form."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from functools import partial
from typing import Any

from torch.optim import Optimizer

from hilum.errors import RunError
from hilum.training.recipe.schedule import (
    AnySchedule,
    Constant,
    Cosine,
    OneCycle,
    Plateau,
    Step,
    WarmedUp,
)

Rate = Callable[[int, float], float]
"""(steps taken so far, largest learning rate of a group) → its learning rate in the next step."""


class Scheduler:
    """Sets the learning rate of each group before each step of an optimiser.

    The rate in step n, from 0, follows from n alone (and from the watched numbers for a plateau),
    so a run that goes on from a checkpoint has the rates of one never stopped. Beyond the last
    planned step the last rates stay.

    Args:
        optimiser: of :func:`hilum.training.optimisers.build_optimiser`; its groups' "top_lr", or
            else "lr", is the largest rate.
        rate: of a group in each step.
        last: step beyond which the rates stay.
        momentum: of each step; None leaves it alone. SGD without momentum stays without.
        plateau: what lowers the rates beside that.
    """

    def __init__(
        self,
        optimiser: Optimizer,
        rate: Rate,
        *,
        last: int,
        momentum: Callable[[int], float] | None = None,
        plateau: Falling | None = None,
    ) -> None:
        self.optimiser = optimiser
        self.taken = 0
        self._rate = rate
        self._last = last
        self._momentum = momentum
        self._plateau = plateau
        for group in optimiser.param_groups:
            group.setdefault("top_lr", group["lr"])
        self._set()

    @property
    def rates(self) -> dict[str, float]:
        """Learning rates of the next step, by name of the group."""
        groups = enumerate(self.optimiser.param_groups)
        return {str(g.get("name", at)): float(g["lr"]) for at, g in groups}

    def step(self) -> None:
        """After each step of the optimiser."""
        self.taken += 1
        self._set()

    def epoch_end(self, metric: float | None) -> None:
        """After each epoch.

        Args:
            metric: the watched number; None or NaN where it is undefined, which is not counted as
                an epoch without a better one.
        """
        if self._plateau is not None and metric is not None and not math.isnan(metric):
            self._plateau.see(metric)
            self._set()

    def state_dict(self) -> dict[str, Any]:
        """Numbers from which the schedule goes on."""
        falling = None if self._plateau is None else self._plateau.state_dict()
        return {"taken": self.taken, "plateau": falling}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`, before or after the optimiser's own state was loaded.

        Raises:
            RunError: the state is of another kind of schedule.
        """
        if (self._plateau is None) != (state["plateau"] is None):
            raise RunError(
                "The checkpoint holds the state of another schedule; the recipe was changed. Start "
                "in a new folder."
            )
        self.taken = state["taken"]
        if self._plateau is not None:
            self._plateau.load_state_dict(state["plateau"])
        self._set()

    def _set(self) -> None:
        at = min(self.taken, self._last)
        share = 1.0 if self._plateau is None else self._plateau.share
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate(at, group["top_lr"]) * share
            if self._momentum is None:
                continue
            if "betas" in group:
                group["betas"] = (self._momentum(at), *group["betas"][1:])
            elif group["momentum"]:
                group["momentum"] = self._momentum(at)


class Falling:
    """The share of the rates that is left after plateaus of a watched number.

    Args:
        part: of the recipe.
        higher: whether higher numbers are better.
    """

    def __init__(self, part: Plateau, *, higher: bool) -> None:
        self.part = part
        self.sign = 1.0 if higher else -1.0
        self.share = 1.0
        self.best: float | None = None
        self.waited = 0

    def see(self, metric: float) -> None:
        """Take note of an epoch's number."""
        if self.best is None or self.sign * (metric - self.best) > self.part.least:
            self.best, self.waited = metric, 0
            return
        self.waited += 1
        if self.waited > self.part.patience:
            self.share = max(self.share * self.part.factor, self.part.floor)
            self.waited = 0

    def state_dict(self) -> dict[str, Any]:
        """Numbers from which it goes on."""
        return {"share": self.share, "best": self.best, "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        self.share, self.best, self.waited = state["share"], state["best"], state["waited"]


def make_schedule(
    optimiser: Optimizer,
    part: AnySchedule,
    total_steps: int,
    steps_per_epoch: int,
    *,
    higher: bool = True,
) -> Scheduler:
    """A recipe's schedule for an optimiser.

    Args:
        optimiser: its learning rates are set for the first step.
        part: of the recipe.
        total_steps: of the optimiser in the whole run.
        steps_per_epoch: of the optimiser.
        higher: whether the watched number is better when higher, for a plateau.

    Raises:
        RunError: there are no steps, or the warm-up takes all of them.
    """
    if total_steps < 1 or steps_per_epoch < 1:
        raise RunError("A schedule needs a step at least; are there fewer images than a batch?")
    if isinstance(part, OneCycle):
        moving = partial(one_cycle_momentum, part=part, total=total_steps)
        return Scheduler(
            optimiser,
            partial(one_cycle, part=part, total=total_steps),
            last=total_steps,
            momentum=moving if part.momentum else None,
        )
    warm = _warm_up_steps(part, steps_per_epoch)
    if warm >= total_steps:
        raise RunError(
            f"The warm-up takes {warm} steps and the whole run {total_steps}; shorten it."
        )
    shape: Rate
    match part:
        case Cosine():
            shape = partial(cosine, start=warm, total=total_steps, end=part.end)
        case Step():
            shape = partial(falling_steps, part=part, steps_per_epoch=steps_per_epoch)
        case Constant() | Plateau():
            shape = constant
    plateau = Falling(part, higher=higher) if isinstance(part, Plateau) else None
    return Scheduler(
        optimiser, partial(_warmed, shape=shape, steps=warm), last=total_steps, plateau=plateau
    )


def constant(_n: int, top: float) -> float:
    """The largest rate."""
    return top


def cosine(n: int, top: float, *, start: int, total: int, end: float) -> float:
    """Half a cosine, top (end + (1 - end) (1 + cos π u) / 2), u = (n - start) / (total - start).

    Source: Loshchilov & Hutter 2017, eq. 5, one period.
    """
    return _half_cosine(top, top * end, min(max(n - start, 0) / (total - start), 1.0))


def falling_steps(n: int, top: float, *, part: Step, steps_per_epoch: int) -> float:
    """The top × factor to the power of how often the rate has fallen before the epoch of step n."""
    epoch = n // steps_per_epoch
    times = epoch // part.every if part.every else bisect_right(part.at, epoch)
    return top * part.factor**times


def one_cycle(n: int, top: float, *, part: OneCycle, total: int) -> float:
    """Half a cosine from top / start up to top, then half a cosine down to top / start / end.

    The numbers are those of torch's ``OneCycleLR`` over ``total`` + 1 steps.

    Source: Smith & Topin 2018, in the two phases that fastai gave it.
    """
    first = top / part.start
    return _two_phases(n, part.rise, total, (first, top, first / part.end))


def one_cycle_momentum(n: int, *, part: OneCycle, total: int) -> float:
    """The other way round: from the largest momentum down to the smallest and back."""
    least, most = part.momentum or (0.0, 0.0)
    return _two_phases(n, part.rise, total, (most, least, most))


def _two_phases(n: int, rise: float, total: int, values: tuple[float, float, float]) -> float:
    first, middle, last = values
    turn = rise * (total + 1) - 1
    if n <= turn:
        return _half_cosine(first, middle, n / turn if turn else 1.0)
    return _half_cosine(middle, last, (n - turn) / (total - turn))


def _half_cosine(start: float, end: float, u: float) -> float:
    return end + (start - end) / 2.0 * (math.cos(math.pi * u) + 1)


def _warm_up_steps(part: WarmedUp, steps_per_epoch: int) -> int:
    return part.warm_up_steps or round(part.warm_up_epochs * steps_per_epoch)


def _warmed(n: int, top: float, *, shape: Rate, steps: int) -> float:
    """(n + 1) / steps of the shape in the first steps, then the shape.

    Source: Goyal et al. 2017, section 2.2.
    """
    return shape(n, top) * min(1.0, (n + 1) / steps if steps else 1.0)
