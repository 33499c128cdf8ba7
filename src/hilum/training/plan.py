"""How a network learns, and in what surroundings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hilum.training.machine import Machine
from hilum.training.metrics import Best
from hilum.training.objective import AnyObjective
from hilum.training.prior import Prior
from hilum.training.progress import Told
from hilum.training.recipe.fit import Fit
from hilum.training.recipe.model import Model
from hilum.training.recipe.optimiser import AnyOptimiser
from hilum.training.recipe.sampling import Sampling
from hilum.training.recipe.schedule import AnySchedule
from hilum.training.recipe.watch import Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that decides how a network learns.

    Attributes:
        objective: tasks and losses.
        fit: epochs, batches, arithmetic.
        model: what is frozen, and until when.
        optimiser: how weights follow the gradient.
        schedule: how learning rates change.
        sampling: which rows an epoch shows.
        best: what chooses the checkpoint.
        watch: what is looked out for.
        prior: what strata alone say of findings, where the recipe adjusts for them.
        cut: module behind which batches start, where activations are remembered; "" for images.
        seed: of everything random.
    """

    objective: AnyObjective
    fit: Fit
    model: Model
    optimiser: AnyOptimiser
    schedule: AnySchedule
    sampling: Sampling
    best: Best
    watch: Watch
    prior: Prior | None = None
    cut: str = ""
    seed: int = 0


def never() -> str:
    """Nothing asks the run to stop."""
    return ""


@dataclass(frozen=True, slots=True)
class Setting:
    """What surrounds every network of a run.

    Attributes:
        machine: where it computes.
        told: is told what happens.
        stop: asked after every step; why the run should stop, or "".
    """

    machine: Machine
    told: Told
    stop: Callable[[], str] = never
