"""What was kept for long enough goes; what has still to be done stays."""

from __future__ import annotations

import os
import time

import pytest
from sqlalchemy import select, update

from hilum.service.process import Here
from hilum.service.sending import keeping
from hilum.service.settings import Keeping
from hilum.service.store.tables import (
    Delivery,
    Instance,
    Job,
    Seen,
    Session,
    Study,
    Token,
    TurnedAway,
)
from tests.service.postgres import BOTH
from tests.service.rows import add_reading, add_study

DAY_S = 86_400.0


def studies(here: Here) -> set[str]:
    with here.store.reading() as session:
        return set(session.scalars(select(Study.id)))


def set_all(here: Here, table, **values) -> None:
    with here.store.writing() as session:
        session.execute(update(table).values(**values))


@BOTH
def test_old_studies_go_and_young_ones_stay(here):
    now = time.time()
    old = add_study(here.store, 1, last_at=now - 31 * DAY_S)
    young = add_study(here.store, 2, last_at=now - 29 * DAY_S)
    set_all(here, Instance, state="read")
    assert keeping.delete_old_studies(here.store, here.files, Keeping(studies_days=30)) == 1
    assert studies(here) == {young}
    with here.store.reading() as session:
        seen = session.scalars(select(Seen)).one()
    assert (seen.by, seen.action, seen.study_id) == ("retention", "delete study", old)


def test_for_ever_is_the_default(here):
    add_study(here.store, 1, last_at=0.0)
    set_all(here, Instance, state="read")
    keeping.step(here)
    assert len(studies(here)) == 1


@BOTH
@pytest.mark.parametrize("state", ["waiting", "reading"])
def test_what_is_not_read_yet_stays(here, state):
    add_study(here.store, 1, last_at=0.0)
    set_all(here, Instance, state=state)
    assert keeping.delete_old_studies(here.store, here.files, Keeping(studies_days=1)) == 0


@BOTH
def test_what_is_not_sent_yet_stays(here):
    add_study(here.store, 1, last_at=0.0)
    with here.store.reading() as session:
        instance = session.scalars(select(Instance.id)).one()
    add_reading(here.store, instance)
    set_all(here, Delivery, state="due")
    assert keeping.delete_old_studies(here.store, here.files, Keeping(studies_days=1)) == 0
    set_all(here, Delivery, state="dead")
    assert keeping.delete_old_studies(here.store, here.files, Keeping(studies_days=1)) == 1


@BOTH
def test_old_rows_go(here):
    now = time.time()
    with here.store.writing() as session:
        for age_days in (100, 1):
            at = now - age_days * DAY_S
            session.add_all(
                [
                    Job(kind="upload", by="x", made_at=at, done_at=at, state="done"),
                    TurnedAway(at=at, origin="x", code="damaged", why="."),
                    Seen(at=at, by="x", action="x"),
                    Token(name="x", role="view", digest=str(age_days), made_at=at, ended_at=at),
                    Session(digest=str(age_days), name="x", role="view", made_at=at,
                            until=at + 2 * DAY_S),
                ]
            )  # fmt: skip
        session.add(Job(kind="pull", by="x", made_at=0.0))  # still running
    keeping.delete_old_rows(here.store, Keeping(jobs_days=90, audit_days=50))
    with here.store.reading() as session:
        left = {
            table.__tablename__: len(session.scalars(select(table)).all())
            for table in (Job, TurnedAway, Seen, Token, Session)
        }
    assert left == {"jobs": 2, "turned_away": 1, "audit": 1, "tokens": 1, "sessions": 1}


@BOTH
def test_a_flood_of_what_was_turned_away_does_not_fill_the_disk(here, monkeypatch):
    monkeypatch.setattr(keeping, "_LISTED", 5)
    with here.store.writing() as session:
        session.add_all(
            TurnedAway(at=time.time(), origin=str(i), code="damaged", why=".") for i in range(12)
        )
    keeping.delete_old_rows(here.store, Keeping())
    with here.store.reading() as session:
        assert session.scalars(select(TurnedAway.origin)).all() == [str(i) for i in range(7, 12)]


def test_files_that_nothing_speaks_of_are_swept(here, drawn):
    taken = here.door.accept(drawn(1), origin="test:x")
    reading = add_reading(here.store, taken.instance)
    here.files.write(here.files.reading(reading) / "preview.jpg", b"kept")
    orphan = here.files.keep_radiograph(b"orphan")
    here.files.write(here.files.reading("f" * 32) / "preview.jpg", b"orphan")
    assert keeping.sweep(here.store, here.files) == 0  # too young: it may be about to be entered
    old = time.time() - 2 * keeping.ORPHAN_S
    for path in here.settings.folder.rglob("*"):
        os.utime(path, (old, old))
    assert keeping.sweep(here.store, here.files) == 2
    assert not here.files.radiograph(orphan).exists()
    assert not here.files.reading("f" * 32).exists()
    assert here.files.reading(reading).is_dir()
    with here.store.reading() as session:
        digest = session.get_one(Instance, taken.instance).digest
    assert here.files.radiograph(digest).is_file()
