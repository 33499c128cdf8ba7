"""A backbone, a head, and the tasks whose outputs the head gives side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.errors import RecipeError
from hilum.models import outputs
from hilum.models.backbones import Backbone, build_backbone
from hilum.models.classifier import Classifier, Forward
from hilum.models.heads import build_head
from hilum.models.tasks import Task
from hilum.registry import unknown

__all__ = ["Forward", "Network", "build_network"]

TOKEN = (32, 32)
"""Pixels of the image that stands in for one where only what follows a cut is wanted."""


class Network(Classifier):
    """Backbone → feature map → head → raw outputs of all tasks.

    Args:
        backbone: one grey channel in, a map out.
        tasks: side by side in the outputs; no finding in two of them.
        head: a name in :data:`hilum.models.heads.HEADS`, for all tasks.
        dropout: in [0, 1); None: what the head has by default.

    Raises:
        RecipeError: no such head, no task, or a finding in two tasks.
    """

    def __init__(
        self,
        backbone: Backbone,
        tasks: Sequence[Task],
        *,
        head: str = "linear",
        dropout: float | None = None,
    ) -> None:
        super().__init__()
        self.findings = outputs.findings_of(tasks)
        self.tasks = tuple(tasks)
        self.backbone = backbone
        count = sum(task.outputs for task in tasks)
        self.head = build_head(head, backbone.width, count, dropout=dropout)
        self.heatmaps = outputs.heatmaps(tasks, self.head)
        self._token: tuple[int, int] | None = None

    def forward(self, image: Tensor) -> Tensor:
        """Raw outputs [batch, outputs] of images [batch, 1, rows, columns]."""
        return self.raw(self.map(image))

    def map(self, image: Tensor) -> Tensor:
        """The feature map [batch, width, h, w] of images."""
        return self.backbone(image)

    def raw(self, found: Tensor) -> Tensor:
        """Raw outputs [batch, outputs] of a feature map [batch, width, h, w]."""
        return outputs.arranged(self.tasks, self.head(self.head.pool(found)))

    def features(self, found: Tensor) -> Tensor:
        """What the gate measures, [batch, width]: the average of a map [batch, width, h, w]."""
        return found.mean((2, 3))

    def log_odds(self, raw: Tensor) -> Tensor:
        """Log-odds [batch, findings] of raw outputs [batch, outputs]."""
        return outputs.log_odds(self.tasks, raw)

    def everything(self, image: Tensor) -> Forward:
        """Log-odds, features and maps of evidence in one pass."""
        found = self.map(image)
        free = self.head(self.head.pool(found))
        evidence = self.head.evidence(found)
        return Forward(
            outputs.log_odds_of_free(self.tasks, free),
            self.features(found),
            None if evidence is None else outputs.cams(self.tasks, free, evidence),
        )

    def start(self, targets: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
        """Let the untrained head give every radiograph the frequencies of the training rows.

        Args:
            targets: [rows, findings].
            mask: which cells count, [rows, findings].
        """
        self.head.start(outputs.start(self.tasks, targets, mask))

    def upto(self, image: Tensor, cut: str) -> Tensor:
        """What the backbone's module ``cut`` gives for images, without computing what follows.

        Raises:
            RecipeError: the backbone has no such module, or does not use it.
        """
        with _hook(self.backbone.net, cut, _leave), torch.no_grad():
            try:
                self.map(image)
            except _Left as left:
                return left.activation
        raise RecipeError(f"The backbone does not use its module {cut!r}.")

    def beyond(
        self, activation: Tensor, cut: str, *, size: tuple[int, int] | None = None
    ) -> Tensor:
        """Raw outputs from what :meth:`upto` gave; the arguments are :meth:`map_beyond`'s."""
        return self.raw(self.map_beyond(activation, cut, size=size))

    def map_beyond(
        self, activation: Tensor, cut: str, *, size: tuple[int, int] | None = None
    ) -> Tensor:
        """The feature map [batch, width, h, w] from what :meth:`upto` gave.

        The modules before ``cut`` see a token image, and their result is put aside; this holds for
        any backbone in which all that follows depends on ``cut`` alone.

        Args:
            activation: of any batch.
            cut: the module that gave it.
            size: rows and columns of the images behind it. Needed only for a transformer whose
                images are not square.
        """
        token = torch.zeros(1, 1, *(size or self._token_size()), device=activation.device)
        with _hook(self.backbone.net, cut, lambda *_: activation):
            return self.map(token)

    def _token_size(self) -> tuple[int, int]:
        if self._token is None:
            self._token = self.backbone.size
            if self.backbone.end.kind == "map":
                try:
                    self.backbone.check(*TOKEN)
                    self._token = TOKEN
                except RecipeError:
                    pass  # too small for it
        return self._token


def build_network(
    *,
    backbone: str,
    tasks: Sequence[Task],
    cut: str = "",
    normalisation: str = "",
    drop_path: float = 0.0,
    head: str = "linear",
    dropout: float | None = None,
) -> Network:
    """An untrained network from plain values.

    Args:
        backbone: name, as :func:`~hilum.models.backbones.build_backbone` takes it.
        tasks: side by side in the outputs.
        cut: place behind which the backbone is left out; "" keeps it whole.
        normalisation: what takes the place of batch normalisation; "" keeps it.
        drop_path: share of residual branches left out in training, in [0, 1).
        head: a name in :data:`hilum.models.heads.HEADS`.
        dropout: of the head, in [0, 1); None: what the head has by default.

    Raises:
        RecipeError: a name is unknown, or the parts do not fit.
    """
    found = build_backbone(backbone, cut=cut, normalisation=normalisation, drop_path=drop_path)
    return Network(found, tasks, head=head, dropout=dropout)


class _Left(Exception):
    """Carries an activation out of a forward pass."""

    def __init__(self, activation: Tensor) -> None:
        super().__init__()
        self.activation = activation


def _leave(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
    raise _Left(output)


@contextmanager
def _hook(
    network: nn.Module, name: str, hook: Callable[[nn.Module, object, Tensor], Tensor]
) -> Iterator[None]:
    modules = dict(network.named_modules())
    if name not in modules or not name:
        raise RecipeError(unknown("module of the backbone", name, [m for m in modules if m]))
    handle = modules[name].register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
