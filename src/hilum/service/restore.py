"""A backup brought into an empty folder and an empty database, of either kind."""

from __future__ import annotations

import json
import os
import re
import tarfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Integer, MetaData, Table, delete, func, select, text

from hilum.errors import ServiceError
from hilum.lock import held
from hilum.service.backup import FORMAT, Contents
from hilum.service.files import Files
from hilum.service.identity import join
from hilum.service.settings import Settings
from hilum.service.store import Store
from hilum.service.store.migrating import known, migrate, state

_RADIOGRAPH = re.compile(r"radiographs/([0-9a-f]{2})/([0-9a-f]{62})\.bin")
_READING = re.compile(r"readings/[0-9a-f]{2}/[0-9a-f]{30}((?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+)")
_TABLE = re.compile(r"tables/([a-z_]+)\.jsonl")
_AT_ONCE = 500


def bring_back(settings: Settings, backup: Path) -> Contents:
    """Restore a backup; one of an earlier Hilum is brought forward.

    Args:
        settings: of the server, whose folder and database are empty.
        backup: what :func:`hilum.service.backup.back_up` wrote.

    Returns:
        What was restored.

    Raises:
        ServiceError: something is there already; or the file is no backup, of a later Hilum, or
            damaged.
    """
    _must_be_empty(settings)
    os.umask(0o077)
    files = Files(settings.folder)
    files.prepare()
    with held(settings.folder / "server.lock", settings.folder):
        try:
            with tarfile.open(backup, "r:") as tar:
                done = _restored(tar, settings, files)
        except (tarfile.TarError, OSError, ValueError) as error:
            raise ServiceError(
                f"{backup} could not be restored ({type(error).__name__}): it is no backup, or "
                f"damaged, or the disk is full. Empty {settings.folder} before another try."
            ) from None
        files.clear()
    return done


def _must_be_empty(settings: Settings) -> None:
    if settings.folder.is_dir() and any(settings.folder.iterdir()):
        raise ServiceError(f"{settings.folder} is not empty: restore into a new folder.")
    if settings.database and state(settings) != "empty":
        raise ServiceError("The database is not empty: restore into a new one.")


def _restored(tar: tarfile.TarFile, settings: Settings, files: Files) -> Contents:
    facts: dict[str, Any] = {}
    end: dict[str, Any] = {}
    tables: dict[str, Path] = {}
    digests: set[str] = set()
    readings: set[str] = set()
    for member in tar:
        content = tar.extractfile(member)
        if content is None or not member.isreg():
            raise ValueError("no plain file")
        if member.name == "hilum.json":
            facts = _facts(content)
        elif member.name == "end.json":
            end = json.loads(content.read())
        elif found := _TABLE.fullmatch(member.name):
            tables[found[1]] = files.folder / "coming" / f"{found[1]}.jsonl"
            files.write(tables[found[1]], content.read())
        elif found := _RADIOGRAPH.fullmatch(member.name):
            data, digest = content.read(), found[1] + found[2]
            if sha256(data).hexdigest() != digest:
                raise ServiceError(
                    f"A radiograph of the backup is damaged ({digest[:12]}…): nothing was entered."
                )
            files.keep_radiograph(data)
            digests.add(digest)
        elif found := _READING.fullmatch(member.name):
            files.write(files.folder / member.name, content.read())
            readings.add(member.name[: -len(found[1])])
        else:
            raise ValueError("a strange name")
    if not facts or not end or len(digests) != end["radiographs"]:
        raise ValueError("cut short")
    migrate(settings, str(facts["revision"]))
    store = Store(settings)
    try:
        with store.writing() as session:
            rows = _load(session.connection(), tables)
            missing = _without_files(session.connection(), digests)
        migrate(settings)
        join(store, files, str(facts["server"]))
    finally:
        store.close()
    return Contents(rows, len(digests), len(readings), missing)


def _facts(content: IO[bytes]) -> dict[str, Any]:
    facts = json.loads(content.read())
    if facts["format"] != FORMAT or facts["revision"] not in known():
        raise ServiceError(
            f"The backup was made by another Hilum ({facts['hilum']}): restore it with that one."
        )
    return facts


def _load(connection: Connection, files: dict[str, Path]) -> int:
    there = MetaData()
    there.reflect(connection)
    count = 0
    for table in there.sorted_tables:
        if table.name not in files:
            continue
        for rows in _lines(files[table.name]):
            connection.execute(table.insert(), rows)
            count += len(rows)
        if connection.dialect.name == "postgresql":
            _count_on(connection, table)
    return count


def _lines(path: Path) -> Iterator[list[dict[str, Any]]]:
    some: list[dict[str, Any]] = []
    with path.open("rb") as lines:
        for line in lines:
            some.append(json.loads(line))
            if len(some) == _AT_ONCE:
                yield some
                some = []
    if some:
        yield some


def _count_on(connection: Connection, table: Table) -> None:
    """Let PostgreSQL number new rows after those that came with numbers."""
    column = table.columns.get("id")
    if column is None or not isinstance(column.type, Integer):
        return
    last = connection.scalar(select(func.max(column)))
    if last is not None:
        connection.execute(
            text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)"),
            {"name": table.name, "last": last},
        )


def _without_files(connection: Connection, digests: set[str]) -> int:
    """Take out radiographs that were deleted while the backup was made."""
    there = MetaData()
    there.reflect(connection, only=["instances"])
    instances = there.tables["instances"]
    missing = set(connection.scalars(select(instances.c.digest))) - digests
    for digest in missing:
        connection.execute(delete(instances).where(instances.c.digest == digest))
    return len(missing)
