"""Signing in and out, tokens, the audit log: the pages."""

from __future__ import annotations

import csv
import io
import re
import time

import pytest
from sqlalchemy import select

from hilum.errors import ServiceError
from hilum.service.store.tables import Seen, Session, Token
from hilum.service.web.audit import record
from hilum.service.web.people import Person
from hilum.service.web.tokens import (
    PREFIX,
    digest_of,
    end_token,
    first_admin,
    list_tokens,
    make_token,
)
from tests.service.postgres import BOTH

ORIGIN = {"Origin": "http://127.0.0.1:8080"}
PAGE = {"Accept": "text/html"}


def enter(client, token, **form):
    return client.post("/sign-in", data={"token": token, **form}, headers=ORIGIN | PAGE)


@BOTH
def test_a_token_signs_in_until_out(client, here):
    token = make_token(here.store, "mei", "admin")
    browser = client(None)
    answer = enter(browser, f" {token} ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert token not in cookie
    text = browser.get("/tokens", headers=PAGE).text
    csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', text)[1]
    out = browser.post("/sign-out", data={"csrf": csrf}, headers=ORIGIN)
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in")
    assert out.headers["clear-site-data"] == '"cache"', "pictures of patients"
    assert browser.get("/tokens", headers=PAGE).headers["location"] == "/sign-in?next=/tokens"
    with here.store.reading() as session:
        assert session.scalars(select(Session)).all() == []
        actions = session.scalars(select(Seen.action).where(Seen.by == "mei")).all()
    assert actions == ["sign in", "sign out"]


def test_signing_in_again_ends_the_first(client, here):
    browser = client(None)
    enter(browser, make_token(here.store, "mei", "admin"))
    lin = make_token(here.store, "lin", "admin")
    assert enter(browser, lin).status_code == 403, "not without the page"
    csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', browser.get("/sign-in").text)[1]
    assert enter(browser, lin, csrf=csrf).status_code == 303
    with here.store.reading() as session:
        assert session.scalars(select(Session.name)).all() == ["lin"]


def test_no_secret_is_in_the_database(client, here):
    token = make_token(here.store, "mei", "view")
    browser = client(None)
    enter(browser, token)
    here.store.close()
    data = b"".join(path.read_bytes() for path in here.settings.folder.glob("hilum.sqlite*"))
    assert digest_of(token).encode() in data
    assert token.encode() not in data
    assert token.removeprefix(PREFIX).encode() not in data
    assert browser.cookies["hilum"].encode() not in data


@pytest.mark.parametrize(
    "token", ["", "x", "hilum_", "hilum_" + "x" * 43, "hilum_é\x00", "x" * 400]
)
def test_a_wrong_token_does_not(client, here, token):
    answer = enter(client(None), token)
    assert answer.status_code in {401, 422}
    assert "set-cookie" not in answer.headers
    if answer.status_code == 401:
        assert 'role="alert"' in answer.text
        with here.store.reading() as session:
            assert session.scalars(select(Seen.outcome)).all() == ["denied"]


def test_guessing_is_slowed(client, here):
    token = make_token(here.store, "mei", "view")
    browser = client(None)
    statuses = [enter(browser, f"hilum_{number}").status_code for number in range(25)]
    assert statuses[:20] == [401] * 20
    assert set(statuses[20:]) == {429}
    with here.store.reading() as session:
        assert len(session.scalars(select(Seen)).all()) == 20
    assert enter(browser, token).status_code == 303


def test_another_site_cannot_sign_somebody_in(client, here):
    token = make_token(here.store, "mallory", "view")
    foreign = {"Origin": "https://evil.example"}
    answer = client(None).post("/sign-in", data={"token": token}, headers=foreign)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("back", "where"),
    [
        ("/studies/1?page=2", "/studies/1?page=2"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/sign-out", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_it_leads_back_but_never_away(client, here, back, where):
    token = make_token(here.store, "mei", "view")
    assert enter(client(None), token, next=back).headers["location"] == where
    page = client(None).get("/sign-in", params={"next": back}).text
    assert f'name="next" value="{where}"' in page


def test_a_sign_in_ends_by_itself(client, here, monkeypatch):
    browser = client(None)
    enter(browser, make_token(here.store, "mei", "admin"))
    assert browser.get("/audit").status_code == 200
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + here.settings.web.session_hours * 3600 + 1)
    assert browser.get("/audit").status_code == 401


def test_tokens_are_made_shown_once_and_ended(client, here):
    admin = client("admin")
    made = admin.post("/tokens", data={"name": "<b>ward</b>", "role": "send", "days": "30"})
    token = re.search(r'id="made">(hilum_[\w-]{43})<', made.text)[1]
    assert "<b>ward" not in made.text
    page = admin.get("/tokens").text
    assert token not in page
    bearer = {"Authorization": f"Bearer {token}"}
    assert client(None).get("/metrics", headers=bearer).status_code == 200
    (row,) = [one for one in list_tokens(here.store) if one.role == "send"]
    ended = admin.post(f"/tokens/{row.id}/end")
    assert ended.status_code == 303
    assert client(None).get("/metrics", headers=bearer).status_code == 401
    assert admin.post(f"/tokens/{row.id}/end").status_code == 400
    with here.store.reading() as session:
        actions = session.scalars(select(Seen.action).order_by(Seen.id)).all()
    assert actions == ["make token send", "end token", "sign in"]


@pytest.mark.parametrize(
    "form",
    [
        {"name": "", "role": "view"},
        {"name": "x" * 101, "role": "view"},
        {"name": "a\x00b", "role": "view"},
        {"name": "ward", "role": "god"},
        {"name": "ward", "role": "view", "days": "soon"},
        {"name": "ward", "role": "view", "days": "-1"},
        {"name": "ward", "role": "view", "days": "nan"},
        {"name": "ward", "role": "view", "days": "inf"},
        {"name": "admin-1", "role": "view"},
    ],
)
def test_a_token_that_cannot_be(client, here, form):
    answer = client("admin").post("/tokens", data=form, headers=PAGE)
    assert answer.status_code == 422
    assert len(list_tokens(here.store)) == 1


def test_the_first_administrator_is_made_once(here):
    token = first_admin(here.store)
    assert token is not None
    assert first_admin(here.store) is None
    assert end_token(here.store, "admin") == "admin"
    assert first_admin(here.store) is None
    assert make_token(here.store, "admin", "admin"), "the name is free again"
    with pytest.raises(ServiceError, match="no living token"):
        end_token(here.store, "nobody")
    with here.store.reading() as session:
        assert {len(row.digest) for row in session.scalars(select(Token))} == {64}


@BOTH
def test_the_audit_log_is_a_page_and_a_table(client, here):
    with here.store.writing() as session:
        for number in range(230):
            person = Person("=cmd()" if number % 2 else "mei", "read", "192.0.2.1")
            record(session, person, "view study", f"{number % 3:032x}")
    admin = client("admin")
    first = admin.get("/audit").text
    older = re.search(r'href="(/audit\?before=\d+)"', first)[1]
    rows = first.count("view study")
    while older:
        page = admin.get(older).text
        rows += page.count("view study")
        found = re.search(r'href="(/audit\?before=\d+)"', page)
        older = found and found[1]
    assert rows == 230
    assert admin.get("/audit", params={"by": "mei"}).text.count("view study") == 100
    table = list(csv.DictReader(io.StringIO(admin.get("/audit.csv").text)))
    assert len(table) == 231
    assert {row["by"] for row in table} == {"mei", "'=cmd()", "admin-1"}
    one = admin.get("/audit.csv", params={"study": f"{1:032x}"}).text.splitlines()
    assert len(one) == 1 + 77 + 1


@BOTH
def test_what_the_audit_log_cannot_be_asked(client):
    admin = client("admin")
    for query in ("by=%00", "study=%00", "study=../x", "before=-1", "before=x"):
        assert admin.get(f"/audit?{query}", headers=PAGE).status_code == 422, query
    for query in ("by=%00", "study=%00", "study=../x"):
        assert admin.get(f"/audit.csv?{query}", headers=PAGE).status_code == 422, query


@pytest.mark.parametrize("language", ["en", "zh-Hant"])
@pytest.mark.parametrize("path", ["/sign-in", "/tokens", "/audit", "/nothing"])
def test_pages_in_both_languages(client, path, language):
    browser = client("admin")
    browser.cookies.set("hilum_language", language)
    answer = browser.get(path, headers=PAGE)
    assert answer.status_code == (404 if path == "/nothing" else 200)
    assert f'<html lang="{language}"' in answer.text
    assert not re.search(r"<script(?![^>]* src=)(?![^>]*application/json)", answer.text)
    assert not re.search(r"<[^>]+ (style|on\w+)=", answer.text)
