"""Curves from arrays: ROC, precision and recall, net benefit, risk against coverage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.report.style import BLUE, GREY, INK, ORANGE, RED, SMALL, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL = 3.9
"""Inches: one of several figures that stand beside each other, or below each other on a phone."""
HEIGHT = 3.5
CORNERS = 500
"""Corners of a curve that a figure draws: more than it has pixels."""

Mark = tuple[str, float, float]
"""A point on a curve: its name, x, y."""


def roc(
    false_positives: ArrayLike, sensitivity: ArrayLike, *, title: str, marks: Sequence[Mark] = ()
) -> Figure:
    """Sensitivity against 1 − specificity, with what chance gives.

    Args:
        false_positives: 1 − specificity, rising, [corners].
        sensitivity: likewise.
        title: above the axes.
        marks: operating points.
    """
    figure, ax = square(title)
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--", label="chance")
    x, y = thinned(false_positives, sensitivity)
    ax.plot(x, y, color=BLUE, linewidth=1.6, drawstyle="default")
    _points(ax, marks)
    ax.set(xlabel="1 − specificity", ylabel="sensitivity", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    ax.legend(loc="lower right")
    return figure


def precision_recall(
    recall: ArrayLike, precision: ArrayLike, *, prevalence: float, title: str,
    marks: Sequence[Mark] = (),
) -> Figure:  # fmt: skip
    """Precision against recall; a coin gives the prevalence.

    Args:
        recall: rising, [corners].
        precision: likewise.
        prevalence: in [0, 1].
        title: above the axes.
        marks: operating points.
    """
    figure, ax = square(title)
    ax.axhline(
        prevalence, color=GREY, linewidth=0.8, linestyle="--", label=f"prevalence {prevalence:.3g}"
    )
    x, y = thinned(recall, precision)
    ax.plot(x, y, color=BLUE, linewidth=1.6)
    _points(ax, marks)
    ax.set(
        xlabel="recall (sensitivity)", ylabel="precision (predictive value)",
        xlim=(-0.02, 1.02), ylim=(-0.02, 1.02),
    )  # fmt: skip
    ax.legend(loc="best")
    return figure


def decision_curve(
    thresholds: ArrayLike, net_benefit: ArrayLike, *, everyone: ArrayLike, title: str
) -> Figure:
    """Net benefit of the model, of calling everyone and of calling no one.

    Args:
        thresholds: probabilities, rising, [thresholds].
        net_benefit: true positives less weighted false ones, an image, [thresholds].
        everyone: the same, where all are called present, [thresholds].
        title: above the axes.
    """
    figure, ax = square(title, left=0.75)
    x = np.asarray(thresholds, float)
    model, everybody = np.asarray(net_benefit, float), np.asarray(everyone, float)
    top = max(float(np.max(model, initial=0.0)), float(np.max(everybody, initial=0.0)), 1e-4)
    ax.plot(x, everybody, color=ORANGE, linewidth=1.3, linestyle="--", label="call all present")
    ax.axhline(0, color=GREY, linewidth=1.0, linestyle=":", label="call none")
    ax.plot(x, model, color=BLUE, linewidth=1.6, label="this model")
    useful = x[(model > 0) | (everybody > 0)]
    right = float(useful[-1]) if len(useful) else 1.0
    ax.set(
        xlabel="threshold of the probability", ylabel="net benefit",
        xlim=(0, min(1.0, max(1.15 * right, 1e-3))), ylim=(-0.25 * top, 1.1 * top),
    )  # fmt: skip
    ax.legend(loc="upper right")
    return figure


def risk_coverage(
    coverage: ArrayLike, risk: ArrayLike, *, title: str, everyone: float | None = None
) -> Figure:
    """Errors among the images that are answered, against how many of them are.

    Args:
        coverage: share that is answered, the surest first, [points].
        risk: share of errors among them, [points].
        title: above the axes.
        everyone: errors with every image answered; None where they are not known.
    """
    figure, ax = square(title, left=0.7)
    x, y = thinned(coverage, risk)
    ax.plot(x, y, color=BLUE, linewidth=1.6)
    if everyone is not None:
        ax.axhline(
            everyone,
            color=GREY,
            linewidth=0.8,
            linestyle="--",
            label=f"all answered: {everyone:.3g}",
        )
        ax.legend(loc="best")
    top = max(float(np.max(y, initial=0.0)), everyone or 0.0, 1e-3)
    ax.set(
        xlabel="answered (coverage)", ylabel="errors among the answered",
        xlim=(-0.02, 1.02), ylim=(-0.03 * top, 1.12 * top),
    )  # fmt: skip
    return figure


def froc(
    false_boxes: ArrayLike, sensitivity: ArrayLike, *, title: str, rates: Sequence[float] = ()
) -> Figure:
    """Share of reference boxes that are found against false boxes an image.

    Args:
        false_boxes: an image, rising, [corners].
        sensitivity: likewise.
        title: above the axes.
        rates: false boxes an image at which the sensitivity is told.
    """
    figure, ax = square(title)
    x, y = thinned(false_boxes, sensitivity)
    right = max([1.0, *rates, float(np.max(x, initial=0.0))])
    across, up = np.concatenate([[0.0], x, [right]]), np.concatenate([[0.0], y, y[-1:]])
    ax.step(across, up, where="post", color=BLUE, linewidth=1.6)
    for rate in rates:
        ax.axvline(rate, color=GREY, linewidth=0.6, linestyle=":")
    ax.set_xscale("symlog", base=2, linthresh=1 / 8)
    ticks = [0, *(tick for tick in (0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64) if tick <= right)]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks], fontsize=SMALL)
    ax.set(xlabel="false boxes an image", ylabel="boxes found", xlim=(0, right), ylim=(-0.02, 1.02))
    return figure


def square(title: str, *, left: float = 0.62, height: float = HEIGHT) -> tuple[Figure, Axes]:
    """A small figure of one pair of axes with a grid."""
    figure, ax = sheet(height, left=left, bottom=0.5, right=0.12, top=0.3, width=PANEL)
    ax.set_title(title, pad=5)
    ax.grid()
    ax.locator_params(nbins=6)
    return figure, ax


def thinned(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most :data:`CORNERS` corners of a curve, the first and the last kept."""
    across, up = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if len(across) > CORNERS:
        kept = np.unique(np.linspace(0, len(across) - 1, CORNERS).round().astype(np.int64))
        across, up = across[kept], up[kept]
    return across, up


_MARKS = ("o", "s", "^", "D", "v", "P")
_COLOURS = (RED, INK, "#009e73", "#cc79a7", "#56b4e9", "#e69f00")


def _points(ax: Axes, marks: Sequence[Mark]) -> None:
    for at, (name, x, y) in enumerate(marks):
        ax.plot(
            [x], [y], _MARKS[at % 6], color=_COLOURS[at % 6], markersize=6, markeredgecolor="white",
            markeredgewidth=0.7, label=name, zorder=5,
        )  # fmt: skip
    if marks:
        ax.tick_params(labelsize=SMALL + 1)
