"""The machine that a network learns on: devices, ranks, arithmetic."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

import torch
from lightning.fabric import Fabric
from lightning.fabric.strategies.ddp import DDPStrategy
from torch import Tensor, distributed

from hilum.errors import RunError

Arithmetic = Literal["float32", "bfloat16"]

PATIENCE = timedelta(days=1)
"""How long processes wait for the first, which decodes and remembers alone."""

_ABBREVIATED: dict[Arithmetic, Any] = {"float32": "32-true", "bfloat16": "bf16-mixed"}


def arithmetic(said: str, *, mostly_frozen: bool) -> Arithmetic:
    """In what a network is computed.

    bfloat16 where the hardware is made for it: GPUs that have it, and processors with matrix units
    (AMX) or with AVX-512 for bfloat16. A processor gains nothing from it where most of the network
    is frozen and remembered.

    Args:
        said: "auto", or what the recipe insists on.
        mostly_frozen: whether the frozen part is remembered instead of computed.
    """
    if said != "auto":
        return "bfloat16" if said == "bfloat16" else "float32"
    if torch.cuda.is_available():
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    made_for_it = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return "bfloat16" if made_for_it and not mostly_frozen else "float32"


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a network learns: Lightning's Fabric, started.

    Several processes, started by torchrun or SLURM, learn one network together: each computes its
    share of every batch, and gradients are summed.

    Attributes:
        fabric: places networks and numbers.
        arithmetic: in which networks are computed while they learn.
        workers: processes that prepare batches.
        beside: processes on this computer that learn together, this one among them.
        alone: do without the others for now.
    """

    fabric: Fabric
    arithmetic: Arithmetic
    workers: int
    beside: int = 1
    alone: bool = False

    @classmethod
    def here(
        cls,
        *,
        arithmetic: Arithmetic = "float32",
        workers: int | Literal["auto"] = 0,
        alone: bool = False,
    ) -> Machine:
        """The machine that this process runs on.

        Args:
            arithmetic: in which networks are computed.
            workers: processes that prepare batches; "auto" as in the recipe.
            alone: this process by itself, whatever others there are.

        Raises:
            RunError: SLURM has tasks for several processes, but did not start them.
        """
        world, local = (1, 1) if alone else _processes()
        gpu = torch.cuda.is_available()
        # Fabric tells at every start in which numbers it computes; the run's page does.
        logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
        fabric = Fabric(
            accelerator="cuda" if gpu else "cpu",
            devices=local,
            num_nodes=max(1, world // local),
            strategy=DDPStrategy(timeout=PATIENCE) if world > 1 else "auto",
            precision=_ABBREVIATED[arithmetic],
        )
        fabric.launch()
        if workers == "auto":
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
            workers = min(8, max(1, cores // local - 1)) if gpu else 0
        return cls(fabric, arithmetic, workers, local, alone)

    @property
    def device(self) -> torch.device:
        """Where networks are computed."""
        return self.fabric.device

    def autocast(self) -> AbstractContextManager[Any]:
        """Compute in :attr:`arithmetic` meanwhile."""
        return self.fabric.autocast()

    @property
    def rank(self) -> int:
        """Number of this process among those that learn together, from 0."""
        return 0 if self.alone else self.fabric.global_rank

    @property
    def ranks(self) -> int:
        """How many processes learn together."""
        return 1 if self.alone else self.fabric.world_size

    @property
    def first(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def total(self, value: Tensor) -> Tensor:
        """The sum over all processes."""
        if self.ranks == 1:
            return value
        found = self.fabric.all_reduce(value, reduce_op="sum")
        assert isinstance(found, Tensor)
        return found

    def sum_of(self, mine: Sequence[float]) -> list[float]:
        """The sums of some numbers over all processes; exact for whole numbers up to 2⁵³."""
        if self.ranks == 1:
            return [float(one) for one in mine]
        return self.total(torch.tensor(mine, dtype=torch.float64, device=self.device)).tolist()

    def gathered(self, mine: Any) -> list[Any]:
        """What each process has, in order of ranks."""
        if self.ranks == 1:
            return [mine]
        found: list[Any] = [None] * self.ranks
        torch.distributed.all_gather_object(found, mine)
        return found

    def agreed(self, value: Any) -> Any:
        """What the first process has."""
        return self.fabric.broadcast(value) if self.ranks > 1 else value

    def on_first(self, do: Callable[[], Any]) -> Any:
        """Do something in the first process alone; the others wait for what comes of it.

        Raises:
            Whatever ``do`` raises, in every process.
        """
        if self.ranks == 1:
            return do()
        found: tuple[Any, BaseException | None] = (None, None)
        if self.first:
            try:
                found = (do(), None)
            except Exception as error:  # noqa: BLE001 - handed to every process, raised below
                found = (None, error)
        value, error = self.fabric.broadcast(found)
        if error is not None:
            raise error
        return value


def first_to_tell() -> bool:
    """Whether this process is the first of those that learn together to end before its time.

    The others end for the same reason, or because this one did; one message suffices.
    """
    if not _together():
        return True
    try:
        store = distributed.distributed_c10d._get_default_store()
        return store.add("hilum/ended", 1) == 1
    except (RuntimeError, OSError):  # the process that held the store is gone, and has told
        return False


def is_first() -> bool:
    """Whether this process is alone, or the first of those that learn together."""
    return not _together() or distributed.get_rank() == 0


def leave() -> None:
    """Part with the other processes, where there are any."""
    if _together():
        distributed.destroy_process_group()


def _together() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def _processes() -> tuple[int, int]:
    """How many learn together, on all computers and on this one, as torchrun or SLURM tell."""
    told = os.environ
    if "WORLD_SIZE" in told:
        world = int(told["WORLD_SIZE"])
        return world, int(told.get("LOCAL_WORLD_SIZE", world))
    world = int(told.get("SLURM_NTASKS", "1"))
    if world == 1 or told.get("SLURM_JOB_NAME") in ("bash", "interactive"):
        return 1, 1
    if "SLURM_STEP_ID" not in told:
        raise RunError(
            f"SLURM has {world} tasks for this job, but did not start this process: write "
            "`srun hilum train …`, or ask for one task (--ntasks=1)."
        )
    return world, world // int(told.get("SLURM_NNODES", "1"))
