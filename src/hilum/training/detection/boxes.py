"""Boxes of a label table → boxes on the pictures that a network is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.pack import Pack
from hilum.datasets.pack.boxes import into_pack, of_files
from hilum.domain import LabelTable
from hilum.domain.boxes import Boxes
from hilum.domain.text import first_few
from hilum.errors import LabelError
from hilum.training.rows import Labelled
from hilum.training.segmentation.masks import Labels as Masks
from hilum.transforms.augmentation.moving import BOX_KEPT, clipped

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Marked:
    """What is drawn on the pictures of a table.

    Attributes:
        kinds: keys of the findings that boxes are around.
        boxes: of those kinds, in pixels of the pictures.
        structures: what the masks show.
        masks: uint8 [pictures with masks, rows, columns]; None where no structures are asked for.
        mask_of: int64 [pictures], the place among the masks; -1 where nobody drew one.
    """

    kinds: tuple[str, ...]
    boxes: Boxes
    structures: tuple[str, ...] = ()
    masks: Masks | None = None
    mask_of: NDArray[np.int64] | None = None

    @property
    def most(self) -> int:
        """The largest number of boxes on a picture, at least 1."""
        return max(1, int(np.bincount(self.boxes.row, minlength=1).max()))

    def digest(self) -> bytes:
        """Of the boxes and where they were looked for: another where one was drawn anew."""
        boxes = self.boxes
        numbers = (boxes.xywh, boxes.row, boxes.annotated)
        return b"".join([*(one.tobytes() for one in numbers), "\n".join(boxes.finding).encode()])

    def present(self) -> NDArray[np.bool_]:
        """Which kinds have a box on which picture, [pictures, kinds]."""
        found = np.zeros((len(self.boxes.annotated), len(self.kinds)), np.bool_)
        for at, key in enumerate(self.kinds):
            found[self.boxes.row[self.boxes.finding == key], at] = True
        return found


def with_kinds(table: LabelTable, kinds: Sequence[str], *, others: bool) -> LabelTable:
    """The rows that can teach, with the boxes of some findings.

    Args:
        table: as it was read.
        kinds: keys of the findings that boxes are drawn around.
        others: whether rows on which nobody looked for boxes teach something else.

    Raises:
        LabelError: the table has no boxes, or none of a kind.
    """
    if table.boxes is None:
        raise LabelError(
            "A detection needs boxes, and the table has none: a table that Hilum saved holds them "
            "in a column boxes, a column map reads them from a second table ([boxes])."
        )
    known = set(table.boxes.finding.tolist())
    lacking = [key for key in kinds if key not in known]
    if lacking:
        raise LabelError(
            f"No box is drawn around {first_few(lacking)}; there are boxes around "
            f"{first_few(sorted(known)) or 'nothing'}."
        )
    boxes = table.boxes.kinds(kinds)
    notes = list(table.notes)
    if len(boxes) < len(table.boxes):
        lost = sorted(known - set(kinds))
        notes.append(
            f"{len(table.boxes) - len(boxes):,} boxes around {first_few(lost)} are left out."
        )
    empty = int((boxes.annotated & (np.bincount(boxes.row, minlength=len(table)) == 0)).sum())
    notes.append(
        f"{len(boxes):,} boxes; on {empty:,} images boxes were looked for and there is none: they "
        "teach that."
    )
    table = replace(table, boxes=boxes, notes=tuple(notes))
    unseen = np.flatnonzero(~boxes.annotated)
    if not len(unseen):
        return table
    what = "teach the other task alone" if others else "are left out"
    said = f"On {len(unseen):,} of {len(table):,} images nobody looked for boxes: they {what}."
    table = replace(table, notes=(*table.notes, said))
    return table if others else table.rows(np.flatnonzero(boxes.annotated))


def mark(
    table: LabelTable,
    images: Pack,
    known: Labelled,
    *,
    kinds: tuple[str, ...],
    masks: tuple[str, tuple[str, ...], Callable[[LabelTable, Pack], Masks]],
) -> tuple[Marked, Labelled, list[str]]:
    """What is drawn on pictures, and what sampling is told of it.

    Args:
        table: with boxes.
        images: its pictures, one a row.
        known: of findings.
        kinds: of boxes.
        masks: column of their files, structures, and what loads those of some rows.

    Returns:
        Boxes and masks; targets in which kinds that are no findings stand behind these; notes.

    Raises:
        LabelError: boxes reach outside their image, or masks cannot be used.
    """
    boxes, gone = on_pictures(table, images)
    marked = Marked(kinds, boxes)
    column, structures, loaded = masks
    if structures:
        there = np.flatnonzero(table.column(column).astype(str) != "")
        place = np.full(len(table), -1)
        place[there] = np.arange(len(there))
        drawn = loaded(table.rows(there), images.select(there))
        marked = Marked(kinds, boxes, structures, drawn, place)
    more = [at for at, key in enumerate(kinds) if key not in table.findings]
    targets = [known.targets, marked.present()[:, more].astype(np.float32)]
    seen = [known.mask, boxes.annotated[:, None].repeat(len(more), 1)]
    known = replace(known, targets=np.hstack(targets), mask=np.hstack(seen))
    return marked, known, gone


def on_pictures(table: LabelTable, images: Pack) -> tuple[Boxes, list[str]]:
    """The boxes of a table in pixels of packed pictures, cut at their edges.

    Args:
        table: with boxes.
        images: its pictures, one a row.

    Returns:
        The boxes; and, where too little of some is left, a note that says of how many.

    Raises:
        LabelError: boxes reach outside their image, as those of another frame do.
    """
    index = images.index
    wide, high = index["source_width"], index["source_height"]
    of_file = of_files(table, wide, high)
    assert of_file is not None
    _check_inside(table, of_file, wide, high)
    boxes = into_pack(of_file, index["to_source"])
    inside = clipped(boxes.xywh, images.spec.size)
    left = inside[:, 2] * inside[:, 3]
    kept = (left >= BOX_KEPT * boxes.xywh[:, 2] * boxes.xywh[:, 3]) & (left > 0)
    gone = int((~kept).sum())
    notes = [f"{gone:,} boxes lie outside what the network is shown (input.fit)."] if gone else []
    found = Boxes(boxes.row[kept], boxes.finding[kept], inside[kept], boxes.annotated)
    return found, notes


def check_parts(marked: Marked, parts: Mapping[str, Rows]) -> None:
    """See that each kind has boxes to learn from and to choose by.

    Raises:
        LabelError: a part has none of a kind.
    """
    there = marked.present()
    for part in ("train", "tune"):
        count = there[parts[part]].sum(0).tolist()
        lacking = [key for key, n in zip(marked.kinds, count, strict=True) if not n]
        if lacking:
            raise LabelError(
                f"No picture of {part} has a box around {first_few(lacking)}. Divide anew, or "
                "leave the kind out."
            )


def _check_inside(table: LabelTable, boxes: Boxes, wide: NDArray[Any], high: NDArray[Any]) -> None:
    out = boxes.outside(wide, high)
    if not out.any():
        return
    worst = [
        f"{table.images[row]} ({wide[row]} × {high[row]}): {boxes.xywh[at].round(1).tolist()}"
        for at in np.flatnonzero(out).tolist()
        for row in [boxes.row[at]]
    ]
    raise LabelError(
        f"{len(worst):,} of {len(boxes):,} boxes reach outside their image: "
        f"{first_few(worst, quoted=False)}. Were they measured on pictures of another size? Then "
        "say which in the columns width_px and height_px."
    )
