"""A DICOMweb server that is false: its answers have no end, or lead elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests

from hilum.service.dicom import web_calling
from hilum.service.settings import Place

ASKED: list[str] = []
STUDY = {"0020000D": {"vr": "UI", "Value": ["1.2.3"]}}


class _False(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ASKED.append(self.path)
        _, way, *_ = self.path.split("/")
        self.send_response(302 if way == "elsewhere" else 200)
        self.send_header("Content-Type", "application/dicom+json")
        if way == "elsewhere":
            self.send_header("Location", "/stolen")
        self.end_headers()
        if way == "sound":
            self.wfile.write(json.dumps([STUDY]).encode())
            return
        try:
            for _ in range(20):
                self.wfile.write(b" " * 100_000)
        except OSError:
            ASKED.append("cut")

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    listener = ThreadingHTTPServer(("127.0.0.1", 0), _False)
    thread = Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.server_address[1]}"
    listener.shutdown()
    listener.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("way", "error"),
    [("endless", web_calling.AnswerTooLong), ("elsewhere", requests.TooManyRedirects)],
)
def test_an_answer_without_end_is_not_read(server, monkeypatch, way, error):
    monkeypatch.setattr(web_calling, "ANSWER_BYTES", 1_000_000)
    ASKED.clear()
    with pytest.raises(error):
        web_calling.client(Place(name="false", url=f"{server}/{way}")).search_for_studies()
    assert "/stolen" not in ASKED


def test_a_sound_answer_is_read(server):
    place = Place(name="sound", url=f"{server}/sound")
    assert web_calling.client(place).search_for_studies() == [STUDY]
