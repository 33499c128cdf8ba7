"""Figures of S4, and its numbers as they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hilum.report.style import BLUE, GREEN, GREY, INK, ORANGE, PINK, panels, room_for, sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = (BLUE, ORANGE, GREEN, PINK)
LINES = ("-", "--", "-.", ":")


def number(value: float | None, digits: int = 2) -> str:
    """A number; "–" for none."""
    return "–" if value is None else f"{value:.{digits}f}"


def interval(found: Mapping[str, Any], digits: int = 2, *, sign: bool = False) -> str:
    """A number with its interval, as ``told`` keeps both."""
    if found["value"] is None:
        return "–"
    plus = "+" if sign else ""
    said = f"{found['value']:{plus}.{digits}f}"
    if found["low"] is None:
        return said
    return f"{said} ({found['low']:{plus}.{digits}f} to {found['high']:{plus}.{digits}f})"


def matrix(counts: Sequence[int]) -> str:
    """TP/FN/FP/TN."""
    return "/".join(map(str, counts))


def noise(rows: Sequence[Mapping[str, Any]], always: Mapping[str, float]) -> Figure:
    """F1 of death, a row a setting: S4's run and ours, a mark a seed.

    Args:
        rows: with ``title``, ``s4`` (None without) and ``ours``, a number a seed.
        always: who → F1 of calling every image *died*.
    """
    titles = [row["title"] for row in rows]
    height = 0.24 * len(rows) + 1.0
    figure, ax = sheet(height, left=room_for(titles), bottom=0.5, top=0.4)
    for at, row in enumerate(rows):
        y = len(rows) - 1 - at
        if row["s4"] is not None:
            ax.plot([row["s4"]], [y + 0.13], "D", color=ORANGE, markersize=5, zorder=3)
        if row["ours"]:
            ends = [min(row["ours"]), max(row["ours"])]
            ax.plot(ends, [y - 0.13] * 2, color=BLUE, linewidth=0.9)
            ax.plot(row["ours"], [y - 0.13] * len(row["ours"]), "o", color=BLUE, markersize=4,
                    alpha=0.75, markeredgewidth=0)  # fmt: skip
    for who, colour in (("S4", ORANGE), ("ours", BLUE)):
        ax.axvline(always[who], color=colour, linewidth=0.9, linestyle="--", zorder=1)
    marks = [
        ("D", ORANGE, "S4, one run"), ("o", BLUE, "ours, a dot a seed"),
    ]  # fmt: skip
    for mark, colour, label in marks:
        ax.plot([], [], mark, color=colour, markersize=5, label=label)
    ax.plot([], [], "--", color=GREY, linewidth=0.9, label='every image called "died"')
    ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3)
    ax.set_yticks(range(len(rows)), titles[::-1])
    ax.set(xlabel="F1 of death", ylim=(-0.6, len(rows) - 0.4), xlim=(0, None))
    ax.grid(axis="x")
    ax.tick_params(axis="y", length=0)
    return figure


def curves(drawn: Sequence[Mapping[str, Any]], prevalence: float) -> Figure:
    """ROC, and precision against recall, of several arms.

    Args:
        drawn: with ``title``, ``fpr``, ``tpr`` and ``precision``, corners from the highest score
            on; recall is ``tpr``.
        prevalence: what a coin's precision is.
    """
    figure, (left, right) = panels(2, 3.6)
    left.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
    label = f"chance: the share that died, {prevalence:.2f}"
    right.axhline(prevalence, color=GREY, linewidth=0.8, linestyle="--", label=label)
    for at, one in enumerate(drawn):
        style = {"color": COLOURS[at % 4], "linestyle": LINES[at % 4], "linewidth": 1.5}
        left.plot([0, *one["fpr"]], [0, *one["tpr"]], label=one["title"], **style)
        right.plot(one["tpr"], one["precision"], drawstyle="steps-pre", **style)
    left.set_title("ROC", pad=5)
    right.set_title("Precision and recall", pad=5)
    left.set(xlabel="1 − specificity", ylabel="sensitivity")
    right.set(xlabel="recall (sensitivity)", ylabel="precision (predictive value)")
    for ax in (left, right):
        ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        ax.grid()
    left.legend(loc="lower right")
    right.legend(loc="upper right")
    return figure


def spread(arms: Sequence[Mapping[str, Any]]) -> Figure:
    """AUROC of single splits of 80 : 20, and of whole divisions, a row an arm.

    Args:
        arms: with ``title``, ``splits`` and ``divisions``, AUROCs.
    """
    titles = [arm["title"] for arm in arms]
    figure, ax = sheet(0.55 * len(arms) + 1.0, left=room_for(titles), bottom=0.5, top=0.4)
    for at, arm in enumerate(arms):
        y = len(arms) - 1 - at
        ax.plot(arm["splits"], [y + 0.13] * len(arm["splits"]), "|", color=GREY, markersize=11,
                alpha=0.8)  # fmt: skip
        ax.plot(arm["divisions"], [y - 0.13] * len(arm["divisions"]), "o", color=BLUE,
                markersize=4.5, alpha=0.7, markeredgewidth=0)  # fmt: skip
    ax.axvline(0.5, color=INK, linewidth=0.7, linestyle="--")
    ax.plot([], [], "|", color=GREY, markersize=11, label="one split, a fifth tested")
    ax.plot([], [], "o", color=BLUE, markersize=4.5, label="all folds of one division")
    ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2)
    ax.set_yticks(range(len(arms)), titles[::-1])
    ax.set(xlabel="AUROC of death, by image", ylim=(-0.6, len(arms) - 0.4), xlim=(0, 1.02))
    ax.grid(axis="x")
    ax.tick_params(axis="y", length=0)
    return figure
