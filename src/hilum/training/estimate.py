"""What a run will take, found by a rehearsal before its first step."""

from __future__ import annotations

import copy
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from hilum.errors import RunError
from hilum.models.network import Network
from hilum.training import memory, sampling
from hilum.training.loop import labels_of
from hilum.training.machine import Machine
from hilum.training.plan import Plan
from hilum.training.progress import duration
from hilum.training.rows import Item, Served, batch_of

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
        disk_gb: of the checkpoints.
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
            f"the program, {self.disk_gb:.2f} GB of disk for checkpoints."
        )

    def check_disk(self, out: Path) -> None:
        """See that the checkpoints will fit.

        Raises:
            RunError: they will not.
        """
        free = shutil.disk_usage(out).free / 1e9
        if free < self.disk_gb:
            raise RunError(
                f"The checkpoints take {self.disk_gb:.2f} GB, and {free:.2f} GB are free at {out}. "
                "Make room, or choose another disk with -o."
            )


def estimate(
    network: Network, served: Served, plan: Plan, machine: Machine, *, networks: int
) -> Estimate:
    """Rehearse a step on a copy of a network.

    Args:
        network: before its first step; left as it is.
        served: the rows that it will learn from.
        plan: how.
        machine: where.
        networks: that will learn one after the other.

    Raises:
        RunError: none of the first radiographs can be read.
    """
    lengths = sampling.lengths(
        plan.sampling,
        labels_of(served, plan.objective.findings),
        seed=plan.seed,
        epochs=plan.fit.epochs,
    )
    steps = sum(sampling.batches(int(n), plan.fit.batch) for n in lengths)
    count = min(REHEARSED, plan.fit.batch, len(served))
    began = time.perf_counter()
    items = batch_of([served[0, at] for at in range(count)]).items
    made = time.perf_counter() - began
    if items is None:
        raise RunError("None of the first radiographs can be read any more; pack them again.")
    device = machine.fabric.device
    twin = copy.deepcopy(network).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    twin.train()
    items = Item(*(part.to(device) for part in items))
    image = items.image.contiguous(memory_format=torch.channels_last)
    counts = plan.objective.counted(items.target, items.mask)

    def step() -> torch.Tensor:
        with machine.fabric.autocast():
            raw = twin(image)
        return plan.objective.loss(raw, items.target, items.mask, counts, 0)

    kept = memory.saved_bytes(step, list(twin.parameters()))
    took = [_timed(step, device) for _ in range(2)]
    learnt = sum(p.numel() for p in twin.parameters() if p.requires_grad)
    total = sum(v.numel() * v.element_size() for v in twin.state_dict().values())
    each = (min(took) + made) / count
    checkpoint = total * (3 if plan.fit.average else 2) + learnt * 8
    return Estimate(
        steps=steps,
        networks=networks,
        seconds=each * plan.fit.batch * steps * networks / machine.ranks,
        memory_gb=(1.5 * kept / count * plan.fit.batch + 12 * learnt) / 1e9,
        disk_gb=checkpoint * networks / 1e9,
    )


def _timed(step: object, device: torch.device) -> float:
    began = time.perf_counter()
    step().backward()  # type: ignore[operator]
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began
