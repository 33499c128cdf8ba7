"""Which findings stand together: P(B | A) on the radiographs at hand and in all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hilum.datasets.collections.chestxray14 import COLLECTION
from hilum.datasets.exploration.together import count_together
from hilum.datasets.files import find_table
from hilum.domain import LabelTable, finding
from hilum.studies.arms import load_study
from hilum.studies.questions import Numbers, Shown, Table
from hilum.studies.running import Bench
from hilum.training.material import labels_and_tasks

THEIRS = 0.183
"""S1: P(infiltration | consolidation) in its sample."""
PAIR = ("infiltration", "consolidation")


def measure(bench: Bench, _seeds: Sequence[int]) -> Numbers:
    """Count pairs in the rows of the study levers, and in Data_Entry where it is at hand.

    Raises:
        LabelError: the data are not what the study needs.
    """
    levers = load_study("levers")
    recipe = levers.recipe_for(levers.arm("plain"), 0)
    sample = labels_and_tasks(recipe, bench.data)[0]
    sample = sample.rows(np.flatnonzero(sample.column("part") != recipe.data.test))
    found = {"sample": _counted(sample, recipe.findings)}
    whole = whole_collection(bench.data)
    if whole is not None:
        found["whole"] = _counted(whole, recipe.findings)
    return found


def whole_collection(data: Path) -> LabelTable | None:
    """The labels of all of ChestX-ray14, in the folder or in ``labels`` beside it; None without."""
    name = "Data_Entry_2017_v2020.csv"
    for folder in (data, data.parent / "labels"):
        if folder.is_dir() and find_table(folder, name) is not None:
            variant = next(iter(COLLECTION.variants.values()))
            return variant.read(folder)
    return None


def _counted(table: LabelTable, keys: Sequence[str]) -> Mapping[str, Any]:
    table = table.select(tuple(keys))
    counted = count_together(table)
    pair = counted.probability(of=PAIR[0], given=PAIR[1])
    return {
        "images": len(table),
        "findings": list(counted.findings),
        "present": np.diag(counted.both).tolist(),
        "given": [
            [counted.probability(of=b, given=a).value for b in counted.findings]
            for a in counted.findings
        ],
        "pair": [pair.value, pair.low, pair.high],
        "pair_images": int(counted.given[counted.findings.index(PAIR[1]),
                                         counted.findings.index(PAIR[0])]),
    }  # fmt: skip


def show(numbers: Numbers) -> Shown:
    """S1's pair, and the matrices."""
    names = {"sample": "radiographs at hand", "whole": "all of ChestX-ray14"}
    rows = [("S1's sample", "", f"{THEIRS:.1%}")]
    for key, one in numbers.items():
        value, low, high = one["pair"]
        rows.append(
            (
                f"{names[key]}, {one['images']:,} images",
                f"{one['pair_images']:,}",
                f"{value:.1%} ({low:.1%} to {high:.1%})",
            )
        )
    return Shown(
        tables=(
            Table(("", "images with consolidation", "P(infiltration | consolidation)"),
                  tuple(rows), "S1's example, with Wilson's interval:"),
        ),
        figures={"given": lambda: _draw(numbers, names)},
        words=("P(column | row) in per cent, of images; the diagonal is left out.",),
    )  # fmt: skip


def _draw(numbers: Numbers, names: Mapping[str, str]) -> Any:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from hilum.report.style import SEQUENTIAL, SMALL, ink_on

    figure = Figure(figsize=(8.0, 4.4))
    colours = mpl.colormaps[SEQUENTIAL]
    for place, (key, one) in enumerate(numbers.items()):
        ax = figure.add_axes((0.155 + 0.425 * place, 0.25, 0.41, 0.66))
        labels = [finding(k).name for k in one["findings"]]
        values = np.array(one["given"], float)
        np.fill_diagonal(values, np.nan)
        ax.imshow(values, cmap=colours, vmin=0, vmax=0.6)
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                shade = ink_on(colours(min(1.0, value / 0.6)))
                ax.text(column, row, f"{100 * value:.0f}", ha="center", va="center",
                        fontsize=SMALL - 2, color=shade)  # fmt: skip
        ax.set_xticks(range(len(labels)), labels, rotation=90, fontsize=SMALL - 0.5)
        ax.set_yticks(range(len(labels)), labels if not place else [], fontsize=SMALL - 0.5)
        ax.tick_params(length=0)
        for spine in ax.spines.values():
            spine.set_visible(False)
        ax.set_title(f"{names[key]}, {one['images']:,} images", fontsize=SMALL + 1)
    return figure
