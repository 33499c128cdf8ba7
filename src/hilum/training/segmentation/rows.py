"""Rows of a table as what a network that draws learns from: pictures with their masks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.bundles.card import Preprocessing
from hilum.datasets.pack import Pack
from hilum.errors import PackError
from hilum.models.segmentation import HALVED
from hilum.training.rows import PLAIN, Item, Key, Labelled, Rows, picture
from hilum.training.segmentation.masks import Labels, apart
from hilum.training.segmentation.opacities import paint
from hilum.transforms.augmentation import Picture, Policy, augmented
from hilum.transforms.preprocess import fit, normalise


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Masks of the pictures of a table.

    Attributes:
        masks: uint8 [images, rows, columns].
        opacities: share of the augmented pictures that opacities are painted into.
    """

    masks: Labels
    opacities: float = 0.0


class MaskRows(Rows):
    """Rows whose target is a mask a structure, moved along with the picture.

    Args:
        images: pictures, or uint8 [images, rows, columns].
        labelled: its targets are the shares that structures cover; an item's are their masks at
            half the input's size, float32 [structures, rows / 2, columns / 2].
        rows: the rows to serve.
        drawn: masks of all pictures.
        spec: of the input.
        policy: augmentation, for epochs; none for rows that are only measured.
        seed: with the epoch and the row, decides every random number.
    """

    def __init__(
        self,
        images: Pack | NDArray[np.uint8],
        labelled: Labelled,
        rows: NDArray[np.int64],
        *,
        drawn: Drawn,
        spec: Preprocessing,
        policy: Policy | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(images, labelled, rows, spec=spec, policy=policy, seed=seed)
        self.drawn = drawn

    def __getitem__(self, key: Key) -> Item | int:
        """One row; its number in the table where its picture is damaged or cannot be read."""
        epoch, at = key
        row = int(self.rows[at])
        try:
            grey = picture(self.images, row).astype(np.float32) / np.float32(255)
        except (PackError, OSError):
            return row
        structures = self.mask.shape[1]
        shown = Picture(grey, masks=apart(np.asarray(self.drawn.masks[row]), structures))
        if self.policy is not None and epoch != PLAIN:
            shown = self.changed(shown, self.policy, np.random.default_rng((self.seed, epoch, row)))
        grey = shown.grey
        if grey.shape != self.spec.size:  # a crop shows a part, at the size of the input
            grey = fit(grey, self.spec.of_crop.model_copy(update={"fit": "squash"}))[0]
        there = torch.from_numpy(self.mask[row].astype(np.float32))
        image = torch.from_numpy(normalise(grey, self.spec))
        return Item(image, halved(shown.masks, self.spec.size), there, torch.tensor(row))

    def changed(self, shown: Picture, policy: Policy, rng: np.random.Generator) -> Picture:
        """A picture painted upon, where that falls to it, and augmented."""
        if self.drawn.opacities and rng.random() < self.drawn.opacities:
            masks = shown.masks.astype(np.float32)
            shown = Picture(paint(shown.grey, masks, rng), masks=shown.masks)
        return augmented(shown, policy, rng)


def halved(masks: NDArray[np.uint8], size: tuple[int, int]) -> Tensor:
    """The share of each pixel at half a size that lies inside, [structures, rows/2, columns/2].

    Args:
        masks: 0 or 1, [structures, rows, columns], of any size.
        size: of the input.
    """
    high, wide = size[0] // HALVED, size[1] // HALVED
    found = [
        cv2.resize(mask.astype(np.float32), (wide, high), interpolation=cv2.INTER_AREA)
        for mask in masks
    ]
    return torch.from_numpy(np.stack(found))
