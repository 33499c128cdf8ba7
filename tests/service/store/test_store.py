"""Sessions that look see one moment; those that write keep all or nothing."""

from __future__ import annotations

import time
from threading import Event, Thread

import pytest
from sqlalchemy import select

from hilum.errors import MissingExtra, NotNow, ServiceError
from hilum.service.settings import Settings
from hilum.service.store import Store
from hilum.service.store.tables import Fact, Seen
from tests.service.postgres import BOTH


@BOTH
def test_what_fails_keeps_nothing(here):
    def fail():
        with here.store.writing() as session:
            session.add(Fact(key="a", value="1"))
            session.flush()
            raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        fail()
    with here.store.reading() as session:
        assert session.get(Fact, "a") is None


@BOTH
def test_rows_may_be_used_after_the_session(here):
    with here.store.writing() as session:
        session.add(Fact(key="a", value="1"))
    with here.store.reading() as session:
        row = session.get_one(Fact, "a")
    assert row.value == "1"


@BOTH
def test_a_session_that_looks_sees_one_moment(here):
    with here.store.reading() as session:
        assert session.scalars(select(Fact)).all() == []
        with here.store.writing() as other:
            other.add(Fact(key="a", value="1"))
        assert session.scalars(select(Fact)).all() == []
    with here.store.reading() as session:
        assert len(session.scalars(select(Fact)).all()) == 1


@BOTH
def test_writers_wait_for_each_other_and_none_is_lost(here):
    def add(name: int) -> None:
        for i in range(20):
            with here.store.writing() as session:
                session.add(Seen(at=float(i), by=str(name), action="x"))

    threads = [Thread(target=add, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with here.store.reading() as session:
        assert len(session.scalars(select(Seen)).all()) == 120


def test_a_writer_that_waits_too_long_is_told_not_now(here, monkeypatch):
    monkeypatch.setattr("hilum.service.store.store.BUSY_MS", 50)
    impatient, inside, done = Store(here.settings), Event(), Event()

    def hold() -> None:
        with here.store.writing():
            inside.set()
            done.wait(10)

    thread = Thread(target=hold)
    thread.start()
    try:
        assert inside.wait(5)
        with pytest.raises(NotNow, match="does not answer"), impatient.writing():
            pass
    finally:
        done.set()
        thread.join()
        impatient.close()


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_a_database_that_goes_away_and_comes_back(here, postgres_server):
    with here.store.writing() as session:
        session.add(Fact(key="a", value="1"))
    postgres_server.stop("immediate")
    try:
        with pytest.raises(NotNow, match="does not answer"), here.store.writing() as session:
            session.add(Fact(key="b", value="1"))
        with pytest.raises(NotNow, match="does not answer"), here.store.reading() as session:
            session.get(Fact, "a")
    finally:
        postgres_server.start()
    with here.store.reading() as session:
        assert session.get_one(Fact, "a").value == "1"
        assert session.get(Fact, "b") is None


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_a_database_that_dies_within_a_transaction(here, postgres_server):
    def write():
        with here.store.writing() as session:
            session.add(Fact(key="a", value="1"))
            session.flush()
            postgres_server.stop("immediate")
            session.add(Fact(key="b", value="1"))

    try:
        with pytest.raises(NotNow, match="does not answer"):
            write()
    finally:
        postgres_server.start()
    with here.store.reading() as session:
        assert session.scalars(select(Fact)).all() == []


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_a_value_that_no_database_takes_is_an_error_of_who_asks(here, client):
    for path in ("/studies/a%00", "/readings/a%00/display.png"):
        assert client("view").get(path).status_code == 400
    answer = client("view").post("/worklist", data={"text": "a\0b"}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    with pytest.raises(ServiceError, match="no such value"), here.store.writing() as session:
        session.add(Fact(key="a", value="a\0b"))


def test_an_error_of_the_database_says_nothing_of_a_patient(here):
    with (
        pytest.raises(Exception, match="UNIQUE") as failure,  # a programming error, not NotNow
        here.store.writing() as session,
    ):
        session.add_all([Fact(key="a", value="DOE^JANE"), Fact(key="a", value="DOE^JANE")])
    assert "DOE" not in str(failure.value)


def test_a_password_of_the_database_is_not_shown():
    settings = Settings(database="postgresql://me:hunter2@nowhere/x")
    assert "hunter2" not in repr(settings)


def test_postgresql_without_its_driver_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"hilum\[postgres\]"):
        Store(Settings(database="postgresql://me@nowhere/x"))


def test_an_address_that_is_none():
    with pytest.raises(ServiceError, match="address is none"):
        Store(Settings(database="postgresql://me@nowhere:notaport/x"))


def test_a_look_is_quick(here):
    """The readers look twenty times a second: it must not cost much."""
    begun = time.perf_counter()
    for _ in range(50):
        with here.store.reading() as session:
            session.get(Fact, "a")
    assert (time.perf_counter() - begun) / 50 < 0.2
