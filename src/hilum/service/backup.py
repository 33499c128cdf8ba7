"""A backup: one tar file with all rows and files of a server, whichever database it has.

hilum.json             layout, revision of the tables, version of Hilum, name of the server
tables/NAME.jsonl      a row a line, as of one moment
radiographs/…          as in the server's folder
readings/…
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

import hilum
from hilum.errors import ServiceError
from hilum.service.files import Files
from hilum.service.identity import KEY
from hilum.service.settings import Settings
from hilum.service.store import Store
from hilum.service.store.migrating import head, must_fit
from hilum.service.store.tables import Base, Fact, Instance, Process, Reading
from hilum.service.store.tables import Session as SignIn

FORMAT = 1

LEFT_OUT = frozenset({Process.__tablename__, SignIn.__tablename__})
"""Tables of what lives only while a server runs."""

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup holds.

    Attributes:
        missing: radiographs whose rows were seen and whose files were deleted meanwhile.
    """

    rows: int
    radiographs: int
    readings: int
    missing: int = 0

    def __str__(self) -> str:
        told = f"{self.rows:,} rows, {self.radiographs:,} radiographs, {self.readings:,} readings"
        return told + (f"; {self.missing:,} deleted meanwhile" if self.missing else "")


def back_up(settings: Settings, out: Path) -> Contents:
    """Write a backup; the server may run meanwhile.

    Args:
        settings: of the server.
        out: a new file, readable for this user alone.

    Raises:
        ServiceError: the file is there already or cannot be written, or there is no database.
        NotNow: the database is away.
    """
    must_fit(settings)
    if out.exists():
        raise ServiceError(f"{out} is there already: a backup is a new file.")
    part = out.with_name(out.name + ".part")
    store, files = Store(settings), Files(settings.folder)
    try:
        part.touch(mode=0o600)
        part.chmod(0o600)
        with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as tar:
            done = _write(tar, store, files)
        part.replace(out)
    except OSError as error:
        raise ServiceError(f"{out} cannot be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)
        store.close()
    return done


def _write(tar: tarfile.TarFile, store: Store, files: Files) -> Contents:
    rows = radiographs = missing = with_files = 0
    with store.reading() as session:
        server = session.get_one(Fact, KEY).value
        facts = {
            "format": FORMAT, "revision": head(), "hilum": hilum.__version__, "server": server,
            "made_at": time.time(),
        }  # fmt: skip
        _add(tar, "hilum.json", json.dumps(facts).encode("utf-8"))
        for table in Base.metadata.sorted_tables:
            if table.name not in LEFT_OUT:
                rows += _add_table(tar, session, table)
        digests = sorted(set(session.scalars(select(Instance.digest))))
        readings = sorted(session.scalars(select(Reading.id)))
    for digest in digests:
        path = files.radiograph(digest)
        try:
            tar.add(path, str(path.relative_to(files.folder)))
            radiographs += 1
        except FileNotFoundError:
            missing += 1
    for reading in readings:
        inside = sorted(path for path in files.reading(reading).rglob("*") if path.is_file())
        for path in inside:
            tar.add(path, str(path.relative_to(files.folder)))
        with_files += bool(inside)
    done = Contents(rows, radiographs, with_files, missing)
    _add(tar, "end.json", json.dumps(asdict(done)).encode("utf-8"))
    return done


def _add_table(tar: tarfile.TarFile, session: Session, table: Table) -> int:
    count = 0
    with tempfile.TemporaryFile() as lines:  # unnamed: nobody else can open it
        for row in _rows(session, table):
            lines.write(json.dumps(row, ensure_ascii=False, default=str).encode("utf-8") + b"\n")
            count += 1
        _add(tar, f"tables/{table.name}.jsonl", lines)
    return count


def _rows(session: Session, table: Table) -> Iterator[dict[str, Any]]:
    order = list(table.primary_key.columns)
    stream = session.execute(
        select(table).order_by(*order), execution_options={"yield_per": _AT_ONCE}
    )
    for row in stream:
        yield dict(row._mapping)


def _add(tar: tarfile.TarFile, name: str, content: bytes | IO[bytes]) -> None:
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = file.seek(0, io.SEEK_END), int(time.time()), 0o600
    file.seek(0)
    tar.addfile(member, file)
