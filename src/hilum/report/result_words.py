"""What a record says, in sentences for reports, pictures and the PDF."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from hilum.domain import finding

Record = Mapping[str, Any]

NOT_WHOLE = "A stage of the chain gave no decision; the result is not whole."


def is_refusal(record: Record) -> bool:
    """Whether an entry of ``readings.json`` is of a picture that was not read."""
    return "reasons" in record


def is_whole(record: Record) -> bool:
    """Whether every finding that was asked for is decided."""
    if is_refusal(record):
        return False
    stages = record.get("stages", ())
    lacking = any(stage["outcome"] in ("refused", "undecided") for stage in stages)
    return not lacking and not decided(record, "abstained")


def decided(record: Record, decision: str) -> list[Record]:
    """Predictions of one decision: "present", "absent" or "abstained"."""
    return [p for p in record.get("predictions", ()) if p["decision"] == decision]


def probability(value: float | None) -> str:
    """Two digits, but never a 0 or 1 that it is not.

    Example:
        >>> probability(0.4267), probability(0.9999), probability(0.0001), probability(None)
        ('0.43', '>0.99', '<0.01', '–')
    """
    if value is None:
        return "–"
    if value > 0.995 and value < 1:
        return ">0.99"
    return "<0.01" if 0 < value < 0.005 else f"{value:.2f}"


def in_words(record: Record) -> str:
    """The result in a few sentences."""
    if is_refusal(record):
        return (
            "NOT READ. This radiograph was not judged; nothing is said of it, neither that it is "
            "normal nor that it is not."
        )
    present, unsure = decided(record, "present"), decided(record, "abstained")
    told: list[str] = []
    if present:
        told.append(f"At or above the operating point: {_listed(present)}.")
    elif record.get("predictions"):
        none = "is called present" if unsure else "reaches its operating point"
        told.append(f"No finding {none}. This does not say that the radiograph is normal.")
    if unsure:
        told.append(f"No decision, too unsure: {_listed(unsure)}.")
    boxes = record.get("boxes", ())
    if "boxed" in record:
        told.append(f"Boxes drawn: {len(boxes)}.")
    if not is_whole(record) and not unsure:
        told.append(NOT_WHOLE)
    return " ".join(told)


def _listed(predictions: Sequence[Record]) -> str:
    return ", ".join(
        f"{finding(p['finding']).name} {probability(p['probability'])}"
        f"{'' if p['calibrated'] else ' (not calibrated)'}"
        for p in predictions
    )


def reasons(record: Record) -> list[str]:
    """Why it was not read; empty for a reading."""
    return [note["message"] for note in record.get("reasons", ())]


def warnings(record: Record) -> list[str]:
    """Warnings of intake and gate, each once."""
    told = [note["message"] for note in record.get("notes", ()) if note["warning"]]
    for stage in record.get("stages", ()):
        told += [f"{stage['stage']}: {note['message']}" for note in stage.get("reasons", ())]
    return list(dict.fromkeys(told))


def plain(text: str) -> str:
    """A text without characters that no text of DICOM may hold (PS3.5 6.1)."""
    return "".join(c for c in str(text) if c == "\n" or unicodedata.category(c)[0] != "C").strip()
