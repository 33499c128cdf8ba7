"""Results to another system: sent, tried again, given up; each once at least, under one UID."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import select, update

pytest.importorskip("highdicom", reason="needs the server: pip install 'hilum[serve]'")

from pynetdicom import AE, evt

from hilum.bundles import Bundle
from hilum.service.dicom.contexts import RESULTS, RLE
from hilum.service.process import Here
from hilum.service.reading.process import read_waiting
from hilum.service.sending import deliveries, results
from hilum.service.sending.deliveries import LEASE_S, REFUSALS, TRIES, Taken
from hilum.service.settings import Place
from hilum.service.store.tables import Delivery

Drawn = Callable[..., bytes]


@dataclass
class Archive:
    """A small archive that answers what it is told."""

    status: int = 0x0000
    got: list[tuple[str, str, str]] = field(default_factory=list)
    associations: int = 0
    port: int = 0

    def store(self, event: evt.Event) -> int:
        data = event.dataset
        syntax = str(event.context.transfer_syntax)
        self.got.append((data.Modality, str(data.SOPInstanceUID), syntax))
        return self.status

    def opened(self, _: evt.Event) -> None:
        self.associations += 1


@contextmanager
def archive(kinds: tuple[str, ...] = tuple(RESULTS), syntaxes: tuple[str, ...] = ()) -> Iterator:
    entity, made = AE("ARCHIVE"), Archive()
    plain = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")
    for uid in {uid for kind in kinds for uid in RESULTS[kind]}:
        entity.add_supported_context(uid, list(syntaxes or (*plain, RLE)))
    server = entity.start_server(
        ("127.0.0.1", 0), block=False,
        evt_handlers=[(evt.EVT_C_STORE, made.store), (evt.EVT_ACCEPTED, made.opened)],
    )  # fmt: skip
    made.port = server.server_address[1]
    try:
        yield made
    finally:
        server.shutdown()


@pytest.fixture
def hilum_of(here: Here, fixed_bundle: Callable[..., Bundle]) -> Callable[..., Here]:
    def make(port: int, *kinds: str) -> Here:
        bundle = fixed_bundle("results", effusion=0.9, pneumonia=0.1, pneumothorax=0.2)
        place = {"name": "archive", "ae_title": "ARCHIVE", "host": "127.0.0.1", "port": port,
                 "send": kinds or tuple(RESULTS)}  # fmt: skip
        settings = here.settings.model_copy(
            update={
                "places": (Place.model_validate(place),),
                "reading": here.settings.reading.model_copy(
                    update={"bundle": str(bundle.location)}
                ),
            }
        )
        return replace(here, settings=settings, stop=threading.Event(), facts={})

    return make


@contextmanager
def sending(here: Here) -> Iterator[None]:
    thread = threading.Thread(target=results.step, args=(here,))
    thread.start()
    try:
        yield
    finally:
        here.stop.set()
        thread.join()


def rows(here: Here) -> list[tuple[str, str, int, str]]:
    with here.store.reading() as session:
        return [
            (row.kind, row.state, row.attempts, row.why)
            for row in session.scalars(select(Delivery).order_by(Delivery.kind))
        ]


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def states(here: Here) -> set[str]:
    return {state for _, state, _, _ in rows(here)}


def read(here: Here, data: bytes) -> None:
    here.door.accept(data, origin="test")
    assert read_waiting(here) == 1


def test_all_go_over_one_association(hilum_of: Callable[..., Here], drawn: Drawn):
    with archive() as there, sending(here := hilum_of(there.port)):
        read(here, drawn(1))
        read(here, drawn(2))
        until(lambda: states(here) == {"sent"})
    assert sorted(modality for modality, _, _ in there.got) == sorted(
        ["SR", "PR", "SEG", "SEG", "OT"] * 2
    )
    assert len({uid for _, uid, _ in there.got}) == 10
    assert (there.associations, here.facts["results_sent"]) == (1, 8)


def test_an_archive_that_takes_implicit_alone(hilum_of: Callable[..., Here], drawn: Drawn):
    implicit = "1.2.840.10008.1.2"
    with archive(syntaxes=(implicit,)) as there, sending(here := hilum_of(there.port)):
        read(here, drawn(1))
        until(lambda: states(here) == {"sent"})
    assert {syntax for _, _, syntax in there.got} == {implicit}
    assert len(there.got) == 5


@pytest.mark.parametrize("status", [0x0111, 0xB000, 0xB006])
def test_there_already_and_warnings_are_successes(
    status: int, hilum_of: Callable[..., Here], drawn: Drawn
):
    with archive() as there, sending(here := hilum_of(there.port, "sr")):
        there.status = status
        read(here, drawn(1))
        until(lambda: states(here) == {"sent"})


def test_no_room_is_tried_again(hilum_of: Callable[..., Here], drawn: Drawn):
    with archive() as there, sending(here := hilum_of(there.port, "sr")):
        there.status = 0xA700
        read(here, drawn(1))
        until(lambda: bool(rows(here)[0][3]))
        assert rows(here) == [("sr", "due", 1, "archive has no room (status A700).")]
        there.status = 0
        until(lambda: states(here) == {"sent"})
    assert rows(here)[0][3] == ""
    assert len({uid for _, uid, _ in there.got}) == 1


NOT_STORED = (
    "archive does not store Comprehensive SR Storage: allow it there, or leave it out of what is "
    "sent."
)


@pytest.mark.parametrize(
    ("kinds", "status", "why"),
    [
        (tuple(RESULTS), 0xA900, "archive does not take it (status A900)."),
        (("sc",), 0, NOT_STORED),
    ],
)
def test_what_is_refused_there_is_given_up(
    kinds: tuple[str, ...], status: int, why: str, hilum_of: Callable[..., Here], drawn: Drawn,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.setattr(deliveries, "FIRST_S", 0.01)
    monkeypatch.setattr(deliveries, "LONGEST_S", 0.01)
    with archive(kinds) as there, sending(here := hilum_of(there.port, "sr", "sc")):
        there.status = status
        read(here, drawn(1))
        until(lambda: ("sr", "dead", REFUSALS, why) in rows(here))


def test_a_result_that_cannot_be_made_does_not_stop_others(
    hilum_of: Callable[..., Here], drawn: Drawn, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):  # fmt: skip
    monkeypatch.setattr(deliveries, "FIRST_S", 0.01)
    monkeypatch.setattr(deliveries, "LONGEST_S", 0.01)
    made = results.objects.sent

    def broken(here: Here, reading: str, kind: str) -> object:
        if kind == "gsps":
            raise KeyError("Roesler^Jadwiga")
        return made(here, reading, kind)

    monkeypatch.setattr(results.objects, "sent", broken)
    with archive() as there, sending(here := hilum_of(there.port, "gsps", "sr")):
        read(here, drawn(1))
        until(lambda: states(here) == {"dead", "sent"})
    assert rows(here)[0][3] == "Hilum failed on it (KeyError); the log says where."
    assert "Roesler" not in caplog.text


def one(here: Here) -> Taken:
    (taken,) = deliveries.take(here, "archive", 5)
    return taken


def test_leases(hilum_of: Callable[..., Here], drawn: Drawn):
    here = hilum_of(1, "sr")
    read(here, drawn(1))
    assert deliveries.due_places(here) == ["archive"]
    first = one(here)
    assert deliveries.take(here, "archive", 5) == deliveries.due_places(here) == []
    deliveries.hand_back(here, [first])
    assert rows(here) == [("sr", "due", 0, "")]

    one(here)
    other = replace(here, role="send")  # after a restart: what the dead one had is due again
    deliveries.begin(other)
    assert one(other).attempts == 2
    deliveries.sent(here, first)  # too late, by the one that was taken for dead
    assert rows(here)[0][1] == "sending"

    with here.store.writing() as session:
        session.execute(update(Delivery).values(lease_until=time.time() - LEASE_S))
    assert one(here).attempts == 3


def test_a_place_that_is_gone_from_the_settings(hilum_of: Callable[..., Here], drawn: Drawn):
    here = hilum_of(1, "sr")
    read(here, drawn(1))
    deliveries.begin(replace(here, settings=here.settings.model_copy(update={"places": ()})))
    assert rows(here) == [("sr", "dead", 0, "The settings name no such place any more.")]


def test_it_is_given_up_after_two_days(hilum_of: Callable[..., Here], drawn: Drawn):
    here = hilum_of(1, "sr")
    read(here, drawn(1))
    waited = 0.0
    for _ in range(TRIES):
        with here.store.writing() as session:
            session.execute(update(Delivery).values(not_before=0.0))
        deliveries.not_sent(here, one(here), "archive cannot be reached.")
        waited += deliveries.wait_s(rows(here)[0][2])
    assert rows(here) == [("sr", "dead", TRIES, "archive cannot be reached.")]
    assert 1.9 < waited / 86400 < 2.2
