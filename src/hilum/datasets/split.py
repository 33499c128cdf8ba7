"""Parts of a table that share no patient."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.domain import LabelTable, Split, State
from hilum.domain.text import FEW, Text, coded, first_few, repeated, text
from hilum.errors import LabelError

BANDS = 4
"""Quantile bands that a column of numbers is cut into, to be spread evenly."""
MOST_VALUES = 50
"""Values of a column of which each may be left out once, or be a part."""
_ISO = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01])(T\d\d:\d\d(:\d\d(\.\d+)?)?)?)?)?")


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
        LabelError: fewer patients than parts, or a share that is no number above 0.

    Source:
        Sechidis, Tsoumakas, Vlahavas: On the stratification of multi-label data, ECML PKDD 2011,
        algorithm 1, with patients in place of examples.
    """
    normal = _normal(shares)
    rows = np.arange(len(table)) if rows is None else np.asarray(rows, np.int64)
    unit = units(table, together)[rows]
    _, unit = np.unique(unit, return_inverse=True)
    n, k = int(unit.max(initial=-1)) + 1, len(shares)
    if n < k:
        raise LabelError(f"{n} patients cannot be divided into {k} parts.")
    images = np.bincount(unit, minlength=n)
    # One more trait, so that patients without any finding are spread too.
    counts = np.empty((n, len(table.findings) + 1), np.min_scalar_type(int(images.max())))
    without = np.ones(len(rows), np.bool_)
    for trait in range(len(table.findings)):
        present = table.states[rows, trait] == State.PRESENT
        counts[:, trait] = np.bincount(unit[present], minlength=n)
        without &= ~present
    counts[:, -1] = np.bincount(unit[without], minlength=n)
    cell = np.zeros(n, np.int64)
    if spread is not None:
        cell[unit[::-1]] = spread[rows][::-1]
    home = _deal(counts, images, cell, normal, rng)
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
    _, patient = coded(table.patients)
    unit = patient
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
        if values.dtype == object:
            return coded(values)[1]
        return np.unique(values, return_inverse=True)[1].astype(np.int64)
    known = np.isfinite(values)
    edges = np.quantile(values[known], np.linspace(0, 1, BANDS + 1)[1:-1]) if known.any() else []
    return np.where(known, np.searchsorted(edges, values, "right"), -1).astype(np.int64)


def by_column(table: LabelTable, column: str, parts: Mapping[str, str]) -> Split:
    """The split that a column gives.

    Args:
        table: what to split.
        column: one of the table's columns.
        parts: part → the value that stands for it in the column, in a column of numbers written
            as one; other rows are left out.

    Raises:
        LabelError: no such column, a part without rows, or text for a column of numbers.
        LeakError: a patient stands in two parts.
    """
    values = table.column(column)
    wanted: dict[str, Any] = dict(parts)
    if values.dtype != object:
        try:
            wanted = {part: values.dtype.type(float(value)) for part, value in parts.items()}
        except (ValueError, OverflowError):
            raise LabelError(
                f"Column {column!r} holds numbers; got {first_few(parts.values())}."
            ) from None
    index = {part: np.flatnonzero(values == value) for part, value in wanted.items()}
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
        LabelError: an image that the table has not, a name alone that several images have, or a
            part without any.
        LeakError: a patient stands in two parts.
    """
    place = {image: row for row, image in enumerate(table.images.tolist())}
    bare = [image.rpartition("/")[2] for image in place]
    several = set(repeated(bare)) - set(place)
    for row, name in enumerate(bare):
        place.setdefault(name, row)
    index: dict[str, list[int]] = {}
    for part, images in lists.items():
        absent = [image for image in images if image not in place]
        if absent:
            raise LabelError(
                f"{len(absent)} of {len(images)} images of part {part!r} are not in the table: "
                f"{first_few(absent)}."
            )
        unclear = [image for image in images if image in several]
        if unclear:
            raise LabelError(
                f"{len(unclear)} names in the list of part {part!r} belong to several images of "
                f"the table: {first_few(unclear)}. Write them with their folders."
            )
        if not images:
            raise LabelError(f"The list of part {part!r} is empty.")
        index[part] = [place[image] for image in images]
    return Split.of(table, index)


def leave_one_out(table: LabelTable, column: str = "source") -> dict[str, Split]:
    """A split for each value of a column: that value is the test part, all others train.

    Rows without a value are in neither part. A patient with images of the value and of others is
    tested on; the other images are left out.

    Args:
        table: what to split.
        column: of text, such as "source".

    Returns:
        Value → split with parts "train" and "test".

    Raises:
        LabelError: no such column, numbers, fewer than two values, more than
            :data:`MOST_VALUES`, or a value that leaves no patient to train on.
    """
    values = table.column(column)
    if values.dtype != object:
        raise LabelError(f"Column {column!r} holds numbers; to leave one out takes a text column.")
    kinds, kind = coded(values)
    known = [at for at, value in enumerate(kinds.tolist()) if value]
    if len(known) < 2:
        only = kinds[known].tolist()
        raise LabelError(f"Column {column!r} holds {only} alone: nothing is left to train on.")
    if len(known) > MOST_VALUES:
        raise LabelError(
            f"Column {column!r} holds {len(known):,} values, more than {MOST_VALUES} splits: "
            f"{first_few(kinds[known])}."
        )
    _, patient = coded(table.patients)
    splits: dict[str, Split] = {}
    for at in known:
        test = kind == at
        tested = np.zeros(int(patient.max()) + 1, np.bool_)
        tested[patient[test]] = True
        train = np.flatnonzero((values != "") & ~tested[patient])
        if not len(train):
            raise LabelError(
                f"Every patient has images of {kinds[at]!r} in column {column!r}: nothing is left "
                f"to train on."
            )
        splits[kinds[at]] = Split.of(table, {"train": train, "test": np.flatnonzero(test)})
    return splits


def moments_of(table: LabelTable, column: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows whose moment is known, as finely as any, and rows whose moment is known more coarsely.

    Args:
        table: with that column.
        column: of numbers, or of text in ISO 8601: YYYY, YYYY-MM, YYYY-MM-DD or
            YYYY-MM-DDThh:mm[:ss]. Of dates of mixed precision the finest count, for 2020 is neither
            before nor after 2020-05.

    Returns:
        int64 [known], int64 [coarser]: row numbers, rising.

    Raises:
        LabelError: no such column, or text that is no date.
    """
    values = table.column(column)
    if values.dtype != object:
        known = np.isfinite(values) & ((values >= 0) if values.dtype.kind == "i" else True)
        return np.flatnonzero(known), np.zeros(0, np.int64)
    kinds, kind = coded(values)
    odd = [at for at, value in enumerate(kinds) if value and not _ISO.fullmatch(value)]
    if odd:
        rows = np.flatnonzero(np.isin(kind, odd))
        first = [f"{values[row]!r} at {table.images[row]}" for row in rows[:FEW]]
        more = f" and {len(rows) - FEW:,} more" if len(rows) > FEW else ""
        raise LabelError(
            f"Column {column!r} holds text that is no date in ISO 8601 (2019, 2019-03, "
            f"2019-03-04) on {len(rows):,} rows: {', '.join(first)}{more}."
        )
    precision = np.array([min(len(value), 19) for value in kinds], np.int64)[kind]
    finest = precision.max(initial=1)
    return (
        np.flatnonzero(precision == finest),
        np.flatnonzero((precision > 0) & (precision < finest)),
    )


def by_time(table: LabelTable, shares: Mapping[str, float], column: str = "date") -> Split:
    """Divide by time: earlier patients in the first part, later ones in the next.

    A patient belongs where the first of the images lies; images made after the end of that part's
    time are left out, so that no part sees what a later one is tested on.

    Args:
        table: what to split.
        shares: part → its share of the patients, in the order of time.
        column: "date" (ISO 8601), or a column of numbers; rows without it, and rows that tell it
            more coarsely than others (:func:`moments_of`), are left out.

    Raises:
        LabelError: no such column, text that is no date, no time known, a share that is no number
            above 0, or a part that comes out empty.
    """
    normal = _normal(shares)
    values = table.column(column)
    known, _ = moments_of(table, column)
    moments, moment = np.unique(values[known], return_inverse=True)
    _, patient = np.unique(table.patients[known], return_inverse=True)
    first = np.full(int(patient.max(initial=-1)) + 1, len(moments))
    np.minimum.at(first, patient, moment)
    ordered = np.sort(first)
    ends = np.cumsum(normal)[:-1] * len(first)
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
    bad = [part for part, share in shares.items() if not 0 < share < np.inf]
    if bad or not shares:
        raise LabelError(f"every part needs a share above 0; {bad or 'no part'} has none.")
    values = np.array(list(shares.values()), np.float64)
    return values / values.sum()


def _deal(
    counts: NDArray[np.unsignedinteger],
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
        order = np.lexsort((cell[waiting], -counts[waiting, trait].astype(np.int64)))
        for at in waiting[order]:
            part = int(np.lexsort((rng.random(k), -room.round(9), -lacks[:, trait].round(9)))[0])
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
