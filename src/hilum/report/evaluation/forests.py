"""Forest plots: numbers with intervals, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hilum.evaluation import Measure
from hilum.report.evaluation.numbers import plain
from hilum.report.style import (
    BLUE,
    FONT,
    GREEN,
    GREY,
    ORANGE,
    PINK,
    room_for,
    sheet,
    short,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 5.4
"""Inches."""
NARROWEST = 1.9
"""Inches that the axis has at least; the figure is wider where names or numbers take more."""
LEAST = 0.005
"""Half of what the axis spans at least."""
NOTE = 8.0
"""Points: of the numbers at the right."""
LOOKS = ((BLUE, "o"), (ORANGE, "D"), (PINK, "s"), (GREEN, "^"))
LINES = 60
"""Rows that a figure has."""


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of number in a forest.

    Attributes:
        name: for the legend.
        each: a number a row; None where there is none to show.
    """

    name: str
    each: Sequence[Measure | None]


def forest(
    rows: Sequence[str], series: Sequence[Series], *, axis: str, chance: float | None = None,
    right: Sequence[str] = (), first_apart: bool = False,
) -> Figure:  # fmt: skip
    """Dots with intervals, a row each; an undefined number is said in words.

    Args:
        rows: names, top to bottom; at most :data:`LINES` are drawn.
        series: at most four; the numbers of the first are written at the right.
        axis: what the axis shows.
        chance: where a line is drawn: no better than chance, or no difference.
        right: what is written at the right instead.
        first_apart: a line sets the first row apart: it is a mean.
    """
    names = [short(row, 28) for row in rows[:LINES]]
    said = list(right[:LINES]) or [
        "undefined" if m is not None and m.value is None else plain(m)
        for m in series[0].each[:LINES]
    ]
    legend = len(series) > 1
    step = 0.21 + 0.06 * min(len(series), 4)
    left, right_of = room_for(names) + 0.13, room_for(said, size=NOTE) + 0.1
    width = max(WIDTH, left + right_of + NARROWEST)
    figure, ax = sheet(
        0.75 + step * len(names) + (0.25 if legend else 0.05),
        left=left,
        right=right_of,
        top=0.3 if legend else 0.1,
        bottom=0.47,
        width=width,
    )
    spread = 0.0 if len(series) == 1 else min(0.26, 0.6 / len(series))
    for at, one in enumerate(series):
        colour, mark = LOOKS[at % len(LOOKS)]
        shift = spread * (at - (len(series) - 1) / 2)
        told = [(y + shift, m, m.value) for y, m in enumerate(one.each[:LINES])
                if m is not None and m.value is not None]  # fmt: skip
        for y, m, _ in told:
            if m.low is not None and m.high is not None:
                ax.hlines(y, m.low, m.high, color=colour, linewidth=1.3)
        ax.plot([v for *_, v in told], [y for y, *_ in told], mark, color=colour,
                markersize=4.5 if at == 0 else 3.8, label=one.name)  # fmt: skip
    for y, text in enumerate(said):
        ax.text(1.02, y, text, transform=ax.get_yaxis_transform(), va="center", fontsize=NOTE)
    if chance is not None:
        ax.axvline(chance, color=GREY, linewidth=0.9)
    if first_apart and len(names) > 1:
        ax.axhline(0.5, color=GREY, linewidth=0.4)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlabel(axis, fontsize=FONT - 0.5)
    low, high = ax.get_xlim()
    if high - low < 2 * LEAST:  # else rounding errors are drawn large, on an axis of 1e-17
        ax.set_xlim((low + high) / 2 - LEAST, (low + high) / 2 + LEAST)
    ax.grid(axis="x")
    ax.locator_params(axis="x", nbins=4, steps=[1, 2, 5, 10])
    ax.tick_params(axis="y", left=False)
    if legend:
        figure.legend(*ax.get_legend_handles_labels(), loc="upper left", ncols=4,
                      bbox_to_anchor=(0.0, 1.0), borderaxespad=0.1, columnspacing=1.0,
                      handletextpad=0.2)  # fmt: skip
    return figure
