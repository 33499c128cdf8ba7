"""Label tables: images × findings, every cell one of four states."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

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
        uncertain: target for UNCERTAIN: 0.0, 1.0, or None to leave the cell out.
        unmentioned: target for UNMENTIONED: 0.0, or None to leave the cell out.
    """

    uncertain: float | None = None
    unmentioned: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LabelTable:
    """Images with their labels and the facts that splitting needs; a row an image.

    Attributes:
        images: paths or names, unique.
        findings: keys of findings, one a column of ``states``.
        states: uint8 [images, findings], values of :class:`State`.
        patients: who the image is of, one an image; the unit that no split may share.
        columns: other columns by name ("split", "road", "view", "age"), one string an image.
    """

    images: tuple[str, ...]
    findings: tuple[str, ...]
    states: NDArray[np.uint8]
    patients: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    def __post_init__(self) -> None:
        n, f = len(self.images), len(self.findings)
        if self.states.shape != (n, f) or self.states.dtype != np.uint8:
            raise LabelError(
                f"states must be uint8 [{n}, {f}], got {self.states.dtype} "
                f"{list(self.states.shape)}"
            )
        if self.states.size and self.states.max() > max(State):
            raise LabelError(f"states hold {self.states.max()}, known are 0 to {max(State):d}")
        if len(set(self.images)) != n:
            raise LabelError(f"{n - len(set(self.images))} of {n} image names stand twice")
        if len(self.patients) != n or not all(self.patients):
            raise LabelError("every image needs a patient, so that splits cannot leak")
        for name, values in self.columns.items():
            if len(values) != n:
                raise LabelError(f"column {name!r} has {len(values)} values for {n} images")
        self.states.flags.writeable = False

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
        """
        policy = policy or Policy()
        value = {
            State.ABSENT: 0.0,
            State.PRESENT: 1.0,
            State.UNCERTAIN: policy.uncertain,
            State.UNMENTIONED: policy.unmentioned,
        }
        targets = np.zeros(self.states.shape, np.float32)
        mask = np.zeros(self.states.shape, np.bool_)
        for state, target in value.items():
            if target is not None:
                cells = self.states == state
                targets[cells] = target
                mask |= cells
        return targets, mask

    def rows(self, index: Sequence[int] | NDArray[np.integer]) -> LabelTable:
        """The table of those rows, in that order."""
        at = [int(i) for i in index]
        return LabelTable(
            images=tuple(self.images[i] for i in at),
            findings=self.findings,
            states=self.states[at].copy(),
            patients=tuple(self.patients[i] for i in at),
            columns={k: tuple(v[i] for i in at) for k, v in self.columns.items()},
        )


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
            LeakError: an image or a patient stands in two parts; the message names the first few.
        """
        owner: dict[str, str] = {}
        leaks: list[str] = []
        for part, index in parts.items():
            patients = {table.patients[int(i)] for i in index}
            leaks += [f"{owner[p]}/{part}" for p in patients if owner.setdefault(p, part) != part]
        if leaks:
            raise LeakError(
                f"{len(leaks)} patients stand in two parts of the split ({', '.join(leaks[:3])}); "
                f"split by patient."
            )
        sha = hashlib.sha256()
        for part in sorted(parts):
            names = sorted(table.images[int(i)] for i in parts[part])
            sha.update("\n".join([part, *names, ""]).encode())
        return cls({k: np.asarray(v, np.int64) for k, v in parts.items()}, sha.hexdigest())
