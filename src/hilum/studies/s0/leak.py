"""Cropping by reference boxes leaks the label: shown on drawn chests that hold no finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum import audit
from hilum.bundles import load
from hilum.domain import LabelTable, Radiograph, Refusal, Source, State
from hilum.domain.text import text
from hilum.errors import Stopped
from hilum.evaluation import Measure, Reference, intervals
from hilum.phantoms import draw_chest
from hilum.reading.lungs import LungReader
from hilum.reading.scoring import Scorer
from hilum.studies.cells import three, told
from hilum.studies.questions import Numbers, Shown, Table
from hilum.studies.running import Bench

PEOPLE = 240
SIDE = 384
BUNDLE = "chest14"
WAYS = {
    "whole": "whole pictures",
    "boxes": "cropped to reference boxes, negatives whole (S0)",
    "lungs": "cropped to the lungs by the bundle `lungs`",
}
BOX_SHARE = (0.35, 0.75)
"""Sides of a drawn box around both opacities, in shares of those of the lungs."""


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """Draw chests without a finding, call half of them positive by lot, crop, audit.

    Raises:
        Stopped: it was asked to; the same call draws again what is missing.
    """
    folder = bench.out / "pictures"
    made = draw(folder, bench, seeds[0])
    bundle = load(BUNDLE)
    eyes = audit.Eyes(Scorer.of(bundle), str(bundle), bundle.card.keys)
    options = audit.Options(samples=1000, seeds=3, seed=seeds[0])
    arms = {}
    for way, words in WAYS.items():
        if why := bench.stop():
            raise Stopped(f"{why} The same command goes on.")
        sizes = np.array(made["sizes"][way], np.int64)
        table = table_of(way, made["positive"], sizes)
        looks = audit.look(table, folder, np.arange(len(table)), eyes)
        found = audit.audit(
            audit.Subject(title=words, table=table, looks=looks, findings=("opacity",)),
            options,
        )
        standing = found.standings[0]
        arms[way] = {
            "probe": three(standing.model),
            "border": three(standing.border),
            "shape": three(shape_alone(table, sizes, options)),
            "lines": [
                {"code": v.code, "title": v.title, "outcome": v.outcome, "words": v.words}
                for v in found.lines
                if v.outcome != "not asked"
            ],
            "sizes": _spread(sizes, np.array(made["positive"], bool)),
        }
    return {
        "seed": seeds[0],
        "people": PEOPLE,
        "positive": int(sum(made["positive"])),
        "not_found": made["not_found"],
        "bundle": str(bundle),
        "arms": arms,
    }


def draw(folder: Path, bench: Bench, seed: int) -> dict[str, Any]:
    """Draw the pictures of every way; the label is a lot that is drawn apart from them.

    Returns:
        "positive" a person; "sizes", rows and columns, a way and person; "not_found": on how many
        the lungs were not found, which stay whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    positive = rng.permutation(np.arange(PEOPLE) % 2 == 0)
    lungs = LungReader.of()
    sizes: dict[str, list[tuple[int, int]]] = {way: [] for way in WAYS}
    lost = 0
    for at in range(PEOPLE):
        if why := bench.stop():
            raise Stopped(f"{why} The same command begins this question again.")
        size = (SIDE, int(SIDE * rng.uniform(0.85, 1.15)))
        phantom = draw_chest(rng, size=size)
        both = phantom.masks["lung_left"] | phantom.masks["lung_right"]
        box = reference_box(both, rng)
        grey = phantom.pixels
        crop = None
        found = lungs(Radiograph(grey, Source(f"{at}.png", "png", grey.shape)))
        if not isinstance(found, Refusal) and found.plausible:
            crop = found.crop()
        lost += crop is None
        views = {
            "whole": grey,
            "boxes": _cut(grey, box) if positive[at] else grey,
            "lungs": grey if crop is None else _cut(grey, crop),
        }
        for way, picture in views.items():
            sizes[way].append((picture.shape[0], picture.shape[1]))
            stored = np.rint(picture * 255).astype(np.uint8)
            cv2.imwrite(str(folder / f"{way}-{at:04d}.png"), stored)
    return {"positive": positive.tolist(), "sizes": sizes, "not_found": int(lost)}


def reference_box(lungs: NDArray[np.bool_], rng: np.random.Generator) -> tuple[int, int, int, int]:
    """A box as readers might draw around opacities, anywhere in the lungs: left, top, w, h."""
    rows, columns = np.flatnonzero(lungs.any(1)), np.flatnonzero(lungs.any(0))
    high, wide = len(rows) * rng.uniform(*BOX_SHARE), len(columns) * rng.uniform(*BOX_SHARE)
    top = rows[0] + rng.uniform(0, len(rows) - high)
    left = columns[0] + rng.uniform(0, len(columns) - wide)
    return int(left), int(top), int(wide), int(high)


def _cut(grey: NDArray[np.float32], box: Sequence[int]) -> NDArray[np.float32]:
    left, top, wide, high = box
    return grey[top : top + high, left : left + wide]


def table_of(way: str, positive: Sequence[bool], sizes: NDArray[np.int64]) -> LabelTable:
    """Labels of a way's pictures, with their width and height."""
    states = np.where(np.array(positive)[:, None], State.PRESENT, State.ABSENT).astype(np.uint8)
    names = [f"{way}-{at:04d}.png" for at in range(len(positive))]
    return LabelTable(
        text(names), ("opacity",), states, text([f"p{at}" for at in range(len(positive))]),
        columns={"width_px": sizes[:, 1].astype(np.int32),
                 "height_px": sizes[:, 0].astype(np.int32)},
    )  # fmt: skip


def shape_alone(table: LabelTable, sizes: NDArray[np.int64], options: audit.Options) -> Measure:
    """AUROC of width, height and aspect alone: a probe out of fold, no pixel looked at."""
    logs = np.log(sizes.astype(np.float32))
    values = np.column_stack([logs, logs[:, 1] - logs[:, 0], logs.sum(1)]).astype(np.float32)
    targets = table.states == State.PRESENT
    [column] = audit.probe(
        table, audit.Vectors(np.arange(len(table)), values), targets, np.ones_like(targets),
        seeds=range(options.seed, options.seed + options.seeds),
    )  # fmt: skip
    every = np.repeat(targets, options.seeds, axis=1)
    return intervals(
        Reference.of(every, table.patients), column.values,
        rng=options.rng(), samples=options.samples,
    ).mean  # fmt: skip


def _spread(sizes: NDArray[np.int64], positive: NDArray[np.bool_]) -> Mapping[str, Any]:
    aspect = sizes[:, 1] / sizes[:, 0]
    area = sizes.prod(1) / SIDE**2
    return {
        name: {
            "aspect": [round(float(v), 3) for v in np.quantile(aspect[rows], (0.1, 0.5, 0.9))],
            "area": [round(float(v), 3) for v in np.quantile(area[rows], (0.1, 0.5, 0.9))],
            "points": [[int(w), int(h)] for h, w in sizes[rows].tolist()],
        }
        for name, rows in (("positive", positive), ("negative", ~positive))
    }


def show(numbers: Numbers) -> Shown:
    """AUROC of labels drawn by lot, by way of cropping, and what the audit says."""
    arms = numbers["arms"]
    rows = tuple(
        (WAYS[way], *(told(arm[key]) for key in ("probe", "border", "shape")))
        for way, arm in arms.items()
    )
    lines = {v["code"]: v["title"] for arm in arms.values() for v in arm["lines"]}
    outcomes = tuple(
        (f"{title} (`{code}`)", *(_outcome(arm, code) for arm in arms.values()))
        for code, title in lines.items()
    )
    sizes = tuple(
        (f"{way}, {name}", *(f"{one[key][1]:.2f} ({one[key][0]:.2f} to {one[key][2]:.2f})"
                             for key in ("aspect", "area")))
        for way, arm in arms.items()
        for name, one in arm["sizes"].items()
    )  # fmt: skip
    caption = (
        f"AUROC for a label that was drawn by lot: {numbers['people']} drawn chests without any "
        f"finding, {numbers['positive']} called positive. Probes out of fold, three seeds, 95 % "
        "intervals by patient; .5 is right."
    )
    return Shown(
        tables=(
            Table(("pictures", f"features of `{numbers['bundle']}`", "border alone",
                   "width and height alone"), rows, caption),
            Table(("the audit asks", *arms), outcomes, "What the audit says of each:"),
            Table(("pictures", "width / height", "area, in squares of 384 px"), sizes,
                  "Survey of sizes: median (10 % to 90 %)."),
        ),
        figures={"sizes": lambda: _draw(arms)},
        words=(
            (f"On {numbers['not_found']} pictures the lungs were not found; they stay whole, "
            "whatever the label."),
        ),
    )  # fmt: skip


def _outcome(arm: Mapping[str, Any], code: str) -> str:
    return next((v["outcome"] for v in arm["lines"] if v["code"] == code), "not asked")


def _draw(arms: Mapping[str, Any]) -> Any:
    from hilum.report.style import BLUE, ORANGE, panels

    figure, axes = panels(len(arms), 2.9)
    for ax, (way, arm) in zip(axes, arms.items(), strict=True):
        for name, colour, mark in (("negative", BLUE, "o"), ("positive", ORANGE, "^")):
            wide, high = np.array(arm["sizes"][name]["points"]).T
            ax.plot(wide, high, mark, color=colour, markersize=3, alpha=0.7, label=name)
        ax.set(title=way, xlabel="width, px", xlim=(0, 460), ylim=(0, 420))
        ax.grid()
    axes[0].set_ylabel("height, px")
    axes[0].legend(loc="lower left", markerscale=1.5)
    return figure
