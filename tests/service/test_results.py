"""What was said is kept once, with all that follows from it, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from hilum.service.process import Here
from hilum.service.results import Said, keep, lay_aside, put_back
from hilum.service.settings import Place, Settings, Webhook
from hilum.service.store.tables import Delivery, Instance, Reading, Study
from hilum.service.urgency import urgency
from tests.service.postgres import BOTH

Drawn = Callable[..., bytes]

pytestmark = BOTH

ALL = ("sr", "gsps", "seg", "sc")
PREDICTION = {
    "finding": "pneumothorax", "label": "Pneumothorax", "logit": 2.0, "probability": 0.9,
    "operating_point": 0.3, "decision": "present", "calibrated": True,
}  # fmt: skip


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With two places and two programs that are told."""
    return settings.model_copy(
        update={
            "places": (
                Place(name="pacs", ae_title="PACS", host="127.0.0.1", send=ALL),
                Place(name="archive", url="http://127.0.0.1:1/dicom-web", send=("sr",)),
                Place(name="silent", ae_title="QUIET", host="127.0.0.1"),
            ),
            "webhooks": (
                Webhook(name="ris", url="http://127.0.0.1:1/", secret="s" * 16),
                Webhook(name="desk", url="http://127.0.0.1:1/", secret="s" * 16, events=("study",)),
            ),
        }
    )


def _said(instance: str, kind: Any = "reading", **facts: Any) -> Said:
    record: dict[str, Any] = {"predictions": [PREDICTION]}
    if kind == "refusal":
        record = {"reasons": [{"code": "body-part", "message": "A hand.", "warning": True}]}
    said = Said("r" * 32, instance, "d" * 64, "tiny 1.2.3", "e" * 64, kind, record, maps=True)
    return replace(said, **facts)


def _rows(here: Here, table: Any) -> list[Any]:
    with here.store.reading() as session:
        rows = list(session.scalars(select(table)))
        session.expunge_all()
    return rows


def _sent(here: Here) -> list[tuple[str, str]]:
    return sorted((row.place, row.kind) for row in _rows(here, Delivery))


@pytest.mark.parametrize(
    ("kind", "maps", "state", "sent"),
    [
        ("reading", True, "read",
         [("archive", "sr"), ("pacs", "gsps"), ("pacs", "sc"), ("pacs", "seg"), ("pacs", "sr"),
          ("ris", "webhook:reading")]),
        ("reading", False, "read",
         [("archive", "sr"), ("pacs", "gsps"), ("pacs", "sc"), ("pacs", "sr"),
          ("ris", "webhook:reading")]),
        ("refusal", False, "refused",
         [("archive", "sr"), ("pacs", "sr"), ("ris", "webhook:reading")]),
    ],
)  # fmt: skip
def test_a_reading_is_kept_with_what_follows(
    here: Here, drawn: Drawn, kind: str, maps: bool, state: str, sent: list[tuple[str, str]]
) -> None:
    instance = here.door.accept(drawn(1), origin="http:test").instance
    said = _said(instance, kind, maps=maps)

    assert keep(here.store, here.settings, said)
    assert keep(here.store, here.settings, said), "a second time changes nothing"

    (row,), (study,), (reading,) = (_rows(here, table) for table in (Instance, Study, Reading))
    assert (row.state, row.lease) == (state, "")
    assert (row.why_code, row.why) == (("", "") if kind == "reading" else ("body-part", "A hand."))
    assert (reading.id, reading.kind, reading.record) == (said.reading, kind, said.record)
    assert study.urgency == reading.urgency == urgency(kind, said.record) > 1
    assert _sent(here) == sent
    assert {one.key for one in _rows(here, Delivery)} == {said.reading}


def test_nothing_is_sent_of_a_picture_without_a_header(here: Here, drawn: Drawn) -> None:
    instance = here.door.accept(drawn(1), origin="http:test").instance
    with here.store.writing() as session:
        session.execute(update(Instance).values(format="png"))

    assert keep(here.store, here.settings, _said(instance))

    assert _sent(here) == [("ris", "webhook:reading")]


def test_nothing_stays_of_a_study_that_was_deleted(here: Here, drawn: Drawn) -> None:
    accepted = here.door.accept(drawn(1), origin="http:test")
    with here.store.writing() as session:
        session.delete(session.get_one(Study, accepted.study))

    assert not keep(here.store, here.settings, _said(accepted.instance))

    lay_aside(here.store, here.settings, accepted.instance, "Why.")
    put_back(here.store, accepted.instance, wait_s=0, counts=True)
    assert _rows(here, Reading) == _rows(here, Delivery) == []


def test_a_study_is_as_urgent_as_its_most_urgent_radiograph(here: Here, drawn: Drawn) -> None:
    first, second, third = (
        here.door.accept(drawn(seed, patient_id="P", study_uid="1.2.3"), origin="http:test")
        for seed in (1, 2, 3)
    )
    assert first.study == second.study == third.study

    keep(here.store, here.settings, _said(first.instance))
    calm = {"predictions": [PREDICTION | {"probability": 0.01, "decision": "absent"}]}
    keep(here.store, here.settings, _said(second.instance, reading="s" * 32, record=calm))
    (study,) = _rows(here, Study)
    assert study.urgency > 4

    with here.store.writing() as session:
        session.delete(session.get_one(Reading, "r" * 32))
    lay_aside(here.store, here.settings, third.instance, "It failed.")
    (study,) = _rows(here, Study)
    assert study.urgency == urgency("failed")


def test_what_is_laid_aside_says_why_and_programs_are_told(here: Here, drawn: Drawn) -> None:
    instance = here.door.accept(drawn(1), origin="http:test").instance

    lay_aside(here.store, here.settings, instance, "Hilum failed on it.")

    (row,) = _rows(here, Instance)
    assert (row.state, row.why_code, row.why) == ("failed", "failed", "Hilum failed on it.")
    (told,) = _rows(here, Delivery)
    assert (told.key, told.place, told.kind, told.state) == (
        instance, "ris", "webhook:reading", "due",
    )  # fmt: skip


@pytest.mark.parametrize(("counts", "attempts"), [(True, 1), (False, 0)])
def test_what_is_put_back_waits(here: Here, drawn: Drawn, counts: bool, attempts: int) -> None:
    from hilum.service.queue import take

    instance = here.door.accept(drawn(1), origin="http:test").instance
    assert [one.instance for one in take(here.store, "me")] == [instance]

    put_back(here.store, instance, wait_s=30, counts=counts)

    (row,) = _rows(here, Instance)
    assert (row.state, row.attempts, row.lease) == ("waiting", attempts, "")
    assert take(here.store, "me") == []
    with here.store.writing() as session:
        session.execute(update(Instance).values(not_before=0.0))
    (again,) = take(here.store, "me")
    assert again.attempts == attempts + 1


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_said_after_a_review_opens_the_study_again(
    here: Here, drawn: Drawn, fails: bool
) -> None:
    instance = here.door.accept(drawn(1), origin="http:test").instance
    with here.store.writing() as session:
        session.execute(update(Study).values(reviewed_at=9e9, reviewed_by="Dr A"))
    if fails:
        lay_aside(here.store, here.settings, instance, "Hilum failed on it.")
    else:
        keep(here.store, here.settings, _said(instance))
    (study,) = _rows(here, Study)
    assert (study.reviewed_at, study.reviewed_by) == (None, "")
    with here.store.writing() as session:
        session.execute(update(Study).values(reviewed_at=9e9, reviewed_by="Dr A"))
    if not fails:
        keep(here.store, here.settings, _said(instance))  # the same once more
        assert _rows(here, Study)[0].reviewed_by == "Dr A"


def test_a_radiograph_counts_as_what_was_said_of_it_last(here: Here, drawn: Drawn) -> None:
    instance = here.door.accept(drawn(1), origin="http:test").instance
    calm = {"predictions": [PREDICTION | {"decision": "absent", "probability": 0.1}]}
    keep(here.store, here.settings, _said(instance))
    again = _said(instance, reading="s" * 32, reader="f" * 64, record=calm)
    keep(here.store, here.settings, again)
    assert _rows(here, Study)[0].urgency == urgency("reading", calm)
