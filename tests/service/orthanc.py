"""A real Orthanc, and a network of its own to run it in: it would listen at every address.

Tests that talk to it lie in folders named ``orthanc``; they are collected only inside such a
network, where :func:`inside` runs them. The same serves a script::

    unshare -n sh -c 'ip link set lo up; exec python script.py'
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

PROGRAM = "/usr/sbin/Orthanc"
PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
MARK = "HILUM_OWN_NETWORK"
"""Set inside a network of its own."""

_SHELL = 'ip link set lo up && exec "$@"'
_START_S = 40.0


@cache
def why_not() -> str | None:
    """Why no Orthanc can run here; None where it can."""
    if not Path(PROGRAM).is_file():
        return "needs Debian's orthanc: apt-get install orthanc orthanc-dicomweb"
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return "needs unshare and ip, to run Orthanc in a network of its own"
    tried = subprocess.run(_command(["true"]), capture_output=True, check=False)
    return None if tried.returncode == 0 else "this user may make no network of its own (unshare)"


def inside(
    command: Sequence[str], *, timeout: float = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program in a network where only this machine's loopback is."""
    return subprocess.run(
        _command(command), capture_output=True, text=True, timeout=timeout, check=False,
        env=os.environ | {MARK: "1"} | environment,
    )  # fmt: skip


def run_tests(file: Path) -> None:
    """Run a file of tests in a network of its own; fail with what it says."""
    done = inside(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n0", "-m", "", str(file)]
    )
    assert done.returncode == 0, f"{file.name}\n{done.stdout[-8000:]}\n{done.stderr[-4000:]}"


def _command(command: Sequence[str]) -> list[str]:
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", *user, "--net", "sh", "-c", _SHELL, "sh", *command]


def free_port() -> int:
    """A port of the loopback that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@dataclass(frozen=True, slots=True)
class Orthanc:
    """A running Orthanc.

    Attributes:
        ae_title: of its DICOM listener.
        dicom: its port.
        http: port of its web server.
    """

    ae_title: str
    dicom: int
    http: int

    @property
    def url(self) -> str:
        """Of its DICOMweb root."""
        return f"http://127.0.0.1:{self.http}/dicom-web"

    def get(self, path: str) -> Any:
        """Something of its REST API, from JSON."""
        return json.loads(self.bytes(path))

    def bytes(self, path: str) -> bytes:
        """Something of its REST API, as it is."""
        with urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=20) as answer:
            return answer.read()

    def post(self, path: str, body: object) -> Any:
        """Send JSON, or bytes as they are, to its REST API."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = Request(f"http://127.0.0.1:{self.http}{path}", data=data, method="POST")
        with urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def instances(self, modality: str | None = None) -> list[str]:
        """Its names for the instances that it holds, of one modality or all."""
        query = {} if modality is None else {"Modality": modality}
        return self.post("/tools/find", {"Level": "Instance", "Query": query})

    def tags(self, instance: str) -> dict[str, Any]:
        """The header of an instance: keyword → value."""
        return self.get(f"/instances/{instance}/simplified-tags")

    def file(self, instance: str) -> bytes:
        """The DICOM file of an instance."""
        return self.bytes(f"/instances/{instance}/file")


@contextmanager
def running(
    folder: Path,
    *,
    modalities: Mapping[str, tuple[str, int]] | None = None,
    ports: tuple[int, int] | None = None,
    **options: Any,
) -> Iterator[Orthanc]:
    """Run an Orthanc in a folder; only inside a network of its own.

    Args:
        folder: for its files.
        ports: for DICOM and HTTP; None for free ones.
        modalities: other DICOM systems: name → AE title and port of the loopback.
        options: further keys of its configuration.
    """
    others = {name for _, name in socket.if_nameindex()} - {"lo"}
    if others:
        raise RuntimeError("Orthanc listens at every address: run this inside `unshare -n`")
    folder.mkdir(parents=True, exist_ok=True)
    own = Orthanc("ORTHANC", *(ports or (free_port(), free_port())))
    known = {
        name: {"AET": title, "Host": "127.0.0.1", "Port": port, "AllowTranscoding": False}
        for name, (title, port) in (modalities or {}).items()
    }
    configuration = {
        "Name": "Archive", "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "store"), "DicomAet": own.ae_title,
        "DicomPort": own.dicom, "HttpPort": own.http, "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False, "DicomModalities": known, "Plugins": [PLUGIN],
        "DicomAlwaysAllowFind": True, "DicomAlwaysAllowGet": True, "DicomAlwaysAllowMove": True,
        "DicomCheckCalledAet": True, "SynchronousCMove": True, "OverwriteInstances": False,
        "StableAge": 1, "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    } | options  # fmt: skip
    file = folder / "orthanc.json"
    file.write_text(json.dumps(configuration), "utf-8")
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, str(file)], stdout=log, stderr=log, cwd=folder)
    try:
        _await(own, process, folder / "orthanc.log")
        yield own
    finally:
        process.kill()  # it takes seconds to end by itself, and nothing of it is kept
        process.wait()


def _await(own: Orthanc, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _START_S
    while True:
        try:
            own.get("/system")
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"Orthanc does not start:\n{log.read_text()[-2000:]}") from None
            time.sleep(0.05)
