"""Uploads: one file, several, or an archive of them, accepted one by one and followed as a job."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore
from typing import BinaryIO

from hilum.errors import IntakeError, NotAccepted, NotNow
from hilum.imaging import FoundFile, InOrder, find_files, load
from hilum.imaging.archive import kind_of
from hilum.service.accepting import Given
from hilum.service.process import Here
from hilum.service.store.tables import Job, JobPart
from hilum.service.web.audit import record
from hilum.service.web.people import Person

_IN_MEMORY = BoundedSemaphore(2)
"""Files of uploads that are held in memory at once."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file of an upload.

    Attributes:
        name: its number in the upload, from 1; below an archive the path within.
        instance, study: ids where it was accepted.
        error: why not.
    """

    name: str
    instance: str = ""
    study: str = ""
    error: NotAccepted | None = None


def take_uploads(
    here: Here, person: Person, files: Sequence[BinaryIO], given: Given | None = None
) -> tuple[str, list[Outcome]]:
    """Accept files, and keep a job of it.

    Args:
        here: of the process.
        person: who brings them.
        files: open, of any length: radiographs, or archives of such.
        given: what stands in no header; for pictures that are not DICOM.

    Returns:
        Id of the job, and what became of each file.

    Raises:
        NotAccepted: of the one file that came; or nothing was in an archive.
        NotNow: no room, or no database. Files that were accepted before stay accepted, and bringing
            them again changes nothing.
    """
    origin = f"http:{person.name}"[:120]
    outcomes = [_accept(here, one, origin, given) for one in _one_by_one(here, files, origin)]
    if len(files) == 1 and len(outcomes) == 1 and outcomes[0].error is not None:
        raise outcomes[0].error
    job = Job(kind="upload", by=person.name, state="done", made_at=time.time(), done_at=time.time())
    with here.store.writing() as session:
        session.add(job)
        session.flush()
        session.add_all(
            JobPart(
                job_id=job.id, name=one.name[-200:], instance_id=one.instance or None,
                code=one.error.reason_code if one.error else "",
                why=str(one.error) if one.error else "",
            )
            for one in outcomes
        )  # fmt: skip
        for study in dict.fromkeys(one.study for one in outcomes if one.study):
            record(session, person, "upload", study)
        return job.id, outcomes


@dataclass(frozen=True, slots=True)
class _Coming:
    """A file whose turn it is: where it lies, or why it is not even looked at."""

    name: str
    file: FoundFile | None = None
    in_order: InOrder | None = None
    problem: NotAccepted | None = None


def _accept(here: Here, one: _Coming, origin: str, given: Given | None) -> Outcome:
    most = here.settings.limits.upload_mb
    try:
        if one.file is None:
            raise one.problem or NotAccepted("unreadable", "The file cannot be read.")
        if (one.file.bytes or 0) > most * 1e6:
            raise NotAccepted("too-large", f"The file is larger than {most:g} MB, the limit here.")
        with _IN_MEMORY:
            data = load(one.file, one.in_order)
            taken = here.door.accept(data, origin=origin, name=one.name, given=given)
        return Outcome(one.name, taken.instance, taken.study)
    except NotAccepted as error:  # the door keeps its own list of what it turned away
        if one.file is None or (one.file.bytes or 0) > most * 1e6:
            here.door.turn_away(error, origin=origin, name=one.name)
        return Outcome(one.name, error=error)
    except IntakeError as error:
        refused = NotAccepted(error.code, str(error))
        here.door.turn_away(refused, origin=origin, name=one.name)
        return Outcome(one.name, error=refused)


def _one_by_one(here: Here, files: Sequence[BinaryIO], origin: str) -> Iterator[_Coming]:
    """Each file, or each member of it where it is an archive; none lies on the disk for long."""
    for number, file in enumerate(files, 1):
        with _on_disk(here, file) as path:
            if not kind_of(path):
                yield _Coming(str(number), FoundFile(path, "upload"))
                continue
            members = find_files([path]).files
            if not members:
                yield _Coming(
                    str(number),
                    problem=NotAccepted(
                        "nothing-inside", "The archive holds no file that may be a radiograph."
                    ),
                )
            elif len(members) > here.settings.limits.files:
                yield _Coming(
                    str(number),
                    problem=NotAccepted(
                        "too-many",
                        f"The archive holds {len(members):,} files; {here.settings.limits.files:,} "
                        "are taken at once. Bring it in parts.",
                    ),
                )
            else:
                in_order = InOrder()
                try:
                    for member in members:
                        inside = member.name.partition("/")[2]
                        name = f"{number}/{inside}" if inside else str(number)
                        yield _Coming(name, member, in_order)
                finally:
                    in_order.close()


@contextmanager
def _on_disk(here: Here, file: BinaryIO) -> Iterator[Path]:
    """A file under a name, alone in a folder: a DICOMDIR finds nothing beside itself."""
    try:
        folder = Path(tempfile.mkdtemp(dir=here.settings.folder / "coming"))
    except OSError as error:
        raise no_room(error) from None
    path = folder / "upload"
    try:
        try:
            file.seek(0)
            with path.open("wb") as copy:
                shutil.copyfileobj(file, copy, 1 << 20)
        except OSError as error:
            raise no_room(error) from None
        yield path
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def no_room(error: OSError) -> NotNow:
    """What a sender is told where the disk takes nothing."""
    return NotNow(f"Nothing can be written here: {error.strerror}. Come again later.")
