"""A real server: ``hilum serve`` and its processes, in a folder of a test, at free ports."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

START_S = 60.0
END_S = 40.0
T = TypeVar("T")


@dataclass
class Running:
    """A server that answers.

    Attributes:
        page: address of its page, "http://127.0.0.1:…/".
        port: of its page.
        dicom: port of its DICOM listener; 0 where it has none.
        folder: where it keeps its files.
        token: of the administrator.
        process: its supervisor, the leader of a group with all its processes.
    """

    page: str
    dicom: int
    folder: Path
    token: str
    process: subprocess.Popen[bytes]
    log: Path = field(default_factory=Path)

    @property
    def port(self) -> int:
        return int(self.page.rstrip("/").rpartition(":")[2])

    def ask(
        self, path: str, data: bytes | None = None, *, wait_s: float = 60, **headers: str
    ) -> tuple[int, bytes]:
        """Status and body of what a program with the administrator's token is answered."""
        known = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/octet-stream",
        }
        request = Request(f"{self.page.rstrip('/')}{path}", data, known | headers)
        try:
            with urlopen(request, timeout=wait_s) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            return error.code, error.read()

    def json(self, path: str, data: bytes | None = None, **headers: str) -> Any:
        """What a program is answered; anything but 2xx fails."""
        status, body = self.ask(path, data, **headers)
        assert 200 <= status < 300, (status, body[:500])
        return json.loads(body)

    def until(self, look: Callable[[], T | None], seconds: float = 60) -> T:
        """What ``look`` finds as soon as it finds something."""
        end = time.monotonic() + seconds
        while True:
            found = look()
            if found:
                return found
            assert time.monotonic() < end, f"nothing within {seconds} s; {self.said()}"
            time.sleep(0.05)

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text("utf-8")[-3000:]

    def end(self) -> int:
        """Ask it to end, and wait."""
        self.process.terminate()
        try:
            return self.process.wait(END_S)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it and all its processes at once, as a power cut would."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def serving(folder: Path, settings: str = "", *options: str) -> Iterator[Running]:
    """A server while a block runs; it is ended for certain.

    Args:
        folder: its folder; one that was served before goes on.
        settings: TOML.
        options: of ``hilum serve``, after ``--port 0 --dicom-port 0``.
    """
    file = folder.with_suffix(".toml")
    file.write_text(settings, "utf-8")
    log = folder.with_suffix(".log")
    command = [
        sys.executable, "-m", "hilum", "serve", "--settings", str(file), "--folder", str(folder),
        "--port", "0", "--dicom-port", "0", *options,
    ]  # fmt: skip
    with log.open("ab") as out:
        begun = out.tell()
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    server = Running("", 0, folder, "", process, log)
    try:
        _wait(server, begun)
        yield server
        process.terminate()
        process.wait(END_S)
    finally:
        server.kill()


def _wait(server: Running, begun: int) -> None:
    end = time.monotonic() + START_S
    while True:
        said = server.log.read_bytes()[begun:].decode("utf-8")
        page = re.search(r"^Page:\s+(\S+)$", said, re.MULTILINE)
        dicom = re.search(r"^DICOM:\s+(?:.* at \S+:(\d+)|off)$", said, re.MULTILINE)
        if page and dicom:
            break
        assert server.process.poll() is None, f"it ended: {said}"
        assert time.monotonic() < end, f"it does not answer: {said}"
        time.sleep(0.05)
    server.page, server.dicom = page[1], int(dicom[1] or 0)
    token = server.folder / "admin.token"
    server.token = token.read_text("ascii").strip()
