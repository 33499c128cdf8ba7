"""The folder that a run fills: clean files, two tables, a journal that leads back to nothing."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hilum.datasets.convert.whole import is_draft, write_whole
from hilum.deidentify.work import Result
from hilum.errors import RunError

FILES = "files"
STATE = ".deidentify"
SCHEMA = 1

MANIFEST = ("file", "patient", "sop_instance_uid", "rows_px", "columns_px", "blacked", "regions",
            "bytes", "notes")  # fmt: skip
REFUSED = ("source", "code", "reason")
CROSSWALK = ("source", "file", "patient", "code")

TRY_AGAIN = frozenset({"unreadable", "failed"})
"""Refusals that another run may overcome: permissions, a mended Hilum."""


def check(out: Path, facts: dict[str, Any]) -> None:
    """Check that a run may go into a folder; nothing is written.

    Raises:
        RunError: it holds something else, or was filled with another secret or other rules.
    """
    if out.exists() and not out.is_dir():
        raise RunError(f"{out} is a file, and a folder is needed; choose another.")
    run = out / STATE / "run.json"
    if not run.exists():
        if out.exists() and any(path.name != STATE for path in out.iterdir()):
            raise RunError(f"The folder {out} holds other files; choose an empty or a new one.")
        return
    try:
        earlier = json.loads(run.read_text("utf-8"))["facts"]
    except (ValueError, KeyError):
        raise RunError(
            f"{run} is damaged, so the run cannot go on; choose another folder."
        ) from None
    other = sorted(name for name in facts if earlier.get(name) != facts[name])
    if other:
        raise RunError(
            f"{out} was filled with another {' and other '.join(other)}; choose another folder, or "
            "the same again."
        )


def begin(out: Path, facts: dict[str, Any]) -> None:
    """Make the folder, and say in it what it is filled by.

    Raises:
        OSError: the system refuses.
    """
    (out / FILES).mkdir(parents=True, exist_ok=True)
    (out / STATE).mkdir(mode=0o700, exist_ok=True)
    for path in (out / FILES).iterdir():
        if is_draft(path.name):
            path.unlink(missing_ok=True)
    if not (out / STATE / "run.json").exists():
        run = {"schema": SCHEMA, "facts": facts}
        write_whole(out / STATE / "run.json", json.dumps(run, indent=1).encode() + b"\n")


class Journal:
    """Appends results; a line that was cut is dropped when it is opened.

    Args:
        out: the folder.

    Raises:
        OSError: the system refuses.
    """

    def __init__(self, out: Path) -> None:
        self._path = out / STATE / "journal.jsonl"
        whole = _whole(self._path)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "ab", buffering=0)
        self._file.truncate(whole)

    def append(self, result: Result) -> None:
        """Write one result.

        Raises:
            OSError: the system refuses; the line is taken back.
        """
        kept = {k: v for k, v in asdict(result).items() if k not in ("seconds", "stop", "trace")}
        line = json.dumps(kept, separators=(",", ":")).encode("ascii") + b"\n"
        end = self._file.tell()
        try:
            left = memoryview(line)
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            self._file.truncate(end)
            raise

    def close(self) -> None:
        """Bring all lines to the disk."""
        os.fsync(self._file.fileno())
        self._file.close()


def _whole(path: Path) -> int:
    if not path.exists():
        return 0
    data = path.read_bytes()
    return data.rfind(b"\n") + 1


def entries(out: Path) -> dict[str, dict[str, Any]]:
    """The last entry of every source, by its key; without what another run may overcome or lost."""
    path = out / STATE / "journal.jsonl"
    found: dict[str, dict[str, Any]] = {}
    if not path.exists():
        return found
    with path.open("rb") as file:
        for line in file:
            try:
                entry = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:  # a power cut may leave zeros
                entry = None
            if entry is not None:
                found[entry["key"]] = entry
    return found


def finished(out: Path, entry: dict[str, Any]) -> bool:
    """Whether a source needs no second turn."""
    if not entry["file"]:
        return entry["code"] not in TRY_AGAIN
    try:
        return (out / FILES / entry["file"]).stat().st_size == entry["bytes"]
    except OSError:
        return False


def write_tables(
    out: Path, every: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]]
) -> None:
    """Write ``manifest.csv`` and ``refused.csv``.

    Args:
        out: the folder.
        every: entries of this run and earlier ones, for the manifest.
        found: entries of the files that were found now, for those that were refused.

    Raises:
        OSError: the system refuses; a table is written whole or not at all.
    """
    reused = _reused(every)
    made: dict[str, tuple[Any, ...]] = {}
    for entry in sorted((e for e in every if e["file"]), key=lambda e: e["file"]):
        row, blacked = entry["row"], entry["row"]["blacked"]
        made[entry["file"]] = (
            f"{FILES}/{entry['file']}", row["patient"], row["sop_instance_uid"], row["rows_px"],
            row["columns_px"], len(blacked), "; ".join(" ".join(map(str, one)) for one in blacked),
            entry["bytes"], "uid-reused" if row["sop_instance_uid"] in reused else "",
        )  # fmt: skip
    write_whole(out / "manifest.csv", _csv(MANIFEST, list(made.values())))
    refused = sorted(
        (e["number"], e["code"], e["message"]) for e in found if not e["file"]
    )  # fmt: skip
    write_whole(out / "refused.csv", _csv(REFUSED, refused))


def _reused(found: Sequence[dict[str, Any]]) -> set[str]:
    """SOP Instance UIDs that several files have."""
    files: dict[str, set[str]] = {}
    for entry in found:
        uid = entry["row"].get("sop_instance_uid")
        if entry["file"] and uid:
            files.setdefault(uid, set()).add(entry["file"])
    return {uid for uid, names in files.items() if len(names) > 1}


def write_crosswalk(
    path: Path, sources: Sequence[tuple[str, dict[str, Any]]]
) -> None:  # fmt: skip
    """Write which source became which file; its owner alone may read it.

    Raises:
        OSError: the system refuses.
    """
    rows = [
        (source, entry["file"] and f"{FILES}/{entry['file']}", entry["row"].get("patient", ""),
         entry["code"])
        for source, entry in sources
    ]  # fmt: skip
    draft = path.with_name(f".{path.name}.part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_csv(CROSSWALK, rows))
    draft.replace(path)


def _csv(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode("utf-8", "backslashreplace")
