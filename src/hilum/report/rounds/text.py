"""A sweep or a search in Markdown: what stands in a folder of results, and in a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hilum.report.rounds.tables import GROUPS, arms_table, of_whom, shown, table

Numbers = Mapping[str, Any]


_POINTS = (
    "The operating point of every arm is the one with the greatest sensitivity + specificity on "
    "the tune rows (for a vote: of one plain look, and half of the rounds decide)."
)
_BEST = (
    "What would have been chosen on the tune rows (the highest AUROC there), and what it gave on "
    "the test rows:"
)


def sweep_text(numbers: Numbers, figures: Sequence[str], place: str) -> str:
    """The tables and figures of a sweep.

    Args:
        numbers: of :func:`hilum.reading.rounds.measuring.sweeping.sweep`.
        figures: names of those that were drawn.
        place: of a figure's file, with ``{}`` for its name.
    """
    arms = numbers["arms"]
    plain = [arm for arm in arms if arm["group"] == "plain"]
    parts = [
        of_whom(numbers),
        f"{_POINTS} Always giving the commoner answer is right in {numbers['commoner']:.3f}.",
        _BEST,
        _chosen(arms),
    ]
    for group, title in GROUPS.items():
        some = [arm for arm in arms if arm["group"] == group]
        parts += [f"**{title}**", arms_table([*plain, *some])]
        name = {"single": "singles", "pair": "", "triple": "stacks", "rounds": "rounds"}[group]
        if name in figures:
            parts.append(f"![AUROC gained, {title.lower()}]({place.format(name)})")
    parts += ["**Leaving undecided what the rounds disagree about**", _abstention(numbers)]
    if "abstention" in figures:
        parts.append(f"![Wrong decisions by kind of doubt]({place.format('abstention')})")
    parts += ["**Weights that were learnt** (out of fold, on the tune rows)", _weights(numbers)]
    return "\n\n".join(parts)


def search_text(numbers: Numbers, figures: Sequence[str], place: str) -> str:
    """The tables and figures of a search; arguments as :func:`sweep_text`."""
    last = numbers["generations"][-1]
    looks = "; ".join(f"{at}: {look}" for at, look in enumerate(numbers["looks"], 1))
    said = (
        f"{len(numbers['generations'])} generations of {numbers['population']} plans, "
        f"{last['tried']} different ones tried. Found: looks joined by {numbers['join']} – "
        f"{looks}. AUROC on the tune rows, less what its looks cost: {last['fitness']:.3f}, "
        f"flattering, for it was chosen by that. On the test rows:"
    )
    parts = [
        of_whom(numbers),
        said,
        table(
            ("", "looks", "ms an image", "AUROC", "AUROC gained", "accuracy", "F1"),
            [
                (
                    side["name"], f"{side['looks']}", f"{1000 * side['seconds']:.0f}",
                    shown(side["auroc"]), shown(side["gain"], signed=True),
                    shown(side["accuracy"]), shown(side["f1"]),
                )
                for side in numbers["sides"]
            ],
        ),
    ]  # fmt: skip
    if numbers["no_larger"]:
        parts.append(f"No larger input to compare with: {numbers['no_larger']}.")
    for name, words in (("search", "Fitness by generation"), ("sides", "AUROC of each side")):
        if name in figures:
            parts.append(f"![{words}]({place.format(name)})")
    return "\n\n".join(parts)


def _chosen(arms: Sequence[Numbers]) -> str:
    rows = []
    for group, title in GROUPS.items():
        some = [arm for arm in arms if arm["group"] == group]
        best = max(some, key=lambda arm: arm["tune_auroc"])
        own = (best["name"], f"{best['tune_auroc']:.3f}", shown(best["auroc"]))
        rows.append((title, *own, shown(best["gain"], signed=True)))
    head = ("of", "chosen", "AUROC, tune", "AUROC, test", "gained over one plain look")
    return table(head, rows)


def _abstention(numbers: Numbers) -> str:
    head = (
        "rounds, mean", "doubt by", "wrong, all coverages", "decided at the cut",
        "wrong among them", "wrong if all are decided",
    )  # fmt: skip
    rows = [
        (
            one["set"], one["by"], f"{one['area']:.3f}", f"{one['coverage']:.2f}",
            "–" if one["wrong"] is None else f"{one['wrong']:.3f}", f"{one['wrong_all']:.3f}",
        )
        for one in numbers["abstention"]
    ]  # fmt: skip
    wanted = numbers["abstention"][0]["wanted"] if rows else 0
    return (
        f"The cut leaves {wanted:.0%} of the tune rows decided; every number is of the test "
        f"rows.\n\n{table(head, rows)}"
    )


def _weights(numbers: Numbers) -> str:
    rows = [
        (name, ", ".join(f"{weight:.2f}" for weight in weights))
        for name, weights in numbers["weights"].items()
    ]
    return table(("rounds", "weights"), rows)
