"""A published network → a bundle: the file, its tensors, the same numbers, the card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.bundles import Bundle
from hilum.bundles.card import Preprocessing
from hilum.bundles.published import PublishedNetwork
from hilum.errors import BundleError
from hilum.export.bundle import export_bundle
from hilum.export.graph import ends
from hilum.export.published.card import card_of, preprocessing
from hilum.export.published.obtaining import Obtained
from hilum.export.published.taking import network_of, read_tensors
from hilum.phantoms import draw_chest
from hilum.transforms.preprocess import prepare

DRAWN = 4
"""Radiographs, drawn by code, on which the network and its graph are compared."""


def bundle_of(network: PublishedNetwork, obtained: Obtained, out: Path) -> Bundle:
    """Make the bundle of a published network.

    Args:
        network: its entry in the catalogue.
        obtained: its file, whose digest was checked.
        out: a folder that does not exist, or a path that ends in ``.hilum``.

    Returns:
        The bundle, verified. Its graph gives what the network gives, within 1e-4.

    Raises:
        BundleError: the file is damaged, holds what it should not, or another network; the graph
            gives other numbers; ``out`` exists or cannot be written.
    """
    tensors = read_tensors(obtained.data, obtained.name)
    found = network_of(network, tensors)
    card = card_of(network, obtained, ends(found))
    images = drawn(preprocessing(network))
    try:
        return export_bundle(found, card, b"", images, out, exact=True)
    except OSError as error:
        raise BundleError(
            f"{out} cannot be written: {error.strerror}. Nothing of it is left; make room, or "
            "choose another place with -o."
        ) from error


def drawn(spec: Preprocessing) -> NDArray[np.float32]:
    """Drawn radiographs as a network takes them, float32 [4, 1, rows, columns]."""
    size = (2 * max(spec.size), 2 * max(spec.size))
    pictures = [draw_chest(np.random.default_rng(seed), size=size) for seed in range(DRAWN)]
    return np.stack([prepare(picture.pixels, spec)[0] for picture in pictures])
