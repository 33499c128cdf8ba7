"""PostgreSQL of its own for tests: Debian's binaries, a socket in a folder of its own, no port."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

BOTH = pytest.mark.parametrize("settings", ["sqlite", "postgresql"], indirect=True)
"""Runs a test with both databases, where it asks for ``settings`` or ``here``."""

_USER = "postgres"


@dataclass
class Postgres:
    """A cluster of databases that may be stopped and started."""

    folder: Path
    binaries: Path

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off"
        self._run("pg_ctl", "-D", self._data, "-o", options, "-l", self._log, "-w", "start")

    def stop(self, how: str = "fast") -> None:
        self._run("pg_ctl", "-D", self._data, "-m", how, "-w", "stop")

    def database(self, name: str) -> str:
        """Make an empty database; returns its address."""
        import psycopg

        place = f"host={self.folder} user={_USER} dbname=postgres"
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
        return f"postgresql://{_USER}@/{name}?host={self.folder}"

    def make(self) -> None:
        auth = ["--auth=trust", "-U", _USER, "-E", "UTF8", "--no-sync"]
        self._run("initdb", "-D", self._data, *auth)

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    @property
    def _log(self) -> str:
        return str(self.folder / "log")

    def _run(self, program: str, *arguments: str) -> None:
        given = [str(self.binaries / program), *arguments]
        if os.geteuid() == 0:  # it refuses to run as root
            given = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", *given]
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PGUSER": _USER}
        quiet = subprocess.DEVNULL  # a pipe would be kept open by the server
        done = subprocess.run(
            given, env=environment, stdout=quiet, stderr=quiet, check=False, timeout=60,
            cwd=self.folder,
        )  # fmt: skip
        assert done.returncode == 0, f"{program} ended with {done.returncode}"


def binaries() -> Path | None:
    """Where PostgreSQL's programs lie, the latest version's."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    there = shutil.which("initdb")
    return Path(there).parent if there else None


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A running cluster; ended and removed at the end."""
    programs = binaries()
    if programs is None:
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'hilum[postgres]'")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, _USER, _USER)
    made = Postgres(folder, programs)
    try:
        made.make()
        made.start()
        yield made
    finally:
        if (folder / "data" / "postmaster.pid").is_file():
            made.stop("immediate")
        shutil.rmtree(folder)
