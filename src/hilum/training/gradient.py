"""The gradient of a batch: in as many parts as memory asks for, by as many processes as there are.

Nothing is exchanged during the backward pass. A process that runs out of memory can so work off its
share again in smaller parts, while the others wait for it where gradients are summed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hilum.errors import RunError
from hilum.training import memory
from hilum.training.machine import Machine
from hilum.training.objective import AnyObjective
from hilum.training.recipe.fit import Fit
from hilum.training.rows import PLAIN, Item, Served, batch_of

BatchNorm = nn.modules.batchnorm._BatchNorm


TRIED = 64
"""Rows among which one that can be read is looked for."""


def fitting_part(
    forward: nn.Module, served: Served, objective: AnyObjective, machine: Machine, fit: Fit
) -> tuple[int, memory.Need]:
    """How many images of a batch fit into memory at a time, the same in all processes.

    Args:
        forward: what a batch is handed to, on its device, set to training.
        served: rows that it will learn from.
        objective: whose loss falls.
        machine: where.
        fit: of the recipe.

    Returns:
        Images, at most a process's share of a batch; and what they will take.

    Raises:
        RunError: not even one image fits, or the first rows cannot be read.
    """
    first = (served[PLAIN, at] for at in range(min(TRIED, len(served))))
    found = batch_of([next((one for one in first if isinstance(one, Item)), 0)]).items
    if found is None:
        raise RunError("None of the first radiographs can be read any more; pack them again.")
    if found.present is not None:  # as much as an examination can take
        found = found._replace(present=torch.ones_like(found.present))
    one = found.to(machine.device)

    def loss(images: int) -> Tensor:
        parts = (p if p is None else p.expand(images, *p.shape[1:]) for p in one)
        many = Item(*parts)  # type: ignore[arg-type]
        with machine.autocast():
            raw = forward(*many.inputs)
        counts = objective.counted(many.target, many.mask)
        return objective.loss(raw, many.target, many.mask, counts, 0)

    need = memory.needed(forward, loss)
    room = memory.room_bytes(machine.device, limit_gb=fit.memory_gb, processes=machine.beside)
    share = -(-fit.batch // machine.ranks)
    return min(machine.gathered(need.largest(share, room))), need


@dataclass(slots=True)
class Gradient:
    """What computes the gradients of batches.

    Attributes:
        network: whose parameters get them.
        forward: images, or whatever a batch holds, → raw outputs.
        objective: whose loss falls.
        machine: where, and with which other processes.
        part: images that are worked off at a time; halved where memory does not suffice.
        beyond: what is added to the outputs for each image of the table, [images, outputs], as
            :attr:`hilum.training.prior.Prior.beyond`; None for nothing.
        halved: told when it was, with the new size.
    """

    network: nn.Module
    forward: Callable[..., Tensor]
    objective: AnyObjective
    machine: Machine
    part: int
    halved: Callable[[int], object] = print
    beyond: Tensor | None = None

    def of(self, item: Item | None, *, epoch: int, seed: int) -> Tensor:
        """Leave the gradient of a batch's loss in the parameters' ``grad``.

        Args:
            item: this process's share of the batch; None where none of it could be read.
            epoch: from 0.
            seed: of what the network draws, such as dropout.

        Returns:
            The loss of the whole batch.

        Raises:
            RunError: memory does not suffice for one image.
        """
        while True:
            torch.manual_seed(seed)  # again for every attempt: an attempt draws
            counts = self.machine.total(self._counted(item))
            self.network.zero_grad(set_to_none=True)
            loss, short = torch.zeros((), device=self.machine.device), False
            try:
                loss = self._backward(item, counts, epoch)
            except (RuntimeError, MemoryError) as error:
                if not memory.out_of_memory(error):
                    raise
                short = True
            loss, lacking = self._summed(loss, short=short)
            if not lacking:
                return loss
            self._halve()

    def _backward(self, item: Item | None, counts: Tensor, epoch: int) -> Tensor:
        whole = torch.zeros((), device=self.machine.device)
        if item is None:
            return whole
        for start in range(0, len(item.target), self.part):
            piece = slice(start, start + self.part)
            with self.machine.autocast():
                raw = self.forward(*(one[piece] for one in item.inputs))
            if self.beyond is not None:
                raw = raw.float() + self.beyond[item.row[piece]]
            loss = self.objective.loss(raw, item.target[piece], item.mask[piece], counts, epoch)
            loss.backward()
            whole += loss.detach()
        return whole

    def _counted(self, item: Item | None) -> Tensor:
        """Cells that count, of each task; those of a loss of pairs depend on the parts."""
        if item is None:
            return torch.zeros(len(self.objective.tasks), device=self.machine.device)
        parts = zip(item.target.split(self.part), item.mask.split(self.part), strict=True)
        return torch.stack([self.objective.counted(t, m) for t, m in parts]).sum(0)

    def _summed(self, loss: Tensor, *, short: bool) -> tuple[Tensor, bool]:
        """Loss and gradients over all processes, and whether memory was short in any."""
        if self.machine.ranks == 1:
            return loss, short
        learning = [p for p in self.network.parameters() if p.requires_grad]
        measured = self._statistics()
        if short:
            self.network.zero_grad(set_to_none=True)
        given = [torch.zeros_like(p) if p.grad is None else p.grad for p in learning]
        shared = [one / self.machine.ranks for one in measured]
        told = loss.new_tensor([float(short)])
        sent = [loss.view(1), told, *given, *shared]
        flat = self.machine.total(torch.cat([one.reshape(-1).float() for one in sent]))
        found = [
            one.view(like.shape)
            for one, like in zip(flat.split([t.numel() for t in sent]), sent, strict=True)
        ]
        if float(found[1]):
            return loss, True
        for parameter, value in zip(learning, found[2 : 2 + len(learning)], strict=True):
            parameter.grad = value.to(parameter.dtype)
        for buffer, value in zip(measured, found[2 + len(learning) :], strict=True):
            buffer.copy_(value)
        return found[0][0], False

    def _statistics(self) -> list[Tensor]:
        """Running means and variances that change: every process sees its own share only."""
        return [
            value
            for module in self.network.modules()
            if isinstance(module, BatchNorm) and module.training
            for value in (module.running_mean, module.running_var)
            if value is not None
        ]

    def _halve(self) -> None:
        if self.part == 1:
            raise RunError(
                "Memory does not suffice for one image; choose a smaller network or input, freeze "
                "more of it, or free memory. The same command goes on from the last checkpoint."
            )
        self.part = (self.part + 1) // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.halved(self.part)
