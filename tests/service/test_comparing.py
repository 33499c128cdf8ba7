"""Which radiographs are a patient's earlier ones, and how their pictures lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update

from hilum.bundles import load
from hilum.errors import ServiceError
from hilum.reading.cascade.chain import Chain
from hilum.reading.visits import Comparison, NotCompared, Registration, compare, spread_of
from hilum.service.comparing import (
    KEPT,
    compared,
    earlier,
    lay,
    predictions,
    spread_for,
    visits,
)  # fmt: skip
from hilum.service.process import Here
from hilum.service.reading.process import read_waiting
from hilum.service.settings import Reading as Settings
from hilum.service.store.tables import Reading
from tests.service.postgres import BOTH

Drawn = Callable[..., bytes]


@pytest.fixture
def came(here: Here, drawn: Drawn) -> Callable[..., str]:
    """Accepts and reads a drawn radiograph; returns the id of its reading."""

    def make(seed: int, taken: str = "", patient: str = "A", **facts: Any) -> str:
        overrides = {"StudyDate": taken[:8], "StudyTime": taken[8:], "ViewPosition": "PA"}
        overrides |= {"StudyInstanceUID": f"2.25.{abs(hash((seed, taken, patient)))}"}
        overrides |= facts.pop("overrides", {})
        data = drawn(seed, patient_id=patient, overrides=overrides, **facts)
        instance = here.door.accept(data, origin="http:test").instance
        read_waiting(here)
        with here.store.reading() as session:
            return session.scalars(select(Reading.id).where(Reading.instance_id == instance)).one()

    return make


def ids(here: Here, reading: str) -> list[str]:
    with here.store.reading() as session:
        return [one.reading.id for one in visits(session, reading)]


def test_who_was_born_on_another_day_may_be_somebody_else(
    here: Here, came: Callable[..., str]
) -> None:
    """Placeholders such as "UNKNOWN" are Patient IDs of many."""
    facts = [
        ("20240101", {"PatientBirthDate": "", "PatientSex": "M"}),
        ("20240102", {"PatientBirthDate": "19310203", "PatientSex": "M"}),
        ("20240103", {"PatientBirthDate": "19800506", "PatientSex": "F"}),
        ("20240104", {"PatientBirthDate": "19800506", "PatientSex": "M"}),
    ]
    first, second, third, last = (
        came(seed, taken, patient="UNKNOWN", overrides=told)
        for seed, (taken, told) in enumerate(facts, 1)
    )
    with here.store.reading() as session:
        found = visits(session, last)
    assert [(one.reading.id, one.other_person) for one in found] == [
        (first, False), (second, True), (third, True), (last, False),
    ]  # fmt: skip
    chosen = earlier(found)
    assert chosen is not None
    assert chosen.reading.id == first, "the latest of whom nothing says that it is another"
    for prior, wanted in ((first, Comparison), (second, NotCompared), (third, NotCompared)):
        assert isinstance(compared(earlier(found, prior), found[-1], None), wanted)
    apart = lay(here, second, last)
    assert isinstance(apart, NotCompared)
    assert apart.reasons[0].code == "other-person"


@BOTH
def test_visits_stand_in_the_order_of_time(here: Here, came: Callable[..., str]) -> None:
    third, first, second = came(3, "20240303"), came(1, "20240101"), came(2, "20240202101500")
    came(4, "20240102", patient="B")
    assert ids(here, third) == [first, second, third]
    assert ids(here, second) == [first, second]
    assert ids(here, first) == [first]
    with here.store.reading() as session:
        found = visits(session, third)
    assert earlier(found).reading.id == second
    assert earlier(found, first).reading.id == first
    assert earlier(found, "unknown").reading.id == second
    assert earlier(found[-1:]) is None


def test_other_radiographs_of_the_study_are_no_visits(here: Here, came: Callable[..., str]) -> None:
    one = came(1, "20240101", overrides={"StudyInstanceUID": "2.25.7"})
    other = came(2, "20240101", overrides={"StudyInstanceUID": "2.25.7"})
    now = came(3, "20240202")
    assert ids(here, other) == [other]
    assert ids(here, now)[:-1] in ([one], [other])


def test_of_a_study_the_same_view_counts(here: Here, came: Callable[..., str]) -> None:
    uid = {"StudyInstanceUID": "2.25.7"}
    came(1, "20240101", overrides=uid | {"ViewPosition": "AP"})
    alike = came(2, "20240101", overrides=uid)
    came(4, "20240101", overrides=uid | {"ViewPosition": "AP"})
    assert ids(here, came(3, "20240202"))[0] == alike


def test_without_a_patient_there_are_no_others(here: Here, came: Callable[..., str]) -> None:
    nobody = {"PatientID": ""}
    came(1, "20240101", overrides=nobody)
    now = came(2, "20240202", overrides=nobody)
    assert ids(here, now) == [now]


def test_another_issuer_is_another_patient(here: Here, came: Callable[..., str]) -> None:
    came(1, "20240101", overrides={"IssuerOfPatientID": "Hospital A"})
    now = came(2, "20240202", overrides={"IssuerOfPatientID": "Hospital B"})
    assert ids(here, now) == [now]


def test_what_was_read_otherwise_is_shown_and_not_compared(
    here: Here, came: Callable[..., str]
) -> None:
    first, second, third = came(1, "20240101"), came(2, "20240202"), came(3, "20240303")
    with here.store.writing() as session:
        session.execute(
            update(Reading).where(Reading.id == second).values(
                reader="other", bundle="tiny 9.0.0", bundle_digest="f"
            )
        )  # fmt: skip
    with here.store.reading() as session:
        found = visits(session, third)
    assert [one.reading.id for one in found] == [first, second, third]
    assert earlier(found).reading.id == first
    said = compare(found[1].visit, found[2].visit, None)
    assert isinstance(said, NotCompared)
    assert said.reasons[0].code == "other-bundle"


def test_a_refusal_is_no_visit(here: Here, came: Callable[..., str]) -> None:
    came(1, "20240101", body_part="HAND")
    now = came(2, "20240202")
    assert ids(here, now) == [now]
    with pytest.raises(ServiceError, match="no such reading"), here.store.reading() as session:
        visits(session, "x")


def test_pictures_of_one_patient_are_laid(here: Here, came: Callable[..., str]) -> None:
    """The same picture in another file: there is nothing to move, and that is told."""
    first = came(5, "20240101")
    again = came(5, "20240303", transfer_syntax="implicit")
    found = lay(here, first, again)
    assert isinstance(found, Registration)
    assert [note.code for note in found.notes] == ["same-exposure"]
    assert np.allclose(np.asarray(found.affine.matrix), np.eye(2, 3), atol=0.5)
    kept = here.files.reading(first) / KEPT
    assert 1_000 < kept.stat().st_size < 40_000
    kept.write_bytes(b"damaged")
    assert isinstance(lay(here, first, again), Registration)


def test_pictures_of_two_patients_are_never_laid(here: Here, came: Callable[..., str]) -> None:
    one, other = came(1, "20240101"), came(1, "20240202", patient="B")
    for pair in ((one, other), (one, one), (one, "x")):
        with pytest.raises(ServiceError, match="not two radiographs of one patient"):
            lay(here, *pair)


def test_pictures_that_are_gone_are_told(here: Here, came: Callable[..., str]) -> None:
    first, second = came(1, "20240101"), came(2, "20240202")
    (here.files.reading(first) / "display.png").unlink()
    with pytest.raises(ServiceError, match="no picture"):
        lay(here, first, second)
    (here.files.reading(second) / "display.png").write_bytes(b"")
    with pytest.raises(ServiceError, match="damaged"):
        lay(here, second, first)


def test_the_shipped_bundle_is_compared_by_what_was_measured(
    here: Here, came: Callable[..., str]
) -> None:
    loaded = load("chest14")
    reads = here.settings.model_copy(update={"reading": Settings(bundle="chest14")})
    ours = replace(here, settings=reads)
    came(1, "20240101")
    now = came(2, "20240202")
    with here.store.reading() as session:
        found = visits(session, now)
    assert spread_for(here, found[-1].visit) is None  # the tiny bundle's was not measured
    read = replace(found[-1].visit, bundle_digest=loaded.digest)
    spread = spread_for(ours, read)
    assert spread is not None
    assert spread.bundle == str(loaded)
    both = compare(replace(found[0].visit, bundle_digest=loaded.digest), read, spread)
    assert isinstance(both, Comparison)
    assert both.days == 32


def test_a_cascade_is_compared_by_its_bundles_limits(here: Here, came: Callable[..., str]) -> None:
    chain = Chain.of("covid-then-findings")
    now = came(1, "20240101")
    with here.store.reading() as session:
        (visit,) = (one.visit for one in visits(session, now))
    reads = here.settings.model_copy(update={"reading": Settings(cascade="covid-then-findings")})
    ours = replace(here, settings=reads)
    spread = spread_for(ours, replace(visit, bundle_digest=chain.digest))
    parts = [spread_of(load(name)) for name in ("covid", "chest14")]
    assert spread.same_view == parts[0].same_view | parts[1].same_view
    assert spread_for(ours, visit) is None


def test_two_studies_of_one_moment_are_in_one_order(here: Here, came: Callable[..., str]) -> None:
    first, second = came(1, "20240101"), came(2, "20240101")
    assert ids(here, first) == [first]
    assert ids(here, second) == [first, second]


def test_records_become_predictions_again(here: Here, came: Callable[..., str]) -> None:
    reading = came(1)
    with here.store.reading() as session:
        record = session.get(Reading, reading).record
    for made, row in zip(predictions(record), record["predictions"], strict=True):
        assert made.finding == row["finding"]
        assert made.present == (row["decision"] == "present")
        assert made.abstained == (row["decision"] == "abstained")
