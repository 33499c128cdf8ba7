"""Readings and refusals as plain JSON: what ``readings.json`` and the journal hold."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from hilum.domain import (
    Acquisition,
    GateVerdict,
    Note,
    Prediction,
    Reading,
    Refusal,
    Rounds,
    finding,
)

SCHEMA_ID = "hilum.readings/1"

# Age and sex describe the patient, not the picture: they stay in the file they came from.
_ACQUISITION = (
    "modality", "body_part", "laterality", "manufacturer", "model", "kvp", "photometric",
    "bits_stored", "transfer_syntax_uid", "spacing_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawn:
    """An image whose pictures are on disk; light, without pixels.

    Attributes:
        kind: "reading" or "refusal".
        name: the image's name.
        record: its entry in ``readings.json``.
        grids: heatmaps for the page (:func:`hilum.report.pictures.grids`).
        origin: :func:`hilum.report.origin.origin` of its file, taken before it was read; None
            where a resumed run may go by the name alone.
        identity: :func:`hilum.report.duplicates.identity` of its file; None where it has none.
    """

    kind: Literal["reading", "refusal"]
    name: str
    record: dict[str, Any]
    grids: tuple[dict[str, Any], ...] = ()
    origin: str | None = None
    identity: str | None = None


def reading_record(reading: Reading, *, preview: str, heatmaps: dict[str, str]) -> dict[str, Any]:
    """The entry of an image that was read; paths are relative to the output folder."""
    return {
        "image": reading.source.name,
        "format": reading.source.format,
        "shape": list(reading.source.shape),
        "predictions": [prediction_record(p) for p in reading.predictions],
        "gate": gate_record(reading.gate),
        "notes": notes_record(reading.notes),
        "acquisition": _acquisition(reading.acquisition),
        "preview": preview,
        "heatmaps": heatmaps,
        **({} if reading.rounds is None else {"rounds": rounds_record(reading.rounds)}),
    }


def refusal_record(refusal: Refusal, *, preview: str | None) -> dict[str, Any]:
    """The entry of an image that was not read."""
    return {
        "image": refusal.name,
        "stage": refusal.stage,
        "reasons": notes_record(refusal.reasons),
        "gate": gate_record(refusal.gate) if refusal.gate else None,
        "acquisition": _acquisition(refusal.acquisition) if refusal.acquisition else None,
        "preview": preview,
    }


def number(value: float | None) -> float | None:
    """Nine significant digits, enough for float32; None for what is no finite number."""
    return float(f"{value:.9g}") if value is not None and math.isfinite(value) else None


def prediction_record(p: Prediction) -> dict[str, Any]:
    """One finding."""
    return {
        "finding": p.finding,
        "label": finding(p.finding).label,
        "logit": number(p.logit),
        "probability": number(p.probability),
        "operating_point": number(p.operating_point),
        "decision": _decision(p),
        "calibrated": p.calibrated,
        **({} if p.spread is None else {"spread": number(p.spread)}),
    }


def rounds_record(rounds: Rounds) -> dict[str, Any]:
    """What each reading round said."""
    return {
        "name": rounds.name,
        "join": rounds.join,
        "names": list(rounds.names),
        "probabilities": [[number(value) for value in row] for row in rounds.probabilities],
    }


def _decision(p: Prediction) -> str:
    if p.abstained:
        return "abstained"
    return "present" if p.present else "absent"


def notes_record(notes: Iterable[Note]) -> list[dict[str, Any]]:
    """Notes, a row each."""
    return [{"code": n.code, "message": n.message, "warning": n.warning} for n in notes]


def gate_record(gate: GateVerdict) -> dict[str, Any]:
    """The verdict of a gate."""
    return {
        "accepted": gate.accepted,
        "reasons": notes_record(gate.reasons),
        "flags": notes_record(gate.flags),
        "distance": number(gate.distance),
        "limit": number(gate.limit),
    }


def _acquisition(facts: Acquisition) -> dict[str, Any]:
    known = {k: getattr(facts, k) for k in _ACQUISITION if getattr(facts, k) is not None}
    known["view"] = str(facts.view)
    if facts.patient_orientation:
        known["patient_orientation"] = list(facts.patient_orientation)
    if facts.spacing_mm:
        known["spacing_mm"] = [number(v) for v in facts.spacing_mm]
    if facts.grey:
        known["grey"] = facts.grey
    if facts.frames != 1:
        known["frames"] = facts.frames
    return known
