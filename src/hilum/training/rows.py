"""Rows of a table as what a network learns from: batches in an order that seed and epoch decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor
from torch.utils.data import Dataset

from hilum.bundles.card import Preprocessing
from hilum.datasets.pack import Pack, PackSpec, is_pack
from hilum.domain import LabelTable
from hilum.domain.text import Text, first_few
from hilum.errors import PackError, RecipeError, RunError
from hilum.training.cropping import crop_in_words, parts
from hilum.transforms.augmentation import Picture, Policy, augmented
from hilum.transforms.preprocess import fit, normalise

Key = tuple[int, int]
"""An epoch and a position among the rows: together with the seed they decide every random number,
so that a row comes out the same in whichever process, and however often, it is made."""

PLAIN = -1
"""The epoch of rows that are measured: nothing about them is random."""


class Item(NamedTuple):
    """One row, or several.

    Attributes:
        image: float32 [channels, rows, columns], or activations; batches have one axis more.
        target: float32 [findings]; of a segmentation masks, [structures, rows, columns].
        mask: float32 [findings], or [structures], 1 where the target counts.
        row: of the table, int64 [].
        present: where there are several views, images [views, 1, rows, columns], which of them
            there are, bool [views]; None for a single image.
        boxes: of a detection: left, top, right and bottom in pixels of the image, float32
            [most, 4]; None else.
        kinds: of those, int64 [most], -1 where a row only fills up.
        masks: of structures beside boxes, float32 [structures, rows / 2, columns / 2]; None else.
    """

    image: Tensor
    target: Tensor
    mask: Tensor
    row: Tensor
    present: Tensor | None = None
    boxes: Tensor | None = None
    kinds: Tensor | None = None
    masks: Tensor | None = None

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What the network is called with."""
        if self.boxes is not None and self.kinds is not None:
            masks = () if self.masks is None else (self.masks,)
            return (self.image, self.boxes, self.kinds, self.mask, *masks)
        return (self.image,) if self.present is None else (self.image, self.present)

    def to(self, device: torch.device) -> Item:
        """The same on a device, images with their channels last."""
        moved = [None if part is None else part.to(device, non_blocking=True) for part in self]
        item = Item(*moved)  # type: ignore[arg-type]
        if item.image.ndim != 4:
            return item
        return item._replace(image=item.image.contiguous(memory_format=torch.channels_last))


class Batch(NamedTuple):
    """Rows that could be read, and how many could not.

    Attributes:
        items: with a first axis of rows; None where none could be read.
        failed: rows of the table that could not be read, int64 [any].
    """

    items: Item | None
    failed: Tensor


class Served(Protocol):
    """Rows that can be batched: :class:`Rows`, or activations remembered of them.

    Attributes:
        targets: float32 [images, findings], of the whole table.
        mask: bool [images, findings].
        rows: those that are served.
        patients: text [images].
        strata: int64 [images]; None where the recipe names none.
    """

    targets: NDArray[np.float32]
    mask: NDArray[np.bool_]
    rows: NDArray[np.int64]
    patients: Text
    strata: NDArray[np.int64] | None

    def __len__(self) -> int: ...

    def __getitem__(self, key: Key) -> Item | int: ...


def load_images(table: LabelTable, folder: Path, spec: Preprocessing, cache: Path) -> Pack:
    """Every radiograph of a table at the network's size, decoded once.

    Args:
        table: its images are paths relative to ``folder``.
        folder: of the data; or a pack, which is read as it is.
        spec: size, fit and crop of the input.
        cache: folder of the pack that they are decoded into, or were by an earlier run; not made
            where ``folder`` is a pack.

    Returns:
        The pack's pictures, one a row of the table.

    Raises:
        RunError: an image cannot be read, or was changed since it was decoded.
        PackError: the pack lacks images, or is damaged.
        RecipeError: the input is no single grey channel, or of another size, fit or crop than the
            pack.
    """
    if spec.channels != 1:
        raise RecipeError("input.channels: networks are trained on one grey channel.")
    wanted = PackSpec(spec.size, spec.fit, crop_in_words(spec))
    if is_pack(folder):
        pack = Pack.open(folder)
        if pack.spec != wanted:
            again = f"pack again with `--size {spec.size[0]} --fit {spec.fit}`, or "
            raise RecipeError(
                f"input: the pack {folder} holds pictures of {pack.spec}, the recipe's input is "
                f"{wanted}; {'' if spec.crop else again}train from the radiographs themselves."
            )
        return pack.select(pack.rows_of(table.images.tolist()))
    from hilum.datasets.pack.packing import Packing  # training from a pack needs no DICOM

    with Packing.open(cache, table, folder, spec=wanted, part_of=parts(spec, cache)) as packing:
        workers = torch.get_num_threads()
        for _ in track(
            packing.run(workers), "decoding", total=len(packing.todo), disable=not packing.todo
        ):
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


@dataclass(frozen=True, slots=True)
class Labelled:
    """What is known of the images of a table, in the form that networks learn from.

    Attributes:
        targets: float32 [images, findings].
        mask: bool [images, findings], which targets count.
        patients: text [images].
        strata: int64 [images]; None where the recipe names none.
    """

    targets: NDArray[np.float32]
    mask: NDArray[np.bool_]
    patients: Text
    strata: NDArray[np.int64] | None = None


class Rows(Dataset[Item | int]):
    """Rows of a table, augmented when they are to be learnt from.

    Args:
        images: pictures, or uint8 [images, rows, columns].
        labelled: what is known of them.
        rows: the rows to serve.
        spec: of the input.
        policy: augmentation, for epochs; none for rows that are only measured.
        seed: with the epoch and the row, decides every random number.
        lungs: float64 [images, 4], a box around both lungs each, for lung-crop; None without.
    """

    def __init__(
        self,
        images: Pack | NDArray[np.uint8],
        labelled: Labelled,
        rows: NDArray[np.int64],
        *,
        spec: Preprocessing,
        policy: Policy | None = None,
        seed: int = 0,
        lungs: NDArray[np.float64] | None = None,
    ) -> None:
        self.images, self.labelled, self.rows = images, labelled, rows
        self.targets, self.mask = labelled.targets, labelled.mask
        self.patients, self.strata = labelled.patients, labelled.strata
        self.spec, self.policy, self.seed, self.lungs = spec, policy, seed, lungs

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: Key) -> Item | int:
        """One row; its number in the table where its picture is damaged or cannot be read."""
        epoch, at = key
        row = int(self.rows[at])
        try:
            image = self.prepared(row, epoch, (self.seed, epoch, row))
        except (PackError, OSError):
            return row
        return Item(image, *labels(self, row))

    def prepared(self, image: int, epoch: int, entropy: Sequence[int]) -> Tensor:
        """One picture as the network takes it, float32 [1, rows, columns].

        Args:
            image: its row among the pictures.
            epoch: augmented in all but :data:`PLAIN`.
            entropy: what its random numbers come from.

        Raises:
            PackError, OSError: it is damaged, or cannot be read.
        """
        grey = picture(self.images, image).astype(np.float32) / np.float32(255)
        if self.policy is not None and epoch != PLAIN:
            rng = np.random.default_rng(entropy)
            lungs = None if self.lungs is None else self.lungs[image]
            grey = augmented(Picture(grey, lungs=lungs), self.policy, rng).grey
            if grey.shape != self.spec.size:  # a crop shows a part, at the size of the input
                grey = fit(grey, self.spec.of_crop.model_copy(update={"fit": "squash"}))[0]
        return torch.from_numpy(normalise(grey, self.spec))


def picture(images: Pack | NDArray[np.uint8], row: int) -> NDArray[np.uint8]:
    """One picture, compared with its checksum where there is one.

    Raises:
        PackError: it is damaged.
    """
    return images.checked(row) if isinstance(images, Pack) else images[row]


def labels(served: Served, row: int) -> tuple[Tensor, Tensor, Tensor]:
    """Target, mask and number of a row of the table."""
    return (
        torch.from_numpy(served.targets[row]),
        torch.from_numpy(served.mask[row].astype(np.float32)),
        torch.tensor(row),
    )


def batch_of(items: Sequence[Item | int]) -> Batch:
    """Rows that could be read, side by side, and the numbers of those that could not."""
    good = [item for item in items if isinstance(item, Item)]
    failed = [item for item in items if not isinstance(item, Item)]
    lost = torch.tensor(failed, dtype=torch.int64)
    if not good:
        return Batch(None, lost)
    stacked = [
        None if parts[0] is None else torch.stack(list(parts)) for parts in zip(*good, strict=True)
    ]
    return Batch(Item(*stacked), lost)  # type: ignore[arg-type]
