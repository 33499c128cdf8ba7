"""Colours of pages against each other (WCAG 2.2, 1.4.3 and 1.4.11), light and dark."""

import re
from importlib.resources import files

import pytest

from hilum.report.templating import asset

STYLE = asset("style.css")
OURS = (files("hilum.service.web") / "static" / "serve.css").read_text("utf-8")
TEXTS = [
    ("text", "page"), ("text", "card"), ("text", "warn-soft"), ("text", "bad-soft"),
    ("text", "accent-soft"), ("muted", "page"), ("muted", "card"), ("accent", "page"),
    ("accent", "card"), ("accent", "accent-soft"), ("on-accent", "accent"), ("warn", "card"),
    ("warn", "warn-soft"), ("bad", "card"), ("bad", "bad-soft"),
]  # fmt: skip
SHAPES = [("absent", "card"), ("accent", "card"), ("text", "card"), ("warn", "card"),
          ("bad", "card"), ("absent", "page")]  # fmt: skip


def palettes() -> dict[str, dict[str, str]]:
    blocks = re.findall(r"\{([^{}]*--page:[^{}]*)\}", STYLE)
    found = [dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", block)) for block in blocks]
    light, dark = found[0], found[1]
    assert all(one == dark for one in found[1:3])
    return {"light": light, "dark": dark}


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_and_shapes_can_be_told_from_what_they_stand_on(theme: str) -> None:
    palette = palettes()[theme]
    for pairs, least in ((TEXTS, 4.5), (SHAPES, 3.0)):
        for one, other in pairs:
            assert contrast(palette[one], palette[other]) >= least, (one, other)


def test_pages_use_the_palette_alone() -> None:
    known = set(palettes()["light"])
    assert set(re.findall(r"var\(--([\w-]+)\)", OURS)) <= known
    colours = set(re.findall(r"#[0-9a-f]{3,8}\b", re.sub(r"url\([^)]*\)|#\w*[g-z-]\w*", "", OURS)))
    assert colours <= {"#000", "#fff", "#0009", "#a1212ee0"}  # around pictures, in both themes


def test_the_stamp_can_be_read() -> None:
    assert contrast("#a1212e", "#ffffff") >= 4.5
