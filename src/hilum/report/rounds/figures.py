"""Figures of a sweep or a search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hilum.evaluation import Measure
from hilum.report.evaluation.forests import Series, forest
from hilum.report.rounds.tables import brief
from hilum.report.style import BLUE, GREY, ORANGE, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Numbers = Mapping[str, Any]


def sweep_figures(numbers: Numbers) -> dict[str, Callable[[], Figure]]:
    """Name → what draws it."""
    arms = numbers["arms"]
    groups = {
        "singles": [arm for arm in arms if arm["group"] == "single"],
        "stacks": [arm for arm in arms if arm["group"] in ("pair", "triple")],
        "rounds": [arm for arm in arms if arm["group"] == "rounds"],
    }
    drawn: dict[str, Callable[[], Figure]] = {
        name: (lambda some=some: _gains(some)) for name, some in groups.items() if some
    }
    if numbers["abstention"]:
        drawn["abstention"] = lambda: _abstention(numbers["abstention"])
    return drawn


def search_figures(numbers: Numbers) -> dict[str, Callable[[], Figure]]:
    """Name → what draws it."""
    return {
        "search": lambda: _history(numbers["generations"]),
        "sides": lambda: forest(
            [side["name"] for side in numbers["sides"]],
            [Series("AUROC", [_measure(side["auroc"]) for side in numbers["sides"]])],
            axis="AUROC on the test rows",
        ),
    }


def _gains(arms: Sequence[Numbers]) -> Figure:
    return forest(
        [brief(arm["name"]) for arm in arms],
        [Series("AUROC gained", [_measure(arm["gain"]) for arm in arms])],
        axis="AUROC above one plain look, on the test rows",
        chance=0.0,
    )


def _abstention(found: Sequence[Numbers]) -> Figure:
    sets = list(dict.fromkeys(one["set"] for one in found))
    kinds = list(dict.fromkeys(one["by"] for one in found))
    figure, [axes] = panels(1, 0.9 + 0.42 * len(sets), left=1.6)
    for kind, colour in zip(kinds, (BLUE, GREY, ORANGE), strict=True):
        at = [sets.index(one["set"]) for one in found if one["by"] == kind]
        axes.plot(
            [one["area"] for one in found if one["by"] == kind], at, "o", color=colour,
            label=kind, markersize=6,
        )  # fmt: skip
    axes.set_yticks(range(len(sets)), sets)
    axes.invert_yaxis()
    axes.margins(y=0.12)
    axes.grid(axis="x")
    axes.set_xlabel("mean share of wrong decisions over all coverages; less is better")
    axes.legend(loc="lower center", bbox_to_anchor=(0.42, 1.0), ncols=3, borderaxespad=0.2)
    return figure


def _history(generations: Sequence[Numbers]) -> Figure:
    figure, [axes] = panels(1, 2.6)
    at = range(1, len(generations) + 1)
    axes.plot(at, [one["fitness"] for one in generations], "o-", color=BLUE, label="best so far")
    axes.plot(at, [one["mean"] for one in generations], "s--", color=GREY, label="mean")
    axes.set_xlabel("generation")
    axes.set_ylabel("AUROC on the tune rows")
    axes.set_xticks(at)
    axes.grid(axis="y")
    axes.legend(loc="lower right")
    return figure


def _measure(number: Numbers) -> Measure:
    return Measure(
        number["value"], number.get("reason", ""), low=number["low"], high=number["high"]
    )
