"""Processes start, die, start again, and end together."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hilum.service.settings import Settings
from hilum.service.store import Store
from hilum.service.store.tables import Process
from tests.service.serving import serving

ROLES = ("web", "dicom", "read", "send")
KILLED = ("web", "read")


@pytest.fixture
def toml(tiny_bundle) -> str:
    return f'[reading]\nbundle = "{tiny_bundle.location}"\n[limits]\nfree_mb = 0\n'


@pytest.fixture
def cores() -> Iterator[None]:
    """What dies of a fault may leave a core file, as far as this test goes."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


def children(folder: Path) -> dict[str, int]:
    """Processes of a server that are heard of: role → process id."""
    store = Store(Settings(folder=folder))
    with store.reading() as session:
        found = session.query(Process).all()
    store.close()
    return {row.role: row.pid for row in found if alive(row.pid)}


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return False


def gone(pids: dict[str, int], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while any(map(alive, pids.values())):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
@pytest.mark.usefixtures("cores")
def test_what_dies_is_started_again_and_all_end_together(tmp_path, toml, drawn):
    folder = tmp_path / "server"
    with serving(folder, toml) as server:
        first = server.until(lambda: len(now := children(folder)) == len(ROLES) and now)
        for role in KILLED:
            os.kill(first[role], signal.SIGKILL)
        second = server.until(
            lambda: (
                len(now := children(folder)) == len(ROLES)
                and not any(now[role] == first[role] for role in KILLED)
                and now
            )
        )
        command = [sys.executable, "-m", "hilum", "serve", "--folder", str(folder), "--port", "0"]
        other = subprocess.run(
            [*command, "--dicom-port", "0"], capture_output=True, text=True, check=False, timeout=60
        )
        assert other.returncode == 2
        assert f"Another run (process {server.process.pid}) writes into" in other.stderr
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        assert gone(second, 10), "processes outlive their supervisor"
    with serving(folder, toml) as server:
        third = server.until(lambda: len(now := children(folder)) == len(ROLES) and now)
        said = " ".join(Path(f"/proc/{pid}/cmdline").read_text("utf-8") for pid in third.values())
        assert "reading" not in said  # settings hold secrets: they are not in arguments
        limits = [Path(f"/proc/{pid}/limits").read_text("utf-8") for pid in third.values()]
        assert all(re.search(r"^Max core file size +0 ", one, re.MULTILINE) for one in limits)
        assert server.end() == 0
        assert gone(third, 1)
    log = server.log.read_text("utf-8")
    assert log.count("ended with status -9") == len(KILLED)
    assert "Traceback" not in log
    assert log.count("Token of the administrator") == 1
