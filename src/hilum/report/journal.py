"""The journal of a run: one line of JSON an image, on disk, so that a run can stop and go on."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hilum.errors import RunError
from hilum.report.record import Drawn


class Journal:
    """An append-only file of finished images; names, places and digests are held in memory.

    A line that was cut by a crash is dropped when the journal is opened.

    Args:
        path: of the file.
        whole: whether what an entry's record names is still there; an entry without is dropped.

    Attributes:
        origins: name → where the file came from and in which state, as far as that was noted.
    """

    def __init__(self, path: Path, whole: Callable[[dict[str, Any]], bool] | None = None) -> None:
        self.path = path
        self.origins: dict[str, str | None] = {}
        self._first: dict[str, tuple[str, str]] = {}
        self._whole = whole
        self._at: dict[str, dict[str, int]] = {"reading": {}, "refusal": {}}
        end = self._scan() if path.exists() else 0
        with path.open("ab") as file:
            file.truncate(end)

    def _scan(self) -> int:
        end = 0
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                try:
                    entry = json.loads(line)
                except ValueError:
                    break
                if self._whole is None or self._whole(entry["record"]):
                    self._enter(entry, end)
                end += len(line)
        return end

    def _enter(self, entry: dict[str, Any], at: int) -> None:
        record = entry["record"]
        for places in self._at.values():  # an image whose pictures were lost was read again
            places.pop(record["image"], None)
        self._at[entry["kind"]][record["image"]] = at
        self.origins[record["image"]] = entry.get("origin")
        identity = entry.get("identity")
        if identity:
            uid = identity.partition(":")[0]
            self._first.setdefault(uid, (identity, record["image"]))

    def __contains__(self, name: str) -> bool:
        return any(name in places for places in self._at.values())

    def __len__(self) -> int:
        return sum(len(places) for places in self._at.values())

    def names(self) -> Iterator[str]:
        """Every finished image."""
        for places in self._at.values():
            yield from places

    def first(self, identity: str | None) -> tuple[str, str] | None:
        """(identity, name) of the first image with the same SOP Instance UID, or None.

        Args:
            identity: from :func:`hilum.report.duplicates.identity`.
        """
        return self._first.get(identity.partition(":")[0]) if identity else None

    def count(self, kind: str) -> int:
        """How many entries of that kind there are."""
        return len(self._at[kind])

    def codes(self) -> Counter[str]:
        """How many images were refused by each code, the first of their reasons."""
        return Counter(e["record"]["reasons"][0]["code"] for e in self.entries("refusal"))

    def append(self, drawn: Drawn) -> None:
        """Write one image through to the disk: no killed process and no power cut loses it.

        Raises:
            RunError: the name is finished already, or the disk refuses.
        """
        if drawn.name in self:
            raise RunError(f"{drawn.name!r} was added twice; every image needs a name of its own.")
        entry = {
            "kind": drawn.kind,
            "record": drawn.record,
            "grids": drawn.grids,
            "places": drawn.places,
            "origin": drawn.origin,
            "identity": drawn.identity,
        }
        text = json.dumps(entry, allow_nan=False, separators=(",", ":"))
        try:
            with self.path.open("ab") as file:
                at = file.seek(0, os.SEEK_END)
                file.write(text.encode("ascii") + b"\n")
                file.flush()
                self._enter(entry, at)  # before the wait, in which Ctrl-C may come
                os.fsync(file.fileno())
        except OSError as error:
            raise RunError(
                f"The journal could not be written: {error.strerror}; make room, then go on with "
                f"--resume."
            ) from error

    def entries(self, *kinds: str) -> Iterator[dict[str, Any]]:
        """Entries of one kind or several, sorted by name, read from disk one by one."""
        places = [place for kind in kinds for place in self._at[kind].items()]
        with self.path.open("rb") as file:
            for _, at in sorted(places):
                file.seek(at)
                yield json.loads(file.readline())
