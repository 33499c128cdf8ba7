"""Text burned into radiographs: how much of what is drawn is found, and what else is taken for it.

Words are drawn on real radiographs with three fonts of OpenCV, in many sizes and grey levels, and
looked for by ``hilum.deidentify.find_text``. The same radiographs as they are tell what else is
blacked; hits that are no text were told from those that are by looking at them.
"""

from __future__ import annotations

import csv
import random
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.options import Options, shared
from benchmarks.results import Mark, Section, Table
from hilum.deidentify import Region, find_text
from hilum.evaluation import wilson
from hilum.phantoms import draw_chest

TITLE = "Burned-in text"
SEED = 21
DRAWN = {"nih14": 240, "paediatric": 120}
"""Source → radiographs on which words are drawn. Thresholds were set on other radiographs."""

AS_THEY_ARE = {"nih14": 100, "paediatric": 50}
"""Source → radiographs whose hits were looked at."""

WHOLE = 0.9
"""A text counts as found where so much of its ink is blacked."""

STANDS_OUT = 0.15
"""Of the range of grey levels: difference of ink and what is around it."""

LIMIT = 0.9
WORDS = (
    "MILLER, JOHN A", "DOB 1956-03-12", "MRN 47110815", "王大文 1967", "Wong Tai Man",
    "PORTABLE 14:35", "St. Mary Hospital", "ROESLER^JADWIGA", "2019/11/02", "Jane Doe 45Y F",
)  # fmt: skip
FONTS = ("sans", "italic", "uni")

NO_TEXT = frozenset(
    {
        "nih14/0200_00010834_000.jpg",  # a port below the skin
        "nih14/0742_00001803_017.jpg",  # an L in a ring: one letter, which should have stayed
        "paediatric/0408_person754_virus_1379.jpg",  # a clip
        "paediatric/1088_NORMAL2-IM-1334-0001.jpg",  # the neck's vertebrae
    }
)
"""Radiographs with a hit that is no row of letters: every hit of the seed below was looked at."""

NOTES = """
Words are drawn with the fonts of OpenCV at 1.8 to 5 % of the height, one of seven black, half
of them compressed as JPEG again. The published radiographs have 512 px (384 px): in files of full
size letters of the same share have more pixels. Thresholds were set on radiographs of ChestX-ray14
alone, drawn by another seed, of which some may be among these.
""".strip().replace("\n", " ")


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A radiograph with words, and where their ink is."""

    picture: NDArray[np.float32]
    ink: NDArray[np.bool_]
    contrast: float
    height_px: int
    dark: bool


def radiographs(folder: Path, source: str, count: int, *, seed: int) -> list[Path]:
    """Some radiographs of a source, by chance."""
    root = folder / "radiographs"
    with (root / "manifest.csv").open(encoding="utf-8", newline="") as file:
        names = [row["file"] for row in csv.DictReader(file) if row["source"] == source]
    return [root / name for name in random.Random(seed).sample(names, count)]


def grey(path: Path) -> NDArray[np.uint8]:
    """A picture's samples."""
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert picture is not None, path
    return np.asarray(picture, np.uint8)


def drawn(path: Path, rng: np.random.Generator) -> Drawn | None:
    """Draw words somewhere; None where they do not fit."""
    picture = grey(path)
    rows, columns = picture.shape
    words, font = WORDS[rng.integers(len(WORDS))], FONTS[rng.integers(len(FONTS))]
    words = words if font == "uni" else words.encode("ascii", "ignore").decode().strip()
    height = max(10, int(rng.uniform(0.018, 0.05) * rows))
    face = cv2.FontFace(font)
    width = cv2.getTextSize((columns, rows), words, (0, 0), face, height)[2]
    dark = bool(rng.random() < 0.15)
    level = int(rng.integers(0, 30) if dark else rng.integers(200, 256))
    if width > columns - 8:
        return None
    at = (int(rng.integers(2, columns - width - 2)), int(rng.integers(height + 4, rows - height)))
    ink = np.zeros(picture.shape, np.uint8)
    cv2.putText(ink, words, at, 255, face, height)
    share = ink.astype(np.float32) / 255
    made = np.rint(picture * (1 - share) + level * share).astype(np.uint8)
    mask = ink > 128
    around = (cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0) & (ink == 0)
    if rng.random() < 0.5:
        quality = (cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 96)))
        made = cv2.imdecode(cv2.imencode(".jpg", made, quality)[1], cv2.IMREAD_GRAYSCALE)
    contrast = abs(level - float(np.median(picture[around]))) / 255
    return Drawn(made.astype(np.float32) / 255, mask, contrast, height, dark)


def inside(shape: tuple[int, int], regions: tuple[Region, ...]) -> NDArray[np.bool_]:
    """The pixels that regions hold."""
    held = np.zeros(shape, np.bool_)
    for one in regions:
        held[one.top : one.bottom, one.left : one.right] = True
    return held


def run(options: Options) -> Section:
    """Measure."""
    folder = shared()
    if not (folder / "radiographs" / "manifest.csv").is_file():
        return Section("burned_in", TITLE, skipped="no radiographs (`$HILUM_SHARED`).")
    found = _recall(folder)
    hits, beside = _as_they_are(folder)
    ms = _milliseconds(options.size, options.rounds(9))
    main = found[f"stands out (contrast {STANDS_OUT:g} or more)"]
    got = wilson(sum(main), len(main))
    return Section(
        "burned_in",
        TITLE,
        marks=(
            Mark(f"of text that stands out, {LIMIT:.0%} is blacked whole",
                 f"{got}", bool(got.value >= LIMIT)),
        ),
        tables=(
            Table("Words drawn on radiographs, and found (nine tenths of their ink or more):",
                  ("words", "drawn", "found", "share (95 %)"),
                  [[name, str(len(said)), str(sum(said)), str(wilson(sum(said), len(said)))]
                   for name, said in sorted(found.items())]),
            Table("Radiographs as they are:",
                  ("source", "looked at", "with a hit", "with a hit that is no writing",
                   "of their area blacked"), hits),
            Table(f"Time for {options.size[0]} × {options.size[1]} px, one core:",
                  ("", "ms (median)"), [["find_text", f"{ms:.0f}"]]),
        ),
        notes=(
            NOTES, beside,
        ),
    )  # fmt: skip


def _recall(folder: Path) -> dict[str, list[bool]]:
    rng = np.random.default_rng(SEED)
    said: dict[str, list[bool]] = defaultdict(list)
    for source, count in DRAWN.items():
        for path in radiographs(folder, source, count, seed=SEED):
            one = drawn(path, rng)
            if one is None:
                continue
            held = inside(one.ink.shape, find_text(one.picture))
            hit = bool((held & one.ink).sum() >= WHOLE * one.ink.sum())
            if one.contrast < STANDS_OUT:
                said[f"faint (contrast below {STANDS_OUT:g})"].append(hit)
                continue
            said[f"stands out (contrast {STANDS_OUT:g} or more)"].append(hit)
            said[f"… on {source}"].append(hit)
            said["… black" if one.dark else "… white"].append(hit)
            said["… under 16 px" if one.height_px < 16 else "… 16 px or more"].append(hit)
    return said


def _as_they_are(folder: Path) -> tuple[list[list[str]], str]:
    rows: list[list[str]] = []
    for source, count in AS_THEY_ARE.items():
        area, hits, wrong = 0.0, 0, 0
        for path in radiographs(folder, source, count, seed=SEED + 1):
            picture = grey(path)
            regions = find_text(picture.astype(np.float32) / 255)
            area += float(inside(picture.shape, regions).mean())
            hits += bool(regions)
            wrong += bool(regions) and f"{source}/{path.name}" in NO_TEXT
        rows.append([source, str(count), str(hits), str(wrong), f"{area / count:.2%}"])
    return rows, "What is writing, PORTABLE or initials in lead, was told by looking at every hit."


def _milliseconds(size: tuple[int, int], rounds: int) -> float:
    picture = draw_chest(np.random.default_rng(SEED), size=size).pixels
    taken: list[float] = []
    for _ in range(rounds + 1):
        begun = time.perf_counter()
        find_text(picture)
        taken.append(1000 * (time.perf_counter() - begun))
    return float(np.median(taken[1:]))
