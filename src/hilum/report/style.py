"""How figures look: colours that the colour-blind can tell apart, and axes placed in inches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW, GREY = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#7a7a7a",
)  # fmt: skip
"""Okabe & Ito 2008, https://jfly.uni-koeln.de/color/, and a grey."""

INK = "#18212c"
SEQUENTIAL, DIVERGING = "YlGnBu", "PuOr_r"
NO_NUMBER = "#dbe0e6"
FONT = 9.0
SMALL = 7.5
WIDTH = 8.0
"""Inches; a page shows 96 px of each."""

STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: figures look the same everywhere
    "font.size": FONT,
    "axes.labelsize": FONT,
    "axes.titlesize": FONT + 0.5,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # not looked for anew at each drawing
    "axes.titleweight": "bold",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": FONT - 0.5,
    "ytick.labelsize": FONT - 0.5,
    "grid.color": "#d9dee4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": FONT - 0.5,
    "svg.hashsalt": "hilum",  # the same numbers give the same bytes
    "figure.dpi": 100,
}


def sheet(
    height: float, *, left: float, bottom: float = 0.5, right: float = 0.15, top: float = 0.1,
    width: float = WIDTH,
) -> tuple[Figure, Axes]:  # fmt: skip
    """A figure with one pair of axes; all in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    place = (left / width, bottom / height, (width - left - right) / width,
             (height - top - bottom) / height)  # fmt: skip
    return figure, figure.add_axes(place)


def panels(
    count: int, height: float, *, left: float = 0.75, between: float = 0.75, width: float = WIDTH
) -> tuple[Figure, list[Axes]]:
    """A figure with some pairs of axes beside each other, with room for titles."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    wide = (width - left - 0.15 - between * (count - 1)) / count
    axes = []
    for at in range(count):
        start = left + at * (wide + between)
        place = (start / width, 0.5 / height, wide / width, (height - 0.5 - 0.35) / height)
        axes.append(figure.add_axes(place))
    return figure, axes


def room_for(labels: Sequence[str], *, size: float = FONT - 0.5) -> float:
    """Inches that the longest of some labels takes, roughly, with a little air."""
    return 0.12 + max((len(label) for label in labels), default=0) * size * 0.56 / 72


def short(label: str, longest: int = 30) -> str:
    """A label cut to a length."""
    return label if len(label) <= longest else label[: longest - 1] + "…"


def thousands(axis: Any) -> None:
    """Write the numbers of an axis as 10,000."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def percent(value: float) -> str:
    """A share in per cent, short enough for a cell.

    Example:
        >>> percent(0.262), percent(0.026), percent(0.0009), percent(0.0)
        ('26', '2.6', '0.1', '0')
    """
    per_cent = 100 * value
    if per_cent == 0 or per_cent >= 9.95:
        return f"{per_cent:.0f}"
    return f"{per_cent:.1f}" if per_cent >= 0.05 else "<0.1"


def ink_on(colour: Sequence[float]) -> str:
    """Black or white, whichever reads better on a colour (red, green, blue in 0 to 1)."""
    red, green, blue = colour[:3]
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.55 else INK
