"""The parts of a study's page with earlier radiographs and with what readers say."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from hilum.domain import Prediction
from hilum.reading.visits import Visit, courses
from hilum.reading.visits.changes import WHYS, Kind
from hilum.reading.visits.spread import Limit, Spread
from hilum.service.process import Here
from hilum.service.reading.process import read_waiting
from hilum.service.store.tables import Instance, Reading, Seen, Verdict
from hilum.service.web.templating import words
from hilum.service.web.visits_lines import HEIGHT, WIDTH, drawing

Drawn = Callable[..., bytes]
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def came(here: Here, drawn: Drawn) -> Callable[..., tuple[str, str]]:
    """Accepts and reads a drawn radiograph; returns the ids of its study and its reading."""

    def make(seed: int, taken: str = "", **facts: Any) -> tuple[str, str]:
        overrides = {"StudyDate": taken, "StudyInstanceUID": f"2.25.{seed}"}
        overrides |= facts.pop("overrides", {})
        data = drawn(seed, **({"patient_id": "A"} | facts), overrides=overrides)
        accepted = here.door.accept(data, origin="http:test")
        read_waiting(here)
        with here.store.reading() as session:
            reading = session.scalars(
                select(Reading.id).where(Reading.instance_id == accepted.instance)
            ).one()
        return accepted.study, reading

    return make


def test_the_earlier_one_stands_beside(came, client, here):
    came(1, "20240101", view="AP")
    _, before = came(2, "20240201")
    study, now = came(3, "20240301")
    answer = client("view").get(f"/studies/{study}/visits", params={"reading": now})
    assert answer.status_code == 200
    text = answer.text
    assert f"/readings/{before}/display.png" in text
    assert f"/readings/{now}/laid/{before}" in text
    assert "29 days before" in text
    assert "Both: PA." in text
    assert text.count("<polyline") == 3  # findings of the tiny bundle
    assert "was not measured" in text
    assert "Nothing changed" not in text, "what was not measured cannot be told"
    assert "style=" not in text
    assert "onclick" not in text
    with here.store.reading() as session:
        assert "view visits" in session.scalars(select(Seen.action)).all()


def test_what_may_be_another_persons_is_shown_and_not_compared(came, client):
    _, before = came(2, "20240201", overrides={"PatientBirthDate": "19310203"})
    _, now = came(3, "20240301", overrides={"PatientBirthDate": "19800506"})
    study, _ = came(3, "20240301", overrides={"PatientBirthDate": "19800506"})
    browser = client("view")
    text = browser.get(f"/studies/{study}/visits", params={"reading": now}).text
    assert "two persons under one Patient ID" in text
    assert "29 days before" not in text
    assert "Nothing changed" not in text
    assert 'class="kind"' not in text
    (reason,) = browser.get(f"/readings/{now}/laid/{before}").json()["reasons"]
    assert "two persons under one Patient ID" in reason


def test_another_earlier_one_is_chosen(came, client):
    _, first = came(1, "20240101", view="AP")
    came(2, "20240201")
    study, now = came(3, "20240301")
    text = client("view").get(f"/studies/{study}/visits?reading={now}&prior={first}").text
    assert f"/readings/{first}/display.png" in text
    assert "AP before, PA now" in text
    assert "the heart and much else look larger" in text


def test_without_one_it_is_said(came, client):
    study, now = came(1, "20240101")
    assert "No earlier radiograph" in client("view").get(f"/studies/{study}/visits").text
    study, now = came(2, "20240101", overrides={"PatientID": "", "StudyInstanceUID": "2.25.9"})
    text = client("view").get(f"/studies/{study}/visits?reading={now}").text
    assert "names no Patient ID" in text


def test_what_another_bundle_said_is_not_compared(came, client, here):
    _, before = came(1, "20240101")
    study, now = came(2, "20240201")
    with here.store.writing() as session:
        other = {"reader": "x", "bundle": NASTY, "bundle_digest": "f"}
        session.execute(update(Reading).where(Reading.id == before).values(**other))
    text = client("view").get(f"/studies/{study}/visits?reading={now}").text
    assert "what different bundles or versions say is not compared" in text
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text
    assert 'class="other"' in text


@pytest.mark.parametrize("path", ["/studies/{s}/visits?reading=x", "/studies/x/visits"])
def test_what_is_not_there(came, client, path):
    study, _ = came(1)
    assert client("view").get(path.format(s=study)).status_code == 404


def test_a_refusal_has_no_visits(here, drawn, client):
    came = here.door.accept(drawn(1, body_part="HAND"), origin="http:test")
    read_waiting(here)
    answer = client("view").get(f"/studies/{came.study}/visits")
    assert (answer.status_code, answer.text) == (200, "")


def test_where_the_earlier_picture_lies(came, client):
    _, before = came(1, "20240101")
    _, now = came(2, "20240201")
    found = client("view").get(f"/readings/{now}/laid/{before}").json()
    assert {"reasons"} == set(found) or {"matrix", "lungs", "likeness"} <= set(found)
    _, stranger = came(3, "20240201", patient_id="B")
    assert client("view").get(f"/readings/{now}/laid/{stranger}").status_code == 404


@pytest.mark.parametrize("role", [None, "send"])
def test_only_those_who_may_look_see_anything(came, client, role):
    study, now = came(1)
    for path in (f"/studies/{study}/visits", f"/readings/{now}/verdicts", "/corrections",
                 f"/readings/{now}/laid/{now}"):  # fmt: skip
        assert client(role).get(path).status_code in {401, 403, 303, 302}


def test_a_reader_says_something_and_it_is_kept(came, client, here):
    study, now = came(1)
    reader = client("read")
    part = reader.get(f"/readings/{now}/verdicts").text
    assert 'hx-post="/readings/' in part
    said = [{"said": "accepted"}, {"finding": "mass", "said": "absent"},
            {"finding": "hernia", "said": "present"}, {"comment": f"Seen {NASTY}"}]  # fmt: skip
    for form in said:
        answer = reader.post(f"/readings/{now}/verdicts", data=form)
        assert answer.status_code == 200
        assert "Saved." in answer.text
    assert NASTY not in answer.text
    assert "&lt;script&gt;" in answer.text
    pressed = re.findall(r'id="say-([a-z_]+-[a-z]+)" aria-pressed="true"', answer.text)
    assert set(pressed) == {"whole-accepted", "mass-absent", "hernia-present"}
    with here.store.reading() as session:
        assert [v.by for v in session.scalars(select(Verdict))] == [reader.person] * 4
        log = session.execute(select(Seen.action, Seen.study_id).where(Seen.action == "verdict"))
        assert log.all() == [("verdict", study)] * 4
    table = client("view").get("/v1/corrections.csv").text.splitlines()
    assert {"mass", "hernia"} <= set(table[0].split(","))
    assert len(table) == 2
    page = client("view").get("/corrections").text
    assert page.count("Hiatal hernia") == 2
    assert NASTY not in page


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"said": "maybe"}, 422),
        ({"finding": NASTY, "said": "present"}, 422),
        ({"finding": "mass", "said": "accepted"}, 422),
        ({"said": "x" * 99}, 422),
        ({"comment": "c" * 2001}, 422),
        ({}, 422),
    ],
)
def test_what_means_nothing_is_refused(came, client, form, status):
    _, now = came(1)
    answer = client("read").post(f"/readings/{now}/verdicts", data=form)
    assert answer.status_code == status
    assert NASTY not in answer.text


def test_who_may_only_look_says_nothing(came, client):
    _, now = came(1)
    viewer = client("view")
    assert "hx-post" not in viewer.get(f"/readings/{now}/verdicts").text
    assert viewer.post(f"/readings/{now}/verdicts", data={"said": "accepted"}).status_code == 403
    assert client("read").post("/readings/x/verdicts", data={"said": "accepted"}).status_code == 404


def test_without_the_value_of_a_page_nothing_is_said(came, client):
    _, now = came(1)
    reader = client("read")
    del reader.headers["X-CSRF-Token"]
    answer = reader.post(f"/readings/{now}/verdicts", data={"said": "accepted"})
    assert answer.status_code == 403


def test_a_refusal_has_no_verdicts(here, drawn, client):
    here.door.accept(drawn(1, body_part="HAND"), origin="http:test")
    read_waiting(here)
    with here.store.reading() as session:
        reading = session.scalars(select(Reading.id).join(Instance)).one()
    reader = client("read")
    assert reader.get(f"/readings/{reading}/verdicts").text == ""
    answer = reader.post(f"/readings/{reading}/verdicts", data={"said": "accepted"})
    assert answer.status_code == 422


def test_every_part_speaks_chinese(came, client):
    came(1, "20240101")
    study, now = came(2, "20240201")
    reader = client("read")
    reader.cookies.set("hilum_language", "zh-Hant")
    assert "先前的 X 光片" in reader.get(f"/studies/{study}/visits").text
    assert "您的判定" in reader.get(f"/readings/{now}/verdicts").text
    assert "更正" in reader.get("/corrections").text


CODES = ("other-bundle", "other-options", "order", "other-view", "views-untold", "date-unknown",
         "no-spread", "lungs-doubtful", "stretched", "turned", "scale", "lungs-apart", "unlike",
         "same-exposure", "other-person")  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh-Hant"])
def test_there_is_a_word_for_everything(language):
    known = words(language)
    wanted = [f"visits_{code.replace('-', '_')}" for code in CODES]
    wanted += [f"visits_why_{code.replace('-', '_')}" for code in WHYS]
    wanted += [f"visits_kind_{kind}" for kind in Kind]
    assert [key for key in wanted if not known.get(key)] == []


def visit(chance, taken="", reader="r"):
    mass = Prediction("mass", 0.0, chance, 0.3)
    return Visit(reader, "b 1", "d", (mass,), taken=taken)


def test_a_line_is_drawn_by_days():
    limit = {"mass": Limit(1.0, 1.0, 1.0, 30, 30)}
    spread = Spread("b 1", "", 0.95, "", limit, limit, {})
    days = [visit(0.3, "20240101"), visit(0.9, "20240102"), visit(0.02, "20240111")]
    (course,) = courses(days, spread)
    line = drawing(course)
    first, second, third = line.marks
    assert first.y == line.middle == HEIGHT / 2
    assert second.y < line.middle < third.y <= HEIGHT
    assert second.x - first.x == pytest.approx((third.x - second.x) / 9)
    assert third.x < WIDTH
    assert [mark.decision for mark in line.marks] == ["present", "present", "absent"]
    top, high = line.band
    assert top == pytest.approx(second.y - high / 2, abs=0.2)  # around the one before


def test_a_line_without_days_is_drawn_in_steps():
    (course,) = courses([visit(0.3), visit(0.5, reader="s"), visit(1.0)], None)
    line = drawing(course)
    assert [mark.x for mark in line.marks] == [8, 100, 192]
    assert [mark.decision for mark in line.marks] == ["present", "other", "present"]
    assert line.path.count(",") == 2
    assert line.band is None
    assert min(mark.y for mark in line.marks) >= 0
