"""Rows of the tables: a finding, the reasons of a refusal, an image without a list of findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hilum.report.names import cell

Row = tuple[str, ...]

UNKNOWN = frozenset({"stage-refused", "stage-undecided"})
"""Codes of notes that say that a stage of a cascade has told nothing, and should have."""


def labels(predictions: Iterable[Mapping[str, Any]]) -> str:
    """Labels of the findings that are present, separated by a space."""
    return " ".join(p["label"] for p in predictions if p["decision"] == "present")


def finding_row(image: str, p: Mapping[str, Any]) -> Row:
    """A row of ``findings.csv``."""
    return (
        image,
        p["finding"],
        f"{p['probability']:.9g}",
        f"{p['operating_point']:.9g}",
        p["decision"],
        "yes" if p["calibrated"] else "no",
    )


ROUND_COLUMNS = ("image", "finding", "spread", "round", "probability")
"""The head of ``rounds.csv``."""


def round_rows(image: str, said: Mapping[str, Any]) -> Iterator[Row]:
    """Rows of ``rounds.csv``, one a finding and round; none where there were no rounds.

    Args:
        image: as the table names it.
        said: the entry of an image, or of one stage: its ``predictions`` and ``rounds``.
    """
    rounds = said.get("rounds")
    if rounds is None:
        return
    for at, p in enumerate(said["predictions"]):
        for name, row in zip(rounds["names"], rounds["probabilities"], strict=True):
            yield image, p["finding"], f"{p['spread']:.9g}", cell(name), f"{row[at]:.9g}"


BOX_COLUMNS = (
    *("image", "finding", "score", "x", "y", "w", "h"),
    *("origin", "zones", "in_lungs", "width_mm", "height_mm"),
)
"""The head of ``boxes.csv``; `hilum evaluate --boxes` reads the first seven."""


def box_rows(image: str, record: Mapping[str, Any]) -> Iterator[Row]:
    """Rows of ``boxes.csv``, one a box, the surest first; none where none was found.

    Args:
        image: as the table names it.
        record: the entry of an image, or of one stage.
    """
    for box in record.get("boxes", ()):
        numbers = (box["score"], *box["xywh"])
        last = (box["in_lungs"], *(box["size_mm"] or (None, None)))
        yield (
            image,
            box["finding"],
            *(f"{value:.9g}" for value in numbers),
            box["origin"],
            "; ".join(box["zones"]),
            *("" if value is None else f"{value:.4g}" for value in last),
        )


def reasons_cells(reasons: Iterable[Mapping[str, Any]]) -> tuple[str, str]:
    """Codes and messages of reasons as two cells."""
    noted = list(reasons)
    codes = " ".join(note["code"] for note in noted)
    return codes, cell(" ".join(note["message"] for note in noted))


def undecided(predictions: Iterable[Mapping[str, Any]]) -> list[str]:
    """Findings without a decision, where no other is present: an empty list would look normal."""
    rows = list(predictions)
    if any(p["decision"] == "present" for p in rows):
        return []
    return [p["finding"] for p in rows if p["decision"] == "abstained"]


def left_out(record: Mapping[str, Any]) -> Row | None:
    """Why an image that was read has no row in ``readings.csv``; None where it has one.

    Returns:
        Stage, code and reason, as ``refused.csv`` holds them.
    """
    unknown = [note for note in record["notes"] if note["code"] in UNKNOWN]
    if unknown:
        steps = [s["stage"] for s in record["stages"] if s["outcome"] in {"refused", "undecided"}]
        return (" ".join(steps), *reasons_cells(unknown))
    keys = undecided(record["predictions"])
    if keys:
        by = dict.fromkeys(
            p.get("stage", "decision") for p in record["predictions"] if p["finding"] in keys
        )
        reason = f"No decision on {', '.join(keys)}, and nothing else is present."
        return " ".join(by), "abstained", reason
    return None
