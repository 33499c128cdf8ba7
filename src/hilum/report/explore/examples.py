"""Small pictures of example radiographs, with the boxes that readers drew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.domain import Affine, LabelTable, Radiograph, finding
from hilum.report.names import file_stem
from hilum.report.pictures import jpeg, preview
from hilum.report.results_folder import ResultsFolder

LONG_SIDE_PX = 512
"""As large as pictures are looked at; the page shows them small and opens them so."""
COLOUR = (0, 159, 230)
"""Blue, green, red: the orange of Okabe & Ito."""


class Examples:
    """Draws the radiographs that were chosen as examples, in whatever thread they are read.

    Args:
        folder: for the pictures.
        table: of labels.
        chosen: key of a finding → rows.
    """

    def __init__(
        self, folder: ResultsFolder, table: LabelTable, chosen: Mapping[str, tuple[int, ...]]
    ) -> None:
        self._folder, self._table = folder, table
        self._chosen = chosen
        self._rows = frozenset(row for rows in chosen.values() for row in rows)
        self._drawn: dict[tuple[str, int], str] = {}

    @property
    def rows(self) -> frozenset[int]:
        """Rows that were chosen."""
        return self._rows

    def draw(self, row: int, radiograph: Radiograph) -> None:
        """Draw a radiograph, if it was chosen.

        Raises:
            RunError: the disk refuses.
        """
        if row not in self._rows:
            return
        stem = file_stem(str(self._table.images[row]))
        grey = preview(radiograph, LONG_SIDE_PX)
        labels = () if self._table.boxes is None else self._table.boxes.of(row)[0].tolist()
        boxes = boxes_on(self._table, row, radiograph)
        for key in (key for key, rows in self._chosen.items() if row in rows):
            name = f"examples/{key}/{stem}.jpg"
            words = [finding(label).label if label == key else "" for label in labels]
            self._folder.write_bytes(name, jpeg(with_boxes(grey, boxes, words)))
            self._drawn[key, row] = name

    def drawn(self) -> dict[str, list[tuple[int, str]]]:
        """Key of a finding → its examples that could be read: row and name of the picture."""
        found = {
            key: [(row, self._drawn[key, row]) for row in rows if (key, row) in self._drawn]
            for key, rows in self._chosen.items()
        }
        return {key: pictures for key, pictures in found.items() if pictures}


def boxes_on(table: LabelTable, row: int, radiograph: Radiograph) -> NDArray[np.float64]:
    """Boxes of an image as corners in parts of its width and height.

    Args:
        table: whose boxes are measured in pixels of the image file, of the size that its columns
            width_px and height_px tell where they do.
        row: of the image.
        radiograph: the image, of whatever size.

    Returns:
        float64 [boxes, 4]: left, top, right, bottom in [0, 1].
    """
    if table.boxes is None:
        return np.zeros((0, 4))
    _, xywh = table.boxes.of(row)
    high, wide = radiograph.source.shape
    told = [
        int(table.columns[n][row]) if n in table.columns else 0 for n in ("width_px", "height_px")
    ]
    file_wide, file_high = told if all(told) else (wide, high)
    to_picture = Affine.scale(wide / file_wide, high / file_high).then(
        radiograph.source.to_source.inverse()
    )
    rows, columns = radiograph.shape
    corners = []
    for x, y, w, h in xywh.tolist():
        ends = to_picture(np.array([(x, y), (x + w, y + h)])) / (columns, rows)
        corners.append([*ends.min(axis=0), *ends.max(axis=0)])
    return np.clip(np.array(corners).reshape(-1, 4), 0, 1)


def with_boxes(
    grey: NDArray[np.uint8], boxes: NDArray[np.float64], labels: Sequence[str]
) -> NDArray[np.uint8]:
    """The picture with boxes and their labels drawn in; as it is where there are none.

    Args:
        grey: uint8 [rows, columns].
        boxes: from :func:`boxes_on`.
        labels: one a box, in plain letters; "" for boxes of other findings, drawn thin.

    Returns:
        uint8 [rows, columns, 3], blue, green, red.
    """
    if not len(boxes):
        return grey
    rows, columns = grey.shape
    colour = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    pairs = sorted(zip(boxes.tolist(), labels, strict=True), key=lambda pair: pair[1] != "")
    for (left, top, right, bottom), label in pairs:
        one = (round(left * (columns - 1)), round(top * (rows - 1)))
        other = (round(right * (columns - 1)), round(bottom * (rows - 1)))
        cv2.rectangle(colour, one, other, COLOUR, 3 if label else 1)
        place = (min(one[0], max(0, columns - 7 * len(label))), max(10, one[1] - 4))
        for ink, thick in (((0, 0, 0), 3), (COLOUR, 1)):  # black around it: seen on bone as well
            cv2.putText(
                colour, label, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, ink, thick, cv2.LINE_AA
            )
    return colour
