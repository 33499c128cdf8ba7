"""Tables of a sweep or a search, as rows for a CSV and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hilum.domain import finding

Numbers = Mapping[str, Any]
Row = tuple[Any, ...]

SHARES = ("accuracy", "precision", "recall", "specificity", "f1")
MEASURES = (*SHARES, "auroc", "gain")
WORDS = {"f1": "F1", "auroc": "AUROC", "gain": "AUROC gained"}
GROUPS = {
    "single": "One transform",
    "pair": "Pairs, in both orders",
    "triple": "Triples, in six orders",
    "rounds": "Rounds put together",
}
_STEP = re.compile(r"([\w-]+)\(([^)]*)\)")
_BRIEF = {"gaussian-blur": "blur", "sharpen": "sharp", "gamma": "γ"}
"""Sharpening is named by its lightness: the study had one alpha."""
HEADER = (
    "group", "name", "about", "join", "looks", "threshold", "tune_auroc", "tp", "fp", "fn", "tn",
    *(f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")),
)  # fmt: skip


def csv_rows(numbers: Numbers) -> list[Row]:
    """A row an arm, under :data:`HEADER`."""
    return [
        (
            arm["group"], arm["name"], arm["about"], arm["join"], arm["looks"], arm["threshold"],
            arm["tune_auroc"], *arm["counts"],
            *(arm[name][end] for name in MEASURES for end in ("value", "low", "high")),
        )
        for arm in numbers["arms"]
    ]  # fmt: skip


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def shown(number: Numbers, *, signed: bool = False) -> str:
    """A number with its interval: "0.812 (0.790 to 0.834)"; a dash where it is undefined."""
    if number["value"] is None:
        return "–"
    style = "+.3f" if signed else ".3f"
    ends = ""
    if number["low"] is not None:
        ends = f" ({number['low']:{style}} to {number['high']:{style}})"
    return f"{number['value']:{style}}{ends}"


def arms_table(arms: Iterable[Numbers]) -> str:
    """Arms with all their numbers, the plain look among them where it is given."""
    head = ["", *(WORDS.get(name, name) for name in MEASURES)]
    rows = [[_name(arm), *(_cell(arm, name) for name in MEASURES)] for arm in arms]
    return table(head, rows)


def brief(name: str) -> str:
    """An arm's name short enough for a figure: "γ 0.7, blur 1, sharp 0.5"."""

    def step(found: re.Match[str]) -> str:
        numbers = [part.rsplit(" ", 1)[1] for part in found[2].split(", ")]
        told = numbers[1:] if found[1] == "sharpen" else numbers
        return " ".join((_BRIEF.get(found[1], found[1]), *told))

    return _STEP.sub(step, name)


def of_whom(numbers: Numbers) -> str:
    """A sentence: how many images of how many patients, and how they were divided."""
    rows = numbers["rows"]
    words = [
        f"{rows[part]['images']:,} images of {rows[part]['patients']:,} patients, "
        f"{rows[part]['present']:,} with it, to {verb}"
        for part, verb in (("tune", "tune on"), ("test", "report"))
    ]
    name = finding(numbers["finding"]).name
    lost = f" {numbers['unseen']:,} images could not be read." if numbers["unseen"] else ""
    return (
        f"{name} by {numbers['bundle']} (`{numbers['digest'][:12]}`): {words[0]}, {words[1]}; "
        f"{rows['how']}. One seed; 95 % intervals from {numbers['samples']:,} draws of "
        f"patients.{lost}"
    )


def _name(arm: Numbers) -> str:
    about = f" · {arm['about']}" if arm.get("group") in ("pair", "triple") else ""
    return f"{arm['name']}{about}"


def _cell(arm: Numbers, name: str) -> str:
    return shown(arm[name], signed=name == "gain")
