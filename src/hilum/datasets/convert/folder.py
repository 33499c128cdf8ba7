"""The folder that a conversion fills."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from hilum.datasets.convert import journal, layout
from hilum.datasets.convert.tables import Settled, settle, write_tables
from hilum.datasets.convert.wayback import JOURNAL, PRIVATE
from hilum.datasets.convert.whole import is_draft, is_ours, write_whole
from hilum.datasets.convert.work import Request, Result
from hilum.errors import RunError
from hilum.lock import hold

SCHEMA = 1
IMAGES = "images"

_BEGUN = frozenset({IMAGES, PRIVATE, f"{PRIVATE}/.lock", f"{PRIVATE}/README.txt"})
"""What a run leaves that was killed before its first file."""

README = """Do not share this folder.

sources.csv    which file each picture was made of, with its SOP Instance UID
refused.csv    files that were not converted, and why
folders.csv    names of the source's folders behind their numbers (--layout tree)
journal.jsonl  all of this, line by line, while the conversion runs; it is what a run goes on from

Whoever holds it can tell whose pictures these are. ../images and ../manifest.csv do without.
"""

TRY_AGAIN = frozenset({"unreadable", "failed", "crashed"})
"""Refusals that another run may overcome: permissions, memory, a mended Hilum."""


class Destination:
    """Keeps what is done in a journal, and writes the tables when a run ends.

    No other run may write into the folder until this one is closed.

    Args:
        out: the folder, new, empty, or of an earlier conversion with the same facts.
        facts: what decides the pictures' bytes and places, as JSON holds it.

    Raises:
        RunError: the folder holds something else, or a conversion with other facts; another run
            writes into it; or it cannot be written.
    """

    def __init__(self, out: Path, facts: dict[str, Any]) -> None:
        self.path = out
        self.images = Path(os.path.abspath(out)) / IMAGES  # noqa: PTH100
        self._private = out / PRIVATE
        self._layout: str = facts["layout"]
        check(out, facts)
        try:
            self.images.mkdir(parents=True, exist_ok=True)
            self._private.mkdir(mode=0o700, exist_ok=True)
            self._held = hold(self._private / ".lock", self._private.parent)
        except OSError as error:
            raise _unwritable(out, error) from error
        try:
            check(out, facts)  # another run may have begun it meanwhile
            write_whole(self._private / "README.txt", README.encode())
            run = {"schema": SCHEMA, "hilum": version("hilum"), "facts": facts}
            if not _run(out).exists():
                write_whole(_run(out), json.dumps(run, indent=1).encode() + b"\n")
            self._sweep(None)
            self._journal = journal.Journal(self._private / JOURNAL)
        except OSError as error:
            os.close(self._held)
            raise _unwritable(out, error) from error
        except BaseException:
            os.close(self._held)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._journal.close()
        os.close(self._held)

    def add(self, result: Result) -> None:
        """Enter a result.

        Raises:
            OSError: the system refuses.
        """
        if result.trace:
            log = self._private / "failures.log"
            with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"{result.source}: {result.message}\n{result.trace}\n")
        self._journal.append(result)

    def keep_numbers(self, numbers: dict[str, str]) -> None:
        """Keep the numbers of folders, before any picture goes into one.

        Raises:
            OSError: the system refuses.
        """
        write_whole(self._private / "folders.csv", layout.numbers_csv(numbers))

    def finish(self) -> Settled:
        """Write the tables, and leave each picture at one place.

        Byte-equal sources share one picture, that of the first of them by path; in the layout
        "class" one in each class. The journal is put in order, so that the folder holds the same
        bytes however it came to be.

        Raises:
            OSError: the system refuses; what is done stays in the journal.
        """
        self._journal.close()
        path = self._private / JOURNAL
        settled = settle(path, one_place=self._layout != "class")
        write_tables(path, settled, self.path)
        self._sweep({place.image for place in settled.pictures})
        return settled

    def _sweep(self, kept: set[str] | None) -> None:
        """Remove drafts of runs that were killed; and where ``kept`` says so, other pictures."""
        for above, folders, names in os.walk(self.images, topdown=False):
            for name in names:
                path = Path(above, name)
                image = path.relative_to(self.images).as_posix()
                if is_draft(name) or (kept is not None and image not in kept and is_ours(name)):
                    path.unlink(missing_ok=True)
            if kept is not None and Path(above) != self.images and not any(Path(above).iterdir()):
                Path(above).rmdir()
            del folders


def check(out: Path, facts: dict[str, Any]) -> None:
    """Check that a conversion may go into a folder; nothing is written.

    Raises:
        RunError: see :class:`Destination`.
    """
    if out.exists() and not out.is_dir():
        raise RunError(f"{out} is a file, and a folder is needed; choose another.")
    if not _run(out).exists():
        held = (path.relative_to(out).as_posix() for path in out.rglob("*"))
        if not all(name in _BEGUN or is_draft(Path(name).name) for name in held):
            raise RunError(
                f"The folder {out} holds files that are no conversion; choose an empty or a new "
                "one."
            )
        return
    try:
        earlier = json.loads(_run(out).read_text("utf-8"))
    except ValueError:
        raise RunError(
            f"{_run(out)} is damaged, so the conversion in {out} cannot go on; choose another "
            "folder."
        ) from None
    if earlier.get("schema") != SCHEMA:
        raise RunError(
            f"The conversion in {out} was made by Hilum {earlier.get('hilum')} in another form; "
            "go on with that, or choose another folder."
        )
    before = earlier["facts"]
    differ = [
        f"{name} {_say(before.get(name))} there, {_say(facts.get(name))} here"
        for name in sorted({*before, *facts})
        if before.get(name) != facts.get(name)
    ]
    if differ:
        raise RunError(
            f"The pictures in {out} were made with other options: {'; '.join(differ)}. Use the "
            "same, or choose another folder."
        )


def left(out: Path, requests: Sequence[Request]) -> list[Request]:
    """The files that earlier runs into a folder have not finished; nothing is written.

    Finished is a file of the same place, size and time of change whose picture is there in its full
    size, or that was refused for a reason that stays.
    """
    path = out / PRIVATE / JOURNAL
    known = {
        entry["source"]: (entry["state"], entry["image"], entry["bytes"], entry["code"])
        for _, entry in journal.entries(path)
    }
    if not known:
        return list(requests)
    sizes = _sizes(out / IMAGES)

    def done(request: Request) -> bool:
        state, image, size, code = known.get(request.source, ("", "", 0, "failed"))
        if state != request.state:
            return False
        return sizes.get(image) == size if image else code not in TRY_AGAIN

    return [request for request in requests if not done(request)]


def _sizes(images: Path) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for above, _, _ in os.walk(images):
        relative = Path(above).relative_to(images).as_posix()
        for entry in os.scandir(above):
            if entry.is_file():
                name = entry.name if relative == "." else f"{relative}/{entry.name}"
                sizes[name] = entry.stat().st_size
    return sizes


def _run(out: Path) -> Path:
    return out / PRIVATE / "run.json"


def _say(value: Any) -> str:
    return "none" if value is None else str(value)


def _unwritable(out: Path, error: OSError) -> RunError:
    return RunError(
        f"The folder {out} cannot be written: {error.strerror}; make room or mend it, or choose "
        "another."
    )
