"""Boxes that readers drew around findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.domain.text import Text, first_few, text
from hilum.errors import LabelError


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """Boxes on the images of a table.

    An image without boxes on which somebody looked for them is not the same as an image that
    nobody annotated: ``annotated`` tells them apart.

    Attributes:
        row: int64 [boxes], the image's row in the table, rising.
        finding: text [boxes], keys of findings.
        xywh: float64 [boxes, 4]: left, top, width, height in pixels of the image file, measured
            from the outer corner of its top-left pixel; width and height above 0.
        annotated: bool [images], True where boxes were looked for.
    """

    row: NDArray[np.int64]
    finding: Text
    xywh: NDArray[np.float64]
    annotated: NDArray[np.bool_]

    def __post_init__(self) -> None:
        row = np.asarray(self.row, np.int64)
        order = np.argsort(row, kind="stable")
        xywh = np.asarray(self.xywh, np.float64).reshape(-1, 4)
        annotated = np.array(self.annotated, np.bool_)
        finding = text(self.finding)
        if not len(row) == len(finding) == len(xywh):
            raise LabelError(f"{len(row)} rows, {len(finding)} findings and {len(xywh)} boxes")
        if len(row) and not (row.min() >= 0 and row.max() < len(annotated)):
            raise LabelError(f"a box stands on row {row.max()} of {len(annotated)}")
        bad = ~(np.isfinite(xywh).all(1) & (xywh[:, 2:] > 0).all(1))
        if bad.any():
            raise LabelError(
                f"{int(bad.sum())} boxes have no area or no finite corner: "
                f"{first_few(map(tuple, xywh[bad].tolist()), quoted=False)}"
            )
        annotated[row] = True
        for name, values in (("row", row[order]), ("finding", finding[order]),
                             ("xywh", xywh[order]), ("annotated", annotated)):  # fmt: skip
            values.flags.writeable = False
            object.__setattr__(self, name, values)

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def none(cls, annotated: Iterable[bool]) -> Boxes:
        """No box on any image."""
        return cls(np.zeros(0, np.int64), text([]), np.zeros((0, 4)), np.array(list(annotated)))

    def of(self, row: int) -> tuple[Text, NDArray[np.float64]]:
        """Findings [boxes] and boxes [boxes, 4] of one image."""
        start, end = np.searchsorted(self.row, [row, row + 1])
        return self.finding[start:end], self.xywh[start:end]

    def rows(self, index: NDArray[np.int64]) -> Boxes:
        """The boxes of those rows of the table, numbered anew in that order."""
        start = np.searchsorted(self.row, index, "left")
        count = np.searchsorted(self.row, index, "right") - start
        new = np.repeat(np.arange(len(index)), count)
        within = np.arange(len(new)) - np.repeat(np.cumsum(count) - count, count)
        old = np.repeat(start, count) + within
        return Boxes(new, self.finding[old], self.xywh[old], self.annotated[index])

    def kinds(self, findings: Iterable[str]) -> Boxes:
        """The boxes of those findings; images stay annotated."""
        kept = np.isin(self.finding, text(findings))
        return Boxes(self.row[kept], self.finding[kept], self.xywh[kept], self.annotated)

    def only(self, images: NDArray[np.bool_]) -> Boxes:
        """The boxes on some images; the others count as never annotated."""
        kept = images[self.row]
        return Boxes(self.row[kept], self.finding[kept], self.xywh[kept], self.annotated & images)

    def scaled(self, across: NDArray[np.float64], down: NDArray[np.float64]) -> Boxes:
        """The boxes on images of another size.

        Args:
            across: float64 [images], new width over old, above 0.
            down: the same of the height.
        """
        factors = np.stack([across, down, across, down], axis=1)[self.row]
        return Boxes(self.row, self.finding, self.xywh * factors, self.annotated)

    def outside(
        self, width_px: NDArray[np.int32], height_px: NDArray[np.int32], *, slack_px: float = 1.0
    ) -> NDArray[np.bool_]:
        """Which boxes reach beyond their image.

        Args:
            width_px: int32 [images]; 0 where unknown: its boxes are not judged.
            height_px: the same.
            slack_px: how far a box may reach over the edge; readers' tools round.

        Returns:
            bool [boxes].
        """
        wide, high = width_px[self.row], height_px[self.row]
        x, y, w, h = self.xywh.T
        over = (x < -slack_px) | (y < -slack_px)
        over |= (x + w > wide + slack_px) | (y + h > high + slack_px)
        return over & (wide > 0) & (high > 0)
