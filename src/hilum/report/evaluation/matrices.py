"""Confusion matrices from counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from hilum.report.evaluation.curves import PANEL
from hilum.report.style import FONT, SMALL, WIDTH, ink_on, room_for, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WRITTEN = 20
"""Classes up to which the numbers are written into the cells."""


def confusion_matrix(
    counts: ArrayLike, names: Sequence[str], *, title: str = "", decided: Sequence[str] = ()
) -> Figure:
    """Counts by reference (rows) and decision (columns); colour is the share of the row.

    Args:
        counts: images, [K, K] or any [rows, columns].
        names: of the rows, and of the columns where ``decided`` is empty.
        title: above the matrix.
        decided: names of the columns.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    table = np.asarray(counts, np.int64)
    rows, columns = table.shape
    down = [short(name, 26) for name in names]
    along = [short(name, 26) for name in decided or names]
    turned = columns > 2 or max(map(len, along)) > 14
    cell = 0.95 if columns == 2 else max(0.3, min(0.78, (WIDTH - 2.6) / columns))
    tall = 0.62 if columns == 2 else cell * 0.8
    left = room_for(down) + 0.3
    top = (room_for(along) * 0.75 + 0.15 if turned else 0.32) + (0.3 if title else 0.1)
    width = max(PANEL if columns == 2 else 0, left + cell * columns + (0.9 if turned else 0.15))
    height = top + tall * rows + 0.3
    figure = Figure(figsize=(width, height))
    ax = figure.add_axes((left / width, 0.3 / height, cell * columns / width, tall * rows / height))
    all_of_row = table.sum(axis=1, keepdims=True)
    share = table / np.maximum(all_of_row, 1)
    colours = colormaps["YlGnBu"]
    ax.imshow(share, cmap=colours, vmin=0, vmax=1, aspect="auto")
    if max(rows, columns) <= WRITTEN:
        size = FONT if columns <= 6 else SMALL if columns <= 12 else 5.5
        for r in range(rows):
            for c in range(columns):
                text = f"{table[r, c]:,}"
                if columns <= 12 and all_of_row[r, 0]:
                    text += f"\n{100 * share[r, c]:.0f} %"
                ax.text(c, r, text, ha="center", va="center", fontsize=size,
                        color=ink_on(colours(float(share[r, c]))))  # fmt: skip
    ax.set_yticks(range(rows), down)
    ax.set_xticks(
        range(columns), along, rotation=40 if turned else 0, ha="left" if turned else "center"
    )
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    words = "rows: reference, columns: decision, % of the row"
    figure.text(0.05 / width, 0.1 / height, words, fontsize=SMALL)
    if title:
        figure.text(
            0.03, 1 - 0.08 / height, title, fontsize=FONT + 0.5, fontweight="bold", va="top"
        )
    return figure
