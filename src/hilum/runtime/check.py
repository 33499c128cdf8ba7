"""Does a graph do what its card says?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.bundles.card import Card
from hilum.errors import InvalidCard
from hilum.runtime.graph import BOX, output_names
from hilum.runtime.onnx import compile_graph

CAM_TOLERANCE = 1e-3
"""How far a logit may lie from the mean of its map plus a bias, in log-odds."""


def graph_faults(model: bytes, card: Card) -> list[str]:
    """Run a graph on a random and on a constant picture, and say what contradicts the card.

    Args:
        model: an ONNX graph.
        card: what it should be.

    Returns:
        One sentence a fault; empty when the graph does what the card says.
    """
    ends = card.graph
    names = output_names(card)
    try:
        run = compile_graph(model, ends.input, names, threads=1)
        pairs = [dict(zip(names, run(x), strict=True)) for x in _pictures(card)]
    except InvalidCard as error:
        return [str(error)]
    faults = [fault for outputs in pairs for fault in _shape_faults(outputs, card)]
    if faults:
        return list(dict.fromkeys(faults))  # both pictures have the same ones
    if ends.cams and card.findings and ends.heatmaps == type(ends)().heatmaps:
        faults += _cam_faults(pairs, card)
    return faults


def _pictures(card: Card) -> list[NDArray[np.float32]]:
    """A random and a constant grey picture, in the network's range."""
    spec = card.preprocessing
    shape = (1, spec.channels, *spec.size)
    low, high = spec.value_range
    mean = np.asarray(spec.mean, np.float32)[:, None, None]
    std = np.asarray(spec.std, np.float32)[:, None, None]
    random = np.random.default_rng(0).random(shape, np.float32)
    greys = (random, np.full(shape, 0.5, np.float32))
    return [((grey * (high - low) + low - mean) / std).astype(np.float32) for grey in greys]


def _shape_faults(outputs: dict[str, NDArray[np.float32]], card: Card) -> list[str]:
    ends, count = card.graph, len(card.findings)
    wanted: dict[str, str] = {}
    good: dict[str, bool] = {}
    if card.findings:
        wanted[ends.logits] = f"[1, {count}] for {count} findings"
        good[ends.logits] = outputs[ends.logits].shape == (1, count)
    if ends.features:
        shape = outputs[ends.features].shape
        wanted[ends.features] = "[1, width]"
        good[ends.features] = len(shape) == 2 and shape[0] == 1
    if ends.cams:
        shape = outputs[ends.cams].shape
        wanted[ends.cams] = f"[1, {count}, h, w] for {count} findings"
        good[ends.cams] = len(shape) == 4 and shape[:2] == (1, count)
    if ends.masks:
        shape, drawn = outputs[ends.masks].shape, len(card.structures)
        wanted[ends.masks] = f"[1, {drawn}, h, w] for {drawn} structures"
        good[ends.masks] = len(shape) == 4 and shape[:2] == (1, drawn)
    if ends.boxes:
        shape = outputs[ends.boxes].shape
        wanted[ends.boxes] = f"[1, most, {BOX}]"
        good[ends.boxes] = len(shape) == 3 and shape[0] == 1 and shape[2] == BOX
    faults: list[str] = []
    for name, value in outputs.items():
        if not good[name]:
            faults.append(f"output {name!r} is {list(value.shape)}, expected {wanted[name]}")
        elif value.dtype != np.float32:
            faults.append(f"output {name!r} is {value.dtype}, expected float32")
        elif not np.isfinite(value).all():
            faults.append(f"output {name!r} holds numbers that are not finite")
    return faults


def _cam_faults(pairs: list[dict[str, NDArray[np.float32]]], card: Card) -> list[str]:
    """Logit − mean of the map is the bias, hence the same for every picture."""
    ends = card.graph
    bias = [p[ends.logits] - p[ends.cams or ""].mean(axis=(2, 3)) for p in pairs]
    size = max(1.0, *(float(np.abs(p[ends.logits]).max()) for p in pairs))
    apart = np.abs(bias[0] - bias[1])[0] / size
    worst = int(apart.argmax())
    if apart[worst] <= CAM_TOLERANCE:
        return []
    fault = (
        f"output {ends.cams!r}: the mean of a map plus a bias should be the logit, but for "
        f"{card.findings[worst].key!r} the bias differs by {apart[worst] * size:.3g} between two "
        f"pictures; leave `graph.cams` out, or say in `graph.heatmaps` what the maps are"
    )
    return [fault]
