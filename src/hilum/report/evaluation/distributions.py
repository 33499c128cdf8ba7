"""Scores from arrays: the reliability diagram with its counts, and histograms by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hilum.evaluation import Measure
from hilum.report.evaluation.curves import HEIGHT, PANEL
from hilum.report.style import BLUE, GREY, INK, ORANGE, SMALL, thousands

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def reliability(
    predicted: ArrayLike, observed: Sequence[Measure], counts: ArrayLike, *, title: str
) -> Figure:
    """What was observed where a probability was said, with intervals and counts.

    Args:
        predicted: mean probability in each bin, [bins]; NaN in an empty one.
        observed: share with the finding in each bin, with its interval.
        counts: images in each bin, [bins].
        title: above the axes.
    """
    from matplotlib.figure import Figure

    said, images = np.asarray(predicted, float).tolist(), np.asarray(counts).tolist()
    kept = [
        (p, o, o.value, n)
        for p, o, n in zip(said, observed, images, strict=True)
        if n and o.value is not None
    ]
    x, y = [p for p, *_ in kept], [v for _, _, v, _ in kept]
    figure = Figure(figsize=(PANEL, HEIGHT))
    left, wide = 0.62 / PANEL, (PANEL - 0.62 - 0.12) / PANEL
    below = figure.add_axes((left, 0.5 / HEIGHT, wide, 0.55 / HEIGHT))
    ax = figure.add_axes((left, 1.17 / HEIGHT, wide, (HEIGHT - 1.17 - 0.3) / HEIGHT))
    ends = [*x, *y, *(o.high for _, o, _, _ in kept if o.high is not None)]
    end = min(1.0, 1.08 * max(ends, default=1.0))
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--", label="said as it is")
    for p, o, *_ in kept:
        if o.low is not None and o.high is not None:
            ax.vlines(p, o.low, o.high, color=BLUE, linewidth=1.1)
    ax.plot(x, y, "o-", color=BLUE, linewidth=1.2, markersize=4)
    ax.set(xlim=(-0.02 * end, 1.02 * end), ylim=(-0.02 * end, 1.02 * end), ylabel="observed share")
    ax.set_title(title, pad=5)
    ax.tick_params(labelbottom=False)
    ax.grid()
    ax.legend(loc="upper left")
    ax.locator_params(nbins=5)
    below.vlines(x, 0, [n for *_, n in kept], color=INK, linewidth=3.0)
    below.set(
        xlim=ax.get_xlim(), xlabel="probability that was said", ylabel="images", ylim=(0, None)
    )
    below.locator_params(axis="y", nbins=2)
    below.locator_params(axis="x", nbins=5)
    thousands(below.yaxis)
    below.tick_params(axis="y", labelsize=SMALL)
    below.grid(axis="x")
    return figure


def histogram(
    edges: ArrayLike, positives: ArrayLike, negatives: ArrayLike, *, title: str, of: str,
    thresholds: Sequence[tuple[str, float]] = (),
) -> Figure:  # fmt: skip
    """How often each score is given, by class: shares of each class, so that a rare one is seen.

    Args:
        edges: of the bins, [bins + 1].
        positives: images with the finding, [bins].
        negatives: images without it, [bins].
        title: above the axes.
        of: what the score is, for the axis.
        thresholds: operating points, each with its name.
    """
    from hilum.report.evaluation.curves import square

    figure, ax = square(title)
    bounds = np.asarray(edges, float)
    tallest = 0.0
    for name, counts, colour, filled in (
        ("without", negatives, BLUE, True),
        ("with", positives, ORANGE, False),
    ):
        count = np.asarray(counts, float)
        total = count.sum()
        if not total:
            continue
        share = count / total
        tallest = max(tallest, float(share.max()))
        label = f"{name} the finding ({total:,.0f})"
        if filled:
            ax.stairs(share, bounds, fill=True, color=colour, alpha=0.35)
        ax.stairs(share, bounds, color=colour if filled else "#a35400", linewidth=1.6, label=label)
    for at, (name, threshold) in enumerate(thresholds):
        style = ("-", "--", ":", "-.")[at % 4]
        ax.axvline(threshold, color=INK, linewidth=1.0, linestyle=style, label=name)
    ax.set(
        xlabel=of, ylabel="share of its class",
        xlim=(float(bounds[0]), float(bounds[-1])), ylim=(0, 1.08 * tallest or 1),
    )  # fmt: skip
    ax.legend(loc="best", frameon=True, framealpha=0.85, edgecolor="none")
    return figure
