"""The forest plot of a study: what each lever does, with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hilum.report.drawing import drawing, svg
from hilum.report.style import BLUE, GREY, INK, RED, SMALL, room_for, sheet
from hilum.studies.results import Line, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"helps": BLUE, "harms": RED, "not shown": GREY, "no interval": GREY}
ROW = 0.2
"""Inches."""
WIDEST = 0.065
"""Differences beyond are written at the edge: one loss that learns nothing would hide the rest."""


def forest(results: Results) -> bytes:
    """The plot as SVG.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    with drawing("A study"):
        return svg(_draw(results))


def _draw(results: Results) -> Figure:
    lines = [line for line in results.lines if line.effect is not None]
    lines.sort(key=lambda line: (line.arm.study == "ours", line.arm.study, line.arm.lever))
    heads, at, places = [], 0.0, {}
    last = ""
    for line in lines:
        title = f"{line.arm.study} · {line.arm.lever}"
        if title != last:
            at += 0.9 if last else 0.6
            heads.append((at - 0.05, title))
            last = title
            at += 0.85
        places[line.arm.name] = at
        at += 1
    labels = [_label(line) for line in lines]
    figure, ax = sheet(
        0.75 + ROW * (at + 1), left=room_for(labels, size=SMALL) + 0.15, right=0.25, bottom=0.5
    )
    for line in lines:
        _row(ax, line, places[line.arm.name])
    for place, title in heads:
        ax.text(0.0, place, title, transform=ax.get_yaxis_transform(), fontsize=SMALL,
                fontweight="bold", va="center", color=INK)  # fmt: skip
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_yticks(list(places.values()), labels, fontsize=SMALL)
    ax.set_ylim(at, -0.2)
    ax.grid(axis="x")
    ax.tick_params(axis="y", left=False)
    ax.set_xlim(-WIDEST, WIDEST)
    stratum = results.study.base.get("data", {}).get("stratum_name", "stratum")
    count = len(results.lines[0].findings)
    ax.set_xlabel(f"difference in AUROC within {stratum}, mean of {count} findings")
    return figure


def _label(line: Line) -> str:
    return f"{line.arm.name} − {line.against}"


def _row(ax: Axes, line: Line, place: float) -> None:
    found = line.effect
    assert found is not None
    colour = COLOURS[found.verdict]
    value, low, high = found.difference.value, found.difference.low, found.difference.high
    assert value is not None
    if abs(value) >= WIDEST:
        edge = WIDEST if value > 0 else -WIDEST
        said = f"◂ {value:+.3f}" if value < 0 else f"{value:+.3f} ▸"
        side = "left" if value < 0 else "right"
        ax.text(edge, place, said, color=colour, fontsize=SMALL, va="center", ha=side)
        return
    if low is not None and high is not None:
        ax.hlines(place, low, high, color=colour, linewidth=1.3)
    ends = [found.least, found.most]
    ax.plot(ends, [place, place], "|", color=colour, markersize=6)
    face = colour if found.survives else "white"
    ax.plot([value], [place], "o", color=colour, markersize=4.5, markerfacecolor=face)
