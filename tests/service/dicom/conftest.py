"""Programs of DCMTK and dicom3tools; tests with Orthanc are collected in their own network only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("pynetdicom", reason="needs the server: pip install 'hilum[serve]'")

from hilum.service.dicom.guarding import GuardedServer
from hilum.service.dicom.process import listen
from hilum.service.process import Here
from hilum.service.settings import Dicom
from tests.service.orthanc import MARK

collect_ignore = [] if os.environ.get(MARK) else ["orthanc"]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def program() -> Run:
    """Runs a program of Debian, not one of that name in the environment: ``program("echoscu", …)``.

    pynetdicom brings a storescu and an echoscu of its own, with other options.
    """

    def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        path = Path("/usr/bin") / name
        if not path.is_file():
            pytest.skip(f"needs {name}: apt-get install dcmtk dicom3tools")
        return subprocess.run(
            [str(path), *map(str, arguments)], capture_output=True, text=True, timeout=60,
            check=False, errors="replace",
        )  # fmt: skip

    return run


@pytest.fixture
def listening(here: Here) -> Iterator[Callable[..., Here]]:
    """Begins to listen: ``listening(allowed=("CT1",))`` → what the process has at hand; its port is
    ``facts["port"]``."""
    servers: list[GuardedServer] = []

    def begin(**own: object) -> Here:
        dicom = Dicom.model_validate({"port": 0} | own)
        mine = replace(here, settings=here.settings.model_copy(update={"dicom": dicom}), facts={})
        servers.append(listen(mine))
        return mine

    yield begin
    for server in servers:
        server.end()
