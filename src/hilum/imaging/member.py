"""A member of an archive: where it lies, and what may be wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hilum.errors import DamagedFile, IntakeError, UnsafeArchive, UnsupportedImage
from hilum.imaging.limits import FREE_BYTES, MAX_FILE_BYTES, MAX_MEMBERS, MAX_RATIO

FIRST = 132
"""Bytes that tell a DICOM file: PS3.10 7.1."""


class BreaksOff(DamagedFile):
    """An archive ends too early or makes no sense from some place on; what came before stands."""


class Member(Protocol):
    """Where a member lies.

    Attributes:
        at: a number that no other member of the archive has.
        size: its bytes, unpacked.
        in_order: whether members are best read in the order of the archive.
    """

    @property
    def at(self) -> int:
        """A number that no other member of the archive has."""
        ...

    @property
    def size(self) -> int:
        """Its bytes, unpacked."""
        ...

    @property
    def in_order(self) -> bool:
        """Whether members are best read in the order of the archive."""
        ...

    def load(self, path: Path) -> bytes:
        """Its bytes.

        Args:
            path: the archive.

        Raises:
            IntakeError: the archive was cut, changed or damaged.
            OSError: the system refuses the archive.
        """
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A member as the archive names it.

    Attributes:
        name: as stored; not to be trusted.
        member: where it lies.
        begins: gives its first 132 bytes, until the next entry is asked for.
        problem: why it is not to be read.
    """

    name: str
    member: Member
    begins: Callable[[], bytes]
    problem: IntakeError | None = None


def size_problem(size: int, packed: int | None = None) -> IntakeError | None:
    """Why a member of this size is not unpacked; None when it may be.

    Args:
        size: bytes that it says to unpack to.
        packed: its bytes in the archive; None where that is not known.
    """
    if size > MAX_FILE_BYTES:
        return UnsupportedImage(
            f"The member has {size / 1024**2:,.0f} MiB; more than {MAX_FILE_BYTES // 1024**2} MiB "
            "are not read. A radiograph has 10 to 50."
        )
    if packed is not None and size > max(FREE_BYTES, MAX_RATIO * packed):
        return UnsafeArchive(
            f"The member says to unpack to {size / 1024**2:,.0f} MiB, more than {MAX_RATIO} times "
            "its packed size, as a bomb does; it is not read."
        )
    return None


def too_many() -> UnsafeArchive:
    """The error for an archive of too many members."""
    return UnsafeArchive(
        f"The archive has more than {MAX_MEMBERS:,} members; nothing of it is read. Unpack it, or "
        "divide it."
    )


def refused_by_system(error: OSError) -> IntakeError:
    """The error for a file that the system refuses."""
    return IntakeError(
        f"The file cannot be opened ({error.strerror or type(error).__name__}); check that it "
        "exists and that you may read it."
    )
