"""Boxes of a run: numbers by split, and how many are found for how many false ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hilum.bundles.card import Result
from hilum.domain import finding
from hilum.report.style import BLUE, GREEN, GREY, INK, ORANGE, RED, SMALL, sheet, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METRICS = (
    "AP at IoU .5",
    "FROC sensitivity",
    "sensitivity at 1 false box an image",
    "sensitivity of shown boxes",
    "precision of shown boxes",
    "false boxes an image",
)
"""Of a card, those that are of boxes."""

COLOURS = (BLUE, ORANGE, GREEN, RED, INK, GREY)
LEAST, MOST = 0.01, 8.0
"""False boxes an image between which the curve is drawn."""


@dataclass(frozen=True, slots=True)
class BoxTable:
    """Numbers of boxes on one part of the images.

    Attributes:
        metrics: across.
        rows: a kind each, and None for the mean: metric → number.
        note: how the images relate to the network.
    """

    metrics: tuple[str, ...]
    rows: Mapping[str | None, Mapping[str, Result]]
    note: str


def box_tables(results: Sequence[Result]) -> dict[str, BoxTable]:
    """Split → its numbers, those to believe first at the front."""
    told = [r for r in results if r.metric in METRICS]
    splits = list(dict.fromkeys(r.split for r in told))
    first = [s for s in splits if "out of fold" in s] + [s for s in splits if s == "test"]
    found: dict[str, BoxTable] = {}
    for split in dict.fromkeys([*first, *splits]):
        some = [r for r in told if r.split == split]
        keys = [*dict.fromkeys(r.finding for r in some if r.finding), None]
        rows = {key: {r.metric: r for r in some if r.finding == key} for key in keys}
        metrics = tuple(m for m in METRICS if any(r.metric == m for r in some))
        found[split] = BoxTable(metrics, {k: v for k, v in rows.items() if v}, some[0].note)
    return found


def froc_figure(curves: Mapping[str, Any], of: str) -> Figure:
    """Sensitivity over false boxes an image, a line a kind, with intervals at the usual rates.

    Args:
        curves: kind → its curve, as a run keeps them.
        of: in words: which images.
    """
    figure, ax = sheet(2.9, left=0.6, right=0.2, top=0.15)
    for at, (key, curve) in enumerate(curves.items()):
        colour = COLOURS[at % len(COLOURS)]
        x, y = _drawn(curve)
        label = short(finding(key).name)
        ax.plot(x, y, color=colour, linewidth=1.4, drawstyle="steps-post", label=label)
        shift = 1 + 0.035 * (at - (len(curves) - 1) / 2)
        for rate, (value, low, high) in zip(curve["rates"], curve["at"], strict=True):
            if value is not None and low is not None:
                ax.vlines(rate * shift, low, high, color=colour, linewidth=0.9)
                ax.plot([rate * shift], [value], "o", color=colour, markersize=3)
    ax.set_xscale("log")
    ax.set_xlim(LEAST, MOST * 1.15)
    ax.set_ylim(0, 1.02)
    ticks = [0.01, 0.03, 0.125, 0.25, 0.5, 1, 2, 4, 8]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlabel(f"false boxes an image, {of} (lines at the rates: 95 % intervals)")
    ax.set_ylabel("boxes of readers that are found")
    ax.grid()
    ax.legend(loc="lower right", fontsize=SMALL)
    return figure


def _drawn(curve: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """The curve from its first point on, and level to the right end of the figure."""
    x = [max(float(one), LEAST) for one in curve["false_boxes"]]
    y = [float(one) for one in curve["sensitivity"]]
    return ([LEAST, *x, MOST * 1.15], [0.0, *y, y[-1]]) if y else ([], [])
