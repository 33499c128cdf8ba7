"""Rows of a table as what a network that draws boxes learns from."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.bundles.card import Preprocessing
from hilum.datasets.pack import Pack
from hilum.errors import PackError
from hilum.models.detection import Targets
from hilum.training.detection.boxes import Marked
from hilum.training.rows import PLAIN, Item, Key, Labelled, Rows, picture
from hilum.training.segmentation.masks import apart
from hilum.training.segmentation.rows import halved
from hilum.transforms.augmentation import Picture, Policy, augmented
from hilum.transforms.preprocess import fit, normalise

FILLING = -1
"""Kind of the rows that fill up an item's boxes."""


class BoxRows(Rows):
    """Rows with boxes, and masks where there are any, moved along with the picture.

    An item's ``target`` and ``mask`` hold the findings of the class task, then 1 where boxes were
    looked for, then the shares that structures cover.

    Args:
        images: pictures, or uint8 [images, rows, columns].
        labelled: findings of the class task, then the kinds of boxes that are none of those.
        rows: the rows to serve.
        marked: boxes and masks of all pictures.
        findings: how many the class task has.
        spec: of the input.
        policy: augmentation, for epochs; none for rows that are only measured.
        seed: with the epoch and the row, decides every random number.
        lungs: float64 [images, 4], a box around both lungs each, for lung-crop; None without.
    """

    def __init__(  # noqa: PLR0913  (each is a part of a row)
        self,
        images: Pack | NDArray[np.uint8],
        labelled: Labelled,
        rows: NDArray[np.int64],
        *,
        marked: Marked,
        findings: int,
        spec: Preprocessing,
        policy: Policy | None = None,
        seed: int = 0,
        lungs: NDArray[np.float64] | None = None,
    ) -> None:
        super().__init__(images, labelled, rows, spec=spec, policy=policy, seed=seed, lungs=lungs)
        self.marked, self.findings, self.structures = marked, findings, len(marked.structures)
        self.most = marked.most

    def __getitem__(self, key: Key) -> Item | int:
        """One row; its number in the table where its picture is damaged or cannot be read."""
        epoch, at = key
        row = int(self.rows[at])
        try:
            grey = picture(self.images, row).astype(np.float32) / np.float32(255)
        except (PackError, OSError):
            return row
        keys, boxes = self.marked.boxes.of(row)
        masks, drawn = self._masks(row)
        lungs = None if self.lungs is None else self.lungs[row]
        shown = Picture(grey, boxes=boxes.copy(), masks=masks, lungs=lungs)
        if self.policy is not None and epoch != PLAIN:
            shown = augmented(shown, self.policy, np.random.default_rng((self.seed, epoch, row)))
        grey, boxes = shown.grey, shown.boxes
        if grey.shape != self.spec.size:  # a crop shows a part, at the size of the input
            boxes = boxes * np.tile(np.array(self.spec.size[::-1]) / grey.shape[::-1], 2)
            grey = fit(grey, self.spec.of_crop.model_copy(update={"fit": "squash"}))[0]
        filled, kinds = self._filled(boxes, keys[shown.numbers].tolist())
        known = torch.from_numpy(np.concatenate([
            self.mask[row, : self.findings], [self.marked.boxes.annotated[row]],
            np.full(self.structures, drawn),
        ]).astype(np.float32))  # fmt: skip
        target = torch.zeros_like(known)
        target[: self.findings] = torch.from_numpy(self.targets[row, : self.findings])
        return Item(
            image=torch.from_numpy(normalise(grey, self.spec)),
            target=target,
            mask=known,
            row=torch.tensor(row),
            boxes=filled,
            kinds=kinds,
            masks=halved(shown.masks, self.spec.size) if self.structures else None,
        )

    def boxes_of_all(self) -> Targets:
        """Boxes of all served rows, as they are, in pixels of the input."""
        each = [self.marked.boxes.of(int(row)) for row in self.rows]
        pairs = [self._filled(boxes, keys.tolist()) for keys, boxes in each]
        annotated = torch.from_numpy(self.marked.boxes.annotated[self.rows].copy())
        return Targets(
            torch.stack([boxes for boxes, _ in pairs]),
            torch.stack([kinds for _, kinds in pairs]),
            annotated,
        )

    def areas(self) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Shares of the pictures that structures cover, and where they are known."""
        each = [self._masks(int(row)) for row in self.rows]
        shares = np.array([masks.mean((1, 2)) for masks, _ in each], np.float32)
        return shares, np.array([[drawn] * self.structures for _, drawn in each], np.bool_)

    def _masks(self, row: int) -> tuple[NDArray[np.uint8], bool]:
        """Masks [structures, rows, columns], and whether somebody drew them."""
        marked = self.marked
        at = -1 if marked.mask_of is None else int(marked.mask_of[row])
        if marked.masks is None or at < 0:
            return np.zeros((self.structures, *self.spec.size), np.uint8), False
        return apart(np.asarray(marked.masks[at]), self.structures), True

    def _filled(self, boxes: NDArray[np.float64], keys: list[str]) -> tuple[Tensor, Tensor]:
        """Corners [most, 4] and kinds [most] of boxes xywh, filled up."""
        filled = torch.zeros(self.most, 4)
        kinds = torch.full((self.most,), FILLING, dtype=torch.int64)
        if len(boxes):
            corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
            filled[: len(boxes)] = torch.from_numpy(corners.astype(np.float32))
            kinds[: len(boxes)] = torch.tensor([self.marked.kinds.index(key) for key in keys])
        return filled, kinds
