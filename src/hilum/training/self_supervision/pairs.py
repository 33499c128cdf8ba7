"""Pictures as two views each, without labels."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hilum.training.rows import PLAIN, Item, Key, Rows, Served
from hilum.training.views import Views


class Pairs(Dataset[Item | int]):
    """Two views of each picture, drawn anew in every epoch.

    Served for measuring, they are the plain picture and one view that is always the same.

    Args:
        sources: pictures that may be learnt from, with their augmentation, one after the other.

    Attributes:
        source: the same, as images even where activations are remembered.
    """

    def __init__(self, sources: Sequence[Rows | Views]) -> None:
        self.sources = tuple(sources)
        self._ends = np.cumsum([len(one) for one in sources])
        count = int(self._ends[-1])
        self.rows = np.arange(count)
        self.targets = np.zeros((count, 0), np.float32)
        self.mask = np.zeros((count, 0), np.bool_)
        self.patients = np.concatenate([one.patients[one.rows] for one in sources])
        self.strata: NDArray[np.int64] | None = None

    @property
    def source(self) -> Served:
        """The same as images."""
        plain = [one.source if isinstance(one, Views) else one for one in self.sources]
        return Pairs([one for one in plain if isinstance(one, Rows)]).some(self.rows)

    def some(self, chosen: NDArray[np.int64]) -> Pairs:
        """Some of the pictures, by their numbers."""
        other = copy(self)
        other.rows = self.rows[chosen]
        return other

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Key) -> Item | int:
        """Two views of a picture, [2, …]; its number where it cannot be read."""
        epoch, at = key[0], int(self.rows[key[1]])
        which = int(np.searchsorted(self._ends, at, side="right"))
        source = self.sources[which]
        place = at - int(self._ends[which]) + len(source)
        views = _remembered if isinstance(source, Views) else _drawn
        found = views(source, epoch, place)  # type: ignore[arg-type]
        if found is None:
            return at
        none = torch.zeros(0)
        return Item(found, none, none, torch.tensor(at))


def _drawn(source: Rows, epoch: int, place: int) -> Tensor | None:
    numbers = (PLAIN, 0) if epoch == PLAIN else (2 * epoch, 2 * epoch + 1)
    items = [source[number, place] for number in numbers]
    images = [one.image for one in items if isinstance(one, Item)]
    return torch.stack(images) if len(images) == len(items) else None


def _remembered(source: Views, epoch: int, place: int) -> Tensor | None:
    row = int(source.rows[place])
    numbers = np.array([0, 1])
    if epoch != PLAIN:
        rng = np.random.default_rng([source.seed, epoch, row])
        numbers = rng.choice(len(source.kept), 2, replace=False)
    kept = source.kept[numbers, source.place[row]].astype(np.float32)
    return torch.from_numpy(kept) if np.isfinite(kept).all() else None
