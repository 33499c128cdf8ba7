"""The worklist's rows: filters, order, pages."""

import time
from typing import Any

import pytest

from hilum.service.process import Here
from hilum.service.store.tables import Instance, Reading, Study
from hilum.service.urgency import urgency
from hilum.service.web.listing import ROWS, Wanted, counts, following, listing
from tests.service.postgres import BOTH


def add(here: Here, number: int, *, finding: str = "", state: str = "read", **facts: Any) -> str:
    """A study with one radiograph, of which a finding is said to be present."""
    now = time.time()
    said = [{"finding": key, "probability": 0.5 if key == finding else 0.1, "operating_point": 0.2,
             "decision": "present" if key == finding else "absent", "calibrated": True}
            for key in ("mass", "pneumothorax")]  # fmt: skip
    kind = "refusal" if state == "refused" else "reading"
    body = {"reasons": []} if kind == "refusal" else {"predictions": said}
    with here.store.writing() as session:
        study = Study(**{"uid": f"1.2.{number}", "arrived_at": now, "last_at": now + number,
                         "patient_id": f"P{number:03d}", **facts})  # fmt: skip
        session.add(study)
        session.flush()
        one = Instance(study_id=study.id, uid=f"1.2.{number}.1", digest="d" * 64, format="dicom",
                       size=1, origin="test", arrived_at=now, state=state,
                       why="No chest." if state in {"refused", "failed"} else "")  # fmt: skip
        session.add(one)
        session.flush()
        if state in {"read", "refused"}:
            of = urgency(kind, body)
            session.add(Reading(instance_id=one.id, reader="r", bundle="b", bundle_digest="d",
                                kind=kind, record=body, urgency=of, made_at=now))  # fmt: skip
            study.urgency = of
        return study.id


@pytest.mark.parametrize(
    ("more", "decision", "whole", "boxed"),
    [
        ({}, "absent", True, ()),
        ({}, "abstained", False, ()),
        ({"stages": [{"outcome": "refused"}]}, "absent", False, ()),
        ({"boxes": [{"finding": "nodule"}]}, "absent", True, ("nodule",)),
        ({"boxes": [{"finding": "mass"}]}, "present", True, ()),
        ({"predictions": [], "boxes": []}, "", False, ()),
    ],
)
def test_a_row_says_what_is_undecided_and_what_has_boxes(
    here: Here, more: dict[str, Any], decision: str, whole: bool, boxed: tuple[str, ...]
) -> None:
    study = add(here, 1)
    said = {"finding": "mass", "probability": 0.5, "operating_point": 0.2, "calibrated": True,
            "decision": decision}  # fmt: skip
    with here.store.writing() as session:
        session.query(Reading).one().record = {"predictions": [said], **more}
    with here.store.reading() as session:
        (row,) = listing(session, Wanted()).rows
    assert (row.study.id, row.whole, row.boxed) == (study, whole, boxed)


@pytest.fixture
def five(here: Here) -> dict[str, str]:
    return {
        "mass": add(here, 1, finding="mass", patient_name="DOE^JANE", accession="ACC1"),
        "air": add(here, 2, finding="pneumothorax", patient_name="DOE^JOHN"),
        "clear": add(here, 3, patient_name="LIN^MEI=林^美"),
        "refused": add(here, 4, state="refused", patient_name="100%_A\\B"),
        "waiting": add(here, 5, state="waiting", patient_name="MÜLLER^ÄNNE"),
    }


FOUND = [
    (Wanted(), ["air", "refused", "mass", "clear", "waiting"]),
    (Wanted(order="newest"), ["waiting", "refused", "clear", "air", "mass"]),
    (Wanted(order="name", state="read"), ["mass", "air", "clear"]),
    (Wanted(state="waiting"), ["waiting"]),
    (Wanted(state="refused"), ["refused"]),
    (Wanted(finding="mass"), ["mass"]),
    (Wanted(finding="any"), ["air", "mass"]),
    (Wanted(finding="any", state="refused"), []),
    (Wanted(text="doe"), ["air", "mass"]),
    (Wanted(text="jane doe"), ["mass"]),
    (Wanted(text="acc1"), ["mass"]),
    (Wanted(text="P003"), ["clear"]),
    (Wanted(text="林"), ["clear"]),
    (Wanted(text="müller"), ["waiting"]),
    (Wanted(text="MÜLLER"), ["waiting"]),
    (Wanted(text="%"), ["refused"]),
    (Wanted(text="_a\\"), ["refused"]),
    (Wanted(text="'; drop table studies; --"), []),
    (Wanted(since=time.time() + 1e6), []),
]


@BOTH
def test_what_is_found(here: Here, five: dict[str, str]) -> None:
    names = {study: name for name, study in five.items()}
    for wanted, expected in FOUND:
        with here.store.reading() as session:
            found = listing(session, wanted)
        assert [names[row.study.id] for row in found.rows] == expected, wanted
        assert found.total == len(expected), wanted


def test_reviewed_ones_come_last_until_something_new_arrives(here: Here, five: dict) -> None:
    with here.store.writing() as session:
        row = session.get_one(Study, five["air"])
        row.reviewed_at = row.last_at + 1
    with here.store.reading() as session:
        assert listing(session, Wanted()).rows[-1].study.id == five["air"]
        assert not listing(session, Wanted()).rows[-1].open
        assert counts(session)["open"] == 4
        assert listing(session, Wanted(reviewed="yes")).total == 1
        assert listing(session, Wanted(reviewed="no")).total == 4
    with here.store.writing() as session:
        row = session.get_one(Study, five["air"])
        row.last_at = row.reviewed_at + 1
    with here.store.reading() as session:
        assert listing(session, Wanted()).rows[0].study.id == five["air"]


def test_rows_say_what_was_found_and_why_not(here: Here, five: dict[str, str]) -> None:
    with here.store.reading() as session:
        rows = {row.study.id: row for row in listing(session, Wanted()).rows}
    assert [p["finding"] for p in rows[five["air"]].present] == ["pneumothorax"]
    assert rows[five["refused"]].whys == ("No chest.",)
    assert rows[five["refused"]].states == {"refused": 1}
    assert rows[five["waiting"]].thumbnail is None


def test_pages_hold_every_study_once(here: Here) -> None:
    made = {add(here, n, finding="mass" if n % 3 else "") for n in range(ROWS + 7)}
    with here.store.reading() as session:
        first, second = (listing(session, Wanted(page=n)) for n in (1, 2))
        beyond = listing(session, Wanted(page=99))
    assert (first.pages, len(first.rows), len(second.rows)) == (2, ROWS, 7)
    assert {row.study.id for row in first.rows + second.rows} == made
    assert beyond.page == 2


def test_the_next_one_follows_the_worklist_and_comes_round(here: Here, five: dict) -> None:
    with here.store.reading() as session:
        order = [row.study for row in listing(session, Wanted()).rows]
        assert [following(session, one) for one in order] == [
            *(one.id for one in order[1:]), order[0].id,
        ]  # fmt: skip


def test_nothing_follows_the_last_open_one(here: Here) -> None:
    only = add(here, 1)
    with here.store.reading() as session:
        assert following(session, session.get_one(Study, only)) is None


def test_counts(here: Here, five: dict[str, str]) -> None:
    add(here, 9, state="reading")
    add(here, 10, state="failed")
    with here.store.reading() as session:
        found = counts(session)
    assert found == {"waiting": 2, "read": 3, "refused": 1, "failed": 1, "open": 7}
