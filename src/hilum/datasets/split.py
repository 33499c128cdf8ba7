"""Parts of a table that share no patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.domain import LabelTable, Split, State
from hilum.domain.text import Text, first_few, text
from hilum.errors import LabelError

BANDS = 4
"""Quantile bands that a column of numbers is cut into, to be spread evenly."""


def divide(
    table: LabelTable,
    shares: Mapping[str, float],
    rng: np.random.Generator,
    *,
    rows: NDArray[np.int64] | None = None,
    together: NDArray[np.int64] | None = None,
    spread: NDArray[np.int64] | None = None,
) -> Split:
    """Divide rows into parts by patient, findings spread evenly.

    Patients are dealt out one by one, those with the rarest findings first, each to the part that
    lacks the largest share of the images with that finding that it should get. Among patients alike
    in findings, those alike in ``spread`` follow each other, so that they are dealt out in turn.

    Args:
        table: what to divide.
        shares: part → its share of the images; they need not add up to one.
        rng: breaks ties.
        rows: the rows to divide; all when None.
        together: int64 [images], the same number for rows that must stay in one part (near
            duplicates, beside the patients); None when patients alone decide.
        spread: int64 [images], a code of what else to spread evenly, from :func:`cells`; the
            first image of a patient speaks for all.

    Returns:
        The split, by the names in ``shares``.

    Raises:
        LabelError: fewer patients than parts, or a share that is not above 0.

    Source:
        Sechidis, Tsoumakas, Vlahavas: On the stratification of multi-label data, ECML PKDD 2011,
        algorithm 1, with patients in place of examples.
    """
    bad = [part for part, share in shares.items() if not share > 0]
    if bad or not shares:
        raise LabelError(f"every part needs a share above 0; {bad or 'no part'} has none.")
    rows = np.arange(len(table)) if rows is None else np.asarray(rows, np.int64)
    unit = units(table, together)[rows]
    _, unit = np.unique(unit, return_inverse=True)
    n, k = int(unit.max(initial=-1)) + 1, len(shares)
    if n < k:
        raise LabelError(f"{n} patients cannot be divided into {k} parts.")
    present = table.states[rows] == State.PRESENT
    # One more column, so that patients without any finding are spread too.
    positive = np.column_stack([present, ~present.any(1)]).astype(np.float64)
    counts = np.stack([np.bincount(unit, trait, n) for trait in positive.T], 1).astype(np.float64)
    cell = np.zeros(n, np.int64)
    if spread is not None:
        cell[unit[::-1]] = spread[rows][::-1]
    home = _deal(counts, np.bincount(unit, minlength=n), cell, _normal(shares), rng)
    return Split.of(table, {part: rows[home[unit] == i] for i, part in enumerate(shares)})


def folds(table: LabelTable, rows: NDArray[np.int64], k: int, rng: np.random.Generator) -> Split:
    """Divide rows into ``k`` folds by patient, findings spread evenly; see :func:`divide`.

    Args:
        table: what to split.
        rows: the rows to divide.
        k: number of folds, at least 2.
        rng: breaks ties.

    Returns:
        Parts "fold 0" … "fold k−1".

    Raises:
        LabelError: fewer patients than folds.
    """
    return divide(table, {f"fold {i}": 1.0 for i in range(k)}, rng, rows=rows)


def units(table: LabelTable, together: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Which rows must stay in one part.

    Args:
        table: its patients stay whole.
        together: int64 [images], the same number for rows that belong together besides.

    Returns:
        int64 [images], the same number for rows that patients or ``together`` connect, however
        many steps apart.
    """
    _, patient = np.unique(table.patients, return_inverse=True)
    unit = patient.astype(np.int64)
    if together is None:
        return unit
    _, group = np.unique(together, return_inverse=True)
    while True:  # the least number travels through groups and patients until nothing changes
        before = unit
        for link in (group, patient):
            least = np.full(int(link.max(initial=-1)) + 1, len(table), np.int64)
            np.minimum.at(least, link, unit)
            unit = least[link]
        if (unit == before).all():
            return unit


def cells(
    table: LabelTable, columns: Sequence[str] = (), survival: tuple[str, str] | None = None
) -> NDArray[np.int64]:
    """A code of what a split spreads evenly besides findings.

    Args:
        table: whose columns are meant.
        columns: their values count, the first named best; numbers in quantile bands.
        survival: a finding that tells the event, and a column with the time to it or to the end
            of watching: bands of time are spread among those with and without the event alone.

    Returns:
        int64 [images], rising with the values of the first column, then of the next.

    Raises:
        LabelError: no such column or finding.
    """
    codes = []
    if survival is not None:
        event, time = survival
        codes += [table.select([event]).states[:, 0].astype(np.int64), bands(table.column(time))]
    codes += [bands(table.column(name)) for name in columns]
    if not codes:
        return np.zeros(len(table), np.int64)
    return np.unique(np.stack(codes, 1), axis=0, return_inverse=True)[1].astype(np.int64).ravel()


def bands(values: NDArray[Any]) -> NDArray[np.int64]:
    """Codes of a column: one a value of text, one a quantile band of numbers, one for unknown."""
    if values.dtype.kind != "f":
        return np.unique(values, return_inverse=True)[1].astype(np.int64)
    known = np.isfinite(values)
    edges = np.quantile(values[known], np.linspace(0, 1, BANDS + 1)[1:-1]) if known.any() else []
    return np.where(known, np.searchsorted(edges, values, "right"), -1).astype(np.int64)


def by_column(table: LabelTable, column: str, parts: Mapping[str, str]) -> Split:
    """The split that a column gives.

    Args:
        table: what to split.
        column: one of the table's columns.
        parts: part → the value that stands for it in the column; other rows are left out.

    Raises:
        LabelError: no such column, or a part without rows.
        LeakError: a patient stands in two parts.
    """
    values = table.column(column)
    index = {part: np.flatnonzero(values == value) for part, value in parts.items()}
    empty = [part for part, rows in index.items() if not len(rows)]
    if empty:
        known = first_few(np.unique(values).tolist())
        raise LabelError(f"No row of column {column!r} stands for {empty}; it holds {known}.")
    return Split.of(table, index)


def by_lists(table: LabelTable, lists: Mapping[str, Sequence[str]]) -> Split:
    """The split that lists of images give, as publishers hand them out.

    Args:
        table: what to split.
        lists: part → images, as the table names them, or by their file's name alone.

    Raises:
        LabelError: an image that the table has not, or a part without any.
        LeakError: a patient stands in two parts.
    """
    place = {image: row for row, image in enumerate(table.images.tolist())}
    for image, row in list(place.items()):
        place.setdefault(image.rpartition("/")[2], row)
    index: dict[str, list[int]] = {}
    for part, images in lists.items():
        absent = [image for image in images if image not in place]
        if absent:
            raise LabelError(
                f"{len(absent)} of {len(images)} images of part {part!r} are not in the table: "
                f"{first_few(absent)}."
            )
        if not images:
            raise LabelError(f"The list of part {part!r} is empty.")
        index[part] = [place[image] for image in images]
    return Split.of(table, index)


def leave_one_out(table: LabelTable, column: str = "source") -> dict[str, Split]:
    """A split for each value of a column: that value is the test part, all others train.

    Args:
        table: what to split.
        column: such as "source".

    Returns:
        Value → split with parts "train" and "test".

    Raises:
        LabelError: no such column, or fewer than two values.
        LeakError: a patient has images of two values.
    """
    values = table.column(column)
    kinds = np.unique(values).tolist()
    if len(kinds) < 2:
        raise LabelError(f"Column {column!r} holds {kinds} alone: nothing is left to train on.")
    return {
        str(kind): Split.of(
            table, {"train": np.flatnonzero(values != kind), "test": np.flatnonzero(values == kind)}
        )
        for kind in kinds
    }


def by_time(table: LabelTable, shares: Mapping[str, float], column: str = "date") -> Split:
    """Divide by time: earlier patients in the first part, later ones in the next.

    A patient belongs where the first of the images lies; images made after the end of that part's
    time are left out, so that no part sees what a later one is tested on.

    Args:
        table: what to split.
        shares: part → its share of the patients, in the order of time.
        column: "date" (ISO 8601), or a column of numbers; rows without it are left out.

    Raises:
        LabelError: no such column, no time known, or a part that comes out empty.
    """
    values = table.column(column)
    known = np.flatnonzero(values != "" if values.dtype.kind == "T" else np.isfinite(values))
    if values.dtype.kind == "i":
        known = known[values[known] >= 0]
    moments, moment = np.unique(values[known], return_inverse=True)
    _, patient = np.unique(table.patients[known], return_inverse=True)
    first = np.full(int(patient.max(initial=-1)) + 1, len(moments))
    np.minimum.at(first, patient, moment)
    ordered = np.sort(first)
    ends = np.cumsum(list(_normal(shares)))[:-1] * len(first)
    cuts = [int(ordered[min(len(ordered) - 1, round(end))]) for end in ends] if len(first) else []
    part_of = np.searchsorted(cuts, first, "right")[patient]
    own = np.searchsorted(cuts, moment, "right") == part_of
    index = {part: known[own & (part_of == at)] for at, part in enumerate(shares)}
    empty = [part for part, rows in index.items() if not len(rows)]
    if empty:
        raise LabelError(
            f"By {column!r}, {len(moments)} moments of {len(first)} patients leave {empty} empty; "
            f"choose other shares."
        )
    return Split.of(table, index)


def _normal(shares: Mapping[str, float]) -> NDArray[np.float64]:
    values = np.array(list(shares.values()), np.float64)
    return values / values.sum()


def _deal(
    counts: NDArray[np.float64],
    images: NDArray[np.int64],
    cell: NDArray[np.int64],
    shares: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Part of each unit, from its images with each trait [units, traits], its images and cell."""
    k = len(shares)
    # The share of what each part should get that it still lacks: of each trait, and of images.
    wanted = np.maximum(shares[:, None] * counts.sum(0), 1e-9)
    lacks, room = np.ones_like(wanted), np.ones(k)
    home = np.full(len(counts), -1)
    for trait in np.argsort(counts.sum(0), kind="stable"):
        waiting = np.flatnonzero((home < 0) & (counts[:, trait] > 0))
        rng.shuffle(waiting)
        order = np.lexsort((cell[waiting], -counts[waiting, trait]))
        ties = rng.random((len(waiting), k))
        for at, tie in zip(waiting[order], ties, strict=True):
            part = int(np.lexsort((tie, -room.round(9), -lacks[:, trait].round(9)))[0])
            home[at] = part
            lacks[part] -= counts[at] / wanted[part]
            room[part] -= images[at] / (shares[part] * images.sum())
    for part in np.flatnonzero(np.bincount(home, minlength=k) == 0):
        donors = np.flatnonzero(home == np.argmax(np.bincount(home, minlength=k)))
        home[donors[np.argmin(images[donors])]] = part
    return home


def parts_of(table: LabelTable, split: Split) -> Text:
    """The part of each image, "" for those that are in none."""
    parts = text([""] * len(table))
    for part, rows in split.parts.items():
        parts[rows] = part
    return parts
