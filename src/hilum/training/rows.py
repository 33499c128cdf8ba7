"""Radiographs of a table as an array, and the batches that a network learns from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch.utils.data import Dataset, Sampler

from hilum.bundles.card import Preprocessing
from hilum.domain import LabelTable
from hilum.errors import RecipeError
from hilum.transforms.augmentation import Augmentation, augment
from hilum.transforms.preprocess import LONGEST_PX, fit, normalise

Item = tuple[torch.Tensor, torch.Tensor, torch.Tensor, int]


def load_images(
    table: LabelTable, folder: Path, spec: Preprocessing, cache: Path
) -> NDArray[np.uint8]:
    """Every radiograph of a table at the network's size, decoded once.

    Args:
        table: its images are paths relative to ``folder``.
        folder: of the data.
        spec: size and fit of the input.
        cache: .npy file to keep them in; read when it has the right shape.

    Returns:
        uint8 [images, rows, columns], mapped from the cache.

    Raises:
        IntakeError: an image cannot be read.
        RecipeError: the input is no single grey channel.
    """
    from hilum.imaging import read  # so that training is importable without DICOM

    if spec.channels != 1:
        raise RecipeError("input.channels: networks are trained on one grey channel.")
    shape = (len(table), *spec.size)
    if cache.exists():
        kept = np.load(cache, mmap_mode="r")
        if kept.shape == shape:
            return kept
    partial = cache.with_suffix(".partial.npy")
    images = np.lib.format.open_memmap(partial, "w+", np.uint8, shape)
    for at, name in enumerate(track(table.images, "decoding")):
        grey, _ = fit(read(folder / name, name=name, longest_px=LONGEST_PX).pixels, spec)
        images[at] = np.rint(grey * 255)
    images.flush()
    partial.replace(cache)
    return np.load(cache, mmap_mode="r")


class Rows(Dataset[Item]):
    """Rows of a table, augmented when they are to be learnt from.

    Args:
        images: uint8 [images, rows, columns].
        targets: float32 [images, findings].
        mask: bool [images, findings], which targets count.
        rows: the rows to serve.
        spec: of the input.
        steps: augmentation; none for rows that are measured.
        seed: with the epoch and the row, decides every random number.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        targets: NDArray[np.float32],
        mask: NDArray[np.bool_],
        rows: NDArray[np.int64],
        *,
        spec: Preprocessing,
        steps: Sequence[Augmentation] = (),
        seed: int = 0,
    ) -> None:
        self.images, self.targets, self.mask, self.rows = images, targets, mask, rows
        self.spec, self.steps, self.seed = spec, steps, seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: int) -> Item:
        row = int(self.rows[at])
        grey = self.images[row].astype(np.float32) / np.float32(255)
        if self.steps:
            rng = np.random.default_rng([self.seed, self.epoch, row])
            grey = augment(grey, self.steps, rng)
        return (
            torch.from_numpy(normalise(grey, self.spec)),
            torch.from_numpy(self.targets[row]),
            torch.from_numpy(self.mask[row].astype(np.float32)),
            row,
        )


class Numbered(Protocol):
    """Rows whose order an epoch decides."""

    seed: int
    epoch: int

    def __len__(self) -> int: ...


class Shuffled(Sampler[int]):
    """Every row once an epoch, in an order that seed and epoch alone decide.

    A run that goes on after a stop sees the same batches as one that never stopped.
    """

    def __init__(self, rows: Numbered) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng([self.rows.seed, self.rows.epoch])
        yield from rng.permutation(len(self.rows)).tolist()
