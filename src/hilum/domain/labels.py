"""Label tables: images × findings, every cell one of four states."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hilum.domain.boxes import Boxes
from hilum.domain.findings import known_finding
from hilum.domain.text import Text, coded, first_few, repeated, text
from hilum.errors import LabelError, LeakError


class State(IntEnum):
    """What a source says of a finding on an image."""

    ABSENT = 0
    PRESENT = 1
    UNCERTAIN = 2
    UNMENTIONED = 3


@dataclass(frozen=True, slots=True)
class Policy:
    """How states become targets.

    Attributes:
        uncertain: target for UNCERTAIN: a number in [0, 1], or None to leave the cell out.
        unmentioned: target for UNMENTIONED: the same.
        findings: policies of single findings, by key, where they differ from this one.
    """

    uncertain: float | None = None
    unmentioned: float | None = None
    findings: Mapping[str, Policy] = field(default_factory=dict[str, "Policy"])

    def __post_init__(self) -> None:
        for value in (self.uncertain, self.unmentioned):
            if value is not None and not 0.0 <= value <= 1.0:
                raise LabelError(f"a policy's target must lie in [0, 1], got {value!r}")


_TEXT: np.dtype[Any] = np.dtype(object)

COLUMNS: Mapping[str, tuple[np.dtype[Any], str]] = {
    "study": (_TEXT, "the examination; several images may belong to one"),
    "series": (_TEXT, "the series within the study"),
    "view": (_TEXT, 'direction of projection: "PA", "AP", "lateral", "other"'),
    "sex": (_TEXT, '"F", "M", "O" (other)'),
    "age_years": (np.dtype(np.float32), "age when the image was made; NaN where unknown"),
    "date": (_TEXT, "when the image was made, ISO 8601, to the known precision"),
    "visit": (np.dtype(np.int32), "number of the visit, rising in time; -1 where unknown"),
    "days": (np.dtype(np.float32), "days since onset or admission; NaN where unknown"),
    "source": (_TEXT, "where the image comes from: collection, hospital, road"),
    "split": (_TEXT, "the publisher's part: train, tune, test"),
    "licence": (_TEXT, "licence of the image, where it differs by image"),
    "width_px": (np.dtype(np.int32), "width of the image file; 0 where unknown"),
    "height_px": (np.dtype(np.int32), "height of the image file; 0 where unknown"),
}
"""Columns with one meaning in every table: type and meaning; other columns are text."""

UNKNOWN: Mapping[str, float] = {
    "age_years": np.nan, "days": np.nan, "visit": -1, "width_px": 0, "height_px": 0,
}  # fmt: skip
"""What stands for "unknown" in columns of numbers."""

VALUES = {"view": {"PA", "AP", "lateral", "other", ""}, "sex": {"F", "M", "O", ""},
          "split": {"train", "tune", "test", ""}}  # fmt: skip
"""The values that columns of few values may hold; "" is unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelTable:
    """Images with their labels and the facts that splitting and exploring need; a row an image.

    Columns may be given as any sequence. They are kept as read-only arrays: copied, unless nobody
    can write to what was given.

    Attributes:
        images: paths or names, unique.
        findings: keys of findings, one a column of ``states``.
        states: uint8 [images, findings], values of :class:`State`.
        patients: who the image is of, one an image, without blanks around; the unit that no split
            may share.
        columns: other columns by name, one value an image; those of :data:`COLUMNS` have the type
            stated there, all others are text.
        boxes: boxes drawn by readers; None where the source draws none.
        notes: what was left out, doubted or not found while reading, a sentence each; not saved.
    """

    images: Text
    findings: tuple[str, ...]
    states: NDArray[np.uint8]
    patients: Text
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])
    boxes: Boxes | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", _kept(text(self.images)))
        patients = text(p.strip() for p in text(self.patients))  # "p1 " is p1: else splits leak
        object.__setattr__(self, "patients", _kept(patients))
        object.__setattr__(self, "states", _kept(np.asarray(self.states)))
        columns = {n: _kept(column_of(n, values)) for n, values in self.columns.items()}
        object.__setattr__(self, "columns", columns)
        self._check_shapes()
        self._check_images()
        self._check_columns()

    def _check_shapes(self) -> None:
        n, f = len(self.images), len(self.findings)
        if self.states.shape != (n, f) or self.states.dtype != np.uint8:
            raise LabelError(
                f"states must be uint8 [{n}, {f}], got {self.states.dtype} "
                f"{list(self.states.shape)}"
            )
        if self.states.size and self.states.max() > max(State):
            raise LabelError(f"states hold {self.states.max()}, known are 0 to {max(State):d}")
        if len(set(self.findings)) != f:
            raise LabelError(f"findings stand twice: {first_few(repeated(self.findings))}")
        if self.boxes is not None and len(self.boxes.annotated) != n:
            raise LabelError(f"boxes are for {len(self.boxes.annotated)} images, not for {n}")

    def _check_images(self) -> None:
        twice = repeated(self.images)
        if twice:
            raise LabelError(f"{len(twice)} image names stand twice: {first_few(twice)}.")
        if len(self.patients) != len(self.images) or (self.patients == "").any():
            raise LabelError(
                "every image needs a patient, so that splits cannot leak; "
                f"{int((self.patients == '').sum())} have none"
            )

    def _check_columns(self) -> None:
        for name, values in self.columns.items():
            if len(values) != len(self.images):
                raise LabelError(
                    f"column {name!r} has {len(values)} values for {len(self.images)} images"
                )
            if known_finding(name) or name in RESERVED:
                raise LabelError(f"column {name!r} has the name of a finding or of a fixed column")
            if name in VALUES:
                odd = sorted(set(values) - VALUES[name])
                if odd:
                    known = sorted(VALUES[name] - {""})
                    raise LabelError(f"column {name!r} holds {first_few(odd)}; known: {known}")

    def __len__(self) -> int:
        return len(self.images)

    def targets(
        self, policy: Policy | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Targets and the mask of cells that count.

        Args:
            policy: what uncertain and unmentioned cells become; left out by default.

        Returns:
            float32 [images, findings] in [0, 1], and bool of the same shape, True where the
            target may be learnt from or measured against.

        Raises:
            LabelError: the policy names a finding that the table has not.
        """
        policy = policy or Policy()
        foreign = sorted(set(policy.findings) - set(self.findings))
        if foreign:
            raise LabelError(f"the policy names findings that the table has not: {foreign}")
        value = np.full((len(State), len(self.findings)), np.nan, np.float32)
        value[State.ABSENT], value[State.PRESENT] = 0.0, 1.0
        for at, key in enumerate(self.findings):
            own = policy.findings.get(key, policy)
            for state, target in (
                (State.UNCERTAIN, own.uncertain),
                (State.UNMENTIONED, own.unmentioned),
            ):
                value[state, at] = np.nan if target is None else target
        targets = np.take_along_axis(value, self.states.astype(np.intp), 0)
        mask = ~np.isnan(targets)
        return np.where(mask, targets, np.float32(0)), mask

    def rows(self, index: Sequence[int] | NDArray[np.integer]) -> LabelTable:
        """The table of those rows, in that order."""
        if np.asarray(index).dtype == np.bool_:
            raise LabelError("rows are taken by their numbers; got a mask: use np.flatnonzero")
        at = np.asarray(index, np.int64)
        return replace(
            self,
            images=self.images[at],
            states=self.states[at],
            patients=self.patients[at],
            columns={name: values[at] for name, values in self.columns.items()},
            boxes=None if self.boxes is None else self.boxes.rows(at),
        )

    def with_states(self, findings: tuple[str, ...], states: NDArray[np.uint8]) -> LabelTable:
        """The same images with other findings.

        Args:
            findings: keys, one a column of ``states``.
            states: uint8 [images, findings].
        """
        return replace(self, findings=findings, states=states)

    def select(self, findings: Sequence[str]) -> LabelTable:
        """The table with those findings alone, in that order; boxes of others go.

        Raises:
            LabelError: the table has no such finding.
        """
        absent = [key for key in findings if key not in self.findings]
        if absent:
            raise LabelError(f"The table has no findings {absent}; it has {list(self.findings)}.")
        states = self.states[:, [self.findings.index(key) for key in findings]]
        boxes = None if self.boxes is None else self.boxes.kinds(findings)
        return replace(self, findings=tuple(findings), states=states, boxes=boxes)

    def column(self, name: str) -> NDArray[Any]:
        """A column.

        Raises:
            LabelError: the table has none of that name; the message lists those that it has.
        """
        if name not in self.columns:
            raise LabelError(f"The table has no column {name!r}; it has {sorted(self.columns)}.")
        return self.columns[name]

    def digest(self) -> str:
        """SHA-256 of images, patients and states, whatever the order of the rows."""
        order = sorted(range(len(self)), key=self.images.__getitem__)
        sha = hashlib.sha256("\n".join(self.findings).encode())
        for values in (self.images, self.patients):
            sha.update("\n".join(["", *values[order].tolist()]).encode())
        sha.update(np.ascontiguousarray(self.states[order]).tobytes())
        return sha.hexdigest()


RESERVED = {"image", "patient", "boxes"}
"""Names of columns that a saved table holds besides ``columns`` and findings."""


def column_of(name: str, values: Iterable[Any]) -> NDArray[Any]:
    """Values as the column of that name holds them.

    Args:
        name: of the column; one of :data:`COLUMNS` has the type stated there, others are text.
        values: of any type that means the same; NaN is unknown.

    Raises:
        LabelError: numbers that are not finite, not whole, negative or too large for the column.
    """
    if name not in UNKNOWN:
        return text(values)
    kind, unknown = COLUMNS[name][0], UNKNOWN[name]
    held = cast("NDArray[Any]", values) if isinstance(values, np.ndarray) else list(values)
    given = np.asarray(held)
    if given.dtype == kind and kind.kind == "f":
        numbers = given
    else:
        numbers = given.astype(np.float64)
        numbers = np.where(np.isnan(numbers), unknown, numbers)
    bad = np.isinf(numbers) | (np.abs(numbers) > np.iinfo(np.int32).max)
    if kind.kind == "i":
        bad |= (numbers != np.trunc(numbers)) | (numbers < unknown)
    if bad.any():
        whole = "whole numbers" if kind.kind == "i" else "numbers"
        least = f" from {unknown:g}" if kind.kind == "i" else ""
        raise LabelError(
            f"column {name!r} holds {whole}{least}; {int(bad.sum())} values are none: "
            f"{first_few(given[bad].tolist())}"
        )
    return numbers.astype(kind, copy=False)


def _kept(values: NDArray[Any]) -> NDArray[Any]:
    """The array, or a copy of it where somebody could still write to it."""
    held: Any = values
    while isinstance(held, np.ndarray):
        if held.flags.writeable:
            values = values.copy()
            break
        held = cast("Any", held).base
    values.flags.writeable = False
    return values


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows of a table in parts that share no patient.

    Attributes:
        parts: row numbers by part: "train", "tune", "test", or one a fold.
        digest: SHA-256 of every part's images; stated beside every number.
    """

    parts: Mapping[str, NDArray[np.int64]]
    digest: str

    @classmethod
    def of(cls, table: LabelTable, parts: Mapping[str, Sequence[int] | NDArray[np.int64]]) -> Split:
        """Make a split, checked.

        Raises:
            LeakError: an image or a patient stands in two parts; the message names images of the
                first few.
        """
        index = {part: np.asarray(rows, np.int64) for part, rows in parts.items()}
        _, patient = coded(table.patients)
        part_of = np.full(int(patient.max(initial=-1)) + 1, -1)
        example = np.zeros(len(part_of), np.int64)
        names, leaks = list(index), dict[int, str]()
        for number, rows in enumerate(index.values()):
            who = patient[rows]
            for at in np.flatnonzero((part_of[who] >= 0) & (part_of[who] != number)).tolist():
                row, p = int(rows[at]), int(who[at])
                leaks.setdefault(p, f"{table.images[example[p]]} in {names[part_of[p]]!r} and "
                                    f"{table.images[row]} in {names[number]!r}")  # fmt: skip
            part_of[who], example[who] = number, rows
        if leaks:
            raise LeakError(
                f"{len(leaks)} patients stand in two parts of the split: "
                f"{first_few(leaks.values(), quoted=False)}. Split by patient."
            )
        sha = hashlib.sha256()
        for part in sorted(index):
            if len(np.unique(index[part])) != len(index[part]):
                raise LeakError(f"part {part!r} of the split holds an image twice")
            images = sorted(table.images[index[part]])
            sha.update("\n".join([part, *images, ""]).encode())
        return cls(index, sha.hexdigest())
