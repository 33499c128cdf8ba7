"""The page: what it holds, how large it is, and that nothing in it can run or load."""

import json
import re

import numpy as np
import pytest

from hilum.domain import Note
from hilum.report import page as module
from hilum.report.templating import asset


def parts(text: str) -> list[dict]:
    found = re.findall(r'<script type="application/json" class="part">(.*?)</script>', text, re.S)
    return [json.loads(part) for part in found]


def test_a_small_page_holds_everything(make, tmp_path):
    page = make.fill(tmp_path, [make.reading("a.png"), make.reading("b.png"), make.refusal()])
    text = page.read_text("utf-8")
    assert sorted(p["kind"] for p in parts(text)) == ["detail", "index", "refused"]
    assert text.count("data:image/jpeg;base64,") == 3
    assert not (tmp_path / "report-data").exists()


def test_nothing_is_loaded_from_elsewhere(make, tmp_path):
    text = make.fill(tmp_path, [make.reading()]).read_text("utf-8")
    assert "http" not in re.sub(r'http-equiv="Content-Security-Policy"', "", text)
    assert "default-src 'none'" in text
    assert "@import" not in text
    assert "fetch(" not in text


def test_the_page_says_what_a_reader_must_know(make, tmp_path):
    items = [make.reading("a.png", notes=(Note("rotated", "Rotated."),)), make.refusal()]
    page = make.fill(tmp_path, items, title="Night <shift>", banner="Drawn by a program & no one.")
    text = page.read_text("utf-8")
    assert "Research software, no diagnosis." in text
    assert "<h1>Night &lt;shift&gt;</h1>" in text
    assert "Drawn by a program &amp; no one." in text
    assert "a refusal is not a normal result" in text
    assert "Tests &lt;only&gt;." in text
    assert "<li>Diagnosis</li><li>Children</li>" in text
    assert re.search(r"<b>0\.700</b> <span class=\"interval\">0\.600 – 0\.800</span>", text)
    assert "CC0-1.0" in text
    assert "undefined" in text
    assert "no positives" in text
    counts = re.findall(r"<li[^>]*><b>([\d,]+)</b>", text)
    assert counts == ["1", "1", "1", "1"]  # read, with a finding, flagged, refused


def test_data_cannot_end_its_script(make, tmp_path):
    name = "</script><script>alert(1)</script>.png"
    note = Note("x", "</script><!--<script>")
    text = make.fill(tmp_path, [make.reading(name, notes=(note,))]).read_text("utf-8")
    assert "alert(1)</script>" not in text
    assert "<!--" not in text
    index = next(p for p in parts(text) if p["kind"] == "index")
    assert index["names"] == [name]


@pytest.mark.parametrize("n", [50, 51])
def test_beyond_fifty_images_pictures_and_data_lie_beside(make, tmp_path, n):
    items = [make.reading(f"{i:03d}.png", shape=(16, 16)) for i in range(n - 1)]
    page = make.fill(tmp_path, [*items, make.refusal(picture=False)])
    embedded = "data:image/jpeg" in page.read_text("utf-8")
    beside = sorted(p.name for p in tmp_path.glob("report-data/*"))
    assert embedded == (n == 50)
    assert beside == ([] if n == 50 else ["detail-0000.js", "index-000.js", "refused-000.js"])


def test_a_large_page_stays_small(make, tmp_path):
    items = [make.reading(f"ward/{i:05d}.png", shape=(8, 8)) for i in range(220)]
    page = make.fill(tmp_path, items)
    assert page.stat().st_size < 200_000  # does not grow with images
    detail = sorted(tmp_path.glob("report-data/detail-*.js"))
    assert len(detail) == 3
    text = detail[2].read_text("utf-8")
    part = json.loads(text.removeprefix("hilumPart(").removesuffix(");\n"))
    assert (part["chunk"], len(part["rows"])) == (2, 20)


def test_probabilities_and_decisions_survive_packing(make, tmp_path):
    rng = np.random.default_rng(0)
    items = [make.reading(f"{i:02d}.png", tuple(rng.uniform(0.001, 0.999, 3))) for i in range(40)]
    text = make.fill(tmp_path, items).read_text("utf-8")
    index = next(p for p in parts(text) if p["kind"] == "index")
    import base64

    packed = np.frombuffer(base64.b64decode(index["p"]), "<u2").reshape(40, 3)
    expected = np.array([[p.probability for p in item.predictions] for item in items])
    np.testing.assert_allclose((packed >> 1) / 32767, expected, atol=2e-5)
    decisions = np.array([[p.present for p in item.predictions] for item in items])
    np.testing.assert_array_equal(packed & 1, decisions)


def test_both_languages_have_every_word():
    words = json.loads(asset("words.json"))
    assert words["en"].keys() == words["zh"].keys()
    for key, text in words["en"].items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", words["zh"][key]))
    used = re.findall(r"\bt\(\"(\w+)\"", "".join(asset(n) for n in module._SCRIPTS))
    used += re.findall(r"w\(\"(\w+)\"\)", asset("report.html.j2"))
    assert set(used) <= words["en"].keys()


def _luminance(colour: str) -> float:
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "dark by the switch"])
def test_text_contrast_is_enough_for_wcag_aa(scheme):
    blocks = re.findall(r"(--page:.*?)\}", asset("style.css"), re.S)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", blocks[scheme]))
    pairs = [("text", "page"), ("text", "card"), ("muted", "page"), ("muted", "card")]
    pairs += [("accent", "card"), ("accent", "page"), ("text", "accent-soft")]
    pairs += [("text", "bad-soft"), ("text", "warn-soft"), ("warn", "warn-soft"), ("warn", "card")]
    pairs += [("bad", "card"), ("on-accent", "accent")]
    for front, back in pairs:
        dark, light = sorted((_luminance(colours[front]), _luminance(colours[back])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (front, back)
    dark, light = sorted((_luminance(colours["absent"]), _luminance(colours["card"])))
    assert (light + 0.05) / (dark + 0.05) >= 3, "borders of controls (WCAG 1.4.11)"
