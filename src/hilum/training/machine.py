"""The machine that a network learns on: devices, ranks, arithmetic."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from lightning.fabric import Fabric
from lightning.fabric.strategies.ddp import DDPStrategy
from torch import Tensor

Arithmetic = Literal["float32", "bfloat16"]

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
    share of every batch, and gradients are averaged.

    Attributes:
        fabric: places networks and numbers.
        arithmetic: in which networks are computed while they learn.
        workers: processes that prepare batches.
    """

    fabric: Fabric
    arithmetic: Arithmetic
    workers: int

    @classmethod
    def here(
        cls,
        *,
        arithmetic: Arithmetic = "float32",
        workers: int | Literal["auto"] = 0,
        thawing: bool = False,
        alone: bool = False,
    ) -> Machine:
        """The machine that this process runs on.

        Args:
            arithmetic: in which networks are computed.
            workers: processes that prepare batches; "auto" as in the recipe.
            thawing: parameters that are frozen now learn later.
            alone: this process by itself, whatever others there are.
        """
        world = int(os.environ.get("WORLD_SIZE", os.environ.get("SLURM_NTASKS", "1")))
        local = int(
            os.environ.get("LOCAL_WORLD_SIZE", os.environ.get("SLURM_NTASKS_PER_NODE", "1"))
        )
        if alone:
            world = local = 1
        gpu = torch.cuda.is_available()
        # Fabric tells at every start in which numbers it computes; the run's page does.
        logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
        fabric = Fabric(
            accelerator="cuda" if gpu else "cpu",
            devices=local,
            num_nodes=max(1, world // local),
            strategy=DDPStrategy(find_unused_parameters=thawing) if world > 1 else "auto",
            precision=_ABBREVIATED[arithmetic],
        )
        fabric.launch()
        if workers == "auto":
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
            workers = min(8, max(1, cores // local - 1)) if gpu else 0
        return cls(fabric, arithmetic, workers)

    @property
    def rank(self) -> int:
        """Number of this process among those that learn together, from 0."""
        return self.fabric.global_rank

    @property
    def ranks(self) -> int:
        """How many processes learn together."""
        return self.fabric.world_size

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
