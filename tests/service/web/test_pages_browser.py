"""Pages in a real browser: mouse, keys, files. Needs Debian's chromium."""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
uvicorn = pytest.importorskip("uvicorn", reason="needs the server: pip install 'hilum[serve]'")

from hilum.service.process import Here  # noqa: E402
from hilum.service.reading.process import read_waiting  # noqa: E402
from hilum.service.web.app import application  # noqa: E402
from hilum.service.web.tokens import make_token  # noqa: E402
from tests.service.web.seeded import readings, seed  # noqa: E402

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed"),
]

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1400, "height": 900}


@dataclass
class Site:
    """A server with drawn radiographs, in threads of this process."""

    url: str
    here: Here
    studies: dict[str, str]
    troubles: list[str] = field(default_factory=list)


@pytest.fixture
def site(here: Here, drawn) -> Iterator[Site]:
    studies = seed(here, drawn)
    server = uvicorn.Server(
        uvicorn.Config(application(here), host="127.0.0.1", port=0, log_config=None)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(200):
        if server.started:
            break
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Site(f"http://127.0.0.1:{port}", here, studies)
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture(scope="module")
def chromium() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium, site: Site) -> Iterator[Callable[..., playwright.Page]]:
    """Opens a page, signed in; whatever goes wrong in it fails the test."""
    contexts = []

    def open_page(path: str = "/", *, role: str = "read", size: dict = DESK, **more):
        context = chromium.new_context(viewport=size, **more)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: site.troubles.append(str(error)))
        page.on(
            "console",
            lambda said: site.troubles.append(said.text) if said.type == "error" else None,
        )
        token = make_token(site.here.store, f"{role}-{len(contexts)}", role)
        page.goto(f"{site.url}/sign-in")
        page.fill("#token", token)
        page.click("#sign-in button")
        page.wait_for_selector("form.signed")
        if path != "/":
            page.goto(site.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert site.troubles == []


def ready(page) -> None:
    page.wait_for_selector("#stage[data-ready=yes]")
    page.wait_for_load_state("networkidle")


def until(page, expression: str, *, timeout: float = 10_000) -> None:
    """Wait for something to be true; the page itself may evaluate nothing."""
    end = time.monotonic() + timeout / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"waited in vain for {expression}"
        page.wait_for_timeout(50)


def state(page) -> dict:
    return page.evaluate("({...viewer.state})")


def mean_grey(page) -> float:
    """Of the picture as it is shown."""
    return page.evaluate(
        """() => {
          const { width, height } = viewer.picture;
          const { data } = viewer.picture.getContext('2d').getImageData(0, 0, width, height);
          let sum = 0;
          for (let i = 0; i < data.length; i += 4) sum += data[i];
          return sum / (data.length / 4);
        }"""
    )


def lit(page) -> int:
    """Pixels of the heatmap that are not clear."""
    return page.evaluate(
        """() => {
          const { width, height } = viewer.heat;
          const { data } = viewer.heat.getContext('2d').getImageData(0, 0, width, height);
          let count = 0;
          for (let i = 3; i < data.length; i += 4) count += data[i] > 0;
          return count;
        }"""
    )


def test_the_worklist_is_searched_and_filtered(browse, site: Site) -> None:
    page = browse("/")
    assert page.locator("a.who").count() == 3
    page.fill("[name=text]", "wang")
    until(page, "document.querySelectorAll('a.who').length === 1")
    assert "wang" not in page.url.lower()
    page.click("form#filters button[type=reset]")
    until(page, "document.querySelectorAll('a.who').length === 3")
    page.select_option("[name=state]", "refused")
    until(page, "document.querySelectorAll('a.who').length === 1")
    assert page.url.endswith("?state=refused")
    page.reload()
    assert page.locator("a.who").count() == 1
    assert page.locator("[name=state]").input_value() == "refused"


def test_the_worklist_keeps_itself_up_to_date(browse, site: Site, drawn) -> None:
    page = browse("/")
    page.focus("a.who >> nth=1")
    focused = page.evaluate("document.activeElement.id")
    site.here.door.accept(drawn(11, patient_name="NEW^ONE"), origin="test")
    until(page, "document.querySelectorAll('a.who').length === 4", timeout=15_000)
    assert page.evaluate("document.activeElement.id") == focused
    assert page.locator(".chip.waiting").count() == 1
    page.click("tr:has-text('NEW, ONE') td >> nth=2")
    page.wait_for_url("**/studies/*")
    assert "being read" in page.locator(".v-side").inner_text()
    assert read_waiting(site.here) == 1
    page.wait_for_selector("#stage[data-ready=yes]", timeout=15_000)


def test_the_picture_is_shown_with_all_its_grey_levels(browse, site: Site) -> None:
    page = browse(f"/studies/{site.studies['nasty']}")
    ready(page)
    (reading,) = readings(site.here, site.studies["nasty"])
    file = site.here.files.reading(reading.id) / "display.png"
    blue_green_red = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR)
    levels = blue_green_red[:, :, 2].astype(int) * 256 + blue_green_red[:, :, 1]
    shown = page.evaluate("[...viewer.grey]")
    assert np.array_equal(np.array(shown), levels.ravel())
    expected = np.rint(255 * (levels / 65535)).mean()
    assert mean_grey(page) == pytest.approx(expected, abs=0.6)


def redrawn(page):
    """Wait until the picture was drawn anew: that is asked for with the next frame."""
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


def test_mouse_and_keys_change_the_view(browse, site: Site) -> None:
    page = browse(f"/studies/{site.studies['nasty']}")
    ready(page)
    box = page.locator("#stage").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    start = state(page)

    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 90, y + 40, steps=3)
    page.mouse.up()
    assert state(page)["window"] == pytest.approx(start["window"] + 0.3)
    assert state(page)["level"] == pytest.approx(start["level"] + 0.1)
    assert page.locator("#window").input_value() == "130"

    page.mouse.wheel(0, -400)
    until(page, "viewer.state.zoom > 2")
    beside = state(page)["x"]
    page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.move(x + 190, y + 40, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert state(page)["x"] > beside + 0.01

    page.mouse.dblclick(x, y)
    assert state(page) == start
    redrawn(page)
    before = mean_grey(page)
    page.focus("#stage")
    page.keyboard.press("i")
    until(page, "viewer.state.invert")
    redrawn(page)
    assert mean_grey(page) == pytest.approx(255 - before, abs=1)
    assert page.is_checked("#invert")
    page.keyboard.press("+")
    assert state(page)["zoom"] == pytest.approx(1.25)
    page.keyboard.press("0")
    assert state(page) == start
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#keys").is_visible()


def test_heatmaps_are_of_the_finding_that_is_picked(browse, site: Site) -> None:
    page = browse(f"/studies/{site.studies['nasty']}")
    ready(page)
    until(page, "shown.grids !== null")
    (reading,) = readings(site.here, site.studies["nasty"])
    told = {p["finding"]: p for p in reading.record["predictions"]}
    lead = next(iter(page.locator("#v-findings button").all()))
    is_present = told[lead.get_attribute("data-finding")]["decision"] == "present"
    assert lead.get_attribute("aria-pressed") == str(is_present).lower()
    assert (lit(page) > 0) == is_present
    seen = {}
    for button in page.locator("#v-findings button").all():
        key = button.get_attribute("data-finding")
        if button.get_attribute("aria-pressed") != "true":
            button.click()
        assert button.get_attribute("aria-pressed") == "true"
        assert page.locator("#v-findings [aria-pressed=true]").count() == 1
        seen[key] = lit(page)
        assert f"{100 * told[key]['probability']:.1f} %" in button.inner_text()
    assert seen.keys() == told.keys()
    assert max(seen.values()) > 0
    page.focus("#stage")
    page.keyboard.press("h")
    assert page.evaluate("viewer.heat.style.opacity") == "0"
    last = page.locator("#v-findings button").count() - 1
    assert page.locator("#v-findings button").nth(last).get_attribute("aria-pressed") == "true"
    page.keyboard.press("ArrowDown")  # and round again
    first = page.locator("#v-findings button").first
    assert first.get_attribute("aria-pressed") == "true"


def test_radiographs_of_a_study_and_the_way_through_the_worklist(browse, site: Site) -> None:
    page = browse(f"/studies/{site.studies['two']}")
    ready(page)
    first = page.locator("#stage").get_attribute("data-picture")
    page.locator("body").press("ArrowRight")
    page.locator("body").press("ArrowLeft")
    page.wait_for_url("**?image=*")
    ready(page)
    assert page.locator("#stage").get_attribute("data-picture") != first
    for _ in range(3):
        page.wait_for_load_state("networkidle")
        page.locator("body").press("r")
        page.wait_for_load_state("networkidle")
    page.wait_for_url(site.url + "/")
    assert page.locator("tr.done").count() == 3


def test_files_are_brought(browse, site: Site, drawn, tmp_path: Path) -> None:
    page = browse("/upload")
    (tmp_path / "one.dcm").write_bytes(drawn(21, patient_name="UP^LOADED"))
    (tmp_path / "DOE^JANE.txt").write_bytes(b"no radiograph")
    picture = np.rint(np.random.default_rng(0).random((200, 180)) * 255).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "two.png"), cv2.GaussianBlur(picture, (0, 0), 20))
    page.click("summary")
    page.fill("[name=patient_id]", "P77")
    page.fill("[name=taken]", "2026-11-20")
    page.set_input_files(
        "#pick", [tmp_path / "one.dcm", tmp_path / "DOE^JANE.txt", tmp_path / "two.png"]
    )
    until(
        page,
        "[...document.querySelectorAll('#files .what')].every("
        "(one) => /accepted|not accepted/.test(one.textContent))",
    )
    lines = page.locator("#files li").all_inner_texts()
    assert len(lines) == 3
    refused = next(line for line in lines if "DOE^JANE" in line)
    assert "not accepted" in refused
    assert "1 not accepted" in page.locator("#summary").inner_text()
    assert read_waiting(site.here) == 2
    until(
        page,
        "document.querySelector('#files li .what').textContent.includes('read')",
        timeout=15_000,
    )
    page.locator("#files a").first.click()
    page.wait_for_url("**/studies/*")
    assert "UP, LOADED" in page.locator("h1").inner_text()
    site.troubles[:] = [one for one in site.troubles if "status of 4" not in one]  # the refusal


def test_an_archive_is_dropped(browse, site: Site, drawn) -> None:
    page = browse("/upload")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a/one.dcm", drawn(31))
        archive.writestr("a/two.dcm", drawn(32))
        archive.writestr("a/cut.dcm", drawn(33)[:5000])
    transfer = page.evaluate_handle(
        """(text) => {
          const data = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
          const made = new DataTransfer();
          made.items.add(new File([data], "study.zip"));
          return made;
        }""",
        base64.b64encode(packed.getvalue()).decode(),
    )
    page.dispatch_event("main", "drop", {"dataTransfer": transfer})
    page.wait_for_selector("text=2 of 3 files accepted")
    assert "a/cut.dcm" in page.locator("#files").inner_text()
    assert page.locator("#files a").count() == 2


def test_who_may_only_send_sees_no_studies(browse) -> None:
    page = browse("/", role="send")
    assert page.url.endswith("/upload")
    assert page.locator("nav a").all_inner_texts() == ["Upload"]


def test_language_and_theme(browse, site: Site) -> None:
    page = browse(f"/studies/{site.studies['nasty']}", locale="en-GB")
    page.click("text=繁體中文")
    page.wait_for_selector("html[lang=zh-Hant]")
    assert "/studies/" in page.url
    ready(page)
    page.click("#theme")
    shade = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == shade
    assert page.get_attribute("html", "data-theme") == "dark"


def test_pages_are_usable_at_once(browse, site: Site) -> None:
    """Within a second on a quiet machine; this one may be busy."""
    page = browse("/")
    for path in ("/", f"/studies/{site.studies['two']}"):
        page.goto(site.url + path)
        page.wait_for_load_state("load")
        took = page.evaluate(
            "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
        )
        assert took < 3000, path


# ---- for everyone ----


@pytest.fixture(scope="session")
def axe(request: pytest.FixtureRequest) -> str:
    """The rules of axe-core, from npm; they are no part of Hilum."""
    folder = Path(request.config.cache.mkdir("axe-core"))
    script = folder / "package" / "axe.min.js"
    if not script.is_file():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not installed: no axe-core")
        try:
            done = subprocess.run(
                [npm, "pack", "axe-core@4", "--silent"], cwd=folder, timeout=60, check=False,
                capture_output=True, text=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            pytest.skip("npm does not answer: no axe-core")
        if done.returncode:
            pytest.skip("axe-core cannot be had from npm")
        with tarfile.open(folder / done.stdout.strip().splitlines()[-1]) as archive:
            archive.extractall(folder, filter="data")
    return script.read_text("utf-8")


PATHS = ("/", "/studies/{two}", "/studies/{hand}", "/upload", "/status")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize(
    ("theme", "locale"), [("light", "en"), ("dark", "zh-TW")], ids=["light-en", "dark-zh"]
)
def test_everyone_can_use_it(browse, site: Site, axe: str, size, theme: str, locale: str) -> None:
    """WCAG 2.2 A and AA, as far as axe-core can tell; and nothing is wider than the screen."""
    page = browse("/", size=size, color_scheme=theme, locale=locale, role="admin")
    for path in PATHS:
        page.goto(site.url + path.format(**site.studies))
        page.wait_for_load_state("networkidle")
        page.evaluate(axe)
        found = page.evaluate(
            """async () => (await axe.run(document, { runOnly:
                 ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))
               .violations.map((one) => `${one.id}: ${one.nodes.map((n) => n.html).slice(0, 3)}`)"""
        )
        assert found == [], path
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, path


def test_it_goes_without_a_mouse(browse, site: Site) -> None:
    page = browse("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")
    page.focus("a.who")
    page.keyboard.press("Enter")
    page.wait_for_url("**/studies/*")
    ready(page)
    page.focus("#v-findings button >> nth=1")
    page.keyboard.press("Enter")
    assert page.locator("#v-findings button").nth(1).get_attribute("aria-pressed") == "true"
    width = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert float(re.match(r"[\d.]+", width)[0]) >= 2
