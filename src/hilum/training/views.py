"""Views of radiographs carried through the frozen part of a network once and remembered.

Below a frozen module a network gives the same activations in every epoch. Computing them once, for
the plain radiograph and for a number of augmented views of it, leaves only the part that learns to
be computed: the study that wrote ten augmented copies of each image to disk saved decoding, this
saves most of the network.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch.utils.data import Dataset

from hilum.errors import RecipeError, RunError
from hilum.models.network import Network
from hilum.training.rows import PLAIN, Item, Key, Rows, batch_of, labels

BATCH = 16


def remember(
    network: Network, rows: Rows, *, cut: str, views: int, cache: Path, device: torch.device
) -> NDArray[np.float16]:
    """Compute the activations of every row: plain first, then augmented views.

    Args:
        network: frozen up to ``cut``, batch normalisation too.
        rows: all rows that any network of the run needs, with their augmentation.
        cut: name of the module.
        views: number of augmented views.
        cache: .npy file to keep them in; read when it has the right shape.
        device: where the frozen part is computed.

    Returns:
        float16 [1 + views, rows, *activation], mapped from the cache; NaN for a picture that
        cannot be read.

    Raises:
        RecipeError: the network beyond the cut depends on more than the cut.
        RunError: the activations do not fit on the disk, or none of the pictures can be read.
    """
    network.to(device).eval()
    found = batch_of([rows[PLAIN, at] for at in range(min(4, len(rows)))]).items
    if found is None:
        raise RunError("The first pictures cannot be read any more; pack them again.")
    example = found.image.to(device)
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
    try:
        kept = np.lib.format.open_memmap(partial, "w+", np.float16, shape)
        for view in range(1 + views):
            _fill(kept[view], network, rows, cut, view, device)
        kept.flush()
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise RunError(
            f"{cache.name} takes {np.prod(shape) * 2 / 1e9:.1f} GB and cannot be written: "
            f"{error.strerror}. Make room, or remember fewer views (fit.views)."
        ) from error
    partial.replace(cache)
    return np.load(cache, mmap_mode="r")


def _fill(
    kept: NDArray[np.float16],
    network: Network,
    rows: Rows,
    cut: str,
    view: int,
    device: torch.device,
) -> None:
    starts = range(0, len(rows), BATCH)
    for start in track(starts, f"frozen part, view {view}", transient=True):
        places = range(start, min(start + BATCH, len(rows)))
        made = [rows[view or PLAIN, at] for at in places]
        good = [at for at, item in zip(places, made, strict=True) if isinstance(item, Item)]
        kept[places.start : places.stop] = np.nan
        items = batch_of(made).items
        if items is not None:
            image = items.image.to(device).contiguous(memory_format=torch.channels_last)
            kept[good] = network.upto(image, cut).cpu().numpy()
            if np.isinf(kept[good]).any():
                raise RecipeError(
                    f"What the backbone gives at {cut!r} goes beyond half precision and cannot be "
                    "remembered; freeze up to another module, or set fit.views = 0."
                )


class Views(Dataset[Item | int]):
    """Rows as remembered activations.

    Args:
        kept: from :func:`remember`.
        place: row number → position in ``kept``.
        rows: what the rows are; their targets, masks and numbers are served.
    """

    def __init__(self, kept: NDArray[np.float16], place: dict[int, int], rows: Rows) -> None:
        self.kept, self.place, self.source = kept, place, rows
        self.targets, self.mask, self.rows = rows.targets, rows.mask, rows.rows
        self.patients, self.strata, self.seed = rows.patients, rows.strata, rows.seed

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Key) -> Item | int:
        """One row: in an epoch a view drawn at random, the plain one among them."""
        epoch, at = key
        row = int(self.rows[at])
        view = 0
        if epoch != PLAIN:
            rng = np.random.default_rng([self.seed, epoch, row])
            view = int(rng.integers(len(self.kept)))
        activation = self.kept[view, self.place[row]].astype(np.float32)
        if not np.isfinite(activation).all():
            return row
        return Item(torch.from_numpy(activation), *labels(self, row))
