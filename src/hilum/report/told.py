"""The findings of a run as columns of its page, and what is told of each on an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from hilum.bundles.card import Card
from hilum.domain import finding

Column = dict[str, Any]

TOLD, ABSTAINED, ELSEWHERE = ".", "a", "s"
STATES = {"not-asked": "n", "refused": "r", "undecided": "u", "read": ELSEWHERE}
"""Letters for what the page's script has to know of a finding: told, no decision, told by a later
stage, or by nobody, and why."""


def columns(
    cards: Sequence[Card], facts: Mapping[str, Any], first: Mapping[str, Any] | None
) -> list[Column]:
    """The findings of a run with the operating points of its readings.

    Args:
        cards: one a stage.
        facts: of the run.
        first: an entry of an image that was read; None where there is none.

    Returns:
        One a finding and stage: its key (with the stage before it where several read it), names and
        what is put behind them, operating point, and whether it is calibrated.
    """
    cascade = facts.get("cascade")
    if cascade is None:
        return _of_one(cards[0], first)
    often = Counter(f["finding"] for stage in cascade["stages"] for f in stage["findings"])
    made: list[Column] = []
    for stage in cascade["stages"]:
        for row in stage["findings"]:
            one = _column(row["finding"], row["operating_point"], row["calibrated"])
            one["stage"] = stage["name"]
            if often[row["finding"]] > 1:
                one["key"] = f"{stage['name']}.{row['finding']}"
                one["suffix"] = f" ({stage['name']})"
            made.append(one)
    return made


def _of_one(card: Card, first: Mapping[str, Any] | None) -> list[Column]:
    if first is not None:
        return [
            _column(p["finding"], p["operating_point"], p["calibrated"])
            for p in first["predictions"]
        ]
    return [
        _column(f.key, f.operating_point.threshold, f.calibration.trusted) for f in card.findings
    ]


def _column(key: str, point: float, calibrated: bool) -> Column:
    known = finding(key)
    return {
        "key": key,
        "finding": key,
        "stage": None,
        "name": known.name,
        "zh": known.name_zh,
        "suffix": "",
        "appearance": known.appearance,
        "op": point,
        "calibrated": calibrated,
    }


def told(record: Mapping[str, Any], wanted: Sequence[Column]) -> list[dict[str, Any] | None]:
    """Predictions in the order of the columns; None where the column's stage does not speak."""
    by_key = {(p["finding"], p.get("stage")): p for p in record["predictions"]}
    return [by_key.get((column["finding"], column["stage"])) for column in wanted]


def states(record: Mapping[str, Any], wanted: Sequence[Column]) -> str:
    """One letter a column; "" where all are told and decided."""
    became = {step["stage"]: step["outcome"] for step in record.get("stages", ())}
    letters = "".join(
        STATES[became[column["stage"]]]
        if p is None
        else ABSTAINED
        if p["decision"] == "abstained"
        else TOLD
        for p, column in zip(told(record, wanted), wanted, strict=True)
    )
    return letters if letters.strip(TOLD) else ""
