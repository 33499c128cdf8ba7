"""What was found, as JSON holds it: reports and pages are drawn from this alone."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hilum.evaluation import Measure
from hilum.reading.rounds.measuring.judging import Abstention, Judged
from hilum.reading.rounds.measuring.rows import Rows
from hilum.reading.rounds.measuring.seeing import Eye

Numbers = dict[str, Any]


def of_measure(measure: Measure) -> Numbers:
    """A number with its interval, or the reason why there is none."""
    kept = {"value": measure.value, "low": measure.low, "high": measure.high}
    return kept | ({"reason": measure.reason} if measure.reason else {})


def of_judged(judged: Judged) -> Numbers:
    """An arm's numbers on the test rows."""
    counts = judged.counts
    return {
        "threshold": judged.threshold,
        "tune_auroc": judged.tune_auroc,
        "counts": [counts.tp, counts.fp, counts.fn, counts.tn],
        "auroc": of_measure(judged.auroc),
        "gain": of_measure(judged.gain),
        **{name: of_measure(value) for name, value in judged.numbers.items()},
    }


def of_abstention(found: Abstention) -> Numbers:
    """What abstaining gained."""
    return asdict(found)


def of_rows(rows: Rows) -> Numbers:
    """How many images, patients and positives each part has."""
    parts: Numbers = {"how": rows.how}
    for name, part in (("tune", rows.tune), ("test", ~rows.tune)):
        parts[name] = {
            "images": int(part.sum()),
            "patients": len(set(rows.patients[part].tolist())),
            "present": int((rows.present & part).sum()),
        }
    return parts


def of_run(eye: Eye, rows: Rows, finding: str, unseen: dict[str, str]) -> Numbers:
    """What every result says of how it was found."""
    card = eye.bundle.card
    return {
        "bundle": f"{card.name} {card.version}",
        "digest": eye.bundle.digest,
        "input": list(card.preprocessing.size),
        "finding": finding,
        "rows": of_rows(rows),
        "unseen": len(unseen),
    }
