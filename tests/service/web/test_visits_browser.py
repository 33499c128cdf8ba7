"""Two radiographs of one patient side by side, in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from hilum.imaging import write_dicom
from hilum.phantoms import Lesion, draw_chest
from hilum.service.process import Here
from hilum.service.reading.process import read_waiting
from hilum.service.store.tables import Verdict
from hilum.service.web.tokens import make_token
from tests.service.web.listening import listening

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium"),
]


@pytest.fixture
def study(here: Here, tmp_path: Any) -> str:
    """The later one of two visits: moved a little, and with an effusion."""
    path, found = tmp_path / "drawn.dcm", ""
    for number, lesions in enumerate(([], [Lesion("effusion")])):
        chest = draw_chest(np.random.default_rng(5), size=(512, 480), lesions=lesions)
        stored = np.rint(np.roll(chest.pixels, 14 * number, (0, 1)) * 4095).astype(np.uint16)
        when = {"StudyDate": f"202401{number + 1:02d}", "StudyInstanceUID": f"2.25.{number + 1}"}
        write_dicom(path, stored, bits_stored=12, patient_id="A", overrides=when)
        found = here.door.accept(path.read_bytes(), origin="test").study
    read_waiting(here)
    return found


@pytest.fixture
def opened(here: Here, study: str) -> Iterator[Callable[..., Any]]:
    """Opens the study signed in, and waits until both pictures lie on each other."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with listening(here) as address, api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        def make(**options: Any) -> Any:
            page = chromium.new_context(**options).new_page()
            page.troubles = []
            page.on("pageerror", lambda error: page.troubles.append(str(error)))
            page.on(
                "console",
                lambda said: page.troubles.append(said.text) if said.type == "error" else None,
            )
            page.goto(f"{address}/sign-in")
            page.fill("input[name=token]", make_token(here.store, "Dr A", "read"))
            page.press("input[name=token]", "Enter")
            page.wait_for_url(f"{address}/")
            page.goto(f"{address}/studies/{study}")
            page.locator(".panes").scroll_into_view_if_needed()
            api.expect(page.locator("#visits-flip")).to_be_enabled(timeout=15_000)
            return page

        yield make
        chromium.close()


def state(page: Any, which: str) -> dict[str, float]:
    return page.evaluate(f"({{...{which}.state}})")


def picture(page: Any) -> np.ndarray:
    import cv2

    page.wait_for_timeout(250)
    data = np.frombuffer(page.locator("#now-stage").screenshot(), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32)


def test_what_is_done_to_one_is_done_to_the_other(opened: Callable[..., Any]) -> None:
    page = opened(viewport={"width": 1300, "height": 900})
    page.locator("#now-stage").hover()
    page.mouse.wheel(0, -400)
    page.wait_for_timeout(100)
    now, prior, large = (state(page, one) for one in ("visits.now", "visits.prior", "viewer"))
    assert now["zoom"] > 2
    assert prior["zoom"] == pytest.approx(now["zoom"], rel=0.1)
    assert large["zoom"] == now["zoom"]
    # the same anatomy: the later picture was moved by 14 of 480 and 512 pixels
    assert (prior["x"] - now["x"]) / prior["zoom"] == pytest.approx(14 / 480, abs=0.012)
    assert (prior["y"] - now["y"]) / prior["zoom"] == pytest.approx(14 / 512, abs=0.012)

    page.locator("#visits-linked").uncheck()
    page.locator("#prior-stage").hover()
    page.mouse.wheel(0, 200)
    page.wait_for_timeout(100)
    assert state(page, "visits.prior")["zoom"] < 2
    assert state(page, "visits.now") == now
    page.locator("#visits-linked").check()
    page.locator("#visits-reset").click()
    page.wait_for_timeout(100)
    assert state(page, "visits.prior") == state(page, "visits.now")
    assert page.troubles == []


def test_the_earlier_one_is_laid_over(opened: Callable[..., Any]) -> None:
    page = opened(viewport={"width": 1300, "height": 900})
    plain = picture(page)
    page.locator("#now-stage").focus()
    page.keyboard.press("f")
    assert page.locator("#visits-flip").get_attribute("aria-pressed") == "true"
    flipped = picture(page)
    assert page.locator("#visits-overlay-out").inner_text() == "100 %"
    # the chest stays where it is, the effusion is gone
    inside = np.s_[60:-60, 80:-80]
    alike = np.corrcoef(plain[inside].ravel(), flipped[inside].ravel())[0, 1]
    assert 0.8 < alike < 0.9999
    page.locator("#visits-overlay").fill("50")
    half = picture(page)
    assert np.abs(half - (plain + flipped) / 2)[inside].mean() < 3
    page.keyboard.press("f")
    page.keyboard.press("f")
    assert np.abs(picture(page) - plain)[inside].mean() < 1
    assert page.troubles == []


def test_a_verdict_is_kept_and_the_focus_stays(opened: Callable[..., Any], here: Here) -> None:
    page = opened(viewport={"width": 390, "height": 800}, color_scheme="dark")
    page.locator("#verdict-findings > summary").click()
    choice = page.locator("ul.said li [aria-pressed]").nth(2).get_attribute("id")
    key = choice.split("-")[1]
    page.locator(f"#{choice}").focus()
    page.keyboard.press("Enter")
    page.locator("#verdicts", has_text="Saved.").wait_for()
    assert page.locator(f"#{choice}").get_attribute("aria-pressed") == "true"
    assert page.evaluate("document.activeElement.id") == choice == f"say-{key}-uncertain"
    page.locator("#say-whole-accepted").click()
    page.locator("#verdicts", has_text="Accepted: Dr A").wait_for()
    with here.store.reading() as session:
        said = [(v.finding, v.said, v.by) for v in session.query(Verdict)]
    assert said == [(key, "uncertain", "Dr A"), ("", "accepted", "Dr A")]
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    assert page.troubles == []
