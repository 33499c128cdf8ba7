"""Kaplan-Meier curves from arrays, with the numbers at risk below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.report.style import BLUE, FONT, GREEN, INK, ORANGE, PINK, room_for, sheet, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 5.4
NOTE = 8.0
LOOKS = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (PINK, ":"))
TICKS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Survivors:
    """Survival of one group.

    Attributes:
        name: of the group.
        days: on which somebody died, rising, [steps].
        survival: from then on, [steps].
        low: of the band, [steps]; empty without one.
        high: likewise.
        died: on each of these days, [steps].
        censored: days on which somebody was last seen alive, rising.
    """

    name: str
    days: ArrayLike
    survival: ArrayLike
    low: ArrayLike
    high: ArrayLike
    died: ArrayLike
    censored: ArrayLike

    def at_risk(self, day: float) -> int:
        """How many were alive and watched just before a day."""
        ends = np.asarray(self.censored, float)
        later = np.asarray(self.days, float) >= day
        return int(np.asarray(self.died)[later].sum() + (ends >= day).sum())


def kaplan_meier(groups: Sequence[Survivors], *, words: str = "") -> Figure:
    """Share of patients alive by day and group.

    Args:
        groups: at most four.
        words: above the axes, such as the p-value of the log-rank test.
    """
    from matplotlib.lines import Line2D

    names = [short(group.name, 18) for group in groups]
    below = 0.6 + 0.2 * len(groups)
    left = max(0.65, room_for(names, size=NOTE) + 0.35)
    figure, ax = sheet(2.9 + below, left=left, right=0.25, top=0.32, bottom=below, width=WIDTH)
    last = 1.0
    for at, group in enumerate(groups):
        colour, line = LOOKS[at % len(LOOKS)]
        ends = np.asarray(group.censored, float)
        days = np.concatenate([[0.0], np.asarray(group.days, float)])
        days = np.append(days, max(days[-1], ends.max(initial=0.0)))
        last = max(last, float(days[-1]))
        alive = _from_one(group.survival)
        ax.step(days, alive, where="post", color=colour, linestyle=line, linewidth=1.6,
                label=names[at])  # fmt: skip
        if len(ends):
            height = alive[np.searchsorted(days[:-1], ends, "right") - 1]
            ax.plot(ends, height, "|", color=colour, markersize=5, markeredgewidth=0.8)
        if len(np.asarray(group.low)):
            ax.fill_between(days, _from_one(group.low), _from_one(group.high),
                            step="post", color=colour, alpha=0.15, linewidth=0)  # fmt: skip
    ax.set(xlim=(0, last), ylim=(0, 1.03), xlabel="days", ylabel="share alive")
    ax.set_title(words, fontsize=FONT, fontweight="normal", pad=4)
    ax.grid()
    ax.legend(loc="best")
    ax.locator_params(axis="x", nbins=TICKS, integer=True)
    ticks = [tick for tick in ax.get_xticks() if 0 <= tick <= last]
    height = figure.get_figheight()
    place = ax.get_position()
    for at, group in enumerate(groups):
        y = (below - 0.7 - 0.2 * at) / height
        colour = LOOKS[at % len(LOOKS)][0]
        figure.add_artist(Line2D([0.008, 0.03], [y, y], color=colour, linewidth=2.5))
        figure.text(0.036, y, names[at], fontsize=NOTE, va="center", color=INK)
        for tick in ticks:
            x = place.x0 + place.width * tick / last
            text = f"{group.at_risk(tick):,}"
            figure.text(x, y, text, fontsize=NOTE, ha="center", va="center")
    figure.text(0.036, (below - 0.52) / height, "at risk", fontsize=NOTE, va="center",
                fontweight="bold")  # fmt: skip
    return figure


def _from_one(steps: ArrayLike) -> NDArray[np.float64]:
    """A curve that is 1 before the first day, and stays after the last."""
    values = np.asarray(steps, np.float64)
    return np.concatenate([[1.0], values, values[-1:] if len(values) else [1.0]])
