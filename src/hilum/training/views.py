"""Views of radiographs carried through the frozen part of a network once and remembered.

Below a frozen module a network gives the same activations in every epoch. Computing them once, for
the plain radiograph and for a number of augmented views of it, leaves only the part that learns to
be computed: the study that wrote ten augmented copies of each image to disk saved decoding, this
saves most of the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import nn
from torch.utils.data import Dataset

from hilum.errors import RecipeError, RunError
from hilum.models.backbones import Backbone
from hilum.models.network import Network
from hilum.training.machine import Machine, arithmetic
from hilum.training.rows import PLAIN, Item, Key, Rows, Served, batch_of, labels

BATCH = 16

Kept = NDArray[np.floating[Any]]


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


def remember_pooled(
    network: Network, rows: Rows, *, views: int, plain: Path, augmented: Path, machine: Machine
) -> Kept:
    """Compute what the head pools of every row, where the whole backbone is frozen.

    Heads that pool by average and maximum need two numbers a channel, maximum M and mean m. They
    are kept as a map of two places, M and 2 m − M, of which both come out again. The attentive head
    looks at places, and has the map kept whole.

    Args:
        network: frozen wholly, batch normalisation too.
        rows: all rows that any network needs, with their augmentation.
        views: number of augmented views.
        plain: .npy file for the plain radiographs; read where it is there.
        augmented: likewise, for the augmented views.
        machine: where. Augmented views are computed in bfloat16 on a processor made for it, which
            is far below what augmentation changes; plain radiographs in float32.

    Returns:
        [1 + views, rows, width, 1, 2]; for a head that pools by average alone that one number,
        [1 + views, rows, width, 1, 1]; for one that looks at places [1 + views, rows, width, h, w]
        in half precision. NaN for a picture that cannot be read.
    """
    network.to(device=machine.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    parts = [_pooled(network, rows, (PLAIN,), plain, machine.device)]
    if views:
        parts.append(_pooled(network, rows, range(1, views + 1), augmented, machine.device))
    kept = parts[0] if len(parts) == 1 else np.concatenate(parts)
    only_average = network.head.pooled == (kept.shape[2],)
    return kept.mean(-1, keepdims=True) if only_average else kept


def _pooled(
    network: Network, rows: Rows, epochs: Sequence[int], file: Path, device: torch.device
) -> Kept:
    if file.exists():
        return np.load(file)
    found = []
    for epoch in epochs:
        made: list[Kept] = []
        for start in track(range(0, len(rows), BATCH), f"backbone, view {epoch}", transient=True):
            places = range(start, min(start + BATCH, len(rows)))
            one = [rows[epoch, at] for at in places]
            good = [at for at, item in enumerate(one) if isinstance(item, Item)]
            items = batch_of(one).items
            if items is None:
                raise RunError(f"Rows {start} and on cannot be read any more; pack them again.")
            image = items.image.to(device).contiguous(memory_format=torch.channels_last)
            fast = epoch != PLAIN and arithmetic("auto", mostly_frozen=False) == "bfloat16"
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=fast):
                maps = _two_places(network.map(image).float(), network)
            kept = np.full((len(places), *maps.shape[1:]), np.nan, maps.dtype)
            kept[good] = maps
            made.append(kept)
        found.append(np.concatenate(made))
    partial = file.with_suffix(".partial.npy")
    np.save(partial, np.stack(found))
    partial.replace(file)
    return np.stack(found)


def _two_places(found: torch.Tensor, network: Network) -> Kept:
    if len(network.head.pooled) > 1:  # one vector an output: it weighs places
        return found.half().cpu().numpy()
    most = found.amax((2, 3))
    return torch.stack([most, 2 * found.mean((2, 3)) - most], 2)[:, :, None].cpu().numpy()


class _Kept(nn.Module):
    """Gives maps as it gets them; an image it makes as wide as they are."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward_features(self, image: torch.Tensor) -> torch.Tensor:
        return image if image.shape[1] == self.width else image.expand(-1, self.width, -1, -1)


def pooled_backbone(width: int) -> Backbone:
    """What stands in the place of a frozen backbone whose maps are remembered.

    Args:
        width: channels of its maps.
    """
    return Backbone("remembered", _Kept(width), size=(8, 8))


class Views(Dataset[Item | int]):
    """Rows as remembered activations.

    Args:
        kept: from :func:`remember`.
        place: row number → position in ``kept``.
        rows: what the rows are; their targets, masks and numbers are served.
        pooled: the network takes what was remembered for its input, and never an image.
    """

    def __init__(
        self, kept: Kept, place: dict[int, int], rows: Rows, *, pooled: bool = False
    ) -> None:
        self.kept, self.place = kept, place
        self.source: Served = self if pooled else rows
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
