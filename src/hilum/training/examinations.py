"""Examinations: images of a patient that are read side by side, any of them missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from hilum.bundles.card import Preprocessing
from hilum.datasets.pack import Pack
from hilum.domain import LabelTable, State
from hilum.domain.text import Text, coded, first_few, text
from hilum.errors import LabelError, PackError
from hilum.training.rows import PLAIN, Item, Key, Labelled, Rows, labels
from hilum.transforms.augmentation import Policy

_RISING = (State.UNMENTIONED, State.ABSENT, State.UNCERTAIN, State.PRESENT)
"""Of the states of several images the one farthest to the right is that of the examination."""

_STATE = np.array(_RISING, np.uint8)
_RANK = np.argsort(_STATE)


def column_of_view(name: str) -> str:
    """Column of a table of examinations that holds the path of a view's image; "" is missing."""
    return f"image of view {name}"


def examinations(
    table: LabelTable, names: Sequence[str], *, group: str, view: str, agree: Sequence[str] = ()
) -> LabelTable:
    """A table of images → a table of examinations, a row each.

    An examination is known by the image of its first view, or of the first that it has, and has
    that image's boxes and columns. A finding is PRESENT where any of its images says so, else
    UNCERTAIN where any does, else ABSENT where any does, else UNMENTIONED. Of two images of one
    view the first by name is taken. What is left out is told in the notes.

    Args:
        table: a row an image.
        names: of the views; "PA|AP" takes either, PA first.
        group: column that says which images belong together, or "patient".
        view: column that says which view an image is.
        agree: further columns whose values must be one within an examination, as the split.

    Returns:
        Rows in the order of the images that they are known by; with a column more a view, see
        :func:`column_of_view`.

    Raises:
        LabelError: no such column, images without a group, no image of a view, or an examination
            of two patients or two values of ``agree``.
    """
    where = _column(table, group, "data.group")
    if (where == "").any():
        without = table.images[where == ""]
        raise LabelError(
            f"data.group: {len(without):,} images have nothing in the column {group!r}: "
            f"{first_few(without)}. Say which examination each belongs to, or leave their rows out."
        )
    _, code = coded(where)
    _check_one(table, code, table.patients, "patients")
    for name in agree:
        _check_one(table, code, _column(table, name, name), f"values of {name!r}")
    which, choice = _views(_column(table, view, "data.view"), names, view)
    used = np.flatnonzero(which >= 0)
    _, by_name = coded(table.images)
    order = used[np.lexsort((by_name[used], choice[used], which[used], code[used]))]
    taken = order[_firsts(code[order] * len(names) + which[order])]
    starts = _firsts(code[taken])
    number = np.repeat(np.arange(len(starts)), np.diff([*starts, len(taken)]))
    paths = np.full((len(starts), len(names)), "", object)
    paths[number, which[taken]] = table.images[taken]
    rank = np.maximum.reduceat(_RANK[table.states[taken]], starts, axis=0)
    rows = np.argsort(taken[starts])
    known_by = table.rows(taken[starts][rows])
    columns = {column_of_view(name): paths[rows, at] for at, name in enumerate(names)}
    spare, other = len(order) - len(taken), len(table) - len(used)
    return replace(
        known_by,
        states=_STATE[rank[rows]],
        columns={**known_by.columns, **columns},
        notes=(*table.notes, *_told(paths, names, spare, other)),
    )


def images_of(table: LabelTable, names: Sequence[str]) -> tuple[LabelTable, NDArray[np.int64]]:
    """All images of a table of examinations.

    Args:
        table: from :func:`examinations`, or rows of it.
        names: of the views.

    Returns:
        A table with a row an image, and int64 [examinations, views]: their rows in it, -1 for a
        view that is missing.
    """
    paths = np.stack([table.column(column_of_view(name)) for name in names], 1)
    there = (paths != "").astype(np.bool_)
    index = np.full(paths.shape, -1, np.int64)
    index[there] = np.arange(int(there.sum()))
    row = np.nonzero(there)[0]
    images = text(paths[there].tolist())
    return LabelTable(images, table.findings, table.states[row], table.patients[row]), index


@dataclass(frozen=True, slots=True)
class Views:
    """Pictures of examinations.

    Attributes:
        images: of all views, in one pack.
        index: int64 [examinations, views], rows of ``images``; -1 for a view that is missing.
        names: of the views.
        drop: share of the views present that training leaves out.
    """

    images: Pack | NDArray[np.uint8]
    index: NDArray[np.int64]
    names: tuple[str, ...]
    drop: float = 0.0

    def with_first(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of some examinations that have the first view, which the bundle reads."""
        return rows[self.index[rows, 0] >= 0]


class Examinations(Rows):
    """Examinations as items whose image is [views, 1, rows, columns], 0 where a view is missing.

    Each view is augmented with random numbers of its own.

    Args:
        views: their pictures.
        labelled: what is known of the examinations.
        rows: the examinations to serve.
        spec: of the input.
        policy: augmentation, for epochs; none for examinations that are only measured.
        seed: with the epoch, the examination and the view, decides every random number.
    """

    def __init__(
        self,
        views: Views,
        labelled: Labelled,
        rows: NDArray[np.int64],
        *,
        spec: Preprocessing,
        policy: Policy | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(views.images, labelled, rows, spec=spec, policy=policy, seed=seed)
        self.views = views

    def __getitem__(self, key: Key) -> Item | int:
        """One examination; its number where one of its pictures cannot be read."""
        epoch, at = key
        row = int(self.rows[at])
        index = self.views.index[row]
        there = index >= 0
        if epoch != PLAIN and self.views.drop:
            there = self._left(there, np.random.default_rng([self.seed, epoch, row, len(index)]))
        image = torch.zeros(len(index), 1, *self.spec.size)
        try:
            for view in np.flatnonzero(there).tolist():
                entropy = (self.seed, epoch, row, view)
                image[view] = self.prepared(int(index[view]), epoch, entropy)
        except (PackError, OSError):
            return row
        return Item(image, *labels(self, row), torch.from_numpy(there))

    def _left(self, there: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
        left = there & (rng.random(len(there)) >= self.views.drop)
        if not left.any():
            left[rng.choice(np.flatnonzero(there))] = True
        return left


def _column(table: LabelTable, name: str, key: str) -> Text:
    if name == "patient":
        return table.patients
    if name not in table.columns:
        raise LabelError(
            f"{key}: the table has no column {name!r}; it has patient, "
            f"{first_few(sorted(table.columns), quoted=False)}."
        )
    return text(table.columns[name])


def _views(
    said: Text, names: Sequence[str], column: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which view each image is, -1 for none, and which of the values that stand for it."""
    places = {
        value: (at, choice)
        for at, name in enumerate(names)
        for choice, value in enumerate(name.split("|"))
    }
    kinds, code = coded(said)
    of_kind = np.array([places.get(kind, (-1, 0)) for kind in kinds], np.int64).reshape(-1, 2)
    nowhere = [name for at, name in enumerate(names) if at not in of_kind[:, 0]]
    if nowhere:
        raise LabelError(
            f"model.views.names: no image is of the view {first_few(nowhere)}; the column "
            f"{column!r} holds {first_few(kinds)}."
        )
    which, choice = of_kind[code].T
    return which, choice


def _firsts(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where a run of equal values begins."""
    return np.flatnonzero(np.diff(values, prepend=values[0] - 1))


def _check_one(table: LabelTable, code: NDArray[np.int64], values: Text, what: str) -> None:
    _, value = coded(values)
    order = np.argsort(code, kind="stable")
    starts = _firsts(code[order])
    lowest, highest = (reduce.reduceat(value[order], starts) for reduce in (np.minimum, np.maximum))
    bad = table.images[order[starts[lowest != highest]]]
    if len(bad):
        raise LabelError(
            f"data.group: {len(bad):,} examinations have images of several {what}, those of "
            f"{first_few(bad)}. Mend the column, or group otherwise."
        )


def _told(paths: NDArray[np.object_], names: Sequence[str], spare: int, other: int) -> list[str]:
    there = paths != ""
    each = ", ".join(f"{name} {int(n):,}" for name, n in zip(names, there.sum(0), strict=True))
    told = [f"{len(paths):,} examinations of {int(there.sum()):,} images: {each}."]
    if spare:
        told.append(
            f"{spare:,} images are left out, as their examination has another of the same view; "
            "the first by name was taken."
        )
    if other:
        told.append(f"{other:,} images are left out: of none of these views.")
    lack = int((~there[:, 0]).sum())
    if lack:
        told.append(
            f"{lack:,} examinations lack the view {names[0]}, which the bundle reads: they are "
            "learnt from, and cannot be measured for it."
        )
    return told
