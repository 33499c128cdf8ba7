"""Views of radiographs carried through the frozen part of a network once and remembered.

Below a frozen module a network gives the same activations in every epoch. Computing them once, for
the plain radiograph and for a number of augmented views of it, leaves only the part that learns to
be computed: the study that wrote ten augmented copies of each image to disk saved decoding, this
saves most of the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch.utils.data import Dataset

from hilum.errors import RecipeError
from hilum.models.network import Network
from hilum.training.rows import Item, Rows
from hilum.transforms.augmentation import Augmentation

BATCH = 16


def remember(
    network: Network,
    rows: Rows,
    *,
    cut: str,
    steps: Sequence[Augmentation],
    views: int,
    cache: Path,
) -> NDArray[np.float16]:
    """Compute the activations of every row: plain first, then augmented views.

    Args:
        network: frozen up to ``cut``, batch normalisation too.
        rows: all rows that any network of the run needs, without augmentation.
        cut: name of the module.
        steps: augmentation of the further views.
        views: number of augmented views.
        cache: .npy file to keep them in; read when it has the right shape.

    Returns:
        float16 [1 + views, rows, *activation], mapped from the cache.

    Raises:
        RecipeError: the network beyond the cut depends on more than the cut.
    """
    network.eval()
    example = torch.stack([rows[i][0] for i in range(min(2, len(rows)))])
    activation = network.upto(example, cut)
    with torch.no_grad():
        same = torch.allclose(network.map(example), network.map_beyond(activation, cut), atol=1e-4)
    if not same:
        raise RecipeError(f"The backbone cannot be cut at {cut!r}: later parts look behind it.")
    shape = (1 + views, len(rows), *activation.shape[1:])
    if cache.exists():
        kept = np.load(cache, mmap_mode="r")
        if kept.shape == shape:
            return kept
    partial = cache.with_suffix(".partial.npy")
    kept = np.lib.format.open_memmap(partial, "w+", np.float16, shape)
    for view in range(1 + views):
        rows.epoch, rows.steps = view, steps if view else ()
        starts = range(0, len(rows), BATCH)
        for start in track(starts, f"frozen part, view {view} of {views}"):
            images = [rows[i][0] for i in range(start, min(start + BATCH, len(rows)))]
            batch = torch.stack(images).contiguous(memory_format=torch.channels_last)
            kept[view, start : start + BATCH] = network.upto(batch, cut).numpy()
    kept.flush()
    rows.epoch, rows.steps = 0, ()
    partial.replace(cache)
    return np.load(cache, mmap_mode="r")


class Views(Dataset[Item]):
    """Rows as remembered activations.

    Args:
        kept: from :func:`remember`.
        place: row number → position in ``kept``.
        rows: what the rows are; their targets, masks and numbers are served.
        augmented: a view drawn at random for each epoch and row, the plain one among them;
            otherwise always the plain one.
    """

    def __init__(
        self, kept: NDArray[np.float16], place: dict[int, int], rows: Rows, *, augmented: bool
    ) -> None:
        self.kept, self.place, self.source, self.augmented = kept, place, rows, augmented
        self.targets, self.mask, self.rows = rows.targets, rows.mask, rows.rows
        self.seed, self.epoch = rows.seed, 0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: int) -> Item:
        row = int(self.rows[at])
        view = 0
        if self.augmented:
            rng = np.random.default_rng([self.seed, self.epoch, row])
            view = int(rng.integers(len(self.kept)))
        activation = self.kept[view, self.place[row]].astype(np.float32)
        return (
            torch.from_numpy(activation),
            torch.from_numpy(self.targets[row]),
            torch.from_numpy(self.mask[row].astype(np.float32)),
            row,
        )
