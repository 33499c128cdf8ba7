"""What a run will take, found by a rehearsal before its first step."""

from __future__ import annotations

import copy
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from hilum.errors import RunError
from hilum.models.views import AnyNetwork
from hilum.training import sampling
from hilum.training.gradient import fitting_part
from hilum.training.loop import Passed, labels_of
from hilum.training.machine import Machine
from hilum.training.plan import Plan
from hilum.training.progress import duration
from hilum.training.recipe import Recipe
from hilum.training.rows import Served, batch_of

REHEARSED = 8
"""Images of a rehearsal; fewer where the batch is smaller."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run will take.

    Attributes:
        steps: of each network.
        networks: that learn one after the other.
        seconds: of the whole run; tuning, decoding and measuring not counted.
        memory_gb: of one part of a batch with weights, gradients and moments.
        disk_gb: of the checkpoints, and of remembered activations.
    """

    steps: int
    networks: int
    seconds: float
    memory_gb: float
    disk_gb: float

    def __str__(self) -> str:
        return (
            f"{self.networks} network{'s' if self.networks > 1 else ''} of {self.steps:,} steps: "
            f"about {duration(self.seconds)} of learning, {self.memory_gb:.1f} GB of memory beside "
            f"the program, {self.disk_gb:.2f} GB of disk."
        )

    def check_disk(self, out: Path) -> None:
        """See that the checkpoints will fit.

        Raises:
            RunError: they will not.
        """
        free = shutil.disk_usage(out).free / 1e9
        if free < self.disk_gb:
            raise RunError(
                f"The run takes {self.disk_gb:.2f} GB of disk, and {free:.2f} GB are free at "
                f"{out}. Make room, or choose another disk with -o."
            )


def estimate(
    network: AnyNetwork,
    served: Served,
    plan: Plan,
    machine: Machine,
    *,
    networks: int,
    rows: int,
) -> Estimate:
    """Rehearse a step on a copy of a network.

    Args:
        network: before its first step; left as it is.
        served: the rows that it will learn from.
        plan: how.
        machine: where.
        networks: that will learn one after the other.
        rows: of which activations are remembered, where the plan remembers any.

    Raises:
        RunError: none of the first radiographs can be read, or not even one fits into memory.
    """
    lengths = sampling.lengths(
        plan.sampling,
        labels_of(served, plan.objective.findings),
        seed=plan.seed,
        epochs=plan.fit.epochs,
    )
    steps = sum(sampling.batches(int(n), plan.fit.batch) for n in lengths)
    device = machine.device
    twin = copy.deepcopy(network).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    twin.train()
    part, need = fitting_part(Passed(twin, ""), served, plan.objective, machine, plan.fit)
    count = min(REHEARSED, part, len(served))
    began = time.perf_counter()
    items = batch_of([served[0, at] for at in range(count)]).items
    made = time.perf_counter() - began
    if items is None:
        raise RunError("None of the first radiographs can be read any more; pack them again.")
    items = items.to(device)
    once = kept = 0.0
    learning = Passed(twin, "")
    if plan.fit.views:  # the frozen part is computed once, for every view
        learning = Passed(twin, plan.model.freeze)
        began = time.perf_counter()
        activation = twin.upto(items.image, plan.model.freeze)  # type: ignore[operator]
        passed = time.perf_counter() - began
        items = items._replace(image=activation.float())
        views = (1 + plan.fit.views) * rows
        once, made = (made + passed) / count * views, 0.0
        kept = 2 * activation[0].numel() * views
    counts = plan.objective.counted(items.target, items.mask)

    def step() -> torch.Tensor:
        with machine.autocast():
            raw = learning(*items.inputs)
        return plan.objective.loss(raw, items.target, items.mask, counts, 0)

    took = [_timed(step, device) for _ in range(2)]
    learnt = sum(p.numel() for p in twin.parameters() if p.requires_grad)
    total = sum(v.numel() * v.element_size() for v in twin.state_dict().values())
    each = (min(took) + made / max(1, machine.workers)) / len(items.target)
    checkpoint = total * (3 if plan.fit.average else 2) + learnt * 8
    return Estimate(
        steps=steps,
        networks=networks,
        seconds=once + each * plan.fit.batch * steps * networks / machine.ranks,
        memory_gb=need.of(part) / 1e9,
        disk_gb=(checkpoint * networks + kept) / 1e9,
    )


def not_counted(recipe: Recipe) -> str:
    """What a run takes beyond its estimate: learning without labels, and teachers; "" for none."""
    alone, part = recipe.self_supervision, recipe.distil
    each = 1 + (2 * alone.epochs / recipe.fit.epochs if alone else 0)  # two views of each picture
    more = each * (1 + (part.networks * (part.inner - 1) if part else 0)) - 1
    parts = [name for name, there in (("self_supervision", alone), ("distil", part)) if there]
    if not parts:
        return ""
    names = " and ".join(parts)
    return f"{names}: about {more:.1f} times what is said below come on top of it."


def _timed(step: object, device: torch.device) -> float:
    began = time.perf_counter()
    step().backward()  # type: ignore[operator]
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began
