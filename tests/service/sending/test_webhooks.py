"""Programs are told what happened, signed, until they have heard."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from sqlalchemy import select

from hilum.client import verify_webhook
from hilum.errors import ServiceError
from hilum.service.reading.process import read_waiting
from hilum.service.sending import complete, webhooks
from hilum.service.settings import Webhook
from hilum.service.store.tables import Delivery
from tests.service.postgres import BOTH

SECRET = "a secret of the ward"


@dataclass
class Program:
    """A program that listens, and answers as it is told to."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def program() -> Iterator[Program]:
    mine = Program()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            mine.heard.append((dict(self.headers), body))
            self.send_response(mine.answers.pop(0) if mine.answers else 204)
            self.send_header("Location", f"{mine.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    mine.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield mine
    server.shutdown()
    server.server_close()
    thread.join()
    webhooks._connections().clear()


@pytest.fixture
def hook(program) -> Webhook:
    return Webhook(name="ward", url=program.url, secret=SECRET)


@pytest.fixture
def told(here, hook):
    """The same server, which has to tell that program."""
    return replace(here, settings=here.settings.model_copy(update={"webhooks": (hook,)}))


def rows(here):
    with here.store.reading() as session:
        return session.scalars(select(Delivery).order_by(Delivery.kind)).all()


def make_due(here):
    with here.store.writing() as session:
        for row in session.scalars(select(Delivery)):
            row.not_before = 0


@BOTH
def test_a_reading_and_a_complete_study_are_told(told, program, hook, drawn):
    taken = told.door.accept(drawn(1, patient_id="WANG-7", patient_name="WANG^X"), origin="test")
    read_waiting(told)
    time.sleep(told.settings.reading.quiet_s)
    complete.step(told)
    assert webhooks.tell_due(told, hook) == 2
    assert webhooks.tell_due(told, hook) == 0
    assert [row.state for row in rows(told)] == ["sent", "sent"]
    events = {json.loads(body)["event"]: json.loads(body) for _, body in program.heard}
    assert events["reading"]["instance"] == taken.instance
    assert events["reading"]["state"] == "read"
    assert events["study"]["study"] == taken.study
    for headers, body in program.heard:
        assert b"WANG" not in body
        assert verify_webhook(SECRET, headers, body) == json.loads(body)


def test_what_is_not_signed_so_is_not_believed(told, program, hook, drawn):
    told.door.accept(drawn(1), origin="test")
    read_waiting(told)
    webhooks.tell_due(told, hook)
    ((headers, body),) = program.heard
    old = headers | {"Hilum-Timestamp": str(int(headers["Hilum-Timestamp"]) - 1)}
    for wrong in (
        (SECRET + "!", headers, body),
        (SECRET, headers, body + b" "),
        (SECRET, old, body),
        (SECRET, {}, body),
        (SECRET, headers | {"Hilum-Signature": "é"}, body),
    ):
        with pytest.raises(ServiceError, match="signature"):
            verify_webhook(*wrong)
    with pytest.raises(ServiceError, match="old"):
        verify_webhook(SECRET, headers, body, now=time.time() + 400)


@pytest.mark.parametrize("status", [500, 404, 302, 429])
def test_a_program_that_fails_is_told_again(told, program, hook, drawn, status):
    told.door.accept(drawn(1), origin="test")
    read_waiting(told)
    program.answers = [status, 200]
    webhooks.tell_due(told, hook)
    (row,) = rows(told)
    assert (row.state, row.attempts, row.why) == ("due", 1, f"It answered {status}.")
    assert webhooks.tell_due(told, hook) == 0, "not before its time"
    make_due(told)
    webhooks.tell_due(told, hook)
    (row,) = rows(told)
    assert (row.state, row.attempts, len(program.heard)) == ("sent", 2, 2)


def test_it_is_given_up_in_the_end(told, program, hook, drawn, monkeypatch):
    monkeypatch.setattr(webhooks, "TRIES", 3)
    program.answers = [500] * 5
    told.door.accept(drawn(1), origin="test")
    read_waiting(told)
    for _ in range(5):
        make_due(told)
        webhooks.tell_due(told, hook)
    (row,) = rows(told)
    assert (row.state, row.attempts, len(program.heard)) == ("dead", 3, 3)


def test_gone_is_gone(told, program, hook, drawn):
    program.answers = [410]
    told.door.accept(drawn(1), origin="test")
    read_waiting(told)
    webhooks.tell_due(told, hook)
    assert [row.state for row in rows(told)] == ["dead"]


def test_a_program_that_is_away_is_told_later(told, hook, drawn):
    away = hook.model_copy(update={"url": "http://127.0.0.1:9/hook"})
    told.door.accept(drawn(1), origin="test")
    read_waiting(told)
    webhooks.tell_due(told, away)
    (row,) = rows(told)
    assert (row.state, row.why) == ("due", "It could not be reached (NewConnectionError).")


@BOTH
def test_one_that_died_while_it_told_is_told_again(told, program, hook, drawn):
    told.door.accept(drawn(1), origin="test")
    read_waiting(told)
    assert len(webhooks._take(told, hook)) == 1
    assert webhooks.tell_due(told, hook) == 0
    with told.store.writing() as session:
        session.scalars(select(Delivery)).one().lease_until = time.time() - 1
    assert webhooks.tell_due(told, hook) == 1
    assert [row.state for row in rows(told)] == ["sent"]


def test_a_webhook_that_is_no_longer_named_is_given_up(told, here, drawn):
    told.door.accept(drawn(1), origin="test")
    read_waiting(told)
    webhooks.forget_unknown(here)
    (row,) = rows(here)
    assert (row.state, row.why) == ("dead", "The settings name no such webhook any more.")


def test_it_comes_later_and_later():
    waits = [webhooks.backoff_s(attempt) for attempt in range(1, 30)]
    assert waits[:4] == [1, 2, 4, 8]
    assert waits == sorted(waits)
    assert max(waits) == 3600


def test_it_tells_until_asked_to_stop(told, program, drawn):
    thread = Thread(target=webhooks.step, args=(told,), daemon=True)
    thread.start()
    told.door.accept(drawn(1), origin="test")
    read_waiting(told)
    until = time.monotonic() + 10
    while not program.heard and time.monotonic() < until:
        time.sleep(0.01)
    told.stop.set()
    thread.join(10)
    assert len(program.heard) == 1
    assert not thread.is_alive()
