"""Studies are complete when nothing came for the quiet time and all of them is read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from hilum.service.process import Here
from hilum.service.reading.process import read_waiting
from hilum.service.sending.complete import step
from hilum.service.settings import Settings, Webhook
from hilum.service.store.tables import Delivery, Instance, Study
from tests.service.postgres import BOTH

Drawn = Callable[..., bytes]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a program that is told of studies."""
    told = Webhook(name="ris", url="http://127.0.0.1:1/", secret="s" * 16, events=("study",))
    return settings.model_copy(update={"webhooks": (told,)})


def _complete(here: Here, *, quiet: bool = True) -> bool:
    if quiet:
        with here.store.writing() as session:
            session.execute(update(Study).values(last_at=Study.last_at - 60))
    step(here)
    with here.store.reading() as session:
        return session.scalar(select(Study.complete_at)) is not None


def _told(here: Here) -> list[tuple[str, str]]:
    with here.store.reading() as session:
        return [(row.key, row.state) for row in session.scalars(select(Delivery))]


@BOTH
def test_it_waits_for_quiet_and_for_readers(here: Here, drawn: Drawn) -> None:
    study = here.door.accept(drawn(1), origin="http:test").study

    assert not _complete(here, quiet=False)
    assert not _complete(here), "not read yet"
    with here.store.writing() as session:
        session.execute(update(Instance).values(state="reading"))
    assert not _complete(here)
    with here.store.writing() as session:
        session.execute(update(Instance).values(state="waiting"))
    read_waiting(here)
    assert _told(here) == []
    assert _complete(here)
    assert _told(here) == [(study, "due")]
    assert _complete(here)
    assert len(_told(here)) == 1


def test_what_comes_later_opens_it_again(here: Here, drawn: Drawn) -> None:
    def accept(seed: int) -> str:
        return here.door.accept(
            drawn(seed, patient_id="P", study_uid="1.2.3"), origin="http:test"
        ).study

    study = accept(1)
    read_waiting(here)
    assert _complete(here)
    with here.store.writing() as session:
        session.execute(update(Delivery).values(state="sent", attempts=1))

    assert accept(2) == study
    assert not _complete(here, quiet=False)
    read_waiting(here)
    assert _told(here) == [(study, "sent")]
    assert _complete(here)
    assert _told(here) == [(study, "due")]
