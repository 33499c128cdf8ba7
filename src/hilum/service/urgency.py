"""How urgent a reading is: what the worklist goes by.

A number in [0, 5): the tier before the point, the place within it behind.

    4   a finding of :data:`URGENT` is present, or has a box where nothing else is said of it
    3   nothing is known, or not everything: refused, laid aside, told in part, or no decision on a
        finding of :data:`URGENT`
    2   another finding is present, or has a box
    1   read as a whole, and no finding is present; or its header says that it is something else
        (:data:`ELSEWHERE`), at the top of this tier
    0   not read yet

What could not be read stands above all that is not urgent: a refusal is not a normal lung, and
nobody has looked. A lateral view beside a frontal one is refused too, but lifts no study. Within a
tier readings go by how far the surest such finding lies above its
operating point, in log-odds of calibrated probabilities; those that are uncalibrated rank images of
one finding but not findings among each other, and stand behind. In tier 1 the finding that comes
nearest to its operating point decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

URGENT = frozenset(
    {
        "pneumothorax", "hydropneumothorax", "pneumomediastinum", "pneumoperitoneum",
        "haemothorax", "empyema", "mediastinal_shift", "aortic_aneurysm",
        "total_atelectasis", "ards",
    }
)  # fmt: skip
"""Findings that may need someone within the hour."""

ELSEWHERE = frozenset({"lateral", "body-part", "modality"})
"""Reasons of refusals by which the header itself says that this is no frontal chest radiograph."""

NOTHING, OTHER, UNKNOWN, CRITICAL = 1, 2, 3, 4
"""Tiers."""

UNREAD = UNKNOWN + 0.5
"""Urgency of a refusal, and of what was laid aside."""

NOT_FOR_HERE = NOTHING + 0.999
"""Urgency of a refusal for one of :data:`ELSEWHERE` alone."""


def urgency(kind: str, record: Mapping[str, Any] | None = None) -> float:
    """Urgency of what was said of a radiograph.

    Args:
        kind: "reading", "refusal" or "failed".
        record: as :func:`hilum.report.record.reading_record` or ``refusal_record`` gives it.

    Returns:
        A number in [0, 5); see the module.
    """
    if kind != "reading" or record is None:
        codes = {reason["code"] for reason in record["reasons"]} if record else set()
        return NOT_FOR_HERE if codes and codes <= ELSEWHERE else UNREAD
    told = [p for p in record["predictions"] if p["probability"] is not None]
    present = [p for p in told if p["decision"] == "present"]
    urgent = [p for p in present if p["finding"] in URGENT]
    boxed = {box["finding"] for box in record.get("boxes", ())}
    boxed_alone = boxed - {p["finding"] for p in record["predictions"]}
    open_ = [p for p in told if p["decision"] == "abstained" and p["finding"] in URGENT]
    if urgent or boxed_alone & URGENT:
        return CRITICAL + _place(urgent)
    if open_ or not is_whole(record):
        return UNKNOWN + _place(open_)
    if present or boxed:
        return OTHER + _place(present)
    return NOTHING + _place(told)


def tier(value: float) -> int:
    """The tier of an urgency, 0 to 4."""
    return int(value)


def is_whole(record: Mapping[str, Any]) -> bool:
    """Whether all that should have been asked was told (a cascade's stage may refuse)."""
    return all(step["outcome"] in {"read", "not-asked"} for step in record.get("stages", ()))


def margin(prediction: Mapping[str, Any]) -> float:
    """How far a probability lies above its operating point, in log-odds; negative below."""
    return _logit(prediction["probability"]) - _logit(prediction["operating_point"])


def _place(predictions: Iterable[Mapping[str, Any]]) -> float:
    """A number in [0, 1): higher for the larger margin; below 0.01 for those uncalibrated."""
    sure = [_squash(margin(p)) for p in predictions if p["calibrated"]]
    return 0.01 + 0.98 * max(sure) if sure else 0.0


def _squash(value: float) -> float:
    return 0.5 + 0.5 * math.tanh(value / 4)


def _logit(p: float) -> float:
    kept = min(max(p, 1e-9), 1 - 1e-9)
    return math.log(kept / (1 - kept))
