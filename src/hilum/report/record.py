"""Readings and refusals as plain JSON: what ``readings.json`` and the journal hold."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from hilum.domain import (
    Acquisition,
    FoundBox,
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
        places: of the record's boxes on the picture (:func:`hilum.report.boxes.on_picture`).
        origin: :func:`hilum.report.origin.origin` of its file, taken before it was read; None
            where a resumed run may go by the name alone.
        identity: :func:`hilum.report.duplicates.identity` of its file; None where it has none.
    """

    kind: Literal["reading", "refusal"]
    name: str
    record: dict[str, Any]
    grids: tuple[dict[str, Any], ...] = ()
    places: tuple[tuple[float, ...], ...] = ()
    origin: str | None = None
    identity: str | None = None


def reading_record(
    reading: Reading, *, preview: str, heatmaps: dict[str, str], overlay: str | None = None
) -> dict[str, Any]:
    """The entry of an image that was read; paths are relative to the output folder.

    Args:
        reading: the reading.
        preview: path of the radiograph made smaller.
        heatmaps: finding → path of the picture with its heatmap.
        overlay: path of the picture with boxes; None where there is none.
    """
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
        **boxes_record(reading),
        **({"overlay": overlay} if reading.boxed else {}),
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


def boxes_record(reading: Reading) -> dict[str, Any]:
    """Which findings boxes were looked for, and those that were found; empty where for none."""
    if not reading.boxed:
        return {}
    return {"boxed": list(reading.boxed), "boxes": [_box(box) for box in reading.boxes]}


def _box(box: FoundBox) -> dict[str, Any]:
    return {
        "finding": box.finding,
        "label": finding(box.finding).label,
        "score": number(box.score),
        "xywh": [number(value) for value in box.xywh],
        "origin": box.origin,
        "zones": list(box.zones),
        "in_lungs": number(box.in_lungs),
        "size_mm": None if box.size_mm is None else [number(value) for value in box.size_mm],
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
