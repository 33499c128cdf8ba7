"""The process that reads: whatever becomes of a radiograph, it is said once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update

from hilum.bundles import Bundle
from hilum.errors import NotNow
from hilum.imaging import encode_png
from hilum.phantoms import draw_chest
from hilum.service import evidence
from hilum.service.process import Here
from hilum.service.queue import Taken, take
from hilum.service.reading import process
from hilum.service.reading.process import Readers, read_waiting
from hilum.service.reading.way import Way
from hilum.service.settings import Reading as Settings
from hilum.service.store.tables import Instance, Reading, Study
from tests.service.postgres import BOTH

Drawn = Callable[..., bytes]


def _rows(here: Here, table: Any) -> list[Any]:
    with here.store.reading() as session:
        rows = list(session.scalars(select(table)))
        session.expunge_all()
    return rows


def _due(here: Here) -> None:
    """Let what waits for another try be due now."""
    with here.store.writing() as session:
        session.execute(update(Instance).values(not_before=0.0))


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """What reading raises, the last first; then it reads."""
    raised: list[BaseException] = []
    read = Way.read

    def fails(way: Way, data: bytes, name: str) -> Any:
        if raised:
            raise raised.pop()
        return read(way, data, name)

    monkeypatch.setattr(Way, "read", fails)
    return raised


@BOTH
def test_all_that_waits_is_read(here: Here, drawn: Drawn) -> None:
    for seed in range(3):
        here.door.accept(drawn(seed), origin="http:test")
    chest = np.rint(draw_chest(np.random.default_rng(8), size=(300, 260)).pixels * 255)
    here.door.accept(encode_png(chest.astype(np.uint8)), origin="http:test")
    here.door.accept(drawn(9, body_part="HAND"), origin="http:test")

    assert read_waiting(here) == 5
    assert read_waiting(here) == 0

    states = sorted(row.state for row in _rows(here, Instance))
    assert states == ["read", "read", "read", "read", "refused"]
    assert here.facts["read"] == 4
    assert here.facts["refused"] == 1
    for reading in _rows(here, Reading):
        folder = here.files.reading(reading.id)
        shown = {"preview.jpg", "display.png"}
        if reading.kind == "reading":
            shown |= {"grids.json", "evidence.npz"}
            found = evidence.load(folder)
            assert found.lungs is not None
            assert len(found.heatmaps) == 3
            assert reading.record["preview"] == ""
            assert reading.record["heatmaps"] == {}
        assert {path.name for path in folder.iterdir()} == shown
        assert reading.record["image"] == reading.instance_id
        assert reading.bundle == "tiny 1.2.3"
        assert reading.seconds > 0
    assert all(study.urgency > 0 for study in _rows(here, Study))


def test_a_failure_is_tried_again_and_then_laid_aside(
    here: Here, drawn: Drawn, broken: list[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hilum.service")
    here.door.accept(drawn(1, patient_name="SECRET^PERSON"), origin="http:test")
    broken += [ValueError("SECRET^PERSON")] * 3

    for attempt in (1, 2):
        assert read_waiting(here) == 1
        (row,) = _rows(here, Instance)
        assert (row.state, row.attempts) == ("waiting", attempt)
        assert row.not_before > time.time() + 0.5
        _due(here)
    assert read_waiting(here) == 1

    (row,) = _rows(here, Instance)
    assert (row.state, row.why_code) == ("failed", "failed")
    assert row.why == "Hilum failed on it (ValueError), 3 times."
    assert here.facts["failed"] == 1
    assert "ValueError at" in caplog.text
    assert "SECRET" not in caplog.text


def test_what_ended_its_readers_is_laid_aside_unread(here: Here, drawn: Drawn) -> None:
    here.door.accept(drawn(1), origin="http:test")
    here.door.accept(drawn(2), origin="http:test")
    for _ in range(3):  # readers that took the first one and died
        assert len(take(here.store, "dead")) == 1
        with here.store.writing() as session:
            session.execute(update(Instance).values(state="waiting", lease=""))

    assert read_waiting(here) == 2

    first, second = sorted(_rows(here, Instance), key=lambda row: row.arrived_at)
    assert (first.state, second.state) == ("failed", "read")
    assert first.why == "Reading it ended the reader 3 times."


def test_a_full_disk_is_no_failure_of_the_radiograph(
    here: Here, drawn: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "PATIENCE_S", 0.01)
    here.door.accept(drawn(1), origin="http:test")
    readers = Readers(here, Way.of(here.settings.reading))

    def full(*_: object) -> None:
        raise NotNow("Nothing can be written: no space left on device. Make room.")

    with monkeypatch.context() as patched:
        patched.setattr(type(here.files), "write", full)
        readers.read(take(here.store, "me")[0])
    (row,) = _rows(here, Instance)
    assert (row.state, row.attempts) == ("waiting", 0)

    _due(here)
    assert read_waiting(here) == 1
    assert [row.state for row in _rows(here, Instance)] == ["read"]


def test_what_was_read_is_kept_when_the_database_comes_back(
    here: Here, drawn: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "PATIENCE_S", 0.01)
    here.door.accept(drawn(1), origin="http:test")
    keep, away = process.keep, [True] * 5

    def sometimes(*given: Any) -> bool:
        if away and away.pop():
            raise NotNow("The database does not answer; come again later.")
        return keep(*given)

    monkeypatch.setattr(process, "keep", sometimes)

    assert read_waiting(here) == 1

    assert not away
    assert [row.state for row in _rows(here, Instance)] == ["read"]
    assert here.facts["read"] == 1


def test_what_was_taken_as_the_database_went_is_taken_again(
    here: Here, drawn: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "PATIENCE_S", 0.01)
    here.door.accept(drawn(1), origin="http:test")
    lost = [True]

    def unanswered(*given: Any) -> list[Taken]:
        taken = take(*given)
        if lost and taken:
            lost.pop()
            raise NotNow("The database does not answer; come again later.")
        return taken

    monkeypatch.setattr(process, "take", unanswered)
    thread = threading.Thread(target=Readers(here, Way.of(here.settings.reading)).run)
    thread.start()
    try:
        until = time.monotonic() + 20
        while not here.facts["read"] and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        here.stop.set()
        thread.join()

    assert not lost
    assert [(row.state, row.attempts) for row in _rows(here, Instance)] == [("read", 1)]


@BOTH
def test_two_readers_of_one_radiograph_keep_one_reading(here: Here, drawn: Drawn) -> None:
    here.door.accept(drawn(1), origin="http:test")
    (taken,) = take(here.store, "slow")
    readers = Readers(here, Way.of(here.settings.reading))

    threads = [threading.Thread(target=readers.read, args=(taken,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (reading,) = _rows(here, Reading)
    assert evidence.load(here.files.reading(reading.id)).shape == (256, 240)
    assert [row.state for row in _rows(here, Instance)] == ["read"]


def test_nothing_stays_of_what_was_deleted_meanwhile(here: Here, drawn: Drawn) -> None:
    accepted = here.door.accept(drawn(1), origin="http:test")
    (taken,) = take(here.store, "me")
    with here.store.writing() as session:
        session.delete(session.get_one(Study, accepted.study))

    Readers(here, Way.of(here.settings.reading)).read(taken)

    assert _rows(here, Reading) == []
    assert not [path for path in (here.files.folder / "readings").rglob("*") if path.is_file()]


def test_a_file_that_is_gone_fails_and_stops_nobody(here: Here, drawn: Drawn) -> None:
    here.door.accept(drawn(1), origin="http:test")
    here.door.accept(drawn(2), origin="http:test")
    lost, _ = sorted(_rows(here, Instance), key=lambda row: row.arrived_at)
    here.files.radiograph(lost.digest).unlink()

    assert read_waiting(here) == 2

    assert sorted(row.state for row in _rows(here, Instance)) == ["read", "waiting"]


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_read_what_comes_and_end_when_told(here: Here, drawn: Drawn, workers: int) -> None:
    reading = here.settings.reading.model_copy(update={"workers": workers})
    mine = replace(here, settings=here.settings.model_copy(update={"reading": reading}))
    readers = Readers(mine, Way.of(reading))
    assert readers.workers == workers
    thread = threading.Thread(target=readers.run)
    thread.start()
    try:
        for seed in range(6):
            here.door.accept(drawn(seed), origin="http:test")
        until = time.monotonic() + 20
        while here.facts["read"] < 6 and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        here.stop.set()
        thread.join(10)

    assert not thread.is_alive()
    assert [row.state for row in _rows(here, Instance)] == ["read"] * 6
    assert here.facts["waiting"] == 0


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_readers_go_on_when_the_database_comes_back(
    here: Here, drawn: Drawn, postgres_server: Any
) -> None:
    for seed in range(5):
        here.door.accept(drawn(seed), origin="http:test")
    thread = threading.Thread(target=Readers(here, Way.of(here.settings.reading)).run)
    thread.start()
    try:
        while not here.facts.get("read"):
            time.sleep(0.01)
        postgres_server.stop("immediate")
        time.sleep(1)
        postgres_server.start()
        until = time.monotonic() + 30
        while here.facts["read"] < 5 and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        here.stop.set()
        thread.join()

    assert [row.state for row in _rows(here, Instance)] == ["read"] * 5
    assert len(_rows(here, Reading)) == 5


def test_a_cascade_reads_as_one(
    here: Here, drawn: Drawn, fixed_bundle: Callable[..., Bundle], tmp_path: Any
) -> None:
    first = fixed_bundle("first", covid_19=0.1, mass=0.1, nodule=0.2)
    second = fixed_bundle("second", effusion=0.9, pneumonia=0.2, hernia=0.2)
    (tmp_path / "chain.toml").write_text(
        f'name = "chain"\nversion = "1.0.0"\nsummary = "Two."\n'
        f'[[stages]]\nname = "one"\nbundle = "{first.location}"\n'
        f'[[stages]]\nname = "two"\nbundle = "{second.location}"\n'
        f'when = {{ finding = "one.covid_19", is = "negative" }}\n',
        "utf-8",
    )
    reading = Settings(cascade=str(tmp_path / "chain.toml"))
    mine = replace(here, settings=here.settings.model_copy(update={"reading": reading}))
    here.door.accept(drawn(1), origin="http:test")

    assert read_waiting(mine) == 1

    (row,) = _rows(here, Reading)
    assert row.bundle == "chain 1.0.0"
    assert [step["outcome"] for step in row.record["stages"]] == ["read", "read"]
    assert {p["finding"]: p["stage"] for p in row.record["predictions"]}["effusion"] == "two"
    assert evidence.load(here.files.reading(row.id)).lungs is not None


def test_what_changes_readings_changes_their_way(
    tiny_bundle: Bundle, fixed_bundle: Callable[..., Bundle]
) -> None:
    name = str(tiny_bundle.location)
    other = str(fixed_bundle("other", covid_19=0.1, mass=0.1, nodule=0.2).location)
    ways = [
        Way.of(Settings(bundle=name)),
        Way.of(Settings(bundle=other)),
        Way.of(Settings(bundle=name, prevalence={"effusion": 0.05})),
    ]

    assert len({way.digest for way in ways}) == 3
    assert Way.of(Settings(bundle=name, workers=3, quiet_s=1)).digest == ways[0].digest
    assert len({way.reading_id(one) for way in ways for one in ("a", "b")}) == 6
    assert all(len(way.reading_id("a")) == 32 for way in ways)


def test_lungs_are_found_once(here: Here, drawn: Drawn, monkeypatch: pytest.MonkeyPatch) -> None:
    from hilum.reading.lungs import LungReader

    found: list[int] = []
    call = LungReader.__call__
    monkeypatch.setattr(LungReader, "__call__", lambda *given: (found.append(1), call(*given))[1])
    mine = replace(
        here, settings=here.settings.model_copy(update={"reading": Settings(bundle="covid")})
    )
    here.door.accept(drawn(1, size=(512, 480)), origin="http:test")  # covid crops to the lungs

    read_waiting(mine)

    assert [row.state for row in _rows(here, Instance)] in (["read"], ["refused"])
    assert len(found) == 1


def test_a_thread_that_is_stuck_ends_the_process(
    here: Here, drawn: Drawn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ended, free = threading.Event(), threading.Event()

    def end(status: int) -> None:
        assert status == 1
        ended.set()

    def stuck(*_: object) -> None:
        free.wait(20)
        raise ValueError

    monkeypatch.setattr(process, "STUCK_S", 0.2)
    monkeypatch.setattr(process.os, "_exit", end)
    monkeypatch.setattr(Way, "read", stuck)
    instance = here.door.accept(drawn(1), origin="http:test").instance
    thread = threading.Thread(target=Readers(here, Way.of(here.settings.reading)).run)
    thread.start()
    try:
        assert ended.wait(20)
    finally:
        here.stop.set()
        free.set()
        thread.join()
    assert f"reading {instance} does not end" in caplog.text


def test_a_reader_begins_where_another_died(here: Here, drawn: Drawn) -> None:
    here.door.accept(drawn(1), origin="http:test")
    assert isinstance(take(here.store, "read-1")[0], Taken)
    thread = threading.Thread(target=_until_read, args=(here,))
    thread.start()
    try:
        process.run(here)
    finally:
        here.stop.set()
        thread.join()

    assert [row.state for row in _rows(here, Instance)] == ["read"]


def _until_read(here: Here) -> None:
    until = time.monotonic() + 20
    while not here.facts.get("read") and time.monotonic() < until:
        time.sleep(0.02)
    here.stop.set()
