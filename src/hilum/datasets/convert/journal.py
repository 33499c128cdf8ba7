"""The journal of a conversion: one line of JSON a source, so that a run can stop and go on."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hilum.datasets.convert.work import Result

FORCED_EVERY_S = 2.0
"""Lines reach the system at once, where a killed process cannot take them back, and the disk after
so long: a power cut may cost what was done since."""

_NOT_KEPT = ("seconds", "trace", "stop")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a source stands in the journal, and what tables are ordered and joined by.

    Attributes:
        source: absolute path of the source.
        at: where its line begins.
        image: its picture; "" where it was refused or left out.
        pixels: digest of the picture.
        uid: SOP Instance UID.
    """

    source: str
    at: int
    image: str
    pixels: str
    uid: str


class Journal:
    """Appends results; a line that was cut is dropped when the journal is opened.

    Args:
        path: of the file; made where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._end = _whole(path)
        self._file.truncate(self._end)
        self._forced = time.monotonic()

    def append(self, result: Result) -> None:
        """Write one result; a line that does not fit on the disk is taken back.

        Raises:
            OSError: the system refuses.
        """
        line = encoded({k: v for k, v in asdict(result).items() if k not in _NOT_KEPT})
        try:
            left = memoryview(line)
            while left:  # the last bytes of a disk are written, and the next ones refused
                left = left[self._file.write(left) :]
        except OSError:
            self._file.truncate(self._end)
            raise
        self._end += len(line)
        if time.monotonic() - self._forced >= FORCED_EVERY_S:
            self.force()

    def force(self) -> None:
        """Bring all lines to the disk."""
        os.fsync(self._file.fileno())
        self._forced = time.monotonic()

    def close(self) -> None:
        """Bring all lines to the disk and close the file."""
        if not self._file.closed:
            self.force()
            self._file.close()


def _whole(path: Path) -> int:
    """Bytes of a journal up to the last whole line."""
    return max((end for _, end, _ in _lines(path)), default=0)


def entries(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Where each whole line begins, and what it says; nothing where there is no journal."""
    for at, _, entry in _lines(path):
        yield at, entry


def places(path: Path) -> list[Place]:
    """The last line of every source, sorted by source."""
    found: dict[str, Place] = {}
    for at, entry in entries(path):
        found[entry["source"]] = Place(
            entry["source"], at, entry["image"], entry["row"].get("pixels", ""), entry["uid"]
        )
    return [found[source] for source in sorted(found)]


def read(path: Path, chosen: Iterable[Place]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The entries at some places, one by one."""
    with path.open("rb") as file:
        for place in chosen:
            file.seek(place.at)
            yield place, json.loads(file.readline())


def encoded(entry: dict[str, Any]) -> bytes:
    """An entry as a line."""
    return json.dumps(entry, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"


def _lines(path: Path) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Begin, end and content of each line, up to one that was cut."""
    if not path.exists():
        return
    at = 0
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            try:
                entry = json.loads(line)
            except ValueError:  # a power cut may leave zeros
                return
            yield at, at + len(line), entry
            at += len(line)
