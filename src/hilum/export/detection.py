"""A network that draws boxes and its card → a bundle with boxes, suppression inside its graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.bundles import Bundle, save
from hilum.bundles.card import Card
from hilum.errors import BundleError
from hilum.export.box_parity import candidates_apart, suppression_apart
from hilum.export.graph import TOLERANCE, module_to_onnx
from hilum.models.detection import Detector
from hilum.models.detection.suppression import suppressed
from hilum.runtime.graph import output_names
from hilum.runtime.onnx import compile_graph

CANDIDATES = ("candidate_boxes", "candidate_scores")
"""Outputs that a graph has while it is checked, and not in the bundle."""

Floats = NDArray[np.float32]


class _Ends(nn.Module):
    """What a card names, and the candidates."""

    def __init__(self, network: Detector, card: Card) -> None:
        super().__init__()
        self.network = network
        ends = card.graph
        self.wanted = (bool(card.findings), bool(ends.features), bool(ends.cams), bool(ends.masks))

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        found = self.network.everything(image)
        more = (found.logits, found.features, found.cams, found.masks)
        named = [one for one, want in zip(more, self.wanted, strict=True) if want]
        drawn = suppressed(found.boxes, found.scores)
        return (*(one for one in named if one is not None), drawn, found.boxes, found.scores)


def export_detector(
    network: Detector, card: Card, images: Floats, out: Path, *, gate: bytes = b""
) -> Bundle:
    """Write a bundle whose graph gives the network's boxes, and its findings and masks.

    Args:
        network: its large weights rounded by :func:`hilum.export.graph.round_weights`.
        card: with ``boxes`` and ``graph.boxes``; ``graph.features`` and ``graph.cams`` where the
            bundle should have them. Digests are filled in, and the parity is noted.
        images: real radiographs as the network takes them, float32 [batch, 1, rows, columns].
        out: a folder that does not exist, or a path that ends in ``.hilum``.
        gate: feature statistics, an .npz without pickles, where the card names a gate.

    Returns:
        The bundle, verified.

    Raises:
        BundleError: torch and the graph differ by more than 1e-4 (a box by that share of the
            picture's longer side), the card names other boxes,
            findings or structures than the network has, it cannot be written as ONNX, or ``out``
            exists.
    """
    _check(network, card)
    network = network.eval()
    names = [*output_names(card), *CANDIDATES]
    ends = _Ends(network, card)
    model = module_to_onnx(
        ends, card.preprocessing.size, source=card.graph.input, outputs=names, operators=operators()
    )
    theirs = compile_graph(model, card.graph.input, names, threads=1)(images)
    with torch.inference_mode():
        mine = [one.float().numpy() for one in ends(torch.from_numpy(images))]
    drawn, places, scores = theirs[-3:]
    side = max(card.preprocessing.size)
    worst = max(
        _apart(mine[:-3], theirs[:-3], names),
        candidates_apart(mine[-2:], [places, scores], side),
        suppression_apart(drawn, places, scores, side),
    )
    if not worst <= TOLERANCE:
        raise BundleError(
            f"The graph differs from the network by {worst:.2g}, allowed are {TOLERANCE:.0e}."
        )
    said = f"largest difference from torch {worst:.1e} on {len(images)} radiographs"
    card = card.model_copy(update={"provenance": {**card.provenance, "parity": said}})
    files = {card.graph.file: _without_candidates(model)}
    if card.gate:
        files[card.gate] = gate
    return save(card, files, out)


def operators() -> dict[Callable[..., Any], Callable[..., Any]]:
    """How suppression becomes ONNX: for :func:`hilum.export.graph.module_to_onnx`."""
    from onnxscript import opset18

    op: Any = opset18

    def kept(boxes: Any, scores: Any, overlap: float, floor: float) -> Any:
        whole = op.Unsqueeze(scores, op.Constant(value_ints=[1]))  # one class a set
        every = op.Shape(scores, start=1, end=2)
        found = op.NonMaxSuppression(
            boxes, whole, every, op.Constant(value_float=overlap), op.Constant(value_float=floor)
        )
        at = op.Gather(found, op.Constant(value_ints=[0, 2]), axis=1)  # set and candidate
        ones = op.Expand(op.Constant(value_float=1.0), op.Shape(at, start=0, end=1))
        nothing = op.Mul(scores, op.Constant(value_float=0.0))
        return op.ScatterND(nothing, at, ones)

    return {torch.ops.hilum.kept.default: kept}


def _check(network: Detector, card: Card) -> None:
    pairs = {
        "boxes around": (network.kinds, tuple(kind.key for kind in card.boxes)),
        "the findings": (network.findings, card.keys),
        "the structures": (network.structures, card.structures),
    }
    for what, (mine, theirs) in pairs.items():
        if mine != theirs:
            raise BundleError(
                f"The network has {what} {_named(mine)}, and the card of {card.name} names "
                f"{_named(theirs)}."
            )
    if card.graph.cams and not network.findings:
        raise BundleError("The network has no maps of evidence; leave `graph.cams` out.")


def _named(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
    return (", ".join(keys[:3]) + more) or "none"


def _apart(mine: Sequence[Floats], theirs: Sequence[Floats], names: Sequence[str]) -> float:
    """Largest difference of what is no box, relative to what is larger than 1."""
    worst = 0.0
    for ours, other, name in zip(mine, theirs, names, strict=False):
        size = np.abs(ours).max() if name in ("features", "cams") else np.abs(ours)
        worst = max(worst, float((np.abs(ours - other) / np.maximum(1.0, size)).max()))
    return worst


def _without_candidates(model: bytes) -> bytes:
    found = onnx.load_model_from_string(model)
    for output in [one for one in found.graph.output if one.name in CANDIDATES]:
        found.graph.output.remove(output)
    onnx.checker.check_model(found)
    return found.SerializeToString()
