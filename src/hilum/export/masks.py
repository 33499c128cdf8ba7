"""A network that draws and its card → a bundle with masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hilum.bundles import Bundle, save
from hilum.bundles.card import Card
from hilum.errors import BundleError
from hilum.export.graph import TOLERANCE, module_to_onnx
from hilum.models.segmentation import Segmenter
from hilum.runtime.onnx import compile_graph


def export_masks(network: Segmenter, card: Card, images: NDArray[np.float32], out: Path) -> Bundle:
    """Write a bundle whose graph gives the network's masks.

    Args:
        network: its large weights rounded by :func:`hilum.export.graph.round_weights`.
        card: with structures and ``graph.masks``; digests are filled in, and the parity is noted.
        images: radiographs as the network takes them, float32 [batch, 1, rows, columns].
        out: a folder that does not exist, or a path that ends in ``.hilum``.

    Returns:
        The bundle, verified.

    Raises:
        BundleError: torch and the graph differ by more than 1e-4, the card names other structures
            than the network draws, or ``out`` exists.
    """
    if not card.graph.masks or card.structures != network.structures:
        raise BundleError(
            f"The network draws {', '.join(network.structures)}, and the card of {card.name} "
            f"names {', '.join(card.structures) or 'no masks'}."
        )
    network = network.eval()
    ends = {"source": card.graph.input, "outputs": [card.graph.masks]}
    model = module_to_onnx(network, card.preprocessing.size, **ends)
    run = compile_graph(model, card.graph.input, [card.graph.masks], threads=1)
    with torch.inference_mode():
        mine = network(torch.from_numpy(images)).numpy()
    apart = np.abs(mine - run(images)[0]) / np.maximum(1.0, np.abs(mine))
    worst = float(apart.max())
    if not worst <= TOLERANCE:
        raise BundleError(
            f"The graph's masks differ from the network's by {worst:.2g}, allowed are "
            f"{TOLERANCE:.0e}."
        )
    said = f"largest difference from torch {worst:.1e} on {len(images)} radiographs"
    card = card.model_copy(update={"provenance": {**card.provenance, "parity": said}})
    return save(card, {card.graph.file: model}, out)
