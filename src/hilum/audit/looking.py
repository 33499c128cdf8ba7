"""Looks at every picture once, and keeps the little that the checks need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.audit.views import Box, border, hide, reach
from hilum.datasets.files import find_images
from hilum.datasets.side_by_side import in_order
from hilum.domain import LabelTable, Radiograph
from hilum.errors import IntakeError, RunError
from hilum.imaging import read

LONGEST_PX = 1024

Floats = NDArray[np.float32]
Network = Callable[[Floats], tuple[Floats, Floats | None]]
"""From grey levels in [0, 1], [rows, columns], to scores [findings] and features [width], or no
features. Called by several threads at once."""
Lungs = Callable[[Radiograph], Box | None]
"""Where both lungs lie, in pixels; None where nobody can say."""
Progress = Callable[[str, int, int], None]
"""Told the step, how many are done, and of how many."""


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What was seen of some pictures of a table; one row a picture.

    Attributes:
        rows: of the table, int64 [pictures].
        border: float32 [pictures, 348], see :func:`hilum.audit.views.border`.
        network: what the features and scores are of; "" without a network.
        findings: keys of the network's scores.
        scores: float32 [pictures, findings] of the whole picture; None without a network.
        features: float32 [pictures, width]; None where the network gives none.
        lungs: bool [pictures], where lungs were found and hidden.
        hidden_scores: as ``scores``, with the lungs hidden; of no meaning where none were found.
        hidden_features: as ``features``, with the lungs hidden; likewise.
        reach: float32 [pictures], share of the border that the box of the lungs reaches into.
        unread: row of the table → why its picture was not seen.
    """

    rows: NDArray[np.int64]
    border: Floats
    network: str = ""
    findings: tuple[str, ...] = ()
    scores: Floats | None = None
    features: Floats | None = None
    lungs: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    hidden_scores: Floats | None = None
    hidden_features: Floats | None = None
    reach: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    unread: dict[int, str] = field(default_factory=dict[int, str])

    def within(self, rows: NDArray[np.int64]) -> Looks:
        """The same looks at ``table.rows(rows)``; pictures of other rows are left out.

        Args:
            rows: of the table that these looks are of, each once.
        """
        place = {row: at for at, row in enumerate(rows.tolist())}
        kept = np.array([row in place for row in self.rows.tolist()])

        def some(values: Floats | None) -> Floats | None:
            return None if values is None else values[kept]

        return replace(
            self,
            rows=np.array([place[row] for row in self.rows[kept].tolist()], np.int64),
            border=self.border[kept],
            scores=some(self.scores),
            features=some(self.features),
            lungs=self.lungs[kept],
            hidden_scores=some(self.hidden_scores),
            hidden_features=some(self.hidden_features),
            reach=self.reach[kept],
            unread={place[row]: why for row, why in self.unread.items() if row in place},
        )


@dataclass(frozen=True, slots=True)
class Eyes:
    """What pictures are looked at with.

    Attributes:
        network: scores and features; None to look at the border alone.
        name: of the network.
        findings: keys of its scores.
        lungs: finds the lungs; None to hide none.
    """

    network: Network | None = None
    name: str = ""
    findings: tuple[str, ...] = ()
    lungs: Lungs | None = None


@dataclass(slots=True)
class _Seen:
    border: Floats
    whole: tuple[Floats, Floats | None] | None = None
    hidden: tuple[Floats, Floats | None] | None = None
    reach: float = 0.0


def look(
    table: LabelTable,
    folder: Path,
    rows: Sequence[int] | NDArray[np.int64],
    eyes: Eyes,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Looks:
    """Look at pictures: each file is read once, and only vectors are kept.

    A network is run twice a picture, whole and with the lungs hidden. Memory: the vectors alone,
    some 12 kB a picture for 1,280 features.

    Args:
        table: its images are paths below ``folder``, or names of files somewhere below it.
        folder: of the images.
        rows: of the table.
        eyes: what to look with.
        workers: pictures at a time.
        progress: told how far it is.

    Raises:
        RunError: no such folder, or none of the pictures could be seen.
    """
    paths = find_images(table, folder).paths
    tell = progress or (lambda step, done, total: None)
    chosen = np.asarray(rows, np.int64)

    def see(row: int) -> _Seen | str:
        path = paths[row]
        if path is None:
            return "no file"
        try:
            return _see(read(path, longest_px=LONGEST_PX), eyes)
        except IntakeError as error:
            return str(error)

    kept: list[int] = []
    seen: list[_Seen] = []
    unread: dict[int, str] = {}
    every = chosen.tolist()
    for done, (row, one) in enumerate(zip(every, in_order(see, every, workers), strict=True), 1):
        if isinstance(one, str):
            unread[row] = one
        else:
            kept.append(row)
            seen.append(one)
        tell("look", done, len(every))
    if not seen:
        raise RunError(f"None of the {len(every):,} pictures in {folder} could be seen.")
    return _stacked(np.array(kept, np.int64), seen, eyes, unread)


def _see(radiograph: Radiograph, eyes: Eyes) -> _Seen | str:
    seen = _Seen(border(radiograph.pixels))
    if eyes.network is not None:
        seen.whole = eyes.network(radiograph.pixels)
        if not _finite(seen.whole):
            return "the network gave no finite number"
    box = None if eyes.lungs is None else eyes.lungs(radiograph)
    if box is not None:
        seen.reach = reach(radiograph.shape, box)
        if eyes.network is not None:
            seen.hidden = eyes.network(hide(radiograph.pixels, box))
            if not _finite(seen.hidden):
                return "the network gave no finite number with the lungs hidden"
    return seen


def _finite(out: tuple[Floats, Floats | None]) -> bool:
    return all(bool(np.isfinite(end).all()) for end in out if end is not None)


def _stacked(
    rows: NDArray[np.int64], seen: list[_Seen], eyes: Eyes, unread: dict[int, str]
) -> Looks:
    whole = [one.whole for one in seen]
    return Looks(
        rows=rows,
        border=np.stack([one.border for one in seen]),
        network=eyes.name if eyes.network is not None else "",
        findings=eyes.findings,
        scores=_rows([None if out is None else out[0] for out in whole]),
        features=_rows([None if out is None else out[1] for out in whole]),
        lungs=np.array([one.hidden is not None for one in seen]),
        hidden_scores=_rows([None if one.hidden is None else one.hidden[0] for one in seen]),
        hidden_features=_rows([None if one.hidden is None else one.hidden[1] for one in seen]),
        reach=np.array([one.reach for one in seen], np.float32),
        unread=unread,
    )


def _rows(vectors: Sequence[Floats | None]) -> Floats | None:
    """Vectors as rows, zeros where there is none; None where there is none at all."""
    some = next((vector for vector in vectors if vector is not None), None)
    if some is None:
        return None
    out = np.zeros((len(vectors), *some.shape), np.float32)
    for at, vector in enumerate(vectors):
        if vector is not None:
            out[at] = vector
    return out
