"""Maps of evidence of one network, in several kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.bundles import Bundle, load
from hilum.domain import Radiograph
from hilum.errors import RunError
from hilum.models.backbones import Backbone, build_backbone
from hilum.models.weights.bundle import backbone_of, from_bundle, tensors
from hilum.runtime import Graph
from hilum.transforms.preprocess import prepare

Grey = NDArray[np.float32]
Maps = NDArray[np.float32]

BUNDLE = "chest14"
GRID = 40
"""Cells of a side that maps of crops are laid on."""
CROPS = ((0.75, (0.0, 0.5, 1.0)), (0.5, (0.0, 1 / 3, 2 / 3, 1.0)))
"""Share of a side that a crop holds, and where along the rest it lies, down and across."""
LAYER = 4
"""The stage of the network whose gradient is taken: twice as fine as the last."""


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """The network, as it ships and rebuilt.

    Attributes:
        bundle: where it comes from.
        graph: as it ships.
        backbone: the same in torch.
        head: weights of findings on features, float32 [findings, width].
    """

    bundle: Bundle
    graph: Graph
    backbone: Backbone
    head: Tensor

    @classmethod
    def of(cls) -> Eye:
        """The shipped network.

        Raises:
            RunError: it is shown something else than the whole picture, or cannot be rebuilt.
        """
        bundle = load(BUNDLE)
        spec = bundle.card.preprocessing
        if spec.fit != "squash" or spec.crop:
            raise RunError(f"{bundle} is shown a part of the picture; this study needs all of it.")
        name = backbone_of(bundle)
        backbone = build_backbone(name, size=spec.size)
        backbone.net.load_state_dict(from_bundle(name, BUNDLE).state)
        stored = onnx.load_model_from_string(bundle.read_bytes(bundle.card.graph.file))
        shape = (len(bundle.card.findings), backbone.width)
        head = [value for _, value in tensors(stored) if value.shape == shape]
        if len(head) != 1:
            raise RunError(f"{bundle}: its graph stores no weights of shape {list(shape)}.")
        return cls(bundle, Graph.open(bundle), backbone.eval(), head[0])

    def maps(self, pictures: Sequence[Grey]) -> Maps:
        """Class activation maps of pictures, [pictures, findings, h, w]."""
        spec = self.bundle.card.preprocessing
        batch = [prepare(np.ascontiguousarray(one), spec)[0] for one in pictures]
        cams = self.graph(np.stack(batch)).cams
        assert cams is not None  # chest14's graph gives them
        return cams

    def logits(self, pictures: Grey) -> NDArray[np.float32]:
        """Logits [pictures, findings] of pictures [pictures, rows, columns]."""
        spec = self.bundle.card.preprocessing
        return self.graph(np.stack([prepare(one, spec)[0] for one in pictures])).logits

    def rebuilt(self, grey: Grey, backbone: Backbone, head: Tensor) -> Maps:
        """Class activation maps that a network in torch gives for a picture, [findings, h, w]."""
        shown, _ = prepare(grey, self.bundle.card.preprocessing)
        with torch.no_grad():
            found = backbone(torch.from_numpy(shown[None]))
            return torch.einsum("fc,chw->fhw", head, found[0]).numpy()


def plain(eye: Eye, radiograph: Radiograph) -> Maps:
    """As a reading has them."""
    return eye.maps([radiograph.pixels])[0]


def both_ways(eye: Eye, radiograph: Radiograph) -> Maps:
    """The mean with those of the mirrored picture, laid back."""
    one, other = eye.maps([radiograph.pixels, radiograph.pixels[:, ::-1]])
    return (one + other[:, :, ::-1]) / 2


def scales(eye: Eye, radiograph: Radiograph) -> Maps:
    """Both ways round, and of crops at two sizes: each in its own deviations, summed."""
    found = [_standard(np.stack([_grown(one, GRID, GRID) for one in both_ways(eye, radiograph)]))]
    found += [_standard(_crops(eye, radiograph.pixels, *crop)) for crop in CROPS]
    return found[0] + found[1] + found[2]


def by_gradient(eye: Eye, radiograph: Radiograph) -> Maps:
    """At a finer stage: activations weighed by what raises the logit (Jiang et al. 2021, LayerCAM).

    Raises:
        RunError: the network has no such stage.
    """
    stages = getattr(eye.backbone.net, "blocks", None)
    if stages is None or len(stages) <= LAYER:
        raise RunError(f"{eye.bundle} has no stage {LAYER} whose gradient could be taken.")
    kept: list[Tensor] = []
    hook = stages[LAYER].register_forward_hook(lambda _m, _i, out: kept.append(out))
    try:
        shown, _ = prepare(radiograph.pixels, eye.bundle.card.preprocessing)
        logits = eye.backbone(torch.from_numpy(shown[None])).mean((2, 3))[0] @ eye.head.T
    finally:
        hook.remove()
    found = []
    for logit in logits:
        (slope,) = torch.autograd.grad(logit, kept[0], retain_graph=True)
        found.append((slope.clamp(min=0) * kept[0])[0].sum(0).clamp(min=0).detach().numpy())
    return np.stack(found)


KINDS = {
    "activation map": plain,
    "both ways round": both_ways,
    "three scales": scales,
    "LayerCAM at a finer stage": by_gradient,
}
"""Name → what makes the maps of a radiograph, [findings, h, w]."""


def _crops(eye: Eye, grey: Grey, share: float, places: Sequence[float]) -> Maps:
    """Mean map of the crops that show each place, [findings, GRID, GRID]."""
    rows, columns = grey.shape
    high, wide = round(rows * share), round(columns * share)
    size = round(GRID * share)
    corners = [(down, across) for down in places for across in places]
    pictures = []
    for down, across in corners:
        top, left = round((rows - high) * down), round((columns - wide) * across)
        pictures.append(grey[top : top + high, left : left + wide])
    found = eye.maps(pictures)
    total = np.zeros((found.shape[1], GRID, GRID), np.float32)
    times = np.zeros((GRID, GRID), np.float32)
    for (down, across), one in zip(corners, found, strict=True):
        top, left = round((GRID - size) * down), round((GRID - size) * across)
        place = np.s_[top : top + size, left : left + size]
        for at, values in enumerate(one):
            total[at][place] += _grown(values, size, size)
        times[place] += 1
    return total / times


def _grown(values: Grey, high: int, wide: int) -> Grey:
    return np.asarray(cv2.resize(values, (wide, high), interpolation=cv2.INTER_LINEAR), np.float32)


def _standard(maps: Maps) -> Maps:
    middle, spread = maps.mean((1, 2), keepdims=True), maps.std((1, 2), keepdims=True)
    return (maps - middle) / np.maximum(spread, 1e-9)
