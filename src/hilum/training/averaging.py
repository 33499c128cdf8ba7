"""The average of a network's weights along a run.

That of several networks is :func:`hilum.models.ensemble.average_weights`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

from hilum.errors import RunError

Weights = Mapping[str, Tensor]
Norm = nn.modules.batchnorm._NormBase


class Average:
    """Exponential moving average of a network's weights, beside the network.

    The first update copies the weights; each later one takes decay × average + (1 - decay) ×
    weights. Frozen weights average to themselves. With ``decay`` alone the numbers are those of
    torch's ``AveragedModel`` with ``get_ema_multi_avg_fn``, but for counters (see ``buffers``).

    Args:
        network: whose weights; not changed.
        decay: a step, 0 to 1.
        warm_up: take min(decay, (1 + n) / (10 + n)) in update n, so that the beginning of a short
            run does not stay in the average.
        buffers: what becomes of the running means and variances of batch normalisation:
            "average" treats them as weights, "copy" takes the network's newest. Counters and other
            whole numbers are copied always.

    Source: Polyak & Juditsky 1992; the warm-up as in TensorFlow's ExponentialMovingAverage.
    """

    def __init__(
        self,
        network: nn.Module,
        decay: float,
        *,
        warm_up: bool = False,
        buffers: Literal["average", "copy"] = "average",
    ) -> None:
        self.decay = decay
        self.warm_up = warm_up
        self.buffers = buffers
        self.updates = 0
        self.weights = {name: value.detach().clone() for name, value in _state(network)}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the weights of the network; after each step of the optimiser."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        decay = decay if self.warm_up else self.decay
        copied = {name for name, _ in network.named_buffers()} if self.buffers == "copy" else set()
        averages: list[Tensor] = []
        values: list[Tensor] = []
        for name, value in _state(network):
            average = self.weights[name]
            if self.updates == 0 or name in copied or not value.is_floating_point():
                average.copy_(value)
            else:
                averages.append(average)
                values.append(value.detach().to(average.device))
        if averages:
            torch._foreach_lerp_(averages, values, 1 - decay)  # pyright: ignore
        self.updates += 1

    @contextmanager
    def in_place_of(self, network: nn.Module) -> Iterator[None]:
        """Let the network have the averaged weights for a while, then its own again.

        The tensors of the network stay the same objects, so its optimiser does not notice.
        """
        own = {name: value.detach().clone() for name, value in _state(network)}
        self.copy_to(network)
        try:
            yield
        finally:
            _fill(network, own)

    def copy_to(self, network: nn.Module) -> None:
        """Give the network the averaged weights for good."""
        _fill(network, self.weights)

    def state_dict(self) -> dict[str, Any]:
        """The averages and how many updates they hold: tensors and numbers only."""
        return {"updates": self.updates, "weights": dict(self.weights)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state_dict`.

        Raises:
            RunError: it is of another architecture.
        """
        _agree(self.weights, state["weights"])
        self.updates = int(state["updates"])
        with torch.no_grad():
            for name, value in self.weights.items():
                value.copy_(state["weights"][name])


@torch.no_grad()
def renew_statistics(network: nn.Module, batches: Iterable[Tensor]) -> int:
    """Measure running means and variances of batch normalisation anew, over training images.

    Averaged weights have statistics that were averaged too, or were those of other weights; these
    are measured. Layers that training mode leaves in evaluation, as those of a frozen part of a
    backbone, are not: theirs are those of the start. Everything else of the network is in
    evaluation mode meanwhile: dropout would change them.

    Args:
        network: changed in place; left in evaluation mode.
        batches: images [B, 1, rows, columns], as the network takes them.

    Returns:
        How many layers were measured; 0 for a network without batch normalisation, or with none
        that learnt, whose images are not looked at.

    Raises:
        RunError: there are layers to measure and no batches.

    Source: Izmailov et al. 2018, section 3.2.
    """
    network.train()
    layers = [
        one
        for one in network.modules()
        if isinstance(one, Norm) and one.track_running_stats and one.training
    ]
    network.eval()
    if not layers:
        return 0
    momenta = [layer.momentum for layer in layers]
    seen = 0
    try:
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # a plain mean over the batches
            layer.train()
        for batch in batches:
            network(batch)
            seen += 1
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        network.eval()
    if not seen:
        raise RunError("Batch normalisation cannot be measured anew without images.")
    return len(layers)


def _state(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from network.named_parameters()
    yield from network.named_buffers()


@torch.no_grad()
def _fill(network: nn.Module, weights: Weights) -> None:
    for name, value in _state(network):
        value.copy_(weights[name])


def _agree(own: Weights, kept: Weights) -> None:
    first, second = (
        {name: (tuple(value.shape), value.dtype) for name, value in weights.items()}
        for weights in (own, kept)
    )
    wrong = [name for name in first | second if first.get(name) != second.get(name)]
    if wrong:
        said = "; ".join(
            f"{name} is {_words(first.get(name))} here and {_words(second.get(name))} there"
            for name in wrong[:3]
        )
        more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise RunError(f"The average that was kept is of another network: {said}{more}.")


def _words(what: tuple[tuple[int, ...], torch.dtype] | None) -> str:
    if what is None:
        return "absent"
    shape, dtype = what
    return f"{'×'.join(map(str, shape)) or 'one number'} ({str(dtype).removeprefix('torch.')})"
