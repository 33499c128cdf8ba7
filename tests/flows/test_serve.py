"""A real server, from its start to its end: what a new user does on the first day."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sqlalchemy", reason="needs the server: pip install 'hilum[serve]'")

from hilum.bundles import Bundle
from hilum.imaging import encode_png, write_dicom
from hilum.phantoms import draw_chest
from tests.service.serving import Running, serving

STORESCU = Path("/usr/bin/storescu")
"""Of dcmtk; pynetdicom has one of the same name, with other options."""

NAME = "WITNESS^SILENT"
SECRET = "a secret of the webhook"


class _Told(BaseHTTPRequestHandler):
    """Keeps what it is told."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append((dict(self.headers), body))  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def told() -> Iterator[HTTPServer]:
    """A program that is told of readings and studies."""
    server = HTTPServer(("127.0.0.1", 0), _Told)
    server.told = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def _settings(bundle: Bundle, told: HTTPServer) -> str:
    return (
        f'[reading]\nbundle = "{bundle.location}"\nquiet_s = 0.5\n'
        f"[limits]\nfree_mb = 0\nrequests_a_minute = 100000\n"
        f'[[webhooks]]\nname = "ris"\nurl = "http://127.0.0.1:{told.server_port}/hook"\n'
        f'secret = "{SECRET}"\n'
    )


@pytest.fixture(scope="module")
def server(
    tiny_bundle: Bundle, told: HTTPServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A server of this file."""
    folder = tmp_path_factory.mktemp("flow") / "server"
    with serving(folder, _settings(tiny_bundle, told)) as running:
        yield running


def _dicom(path: Path, seed: int, **facts: Any) -> Path:
    chest = draw_chest(np.random.default_rng(seed), size=(256, 240))
    known: dict[str, Any] = {"patient_id": f"P{seed}", "patient_name": NAME, "bits_stored": 12}
    write_dicom(path, np.rint(chest.pixels * 4095).astype(np.uint16), **(known | facts))
    return path


def _read(server: Running, count: int) -> Callable[[], Any]:
    """Looks for studies of which as many are read."""

    def look() -> Any:
        studies = server.json("/v1/studies")["studies"]
        return [one for one in studies if one["complete_at"]][: count or None] or None

    return look


def test_a_file_is_dropped_and_read(server: Running, tmp_path: Path) -> None:
    path = _dicom(tmp_path / "film.dcm", 1)

    status, body = server.ask("/v1/readings?wait=30", path.read_bytes())

    assert status == 200, body
    (part,) = json.loads(body)["parts"]
    assert part["state"] == "read"
    said = part["reading"]["record"]["predictions"]
    assert [one["finding"] for one in said] == ["effusion", "pneumonia", "pleural_thickening"]
    for name, kind in (("display.png", b"\x89PNG"), ("preview.jpg", b"\xff\xd8")):
        status, picture = server.ask(f"/readings/{part['reading']['id']}/{name}")
        assert status == 200
        assert picture.startswith(kind)
    status, page = server.ask("/")
    assert status == 200
    assert "WITNESS" in page.decode("utf-8")
    status, page = server.ask(f"/studies/{part['study']}")
    assert status == 200
    assert "effusion" in page.decode("utf-8").lower()


def test_a_picture_without_a_header_is_read(server: Running) -> None:
    chest = draw_chest(np.random.default_rng(2), size=(300, 260))
    data = encode_png(np.rint(chest.pixels * 255).astype(np.uint8))

    (part,) = server.json("/v1/readings?wait=30", data)["parts"]

    assert part["state"] == "read"
    assert part["reading"]["record"]["format"] == "png"


def test_what_is_no_radiograph_is_turned_away(server: Running) -> None:
    status, body = server.ask("/v1/readings?wait=30", b"a letter")

    assert 400 <= status < 500
    assert json.loads(body)["code"] == "not-an-image"


@pytest.mark.skipif(not STORESCU.is_file(), reason="needs dcmtk: apt-get install dcmtk")
def test_storescu_sends_and_the_reading_comes(server: Running, tmp_path: Path) -> None:
    path = _dicom(tmp_path / "film.dcm", 3, transfer_syntax="jpeg-lossless")
    command = [str(STORESCU), "-xs", "-aet", "MODALITY", "-aec", "HILUM", "127.0.0.1"]

    subprocess.run([*command, str(server.dicom), str(path)], check=True, timeout=60)

    def look() -> Any:
        found = server.json("/v1/studies")["studies"]
        return next((one for one in found if one["patient_id"] == "P3" and one["urgency"]), None)

    study = server.until(look)
    (instance,) = server.json(f"/v1/studies/{study['id']}")["instances"]
    assert instance["state"] == "read"
    (reading,) = instance["readings"]
    assert server.json(f"/v1/readings/{reading}")["kind"] == "reading"


def test_a_program_is_told_of_readings_and_of_whole_studies(
    server: Running, told: HTTPServer, tmp_path: Path
) -> None:
    from hilum.client import verify_webhook

    path = _dicom(tmp_path / "film.dcm", 4)
    (part,) = server.json("/v1/readings?wait=30", path.read_bytes())["parts"]

    def look() -> Any:
        events = [
            verify_webhook(SECRET, headers, body)
            for headers, body in told.told  # type: ignore[attr-defined]
        ]
        mine = [one for one in events if one.get("study") == part["study"]]
        return mine if {one["event"] for one in mine} == {"reading", "study"} else None

    server.until(look)
    assert not any(NAME.encode() in body for _, body in told.told)  # type: ignore[attr-defined]


def test_folder_and_log_keep_secrets(server: Running) -> None:
    assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
    files = [path for path in server.folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    assert not [path for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert not [path for path in files if "WITNESS" in path.name]
    said = server.log.read_text("utf-8")
    assert "WITNESS" not in said
    assert server.token not in said


def test_nothing_is_lost_when_all_of_it_is_killed(
    tiny_bundle: Bundle, told: HTTPServer, tmp_path: Path
) -> None:
    settings = _settings(tiny_bundle, told)
    folder, count = tmp_path / "server", 6
    with serving(folder, settings) as first:
        accepted = [
            first.json("/v1/readings", _dicom(tmp_path / "film.dcm", 20 + i).read_bytes())
            for i in range(count)
        ]
        first.kill()
    with serving(folder, settings) as second:
        wanted = {part["instance"] for job in accepted for part in job["parts"]}
        assert len(wanted) == count

        def look() -> Any:
            found = [second.json(f"/v1/instances/{one}") for one in sorted(wanted)]
            return found if all(one["state"] == "read" for one in found) else None

        found = second.until(look)
        assert all(len(one["readings"]) == 1 for one in found)
        assert second.end() == 0
    assert _alive(folder) == []


@pytest.mark.slow
def test_the_page_for_new_users_says_what_works(tmp_path: Path) -> None:
    from tests.service.orthanc import inside, why_not

    missing = why_not() or ("" if STORESCU.is_file() else "needs dcmtk: apt-get install dcmtk")
    if missing:
        pytest.skip(missing)
    script = Path(__file__).with_name("first_day.py")

    done = inside([sys.executable, str(script), str(tmp_path)])

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.endswith("done\n")


def _alive(folder: Path) -> list[int]:
    """Processes that were started for a folder and are still there."""
    time.sleep(0.1)
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in command and int(path.name) != os.getpid():
            found.append(int(path.name))
    return found
