"""Signing in with a real browser, and what another site can make it do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from sqlalchemy import select

from hilum.service.store.tables import Seen, Token
from hilum.service.web.tokens import make_token
from tests.service.web.listening import listening

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed"),
]


@pytest.fixture
def page() -> Iterator[playwright.Page]:
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield browser.new_page()
        browser.close()


@pytest.fixture
def elsewhere() -> Iterator[ThreadingHTTPServer]:
    """Another site, whose page sends a form to ``.target`` as soon as it is open."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            page = (
                f'<form method="post" action="{self.server.target}">'
                '<input name="name" value="mallory"><input name="role" value="admin"></form>'
                "<script>document.forms[0].submit()</script>"
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_in_by_the_address_out_by_the_button(here, page):
    token = make_token(here.store, "mei", "admin")
    with listening(here) as url:
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{url}/sign-in?next=/tokens")
        page.goto(f"{url}/sign-in?next=/tokens#{token}")
        page.wait_for_url(f"{url}/tokens")
        assert not [one for one in asked if token in one.partition("#")[0]]
        assert token not in page.content()
        page.fill("input[name=name]", "ward")
        page.select_option("select[name=role]", "send")
        page.click("main form button")
        made = page.inner_text("#made")
        assert made.startswith("hilum_")
        page.click("text=Sign out")
        page.wait_for_url(f"{url}/sign-in")
        page.goto(f"{url}/tokens")
        assert page.url == f"{url}/sign-in?next=/tokens"
        page.fill("#token", "hilum_wrong")
        page.press("#token", "Enter")
        page.wait_for_selector("[role=alert]:not([hidden])")
        page.close()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_another_site_changes_nothing(here, page, elsewhere, name):
    token = make_token(here.store, "mei", "admin")
    with listening(here) as url:
        page.goto(f"{url}/sign-in#{token}")
        page.wait_for_url(f"{url}/")
        elsewhere.target = f"{url}/tokens"
        with page.expect_response(f"{url}/tokens") as answer:
            page.goto(f"http://{name}:{elsewhere.server_port}/")
        assert answer.value.status == 403
        page.close()
    with here.store.reading() as session:
        assert session.scalars(select(Token.name)).all() == ["mei"]
        assert "make token admin" not in session.scalars(select(Seen.action)).all()
