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
from hilum.datasets.pack import Pack, PackSpec, is_pack
from hilum.domain import LabelTable
from hilum.domain.text import first_few
from hilum.errors import RecipeError, RunError
from hilum.transforms.augmentation import Augmentation, augment
from hilum.transforms.preprocess import normalise

Item = tuple[torch.Tensor, torch.Tensor, torch.Tensor, int]


def load_images(table: LabelTable, folder: Path, spec: Preprocessing, cache: Path) -> Pack:
    """Every radiograph of a table at the network's size, decoded once.

    Args:
        table: its images are paths relative to ``folder``.
        folder: of the data; or a pack, which is read as it is.
        spec: size and fit of the input.
        cache: folder of the pack that they are decoded into, or were by an earlier run; not made
            where ``folder`` is a pack.

    Returns:
        The pack's pictures, one a row of the table.

    Raises:
        RunError: an image cannot be read, or was changed since it was decoded.
        PackError: the pack lacks images, or is damaged.
        RecipeError: the input is no single grey channel, or of another size or fit than the pack.
    """
    if spec.channels != 1:
        raise RecipeError("input.channels: networks are trained on one grey channel.")
    wanted = PackSpec(spec.size, spec.fit)
    if is_pack(folder):
        pack = Pack.open(folder)
        if pack.spec != wanted:
            raise RecipeError(
                f"input: the pack {folder} holds pictures of {pack.spec}, the recipe's input is "
                f"{wanted}; pack again with `--size {spec.size[0]} --fit {spec.fit}`, or train "
                "from the radiographs themselves."
            )
        return pack.select(pack.rows_of(table.images.tolist()))
    from hilum.datasets.pack.packing import Packing  # training from a pack needs no DICOM

    with Packing.open(cache, table, folder, spec=wanted) as packing:
        workers = torch.get_num_threads()
        for _ in track(packing.run(workers), "decoding", total=len(packing.todo)):
            pass
        packing.finish()
        refused = [f"{one.name} ({one.message})" for one in packing.refused]
    if refused:
        raise RunError(
            f"{len(refused)} radiographs cannot be read: {first_few(refused, quoted=False)}. Mend "
            f"them, or leave their rows out; {cache / 'refused.csv'} lists them."
        )
    pack = Pack.open(cache)
    return pack.select(pack.rows_of(table.images.tolist()))


class Rows(Dataset[Item]):
    """Rows of a table, augmented when they are to be learnt from.

    Args:
        images: pictures, or uint8 [images, rows, columns].
        targets: float32 [images, findings].
        mask: bool [images, findings], which targets count.
        rows: the rows to serve.
        spec: of the input.
        steps: augmentation; none for rows that are measured.
        seed: with the epoch and the row, decides every random number.
    """

    def __init__(
        self,
        images: Pack | NDArray[np.uint8],
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
