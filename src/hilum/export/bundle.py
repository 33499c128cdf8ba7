"""A trained network and its card → a bundle on disk."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.bundles import Bundle, save
from hilum.bundles.card import Card
from hilum.errors import BundleError
from hilum.export.graph import parity, to_onnx
from hilum.models.classifier import Classifier
from hilum.runtime.onnx import compile_graph


def export_bundle(
    network: Classifier,
    card: Card,
    gate: bytes,
    images: NDArray[np.float32],
    out: Path,
    *,
    exact: bool = False,
) -> Bundle:
    """Write a bundle whose graph gives the network's numbers.

    Args:
        network: a network, an ensemble, or one view of several; in evaluation mode, weights
            rounded by :func:`hilum.export.graph.round_weights`.
        card: what the bundle says of itself; digests are filled in, and the parity is noted.
        gate: feature statistics, an .npz without pickles.
        images: real radiographs as the network takes them, float32 [batch, 1, rows, columns].
        out: a folder that does not exist, or a path that ends in ``.hilum``.
        exact: take weights as they are, rounded or not.

    Returns:
        The bundle, verified.

    Raises:
        BundleError: torch and the graph differ by more than 1e-4, the network reads other findings
            than the card names, it cannot be written as ONNX, or ``out`` exists.
    """
    if network.findings != card.keys:
        wrong = [
            f"{mine!r} for {theirs!r}"
            for mine, theirs in zip_longest(network.findings, card.keys)
            if mine != theirs
        ]
        raise BundleError(
            f"The network's {len(network.findings)} findings are not the card's {len(card.keys)}: "
            f"{', '.join(wrong[:3])}{f' and {len(wrong) - 3} more' if len(wrong) > 3 else ''}."
        )
    model = to_onnx(network, card.preprocessing.size, card.graph, exact=exact)
    names = [n for n in (card.graph.logits, card.graph.features, card.graph.cams) if n]
    run = compile_graph(model, card.graph.input, names, threads=1)
    worst = parity(network, run(images), images, card.graph)
    said = f"largest difference from torch {worst:.1e} on {len(images)} radiographs"
    card = card.model_copy(update={"provenance": {**card.provenance, "parity": said}})
    files = {card.graph.file: model}
    if card.gate:
        files[card.gate] = gate
    return save(card, files, out)
