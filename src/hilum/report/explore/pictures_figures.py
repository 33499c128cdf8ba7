"""Figures of an exploration: sizes, sharpness and exposure, boxes, two readers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hilum.datasets.exploration import Exploration
from hilum.datasets.exploration.concerns import FEW
from hilum.datasets.exploration.sizes import Sizes
from hilum.domain import finding
from hilum.report.style import (
    BLUE,
    GREY,
    RED,
    SEQUENTIAL,
    SMALL,
    WIDTH,
    panels,
    room_for,
    sheet,
    short,
    thousands,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CENTRES = 12
"""Findings whose boxes are drawn."""
LINES = 60
LARGE = 40
"""Sizes, the most common, that have a mark of their own."""


def figures(found: Exploration) -> dict[str, Callable[[], Figure]]:
    """What can be drawn: name of the figure → what draws it."""
    drawn: dict[str, Callable[[], Figure]] = {}
    kinds = [s for s in found.sizes if len(s.images) > 1 and (s.differ or not _same(s, found))]
    if kinds:
        drawn["sizes"] = lambda: sizes(kinds)
    if found.survey is not None and found.survey.looked:
        drawn["pictures"] = lambda: exposure(found)
    if found.boxes is not None and found.boxes.findings:
        drawn["boxes"] = lambda: boxes(found)
        if any(b.centres is not None and b.boxes >= FEW for b in found.boxes.findings):
            drawn["box_centres"] = lambda: box_centres(found)
    if found.readers is not None and any(a.kappa.defined for a in found.readers.findings):
        drawn["agreement"] = lambda: agreement(found)
    return drawn


def _same(read: Sizes, found: Exploration) -> bool:
    """Whether sizes that were read say the same as the table does."""
    first = found.sizes[0]
    return read is not first and read.images == first.images


def sizes(kinds: Sequence[Sizes]) -> Figure:
    """Width and height of images, of each kind of size."""
    figure, axes = panels(len(kinds), 3.1, width=min(WIDTH, 1 + 3.6 * len(kinds)))
    for ax, of in zip(axes, kinds, strict=True):
        pairs = np.array(list(of.images), float)
        counts = np.array(list(of.images.values()), float)
        ax.scatter(pairs[:LARGE, 0], pairs[:LARGE, 1], s=6 + 150 * counts[:LARGE] / counts.max(),
                   color=BLUE, alpha=0.45, linewidths=0)  # fmt: skip
        if len(pairs) > LARGE:
            _density(ax, pairs[LARGE:], counts[LARGE:])
        reach = [pairs.min() * 0.95, pairs.max() * 1.05]
        ax.plot(reach, reach, color=GREY, linewidth=0.7, linestyle=":")
        ax.set_xlabel("width, px")
        ax.set_ylabel("height, px")
        thousands(ax.xaxis)
        thousands(ax.yaxis)
        ax.locator_params(nbins=5)
        ax.grid()
        ax.set_title(of.of[0].upper() + of.of[1:])
    return figure


def _density(ax: Any, pairs: Any, counts: Any) -> None:
    """Rare sizes as one picture, however many there are."""
    h, x, y = np.histogram2d(pairs[:, 0], pairs[:, 1], bins=60, weights=counts)
    ax.imshow(np.where(h > 0, np.log1p(h), np.nan).T, origin="lower", cmap=SEQUENTIAL, zorder=0.5,
              extent=(x[0], x[-1], y[0], y[-1]), aspect="auto", interpolation="none")  # fmt: skip
    ax.autoscale()


def exposure(found: Exploration) -> Figure:
    """Sharpness and exposure of the pictures that were looked at."""
    from hilum.imaging import checks

    seen = [p for p in found.survey.pictures if p.facts] if found.survey else []
    figure, axes = panels(4, 2.4, left=0.6, between=0.35)
    parts = [
        ("Sharpness", [p.facts.sharpness for p in seen if p.facts], checks.BLURRED_SHARPNESS),
        ("Fine detail", [p.facts.detail for p in seen if p.facts], checks.BLURRED_DETAIL),
        ("Contrast", [p.facts.contrast for p in seen if p.facts], checks.LOW_CONTRAST),
        ("Mean grey", [p.mean for p in seen], None),
    ]
    for ax, (title, values, limit) in zip(axes, parts, strict=True):
        ax.hist(values, bins=40, color=BLUE)
        if limit is not None:
            ax.axvline(limit, color=RED, linewidth=1, linestyle="--")
        ax.set_title(title)
        ax.locator_params(nbins=4)
        thousands(ax.yaxis)
        ax.grid(axis="y")
    axes[0].set_ylabel("pictures")
    axes[0].set_xlabel("dashed: blurred at or below", fontsize=SMALL)
    axes[1].set_xlabel("dashed: blurred at or below", fontsize=SMALL)
    axes[2].set_xlabel("dashed: blank below", fontsize=SMALL)
    axes[3].set_xlabel("0 black, 1 white", fontsize=SMALL)
    return figure


def boxes(found: Exploration) -> Figure:
    """Boxes an image, and the sizes of boxes by finding."""
    numbers = found.boxes
    if numbers is None:
        raise ValueError("the table has no boxes")
    shown = numbers.findings[:CENTRES]
    names = [short(finding(b.finding).name) for b in shown]
    figure, (left, right) = panels(2, max(2.4, 1.0 + 0.22 * len(shown)),
                                   between=0.3 + room_for(names))  # fmt: skip
    left.bar(list(numbers.an_image), list(numbers.an_image.values()), color=BLUE)
    for number, images in numbers.an_image.items():
        left.text(number, images, f"{images:,}", ha="center", va="bottom", fontsize=SMALL)
    left.set_xlabel("boxes on an image on which they were looked for")
    left.set_ylabel("images")
    left.locator_params(axis="x", integer=True)
    thousands(left.yaxis)
    left.set_title("Boxes an image")
    sized = numbers.sizes_known > 0
    for at, b in enumerate(shown):
        spread = b.area_share if sized else b.width_px
        if spread:
            scale = 100 if sized else 1
            low, first, middle, last, high = (scale * value for value in spread)
            right.hlines(at, low, high, color=BLUE, linewidth=1)
            right.hlines(at, first, last, color=BLUE, linewidth=5)
            right.plot(middle, at, "o", color="white", markeredgecolor=BLUE, markersize=4)
    right.set_yticks(range(len(shown)), names)
    right.set_ylim(len(shown) - 0.5, -0.5)
    right.set_xlim(left=0)
    right.grid(axis="x")
    right.tick_params(axis="y", left=False)
    right.set_xlabel("area, per cent of the image" if sized else "width, px")
    right.set_title("Sizes: median, half, 90 %")
    return figure


def box_centres(found: Exploration) -> Figure:
    """Where the centres of boxes lie."""
    from matplotlib.figure import Figure

    every = found.boxes.findings if found.boxes else ()
    shown = [b for b in every if b.centres is not None and b.boxes >= FEW]
    shown = shown[:CENTRES]
    columns = min(4, len(shown))
    rows = math.ceil(len(shown) / columns)
    side, width, height = 1.75, columns * 2.0, rows * 2.15 + 0.05
    figure = Figure(figsize=(width, height))
    for at, b in enumerate(shown):
        row, column = divmod(at, columns)
        place = ((column * 2.0 + 0.1) / width, 1 - (row * 2.15 + 0.35 + side) / height,
                 side / width, side / height)  # fmt: skip
        ax = figure.add_axes(place)
        if b.centres is not None:
            ax.imshow(b.centres, cmap=SEQUENTIAL, interpolation="none", vmin=0)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(True)
        title = f"{short(finding(b.finding).name, 22)} ({b.boxes:,})"
        ax.set_title(title, fontsize=SMALL + 0.5, fontweight="normal", pad=3)
    return figure


def agreement(found: Exploration) -> Figure:
    """Cohen's kappa of two readers, by finding."""
    every = found.readers.findings if found.readers else ()
    told = [(a, a.kappa.value) for a in every if a.kappa.value is not None]
    told = sorted(told, key=lambda pair: -pair[1])[:LINES]
    names = [short(finding(a.finding).name) for a, _ in told]
    figure, ax = sheet(0.95 + 0.24 * len(told), left=room_for(names), right=2.3, top=0.3)
    lowest = -0.05
    for at, (a, value) in enumerate(told):
        if a.kappa.low is not None and a.kappa.high is not None:
            ax.hlines(at, a.kappa.low, a.kappa.high, color=BLUE, linewidth=1.2)
        lowest = min(lowest, value, a.kappa.low or value)
        ax.plot([value], [at], "o", color=BLUE, markersize=4)
        text = f"{a.both_present:,} both, {a.only_this:,} + {a.only_other:,} one"
        ax.text(1.01, at, text, transform=ax.get_yaxis_transform(), va="center", fontsize=SMALL)
    ax.set_yticks(range(len(told)), names)
    ax.set_ylim(len(told) - 0.5, -0.5)
    ax.set_xlim(lowest, 1.02)
    ax.axvline(0, color=GREY, linewidth=0.8)
    ax.set_xlabel("Cohen's kappa (95 % interval, by patient)")
    ax.grid(axis="x")
    ax.tick_params(axis="y", left=False)
    return figure
