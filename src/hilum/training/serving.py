"""Batches of rows, and what a network gives for all of them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from hilum.errors import RunError
from hilum.training.machine import Machine
from hilum.training.rows import PLAIN, Batch, Item, Key, Served, batch_of


def batches(served: Served, keys: Sequence[Sequence[Key]], workers: int) -> DataLoader[Batch]:
    """Batches of given rows, in order.

    Args:
        served: what makes an item of a key.
        keys: a list a batch.
        workers: processes that prepare them; 0 for this one.
    """
    return DataLoader(
        served,  # type: ignore[arg-type]
        batch_sampler=keys,  # type: ignore[arg-type]
        num_workers=workers,
        collate_fn=batch_of,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_apart if workers else None,
        multiprocessing_context="fork" if workers and sys.platform == "linux" else None,
    )


def _apart(_number: int) -> None:
    """A process that prepares batches: one thread, and no say in when the run stops."""
    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def outputs_of(
    network: Callable[..., Tensor],
    served: Served,
    batch: int,
    *,
    machine: Machine,
    exact: bool = False,
) -> tuple[NDArray[np.float32], list[int]]:
    """As :func:`answers`, of a network: images, and which views there are if several, → outputs."""
    ask = partial(_outputs, network)
    return answers(ask, served, batch, machine=machine, exact=exact)


def _outputs(network: Callable[..., Tensor], item: Item) -> Tensor:
    return network(*item.inputs)


def answers(
    ask: Callable[[Item], Tensor],
    served: Served,
    batch: int,
    *,
    machine: Machine,
    exact: bool = False,
) -> tuple[NDArray[np.float32], list[int]]:
    """What a network gives for rows, in their order; processes share the work.

    Args:
        ask: rows → [rows, outputs].
        served: the rows, as they are.
        batch: images at a time.
        machine: where.
        exact: compute in float32, whatever the machine learns in.

    Returns:
        float32 [rows, outputs], NaN for rows that could not be read; and the numbers of those.
    """
    mine = np.array_split(np.arange(len(served)), machine.ranks)[machine.rank]
    keys = [
        [(PLAIN, int(at)) for at in mine[start : start + batch]]
        for start in range(0, len(mine), batch)
    ]
    found: dict[int, NDArray[np.float32]] = {}
    failed: list[int] = []
    device = machine.fabric.device
    with torch.inference_mode(), nullcontext() if exact else machine.fabric.autocast():
        for one in batches(served, keys, machine.workers):
            failed += one.failed.tolist()
            if one.items is None:
                continue
            out = ask(one.items.to(device)).float().cpu().numpy()
            found |= dict(zip(one.items.row.tolist(), out, strict=True))
    every: dict[int, NDArray[np.float32]] = {}
    for part, lost in machine.gathered((found, failed)):
        every |= part
        failed = sorted({*failed, *lost})
    if not every:
        raise RunError("None of these images can be read any more; pack them again.")
    blank = np.full_like(next(iter(every.values())), np.nan)
    return np.stack([every.get(int(row), blank) for row in served.rows]), failed
