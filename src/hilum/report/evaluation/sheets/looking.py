"""What a sheet asks the bundle for: heatmaps, and boxes of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.bundles import load
from hilum.datasets.files import find_images
from hilum.datasets.predicted_boxes import BoxFile, placed_boxes
from hilum.domain import Affine, Heatmap, LabelTable, Radiograph, Reading, Refusal
from hilum.evaluation.localisation import PredictedBoxes, evidence_in_boxes
from hilum.imaging import FoundFile
from hilum.reading import Reader, read_many
from hilum.reading.boxes.finding import boxed
from hilum.report.boxes import Corners, on_picture
from hilum.report.evaluation.sheets.cases import Evidence
from hilum.report.explore.examples import boxes_on

Tell = Callable[[int, int], None]
Drawn = tuple[Corners, float]
"""A box of the model and its score."""

T = TypeVar("T")

_FINE = 8
"""Places a cell of a heatmap, each way."""


@dataclass(frozen=True, slots=True, eq=False)
class Looker:
    """Looks at labelled radiographs with a bundle.

    Attributes:
        reader: with heatmaps and radiographs, made with ``threads=1``.
        table: of the reference.
        folder: that its images lie in.
        predicted: boxes of the model on the table's rows; None where the reader draws them.
        workers: radiographs at a time.
    """

    reader: Reader
    table: LabelTable
    folder: Path
    predicted: PredictedBoxes | None
    workers: int

    @classmethod
    def of(
        cls,
        bundle: str | Path,
        table: LabelTable,
        folder: Path,
        *,
        drawn: BoxFile | None = None,
        workers: int = 1,
    ) -> Looker:
        """Open a bundle.

        Args:
            bundle: its name, folder or file.
            table: of the reference, with boxes of readers where there are some.
            folder: that its images lie in.
            drawn: boxes of the model; those of the bundle itself where None and it draws some.
            workers: radiographs at a time.

        Raises:
            BundleError: the bundle cannot be loaded.
            LabelError: the boxes lie on no image of the table.
        """
        loaded = load(bundle)
        own = drawn is None and bool(boxed(loaded.card))
        reader = Reader.of(loaded, keep_radiograph=True, boxes=own)
        predicted = None if drawn is None else placed_boxes(drawn, table)[0]
        return cls(reader, table, folder, predicted, workers)

    def boxed(self, findings: Iterable[str]) -> dict[str, set[str]]:
        """Images with readers' boxes → those of some findings that have one."""
        wanted, boxes = set(findings), self.table.boxes
        found: dict[str, set[str]] = {}
        if boxes is not None:
            names = self.table.images[boxes.row].tolist()
            for name, key in zip(names, boxes.finding.tolist(), strict=True):
                if key in wanted:
                    found.setdefault(name, set()).add(key)
        return found

    def evidence(
        self, wanted: Mapping[str, Iterable[str]], tell: Tell
    ) -> dict[tuple[str, str], Evidence]:
        """Where the evidence lies: (image, finding) → share in the readers' boxes, and by chance.

        Args:
            wanted: image → findings with readers' boxes on it.
            tell: told how many were looked at, and of how many.
        """
        rows = self._rows()

        def measured(said: Reading | Refusal) -> list[tuple[tuple[str, str], Evidence]]:
            if isinstance(said, Refusal) or said.radiograph is None:
                return []
            name = said.source.name
            found: list[tuple[tuple[str, str], Evidence]] = []
            for key in wanted[name]:
                heatmap = said.heatmap(key)
                if heatmap is not None:
                    boxes = np.array(self.reference(rows[name], said.radiograph, key))
                    points, lit = _places(heatmap, said.radiograph)
                    found.append(((name, key), evidence_in_boxes(points, lit, boxes)))
            return found

        return {key: value for part in self.each(wanted, measured, tell) for key, value in part}

    def each(
        self, images: Iterable[str], finish: Callable[[Reading | Refusal], T], tell: Tell
    ) -> list[T]:
        """What is made of each of some images that has a file.

        Args:
            images: names in the table.
            finish: takes what the bundle said, in the thread that read it.
            tell: told how many were looked at, and of how many.
        """
        rows = self._rows()
        wanted = np.array(sorted(rows[name] for name in set(images)), np.int64)
        if not len(wanted):
            return []
        table = self.table.rows(wanted)
        pairs = zip(table.images.tolist(), find_images(table, self.folder).paths, strict=True)
        files = [FoundFile(path, name) for name, path in pairs if path is not None]
        made: list[T] = []
        for one in read_many(files, self.reader, workers=self.workers, finish=finish):
            made.append(one)
            tell(len(made), len(files))
        return made

    def reference(self, row: int, radiograph: Radiograph, key: str) -> list[Corners]:
        """Readers' boxes of a finding, in parts of the picture."""
        if self.table.boxes is None:
            return []
        kinds = self.table.boxes.of(row)[0].tolist()
        corners = boxes_on(self.table, row, radiograph).tolist()
        return [(a, b, c, d) for kind, (a, b, c, d) in zip(kinds, corners, strict=True)
                if kind == key]  # fmt: skip

    def model(self, row: int, reading: Reading, radiograph: Radiograph, key: str) -> list[Drawn]:
        """The model's boxes of a finding, in parts of the picture, with their scores."""
        if self.predicted is None:
            mine = [box for box in reading.boxes if box.finding == key]
            places = on_picture(mine, radiograph)
            return [(place, box.score) for place, box in zip(places, mine, strict=True)]
        at = np.flatnonzero((self.predicted.row == row) & (self.predicted.finding == key))
        rows, columns = radiograph.shape
        back = radiograph.source.to_source.inverse()
        found: list[Drawn] = []
        for (x, y, w, h), score in zip(
            self.predicted.xywh[at].tolist(), self.predicted.score[at].tolist(), strict=True
        ):
            ends = np.clip(back([(x, y), (x + w, y + h)]) / (columns, rows), 0, 1)
            (left, top), (right, bottom) = ends.min(0).tolist(), ends.max(0).tolist()
            found.append(((left, top, right, bottom), score))
        return found

    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.table.images.tolist())}


def _places(
    heatmap: Heatmap, radiograph: Radiograph
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places on the picture, in parts of it, and the positive evidence as it is drawn there."""
    high, wide = heatmap.values.shape
    positive = np.maximum(heatmap.values, 0)
    fine = cv2.resize(positive, (wide * _FINE, high * _FINE), interpolation=cv2.INTER_CUBIC)
    lit = np.maximum(np.asarray(fine, np.float64), 0).ravel()
    y, x = (np.mgrid[: high * _FINE, : wide * _FINE] + 0.5) / _FINE
    rows, columns = radiograph.shape
    to_parts = heatmap.to_radiograph.then(Affine.scale(1 / columns, 1 / rows))
    points = to_parts(np.stack([x.ravel(), y.ravel()], axis=1))
    seen = ((points >= 0) & (points < 1)).all(1)  # what fills up around the picture is left out
    return points[seen], lit[seen]
