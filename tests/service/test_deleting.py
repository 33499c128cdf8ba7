"""What is deleted is gone: rows, files, and the bytes of the database."""

from __future__ import annotations

from threading import Event, Thread

import pytest
from sqlalchemy import func, select

from hilum.errors import NotNow
from hilum.service.deleting import delete_studies, delete_study, remove_unused, studies_of
from hilum.service.store.tables import Base, Instance, Seen, Study
from tests.service.postgres import BOTH
from tests.service.rows import add_reading, add_study

OF_PATIENTS = ("studies", "instances", "readings", "verdicts", "deliveries")


def counts(here):
    with here.store.reading() as session:
        return {
            name: session.scalar(select(func.count()).select_from(Base.metadata.tables[name]))
            for name in OF_PATIENTS
        }


def whole(here, drawn, seed, **facts):
    """A radiograph that was accepted and read, with a file beside its reading."""
    taken = here.door.accept(drawn(seed, **facts), origin="test:x")
    reading = add_reading(here.store, taken.instance)
    here.files.write(here.files.reading(reading) / "preview.jpg", b"picture")
    return taken, reading


@BOTH
def test_nothing_stays(here, drawn):
    taken, reading = whole(here, drawn, 1)
    kept, other = whole(here, drawn, 2)
    with here.store.writing() as session:
        session.add(Seen(at=1.0, by="dr", action="view study", study_id=taken.study))
    assert delete_study(here.store, here.files, taken.study) is True
    assert counts(here) == dict.fromkeys(OF_PATIENTS, 1)
    assert not here.files.reading(reading).exists()
    assert here.files.reading(other).is_dir()
    assert sum(len(here.files.radiographs(shard)) for shard in here.files.shards()) == 1
    with here.store.reading() as session:
        assert session.scalars(select(Study.id)).one() == kept.study
        assert session.scalars(select(Seen.study_id)).all() == [taken.study]
    assert delete_study(here.store, here.files, taken.study) is False


def test_no_byte_of_a_patient_stays_in_the_folder(here, drawn):
    for seed in range(12):
        whole(
            here, drawn, seed, patient_name="VERYRARE^NAME", patient_id="RAREID7", study_uid="1.2.3"
        )
    (study,) = studies_of(here.store, "RAREID7")
    assert delete_studies(here.store, here.files, [study]) == 1
    for path in here.settings.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"VERYRARE" not in content, path.name
            assert b"RAREID7" not in content, path.name


@BOTH
def test_many(here):
    studies = [add_study(here.store, number) for number in range(450)]
    assert delete_studies(here.store, here.files, [*studies, "nowhere"]) == 450
    assert counts(here) == dict.fromkeys(OF_PATIENTS, 0)


@BOTH
def test_a_file_that_another_study_uses_stays(here, drawn):
    taken = here.door.accept(drawn(1), origin="test:x")
    with here.store.writing() as session:
        row = session.get_one(Instance, taken.instance)
        other = Study(uid="9.9", arrived_at=0.0, last_at=0.0)
        session.add(other)
        session.flush()
        session.add(
            Instance(
                study_id=other.id, uid="9.9.1", digest=row.digest, format="dicom", size=1,
                origin="test:x", arrived_at=0.0,
            )
        )  # fmt: skip
    delete_study(here.store, here.files, taken.study)
    assert here.files.radiograph(row.digest).is_file()


def test_what_is_being_entered_is_not_removed(here, drawn, monkeypatch):
    """A file is there before its row: whoever removes what no row speaks of waits for the row."""
    digest = here.files.keep_radiograph(b"about to be entered")
    inside, entered, removed = Event(), Event(), []

    def enter() -> None:
        with here.files.using(digest):
            inside.set()
            entered.wait(10)
            add_study(here.store, 1)
            with here.store.writing() as session:
                session.scalars(select(Instance)).one().digest = digest

    thread = Thread(target=enter)
    thread.start()
    assert inside.wait(5)
    remover = Thread(target=lambda: removed.append(remove_unused(here.store, here.files, [digest])))
    remover.start()
    entered.set()
    thread.join()
    remover.join()
    assert removed == [0]
    assert here.files.radiograph(digest).is_file()


def test_a_file_in_use_is_left_for_the_next_time(here, monkeypatch):
    monkeypatch.setattr("hilum.service.files.PATIENCE_S", 0.05)
    digest = here.files.keep_radiograph(b"x")
    with here.files.using(digest):
        assert remove_unused(here.store, here.files, [digest]) == 0
        with pytest.raises(NotNow, match="Others use"), here.files.alone(digest[:2]):
            pass
    assert remove_unused(here.store, here.files, [digest]) == 1
