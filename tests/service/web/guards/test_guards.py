"""Who is let in, and what no guard lets pass."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from hilum.service.settings import Limits, Web
from hilum.service.store.tables import Seen
from hilum.service.web.app import application
from hilum.service.web.guards.proxies import networks
from hilum.service.web.guards.rates import Buckets, network_of
from hilum.service.web.tokens import end_token, make_token

BASE = "http://127.0.0.1:8080"
HTML = {"Accept": "text/html"}


def with_(here, **changed):
    """The same server with other settings."""
    from dataclasses import replace

    return replace(here, settings=here.settings.model_copy(update=changed))


def test_nobody_gets_a_problem_or_the_page_that_signs_in(client):
    nobody = client(None)
    program = nobody.get("/v1/studies")
    assert program.status_code == 401
    assert program.headers["content-type"] == "application/problem+json"
    browser = nobody.get("/tokens", headers=HTML)
    assert (browser.status_code, browser.headers["location"]) == (303, "/sign-in?next=/tokens")
    part = nobody.get("/tokens", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["hx-redirect"]) == (401, "/sign-in")


@pytest.mark.parametrize("role", ["send", "view", "read"])
def test_a_role_is_not_enough(client, here, role):
    answer = client(role).get("/audit")
    assert answer.status_code == 403
    with here.store.reading() as session:
        seen = session.scalars(select(Seen)).one()
    assert (seen.by, seen.action, seen.outcome) == (f"{role}-1", "needs admin", "denied")


def test_a_token_that_is_wrong_or_ended_opens_nothing(client, here):
    program = client("admin", bearer=True)
    assert program.get("/audit").status_code == 200
    end_token(here.store, program.person)
    assert program.get("/audit").status_code == 401
    wrong = client(None).get("/", headers={"Authorization": "Bearer hilum_wrong"})
    assert wrong.status_code == 401


def test_a_sign_in_ends_with_its_token(client, here):
    browser = client("admin")
    assert browser.get("/audit").status_code == 200
    end_token(here.store, browser.person)
    assert browser.get("/audit").status_code == 401


def test_a_token_ends_by_itself(client, here, monkeypatch):
    token = make_token(here.store, "short", "admin", days=1)
    bearer = {"Authorization": f"Bearer {token}"}
    assert client(None).get("/audit", headers=bearer).status_code == 200
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 86_401)
    assert client(None).get("/audit", headers=bearer).status_code == 401


FORM = {"name": "ward", "role": "view"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"X-CSRF-Token": ""}, 403),
        ({"X-CSRF-Token": "0" * 64}, 403),
        ({"X-CSRF-Token": "é"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:9"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 200),
    ],
)
def test_what_another_site_sends_changes_nothing(client, headers, status):
    headers = {key: value.encode("latin-1") for key, value in headers.items()}
    assert client("admin").post("/tokens", data=FORM, headers=headers).status_code == status


def test_a_cookie_without_its_page_changes_nothing(client, here):
    browser = client("admin")
    del browser.headers["Origin"]
    assert browser.post("/tokens", data=FORM).status_code == 403
    with here.store.reading() as session:
        (seen,) = session.scalars(select(Seen)).all()
    assert (seen.by, seen.action, seen.outcome) == ("admin-1", "cross-site", "denied")


def test_a_plain_form_carries_the_token_in_a_field(client):
    browser = client("admin")
    field = browser.headers.pop("X-CSRF-Token")
    assert browser.post("/tokens", data=FORM).status_code == 403
    assert browser.post("/tokens", data=FORM | {"csrf": "0" * 64}).status_code == 403
    made = browser.post("/tokens", data=FORM | {"csrf": field})
    assert made.status_code == 200
    assert 'id="made">hilum_' in made.text


def test_a_program_needs_no_page(client):
    assert client("admin", bearer=True).post("/tokens", data=FORM).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "127.0.0.1:80/evil",
        "127.0.0.1:80?x", "127.0.0.1@evil.example", "localhost, evil.example", "127.0.0.1:x",
        "[::1", "::1",
    ],
)  # fmt: skip
def test_a_foreign_name_leads_nowhere(client, host):
    assert client("admin").get("/audit", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:1", "[::1]:8080", "127.0.0.1", "ward.example:443"])
def test_known_names_lead_here(here, host):
    app = application(with_(here, web=Web(hosts=("Ward.example",))))
    answer = TestClient(app, base_url=BASE).get("/sign-in", headers={"Host": host})
    assert answer.status_code == 200


def test_too_many_requests_are_told_to_wait(here):
    app = application(with_(here, limits=Limits(requests_a_minute=5)))
    browser = TestClient(app, base_url=BASE)
    statuses = [browser.get("/v1/studies").status_code for _ in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    assert 1 <= int(browser.get("/v1/studies").headers["retry-after"]) <= 12
    assert browser.get("/healthz").status_code == 200


def test_a_bucket_fills_again(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    bucket = Buckets(60)
    assert [bucket.take("a") for _ in range(60)] == [0.0] * 60
    assert bucket.take("a") == pytest.approx(1.0)
    assert bucket.take("b") == 0.0
    now[0] += 2.5
    assert [bucket.take("a") for _ in range(3)] == [0.0, 0.0, pytest.approx(0.5)]


def test_one_sender_has_one_network():
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1")
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert network_of("10.0.0.1") != network_of("10.0.0.2")


PROXIED = Web(
    proxies=("10.1.0.0/16",), hosts=("ward.example",), user_header="X-User",
    roles_header="X-Groups", groups={"radiology": "read", "it": "admin", "nurses": "view"},
)  # fmt: skip


def through(here, address, **headers):
    app = application(with_(here, web=PROXIED))
    browser = TestClient(app, base_url="http://ward.example", client=(address, 5))
    browser.headers.update({key.replace("_", "-"): value for key, value in headers.items()})
    return browser


@pytest.mark.parametrize(
    ("address", "user", "groups", "status"),
    [
        ("10.1.2.3", "mei", "nurses, it", 200),
        ("10.1.2.3", "mei", "nurses,radiology", 403),
        ("10.1.2.3", "mei", "others", 401),
        ("10.1.2.3", "", "it", 401),
        ("10.2.2.3", "mei", "it", 401),
    ],
)
def test_only_a_named_proxy_says_who_asks(here, address, user, groups, status):
    browser = through(here, address, X_User=user, X_Groups=groups)
    assert browser.get("/audit").status_code == status


def test_the_address_is_the_last_that_no_proxy_of_ours_has(here):
    way = "6.6.6.6, 192.0.2.7, 10.1.9.9"
    browser = through(here, "10.1.2.3", X_User="mei", X_Groups="it", X_Forwarded_For=way)
    browser.get("/audit.csv")
    assert "192.0.2.7" in browser.get("/audit.csv").text.splitlines()[1]


def test_a_user_may_be_called_in_chinese(here):
    browser = through(here, "10.1.2.3", X_Groups="it")
    headers = {"X-User": "王小美".encode(), "Accept": b"text/html"}
    assert "王小美" in browser.get("/audit", headers=headers).text


def test_behind_a_proxy_pages_are_guarded_as_well(here):
    browser = through(here, "10.1.2.3", X_User="mei", X_Groups="it", X_Forwarded_Proto="https")
    assert browser.post("/tokens", data=FORM).status_code == 403
    field = browser.get("/tokens").text.partition('name="csrf" value="')[2].partition('"')[0]
    form = FORM | {"csrf": field}
    assert (
        browser.post("/tokens", data=form, headers={"Origin": "http://ward.example"}).status_code
        == 403
    )
    assert (
        browser.post("/tokens", data=form, headers={"Origin": "https://ward.example"}).status_code
        == 200
    )


def test_a_proxy_is_an_address():
    with pytest.raises(Exception, match=r"web\.proxies holds"):
        networks(("proxy.example",))


def test_every_answer_keeps_browsers_careful(client):
    for path in ("/sign-in", "/v1/nothing", "/static/0/none.js"):
        headers = client(None).get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "server" not in headers


def test_an_error_of_hilum_tells_nothing(here, capsys):
    app = application(here)

    @app.get("/v1/broken")
    def broken() -> None:
        raise RuntimeError("WANG^XIAOMING")

    answer = TestClient(app, base_url=BASE).get("/v1/broken")
    assert answer.status_code == 500
    assert answer.json()["code"] == "failed"
    assert "WANG" not in answer.text + "".join(capsys.readouterr())
