"""Several views of one patient in parallel: frontal and lateral, or any number; any missing."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.errors import RecipeError, RunError
from hilum.models import outputs
from hilum.models.backbones import Backbone, freeze, layers
from hilum.models.classifier import Classifier, Forward
from hilum.models.detection import Detector
from hilum.models.heads import build_head
from hilum.models.network import Network
from hilum.models.segmentation import Segmenter
from hilum.models.tasks import Task

Join = Literal["mean", "concatenate"]


class SeveralViews(nn.Module):
    """Views → backbone each → pooled → joined → head.

    Views that are missing are not computed: neither their pixels nor batch statistics of them
    touch anything.

    Args:
        backbone: of the first view; the others share it, or begin with copies of its first part.
        tasks: side by side in the outputs.
        views: how many there are at most.
        own: up to which place of the backbone, inclusive, every view has layers of its own; ""
            shares all.
        join: "mean" of the views that are there, whatever their order; "concatenate" puts them end
            to end, with a learnt vector in the place of a missing one.
        head: a name in :data:`hilum.models.heads.HEADS`.
        dropout: of the head, in [0, 1); None: what the head has by default.

    Raises:
        RecipeError: fewer than two views, no such place, no such head, or tasks that overlap.
    """

    def __init__(
        self,
        backbone: Backbone,
        tasks: Sequence[Task],
        *,
        views: int,
        own: str = "",
        join: Join = "mean",
        head: str = "linear",
        dropout: float | None = None,
    ) -> None:
        super().__init__()
        if views < 2:
            raise RecipeError(f"A network of several views needs at least two, got {views}.")
        self.findings = outputs.findings_of(tasks)
        self.tasks = tuple(tasks)
        self.views = views
        self.join = join
        self.backbone = backbone
        self.others = nn.ModuleList(_with_own_stem(backbone, own) for _ in range(views - 1) if own)
        count = sum(task.outputs for task in tasks)
        joined = views if join == "concatenate" else 1
        self.head = build_head(head, backbone.width, count, views=joined, dropout=dropout)
        self.heatmaps = outputs.heatmaps(tasks, self.head)
        if join == "concatenate":
            self.missing = nn.Parameter(torch.zeros(views, *self.head.pooled))

    @property
    def backbones(self) -> tuple[Backbone, ...]:
        """The distinct backbones, the first view's first; freeze each of them alike."""
        return (self.backbone, *self.others)  # type: ignore[arg-type]

    def backbone_of(self, view: int) -> Backbone:
        """The backbone that a view, counted from 0, is carried through."""
        if not self.others or view == 0:
            return self.backbone
        return self.others[view - 1]  # type: ignore[return-value]

    @torch.no_grad()
    def spread(self) -> None:
        """Copy the first view's layers into all others, after weights were loaded into it."""
        state = self.backbone.state_dict()
        for other in self.others:
            other.load_state_dict(state)

    def forward(self, images: Tensor, present: Tensor) -> Tensor:
        """Raw outputs [batch, outputs].

        Args:
            images: [batch, views, 1, rows, columns]; what a missing view holds does not matter.
            present: which views there are, bool [batch, views]; at least one each.

        Raises:
            RunError: a row without any view.
        """
        free, _ = self._free(images, present)
        return outputs.arranged(self.tasks, free)

    def everything(self, images: Tensor, present: Tensor) -> Forward:
        """Log-odds, features and maps of evidence, these [batch, views, findings, h, w].

        Features are means over the views that are there; the maps of missing views are 0. A
        log-odds is the sum of the means of its maps over all views plus a constant; with
        "concatenate" the constant depends on which views are missing.
        """
        free, maps = self._free(images, present)
        logits = outputs.log_odds_of_free(self.tasks, free)
        count = present.sum(1)[:, None]
        features = maps.mean((3, 4)).sum(1) / count
        if not self.head.maps:
            return Forward(logits, features, None)
        cams: list[Tensor] = []
        for view in range(self.views):
            at = view if self.join == "concatenate" else 0
            evidence = self.head.evidence(maps[:, view], at)
            assert evidence is not None
            cams.append(
                outputs.cams(self.tasks, free, evidence) * present[:, view, None, None, None]
            )
        stacked = torch.stack(cams, 1)
        if self.join == "mean":
            stacked = stacked / count[:, :, None, None, None]
        return Forward(logits, features, stacked)

    def start(self, targets: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
        """As :meth:`hilum.models.network.Network.start`."""
        self.head.start(outputs.start(self.tasks, targets, mask))

    def joined(self, pooled: Tensor, present: Tensor) -> Tensor:
        """Pooled vectors [batch, views, …] as the head takes them, [batch, …].

        Args:
            pooled: 0 where a view is missing.
            present: bool [batch, views].
        """
        there = present.reshape(*present.shape, *(1 for _ in self.head.pooled))
        if self.join == "mean":
            return pooled.sum(1) / there.sum(1)
        filled = torch.where(there, pooled, self.missing.to(pooled.dtype))
        return torch.cat(filled.unbind(1), -1)

    def _free(self, images: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Free numbers of the head, and maps [batch, views, width, h, w], 0 where missing."""
        empty = int((~present.any(1)).sum())
        if empty:
            raise RunError(f"{empty} of {len(present)} rows have no view at all; leave them out.")
        if self.others:
            found: list[Tensor] = []
            for view in range(self.views):
                rows = present[:, view]
                if rows.any():
                    found.append(self.backbone_of(view)(images[rows, view]))
            # Views stand one after the other, so rows are numbered view by view.
            at = present.T.nonzero().flip(1)
            maps = torch.cat(found)
        else:
            at = present.nonzero()
            maps = self.backbone(images[at[:, 0], at[:, 1]])
        rows, views = at.unbind(1)
        pooled = self.head.pool(maps)
        free = self.head(self.joined(self._placed(pooled, rows, views, len(present)), present))
        return free, self._placed(maps, rows, views, len(present))

    def _placed(self, found: Tensor, rows: Tensor, views: Tensor, batch: int) -> Tensor:
        empty = found.new_zeros(batch, self.views, *found.shape[1:])
        return empty.index_put((rows, views), found)


def _with_own_stem(backbone: Backbone, own: str) -> Backbone:
    """A copy of a backbone that shares with it all modules behind a place."""
    probe = copy.deepcopy(backbone)
    parameters = set(freeze(probe, own))
    out = copy.deepcopy(backbone)
    _share(out.net, backbone.net, "", parameters, probe.held)
    return out


def _share(
    mine: nn.Module, theirs: nn.Module, path: str, own: set[str], held: frozenset[str]
) -> None:
    for name, parameter in theirs.named_parameters(recurse=False):
        if path + name not in own:
            mine.register_parameter(name, parameter)
    for name, child in theirs.named_children():
        inside = f"{path}{name}."
        if inside[:-1] in held:
            continue
        if any(key.startswith(inside) for key in own):
            _share(mine.get_submodule(name), child, inside, own, held)
        else:
            mine.add_module(name, child)


class OneView(Classifier):
    """A network of several views that is shown one of them; the others count as missing.

    Args:
        network: of several views; shared, not copied.
        view: which it is shown, from 0.
    """

    def __init__(self, network: SeveralViews, view: int = 0) -> None:
        super().__init__()
        if not 0 <= view < network.views:
            raise RecipeError(f"The network has views 0 to {network.views - 1}, not {view}.")
        self.network = network
        self.view = view
        self.findings = network.findings
        self.tasks = network.tasks
        self.heatmaps = network.heatmaps

    def forward(self, image: Tensor) -> Tensor:
        """Raw outputs [batch, outputs] of images [batch, 1, rows, columns]."""
        return outputs.arranged(self.tasks, self._free(self.map(image)))

    def map(self, image: Tensor) -> Tensor:
        """The feature map [batch, width, h, w] of images."""
        return self.network.backbone_of(self.view)(image)

    def features(self, found: Tensor) -> Tensor:
        """What the gate measures, [batch, width]: the average of a map [batch, width, h, w]."""
        return found.mean((2, 3))

    def everything(self, image: Tensor) -> Forward:
        """Log-odds, features and maps of evidence in one pass."""
        found = self.map(image)
        free = self._free(found)
        at = self.view if self.network.join == "concatenate" else 0
        evidence = self.network.head.evidence(found, at)
        return Forward(
            outputs.log_odds_of_free(self.tasks, free),
            self.features(found),
            None if evidence is None else outputs.cams(self.tasks, free, evidence),
        )

    def _free(self, found: Tensor) -> Tensor:
        network = self.network
        pooled = network.head.pool(found)
        if network.join == "mean":
            return network.head(pooled)
        parts = [
            pooled if view == self.view else network.missing[view].expand_as(pooled)
            for view in range(network.views)
        ]
        return network.head(torch.cat(parts, -1))


class Among(nn.Module):
    """A network of several views, called with the images of a batch whose mask it holds.

    Args:
        network: shared, not copied.
        present: which views there are, bool [batch, views].
    """

    def __init__(self, network: nn.Module, present: Tensor) -> None:
        super().__init__()
        self.network = network
        self.present = present

    def forward(self, images: Tensor) -> Tensor:
        """Raw outputs [batch, outputs] of images [batch, views, 1, rows, columns]."""
        return self.network(images, self.present)


Classifying = Network | SeveralViews
"""What a run asks for findings."""

AnyNetwork = Classifying | Segmenter | Detector
"""What a run trains."""


def backbones_of(network: AnyNetwork) -> tuple[Backbone, ...]:
    """The distinct backbones of a network, that of the first view first."""
    return network.backbones if isinstance(network, SeveralViews) else (network.backbone,)


def freeze_all(network: AnyNetwork, upto: str) -> list[str]:
    """Freeze every backbone of a network as :func:`~hilum.models.backbones.freeze` does one.

    Returns:
        Names of the frozen parameters, as the backbones know them.
    """
    first, *others = backbones_of(network)
    for backbone in others:
        freeze(backbone, upto)
    return freeze(first, upto)


def layers_of(network: AnyNetwork) -> list[tuple[str, list[nn.Parameter]]]:
    """Parameters of all backbones in groups of depth; what views share stands there once."""
    groups: dict[str, dict[int, nn.Parameter]] = {}
    for backbone in backbones_of(network):
        for name, parameters in layers(backbone):
            groups.setdefault(name, {}).update({id(p): p for p in parameters})
    return [(name, list(found.values())) for name, found in groups.items()]


def head_of(network: AnyNetwork) -> list[nn.Parameter]:
    """Parameters of the head, with what stands in for views that are missing.

    Of a detector all that is not its backbone.
    """
    if isinstance(network, Detector):
        named = network.named_parameters()
        return [value for name, value in named if not name.startswith("backbone.")]
    parameters = list(network.head.parameters())
    if isinstance(network, SeveralViews) and network.join == "concatenate":
        parameters.append(network.missing)
    return parameters


def reader_of(network: Classifying) -> Network | OneView:
    """What becomes the bundle, which reads one radiograph: of several views the first."""
    return OneView(network) if isinstance(network, SeveralViews) else network
