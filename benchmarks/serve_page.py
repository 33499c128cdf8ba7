"""How soon pages can be used in a browser, and what they weigh without pictures."""

from __future__ import annotations

import importlib.util
import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.options import Options
from benchmarks.results import Mark, Section, Table
from benchmarks.serve_sender import Task
from benchmarks.serving import sending, settings_of, size_of, toml, wait_until_read
from tests.service.serving import Running, serving

TITLE = "Server: the page in a browser"
CHROMIUM = Path("/usr/bin/chromium")
ROUNDS = 9
STUDIES = 60
"""On the server: more than a page of the worklist shows."""
USABLE_S = 1.0
WEIGHT_KB = 300

_PAGES = {
    "worklist": ("/", "document.querySelectorAll('table.worklist tbody tr').length > 0"),
    "study": ("", "document.querySelector('#stage')?.dataset.ready === 'yes'"),
    "upload": ("/upload", "document.querySelector('input[type=file]') !== null"),
}
"""Page → address, and what holds when it can be used."""

_PICTURES = (".png", ".jpg", "/grids.json")

_SINCE = "() => performance.now()"  # since the address was asked for


def run(options: Options) -> Section:
    """Measure."""
    if importlib.util.find_spec("playwright") is None or not CHROMIUM.is_file():
        why = "needs playwright and Debian's chromium"
        return Section("serve_page", TITLE, skipped=why)
    folder = options.folder / "page" / "server"
    folder.parent.mkdir(parents=True)
    count = min(STUDIES, options.served)
    with serving(folder, toml(options)) as server:
        task = Task(
            port=server.dicom, first=0, last=count, associations=2,
            folder=str(options.folder / "drawn"), size=size_of(options),
        )  # fmt: skip
        with sending(task) as sender:
            sent = sender.wait()
        wait_until_read(settings_of(folder), sent.uids, 1800)
        found = _looked_at(server, options.rounds(ROUNDS))
    slowest = max(statistics.median(one["usable_s"]) for one in found.values())
    heaviest = max(one["weight_kb"] for one in found.values())
    rows = [
        [page, f"{statistics.median(one['usable_s']):.2f}",
         f"{min(one['usable_s']):.2f}–{max(one['usable_s']):.2f}",
         f"{one['weight_kb']:.0f}", f"{one['pictures_kb']:.0f}"]
        for page, one in found.items()
    ]  # fmt: skip
    return Section(
        "serve_page",
        TITLE,
        (
            Mark(f"usable ≤ {USABLE_S:g} s on loopback", f"{slowest:.2f} s", slowest <= USABLE_S),
            Mark(
                f"≤ {WEIGHT_KB} KB without pictures",
                f"{heaviest:.0f} KB",
                heaviest <= WEIGHT_KB,
            ),
        ),
        (
            Table(
                "With an empty cache",
                ("page", "usable, median s", "least–most", "KB without pictures", "pictures, KB"),
                rows,
            ),
        ),
        (
            (
                f"Debian's Chromium without a window, on the same cores; {count} studies on the "
                f"worklist, nothing being read. Usable: rows are there; the study's radiograph is "
                f"drawn; files can be chosen. The slowest page's median, the heaviest page's bytes "
                f"as they are without compression."
            ),
        ),
    )


def _looked_at(server: Running, rounds: int) -> dict[str, dict[str, Any]]:
    from playwright.sync_api import sync_playwright

    study = json.loads(server.ask("/v1/studies")[1])["studies"][0]["id"]
    found = {}
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        for page, (path, usable) in _PAGES.items():
            address = server.page.rstrip("/") + (path or f"/studies/{study}")
            seconds, weight, pictures = [], 0.0, 0.0
            for _ in range(rounds + 1):
                context = browser.new_context(
                    viewport={"width": 1400, "height": 900},
                    bypass_csp=True,  # or the condition below could not be asked for
                )
                tab = context.new_page()
                tab.goto(f"{server.page}sign-in")
                tab.fill("#token", server.token)
                tab.click("#sign-in button")
                tab.wait_for_url(server.page)
                tab.goto("about:blank")
                session = context.new_cdp_session(tab)
                session.send("Network.clearBrowserCache")
                answers = []
                tab.on("response", lambda one, seen=answers: seen.append(one))
                tab.goto(address, wait_until="commit")
                tab.wait_for_function(usable, polling="raf")
                seconds.append(tab.evaluate(_SINCE) / 1e3)
                tab.wait_for_load_state("networkidle")
                sizes = [(one.url.endswith(_PICTURES), _size(one)) for one in answers]
                weight = sum(size for picture, size in sizes if not picture) / 1e3
                pictures = sum(size for picture, size in sizes if picture) / 1e3
                context.close()
            found[page] = {"usable_s": seconds[1:], "weight_kb": weight, "pictures_kb": pictures}
        browser.close()
    return found


def _size(answer: Any) -> int:
    """Bytes of an answer; of one that the page streams, as its header says."""
    return int(answer.headers.get("content-length") or len(answer.body()))
