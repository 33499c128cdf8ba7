"""The worked example of docs/dicom.md, as it stands."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.service.orthanc import PROGRAM

PARTS = re.compile(r"<!-- example: (\S+) -->\n```\w+\n(.*?)```", re.DOTALL)


@contextmanager
def started(command: list[str], folder: Path, ports: tuple[int, ...]) -> Iterator[None]:
    """A program in the background, once it listens at all its ports."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    log = folder / f"{Path(command[0]).name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, env=environment)
    try:
        until = time.monotonic() + 90
        while not all(map(listens, ports)):
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < until, log.read_text()[-3000:]
            time.sleep(0.1)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        finally:
            process.kill()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def test_every_command_works(repository: Path, tmp_path: Path):
    parts = PARTS.findall((repository / "docs" / "dicom.md").read_text("utf-8"))
    for name, text in parts:
        if name != "commands":
            (tmp_path / name).write_text(text, "utf-8")
    lines = [
        line[2:]
        for name, text in parts
        if name == "commands"
        for line in text.splitlines()
        if line.startswith("$ ")
    ]
    assert len(lines) >= 8
    orthanc = started([PROGRAM, "orthanc.json"], tmp_path, (4242, 8042))
    serve = ["hilum", "serve", "--settings", "hilum.toml"]
    server = started(serve, tmp_path, (8080, 11112))
    said: dict[str, str] = {}
    with orthanc, server:
        environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        for line in lines:
            done = subprocess.run(
                ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True,
                text=True, errors="replace", timeout=40, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
            said[Path(line.split()[0]).name] = done.stdout + done.stderr
    assert "Comprehensive SR" in said["dsrdump"]
    assert said["findscu"].count("Structured report") == 3
    assert '"kind":"pull"' in said["until"]
    assert '"files":1,"finished":1' in said["until"]
