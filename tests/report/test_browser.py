"""The page in a real browser: filters, viewer, keyboard, no errors. Needs Debian's chromium."""

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess

import pytest

from hilum.domain import Note

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed"),
]

# Runs in the page beside its own script: collects what goes wrong, then acts as a reader would.
DRIVER = """
const troubles = [];
const trouble = (e) => troubles.push(String(e.message || e.target.src || e.target));
addEventListener("error", trouble, true);
addEventListener("unhandledrejection", (e) => troubles.push(String(e.reason)));
document.addEventListener("securitypolicyviolation", (e) => troubles.push(`CSP ${e.blockedURI}`));
console.error = (...all) => troubles.push(all.join(" "));
const until = async (test) => {
  for (let i = 0; i < 200; i++) {
    if (test()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited in vain for ${test}`);
};
const set = (selector, value) => {
  const input = document.querySelector(selector);
  if (input.type === "checkbox") input.checked = value; else input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
};
const names = () => [...document.querySelectorAll("#rows .name")].map((x) => x.textContent);
const text = (selector) => document.querySelector(selector).textContent;
const key = (name) => document.querySelector("#stage").dispatchEvent(
  new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
const click = (selector) => document.querySelector(selector).click();
/** Where the heatmap is brightest, in parts of width and height, and how bright. */
const heat = () => {
  const canvas = document.querySelector("#v-heat");
  const { width, height } = canvas;
  const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  let best = [0, 0, 0];
  for (let i = 3; i < data.length; i += 4) {
    const at = (i - 3) / 4;
    if (data[i] > best[2]) best = [(at % width) / width, Math.floor(at / width) / height, data[i]];
  }
  return best;
};
addEventListener("DOMContentLoaded", async () => {
  const seen = {};
  try {
    await until(() => document.documentElement.dataset.ready);
    await (async () => { ACTIONS })();
  } catch (error) {
    troubles.push(String(error));
  }
  const place = document.createElement("pre");
  place.id = "seen";
  place.textContent = JSON.stringify({ seen, troubles });
  document.body.append(place);
});
"""


def drive(page, actions: str, tmp_path, *, size="1200,900") -> dict:
    """Open the page with its own security policy, act, and return what was seen."""
    script = DRIVER.replace("ACTIONS", actions)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = page.read_text("utf-8")
    text = text.replace("script-src ", f"script-src 'sha256-{digest}' ", 1)
    text = text.replace("<title>", f"<script>{script}</script><title>", 1)
    driven = page.with_name("driven.html")
    driven.write_text(text, "utf-8")
    command = [
        *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *(f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={size}", "--lang=en-US"),
        *("--virtual-time-budget=20000", "--dump-dom", driven.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout.decode("utf-8"), re.S)
    assert found, "the driver did not finish"
    result = json.loads(html.unescape(found[1]))
    assert result["troubles"] == []
    return result["seen"]


@pytest.fixture(params=["one file", "data beside"])
def page(request, make, tmp_path):
    rotated = Note("rotated", "Rotated by <b>12°</b>.")
    items = [
        make.reading("a.png", (0.1, 0.9, 0.01), shape=(240, 200)),
        make.reading("b/#1 %2.png", (0.3, 0.5, 0.2), notes=(rotated,)),
        make.reading("c.png", (0.01, 0.2, 0.01)),
        make.reading("<i>d</i>.png", (0.9, 0.1, 0.01)),
    ]
    if request.param == "data beside":
        items += [
            make.reading(f"z{i:03d}.png", (0.01, 0.01, 0.01), shape=(20, 20)) for i in range(150)
        ]
    return make.fill(tmp_path / "out", [*items, make.refusal("hand <1>.dcm")])


def test_filters_and_sorting(page, tmp_path):
    seen = drive(
        page,
        """
        set("#f-present", "1"); seen.effusion = names();
        set("#f-present", "some"); set("#f-flagged", true); seen.flagged = names();
        click("#filters [type=reset]"); await until(() => names().length > 3);
        set("#f-text", "ROTATED"); seen.code = names();
        set("#f-text", "hiatal"); seen.finding = names();
        set("#f-text", "nothing of the kind"); seen.none = [names(), text("#rows")];
        set("#f-text", ""); set("#f-column", "0"); set("#f-least", "25");
        click("[data-sort=column]"); seen.likely = names();
        seen.sorted = document.querySelector("[aria-sort]").getAttribute("aria-sort");
        click("[data-sort=column]"); seen.reversed = names();
        click("#filters [type=reset]"); await until(() => names().length > 3);
        seen.uncalibrated = document.querySelectorAll("#rows .uncalibrated .badge").length;
        """,
        tmp_path,
    )
    assert seen["effusion"] == ["a.png", "b/#1 %2.png"]
    assert seen["flagged"] == ["b/#1 %2.png"]
    assert seen["code"] == ["b/#1 %2.png"]
    assert seen["finding"] == ["b/#1 %2.png"]
    assert seen["none"] == [[], "Nothing matches the filters."]
    assert seen["likely"] == ["<i>d</i>.png", "b/#1 %2.png"]
    assert seen["sorted"] == "descending"
    assert seen["reversed"] == ["b/#1 %2.png", "<i>d</i>.png"]
    assert seen["uncalibrated"] >= 1


def test_the_viewer(page, tmp_path):
    seen = drive(
        page,
        """
        set("#f-present", "some");  // <i>d</i>.png, a.png, b/…
        document.querySelectorAll("#rows .name")[1].click();
        await until(() => $("#v-picture").width && $("#v-notes dl"));
        seen.open = document.querySelector("#viewer").open;
        seen.name = text("#v-name"); seen.place = text("#v-place");
        seen.verdict = text("#v-verdict");
        seen.size = [$("#v-picture").width, $("#v-picture").height];
        seen.heat = heat();
        key("ArrowDown"); seen.second = text("#v-findings [aria-pressed=true] .fn");
        seen.absent = heat();
        key("i"); seen.invert = document.querySelector("#grey feFuncR").getAttribute("slope");
        set("#window", 50); set("#level", 40);
        const wl = document.querySelector("#grey feFuncR");
        seen.grey = [Number(wl.getAttribute("slope")), Number(wl.getAttribute("intercept"))];
        key("h"); seen.hidden = document.querySelector("#v-heat").style.opacity;
        key("+"); seen.zoom = text("#zoom-out");
        key("0");
        seen.reset = [text("#zoom-out"), $("#invert").checked, $("#v-heat").style.opacity];
        key("ArrowRight"); await until(() => document.querySelector("#v-notes .warnings"));
        seen.next = text("#v-name"); seen.warning = text("#v-notes .warnings");
        seen.last = document.querySelector("#v-next").disabled;
        key("ArrowRight"); seen.stays = text("#v-name");
        click("#v-close"); seen.closed = !document.querySelector("#viewer").open;
        """,
        tmp_path,
    )
    assert seen["open"]
    assert seen["name"] == "a.png"
    assert seen["place"] == "2 / 3"
    assert seen["verdict"] == "Present: Pleural effusion"
    assert seen["size"] == [200, 240]
    x, y, alpha = seen["heat"]
    assert 1 / 7 < x < 3 / 7
    assert 4 / 7 < y < 6 / 7
    assert alpha == pytest.approx(0.68 * 255, abs=2)
    assert seen["second"] == "Cardiomegaly"
    assert seen["absent"][2] < alpha * 0.85  # at half of its operating point: damped
    assert seen["invert"] == "-1"
    assert seen["grey"] == pytest.approx([-2, 1.3])  # 1 − ((v − 0.4) / 0.5 + 0.5)
    assert seen["hidden"] == "0"
    assert seen["zoom"] == "125 %"
    assert seen["reset"] == ["100 %", False, "1"]
    assert seen["next"] == "b/#1 %2.png"
    assert seen["warning"] == "Rotated by <b>12°</b>."
    assert seen["last"]
    assert seen["stays"] == "b/#1 %2.png"
    assert seen["closed"]


def test_refusals_pictures_and_language(page, tmp_path):
    seen = drive(
        page,
        """
        seen.refused = text("#r-rows");
        for (const image of document.images) image.loading = "eager";
        await until(() => [...document.images].every((image) => image.complete));
        const broken = [...document.images].filter((image) => !image.naturalWidth);
        seen.broken = broken.map((image) => image.src);
        seen.images = document.images.length;
        click("#language");
        seen.zh = [document.documentElement.lang, text("#readings-h"), text("#r-rows .stamp span")];
        set("#f-text", "肋膜積液"); seen.found = names();
        click("#theme"); seen.theme = document.documentElement.dataset.theme;
        seen.wide = document.documentElement.scrollWidth <= innerWidth;
        """,
        tmp_path,
        size="500,800",
    )
    assert "hand <1>.dcm" in seen["refused"]
    assert "NOT READ" in seen["refused"]
    assert "This is no chest" in seen["refused"]
    assert seen["broken"] == []
    assert seen["images"] >= 5
    assert seen["zh"] == ["zh-Hant", "判讀結果", "未判讀"]
    assert seen["found"] == ["a.png", "b/#1 %2.png"]
    assert seen["theme"] == "dark"
    assert seen["wide"], "the page scrolls sideways on a narrow screen"


def test_a_large_page_pages_through_its_rows(make, tmp_path):
    items = [
        make.reading(f"{i:04d}.png", (0.01, 0.01 + i / 1000, 0.01), shape=(8, 8))
        for i in range(230)
    ]
    page = make.fill(tmp_path / "out", items)
    seen = drive(
        page,
        """
        seen.count = text("#count"); seen.first = names().length;
        click("#pager button:last-child"); seen.last = names();
        document.querySelectorAll("#rows .name")[29].click();
        await until(() => document.querySelector("#v-notes dl"));
        seen.place = text("#v-place");
        """,
        tmp_path,
    )
    assert seen["count"] == "230 of 230 images"
    assert seen["first"] == 50
    assert seen["last"] == [f"{i:04d}.png" for i in range(200, 230)]
    assert seen["place"] == "230 / 230"


def test_a_lost_file_is_named(make, tmp_path):
    page = make.fill(tmp_path / "out", [make.reading(f"{i}.png", shape=(8, 8)) for i in range(60)])
    (tmp_path / "out" / "report-data" / "index-000.js").unlink()
    script = "troubles.length = 0; seen.told = text('#trouble'); seen.shown = names();"
    seen = drive(page, script, tmp_path)
    assert seen["told"] == (
        "report-data/index-000.js could not be loaded: keep report-data/ beside this page."
    )
    assert seen["shown"] == []
