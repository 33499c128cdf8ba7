"""What readers say: added to, the latest counts; and the label table that comes of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st
from sqlalchemy import select

from hilum.datasets.label_files import read_label_file
from hilum.domain import LabelTable, State
from hilum.errors import NotAccepted
from hilum.imaging import read as read_radiograph
from hilum.service.corrections import COMMENT, corrections_csv, label_table, say, told
from hilum.service.process import Here
from hilum.service.results import Said, keep
from hilum.service.store.tables import Instance, Study, Verdict
from tests.service.postgres import BOTH

Drawn = Callable[..., bytes]
DECISIONS = {"mass": "present", "nodule": "absent", "effusion": "abstained"}


def record(decisions: dict[str, str], view: str = "PA") -> dict[str, Any]:
    predictions = [
        {"finding": key, "label": key, "logit": 0.0, "probability": 0.5, "operating_point": 0.4,
         "decision": decision, "calibrated": True}
        for key, decision in decisions.items()
    ]  # fmt: skip
    return {"predictions": predictions, "acquisition": {"view": view}, "notes": []}


@pytest.fixture
def kept(here: Here, drawn: Drawn) -> Callable[..., str]:
    """Makes readings of drawn radiographs: ``kept(3, patient_id="A")``; returns its id."""

    def make(seed: int, decisions: dict[str, str] | None = None, **facts: Any) -> str:
        bundle = facts.pop("bundle", "tiny 1.2.3")
        instance = here.door.accept(drawn(seed, **facts), origin="http:test").instance
        reading = f"{abs(hash((instance, bundle))):032x}"[:32]
        said = Said(reading, instance, bundle, bundle, "e" * 64, "reading",
                    record(decisions or DECISIONS))  # fmt: skip
        assert keep(here.store, here.settings, said)
        return reading

    return make


def spoken(here: Here, reading: str, *said: tuple[str, str], by: str = "Dr A") -> None:
    with here.store.writing() as session:
        for key, word in said:
            say(session, reading, word, by=by, key=key)


def states(table: LabelTable, row: int = 0) -> dict[str, State]:
    return {
        key: State(table.states[row, at])
        for at, key in enumerate(table.findings)
        if table.states[row, at] != State.UNMENTIONED
    }


def test_the_latest_counts_and_all_is_kept(here: Here, kept: Callable[..., str]) -> None:
    reading = kept(1)
    spoken(here, reading, ("mass", "absent"), ("", "accepted"))
    spoken(here, reading, ("mass", "uncertain"), ("nodule", "present"), by="Dr B")
    spoken(here, reading, ("nodule", "withdrawn"), ("", "withdrawn"))
    with here.store.reading() as session:
        now = told(session, [reading])[reading]
        study = session.scalars(select(Study)).one()
    assert now.whole is None
    assert {key: v.said for key, v in now.findings.items()} == {"mass": "uncertain"}
    assert [v.said for v in now.history] == [
        "withdrawn", "withdrawn", "present", "uncertain", "accepted", "absent",
    ]  # fmt: skip
    assert study.reviewed_by == "Dr B", "who takes something back has not reviewed anew"
    assert study.reviewed_at == now.history[2].at


def test_a_verdict_on_one_radiograph_reviews_no_other(here: Here, kept: Callable[..., str]) -> None:
    first, second = (kept(seed, study_uid="2.25.7", patient_id="A") for seed in (1, 2))

    def reviewed() -> str:
        with here.store.reading() as session:
            return session.scalars(select(Study)).one().reviewed_by

    spoken(here, first, ("", "accepted"))
    assert not reviewed()
    spoken(here, second, ("mass", "absent"), by="Dr B")
    assert reviewed() == "Dr B"


def test_of_two_readings_that_were_accepted_the_later_verdict_counts(
    here: Here, kept: Callable[..., str]
) -> None:
    old, new = kept(1, {"mass": "present"}), kept(1, {"mass": "absent"}, bundle="tiny 2.0.0")
    spoken(here, new, ("", "rejected"))
    spoken(here, old, ("", "accepted"))
    spoken(here, new, ("", "accepted"))
    assert states(label_table(here.store)) == {"mass": State.ABSENT}


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ([], None),
        ([("", "accepted")], {"mass": State.PRESENT, "nodule": State.ABSENT}),
        ([("", "rejected")], None),
        ([("mass", "absent")], {"mass": State.ABSENT}),
        ([("", "accepted"), ("nodule", "uncertain")],
         {"mass": State.PRESENT, "nodule": State.UNCERTAIN}),
        ([("nodule", "present"), ("", "accepted")],
         {"mass": State.PRESENT, "nodule": State.PRESENT}),
        ([("", "accepted"), ("effusion", "present")],
         {"mass": State.PRESENT, "nodule": State.ABSENT, "effusion": State.PRESENT}),
        ([("", "rejected"), ("hernia", "present")], {"hernia": State.PRESENT}),
        ([("", "accepted"), ("", "rejected")], None),
        ([("mass", "absent"), ("mass", "withdrawn")], None),
        ([("", "accepted"), ("mass", "absent"), ("mass", "withdrawn")],
         {"mass": State.PRESENT, "nodule": State.ABSENT}),
    ],
)  # fmt: skip
def test_what_becomes_of_it_in_the_table(
    here: Here, kept: Callable[..., str], said: list[tuple[str, str]], wanted: Any
) -> None:
    reading = kept(1)
    spoken(here, reading, *said)
    table = label_table(here.store)
    assert len(table) == (wanted is not None)
    if wanted:
        assert states(table) == wanted


@BOTH
def test_a_radiograph_read_twice_is_one_row(here: Here, kept: Callable[..., str]) -> None:
    first, second = kept(1), kept(1, {"mass": "absent", "hernia": "present"}, bundle="other 1.0.0")
    spoken(here, first, ("mass", "uncertain"))
    spoken(here, second, ("", "accepted"))
    assert states(label_table(here.store)) == {"mass": State.UNCERTAIN, "hernia": State.PRESENT}


def test_the_table_is_read_as_labels_and_its_pictures_are_found(
    here: Here, kept: Callable[..., str], tmp_path: Any
) -> None:
    for seed in (1, 2, 3):
        spoken(here, kept(seed, patient_id="A" if seed < 3 else "B"), ("", "accepted"))
    path = tmp_path / "corrections.csv"
    path.write_bytes(corrections_csv(here.store))
    table = read_label_file(path)
    assert len(table) == 3
    assert len(set(table.patients[:2])) == 1
    assert table.patients[2] != table.patients[0]
    assert table.columns["view"].tolist() == ["PA"] * 3
    assert table.columns["said_by"].tolist() == ["Dr A"] * 3
    targets, mask = table.targets()
    assert mask.sum() == 6
    assert targets[mask].tolist() == [1, 0] * 3
    for image in table.images:
        assert read_radiograph(here.settings.folder / image).shape == (256, 240)


def test_nothing_said_is_a_table_without_rows(here: Here) -> None:
    assert corrections_csv(here.store) == b"image,patient,study,view,sex,age_years,visit,said_by\n"


def test_the_table_names_no_patient_and_its_hashes_stay(
    here: Here, kept: Callable[..., str]
) -> None:
    facts = {"PatientName": "Planted^Name", "PatientBirthDate": "19300102", "PatientSex": "F",
             "StudyDate": "20240305", "AccessionNumber": "PLANTED77",
             "StudyDescription": "planted words"}  # fmt: skip
    reading = kept(4, patient_id="PLANTED-ID", overrides=facts)
    with here.store.writing() as session:
        say(session, reading, "accepted", by="Dr A", comment="planted comment")
    text = corrections_csv(here.store).decode()
    assert "lanted" not in text
    assert "PLANTED" not in text
    assert "2024" not in text
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["age_years"], row["sex"]) == ("90", "F")  # 94
    assert corrections_csv(here.store).decode() == text


@pytest.mark.parametrize(
    ("key", "word", "match"),
    [
        ("", "present", "accepted, rejected"),
        ("mass", "accepted", "present, absent"),
        ("mass", "", "present, absent"),
        ("massive", "present", "no finding"),
        ("<script>", "present", "no finding"),
    ],
)
def test_what_means_nothing_is_not_kept(
    here: Here, kept: Callable[..., str], key: str, word: str, match: str
) -> None:
    reading = kept(1)
    with pytest.raises(NotAccepted, match=match):
        spoken(here, reading, (key, word))
    with here.store.reading() as session:
        assert session.scalars(select(Verdict)).all() == []


def test_of_what_was_not_read_nothing_can_be_said(here: Here, drawn: Drawn) -> None:
    instance = here.door.accept(drawn(1), origin="http:test").instance
    refusal = {"reasons": [{"code": "body-part", "message": "A hand.", "warning": True}]}
    keep(here.store, here.settings,
         Said("r" * 32, instance, "d", "tiny", "e", "refusal", refusal))  # fmt: skip
    for reading, match in (("r" * 32, "was not read"), ("x", "no such reading")):
        with pytest.raises(NotAccepted, match=match):
            spoken(here, reading, ("", "accepted"))


def test_a_comment_has_an_end(here: Here, kept: Callable[..., str]) -> None:
    reading = kept(1)
    with here.store.writing() as session:
        say(session, reading, "accepted", by="x" * 300, comment="c" * COMMENT)
    with pytest.raises(NotAccepted, match="characters"), here.store.writing() as session:
        say(session, reading, "accepted", by="x", comment="c" * (COMMENT + 1))


@BOTH
def test_deleting_a_study_takes_what_was_said_with_it(here: Here, kept: Callable[..., str]) -> None:
    spoken(here, kept(1), ("", "accepted"))
    with here.store.writing() as session:
        session.delete(session.scalars(select(Study)).one())
    with here.store.reading() as session:
        assert session.scalars(select(Verdict)).all() == []
        assert session.scalars(select(Instance)).all() == []
    assert len(label_table(here.store)) == 0


WORDS = st.sampled_from(
    [("", "accepted"), ("", "rejected"), ("", "withdrawn"),
     *((key, word) for key in ("mass", "nodule", "hernia")
       for word in ("present", "absent", "uncertain", "withdrawn"))]
)  # fmt: skip


@with_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(said=st.lists(WORDS, max_size=6))
def test_the_table_is_what_one_would_say_by_hand(
    here: Here, kept: Callable[..., str], said: list[tuple[str, str]]
) -> None:
    """The last word of each, over the network's decisions where the whole is accepted last."""
    reading = kept(1)
    with here.store.writing() as session:
        session.execute(Verdict.__table__.delete())
    spoken(here, reading, *said)
    last = dict(said)
    wanted = {}
    if last.get("") == "accepted":
        wanted = {"mass": State.PRESENT, "nodule": State.ABSENT}
    named = {"present": State.PRESENT, "absent": State.ABSENT, "uncertain": State.UNCERTAIN}
    wanted |= {key: named[word] for key, word in last.items() if key and word in named}
    table = label_table(here.store)
    assert np.all(table.states <= State.UNMENTIONED)
    assert (states(table) if len(table) else {}) == wanted
