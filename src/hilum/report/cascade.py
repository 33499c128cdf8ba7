"""A cascade in the files of a run: what became of each stage, and each stage's own tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hilum.reading import CascadeReader, CascadeReading, CascadeRefusal
from hilum.reading.cascade import Step
from hilum.report.journal import Journal
from hilum.report.names import cell
from hilum.report.record import (
    boxes_record,
    gate_record,
    notes_record,
    prediction_record,
    rounds_record,
)
from hilum.report.rows import (
    BOX_COLUMNS,
    ROUND_COLUMNS,
    Row,
    box_rows,
    finding_row,
    labels,
    reasons_cells,
    round_rows,
    undecided,
)


def cascade_facts(reader: CascadeReader) -> dict[str, Any]:
    """The entry of the cascade in the facts of a run.

    Returns:
        Its summary, and for each stage the bundle, when it reads, where it makes no decision, and
        its findings with the operating points of this run.
    """
    return {
        "summary": reader.chain.summary,
        "stages": [
            {
                "name": stage.name,
                "bundle": {
                    "name": stage.bundle.card.name,
                    "version": stage.bundle.card.version,
                    "digest": stage.bundle.digest,
                },
                "when": None if stage.when is None else str(stage.when),
                "abstain": {key: list(band) for key, band in stage.abstain.items()},
                "findings": [
                    {
                        "finding": row.key,
                        "operating_point": point,
                        "calibrated": row.calibration.trusted,
                    }
                    for row, point in zip(
                        stage.bundle.card.findings, one.scale.operating_points, strict=True
                    )
                ],
            }
            for stage, one in zip(reader.chain.stages, reader.readers, strict=True)
        ],
    }


def with_stages(record: dict[str, Any], item: CascadeReading | CascadeRefusal) -> dict[str, Any]:
    """The entry of an image with what became of each stage; all that is told names its stage."""
    stages = {"stages": [_stage(step) for step in item.steps]}
    if isinstance(item, CascadeRefusal):
        return record | stages
    told = item.told_by
    named = [{**p, "stage": told[p["finding"]]} for p in record["predictions"]]
    found = {}
    if "boxes" in record:
        by = item.boxed_by
        found = {"boxes": [{**box, "stage": by[box["finding"]]} for box in record["boxes"]]}
    return record | {"predictions": named} | found | stages


def _stage(step: Step) -> dict[str, Any]:
    reading, refusal = step.reading, step.refusal
    gate = reading.gate if reading else refusal.gate if refusal else None
    return {
        "stage": step.stage,
        "outcome": step.outcome,
        "because": step.because,
        "gate": gate_record(gate) if gate else None,
        "reasons": notes_record(refusal.reasons) if refusal else [],
        "predictions": [prediction_record(p) for p in reading.predictions] if reading else [],
        **({"rounds": rounds_record(reading.rounds)} if reading and reading.rounds else {}),
        **(boxes_record(reading) if reading else {}),
    }


def untold(record: Mapping[str, Any], cascade: Mapping[str, Any]) -> Iterator[Row]:
    """Findings that nobody read on an image: rows of ``findings.csv``, with their stage."""
    told = {p["finding"] for p in record["predictions"]}
    became = {step["stage"]: step["outcome"] for step in record["stages"]}
    last = {f["finding"]: (s["name"], f) for s in cascade["stages"] for f in s["findings"]}
    for key, (stage, row) in last.items():
        if key not in told:
            point, sure = f"{row['operating_point']:.9g}", "yes" if row["calibrated"] else "no"
            yield cell(record["image"]), key, "", point, became[stage], sure, stage


def stage_tables(journal: Journal, stage: str, *, boxes: bool = False) -> dict[str, Iterator[Row]]:
    """The tables of one stage, by file name.

    An image stands in one of three: ``readings.csv``, ``refused.csv`` (where no decision was made,
    too), ``not_asked.csv``. What header or picture speak against is refused by every stage.
    ``rounds.csv`` is there where the run reads in rounds, ``boxes.csv`` where it looks for boxes.
    """
    tables = {
        "readings.csv": _readings(journal, stage),
        "findings.csv": _findings(journal, stage),
        "refused.csv": _refused(journal, stage),
        "not_asked.csv": _not_asked(journal, stage),
    }
    first = next(journal.entries("reading"), None)
    if first is not None and any("rounds" in step for step in first["record"].get("stages", ())):
        tables["rounds.csv"] = _rounds(journal, stage)
    if boxes:
        tables["boxes.csv"] = _boxes(journal, stage)
    return tables


def _of(record: Mapping[str, Any], stage: str) -> dict[str, Any] | None:
    return next((s for s in record.get("stages", ()) if s["stage"] == stage), None)


def _steps(journal: Journal, stage: str, *outcomes: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for entry in journal.entries("reading", "refusal"):
        step = _of(entry["record"], stage)
        if step is not None and step["outcome"] in outcomes:
            yield cell(entry["record"]["image"]), step


def _readings(journal: Journal, stage: str) -> Iterator[Row]:
    yield ("Image Index", "Predict label")
    for image, step in _steps(journal, stage, "read"):
        if not undecided(step["predictions"]):
            yield image, labels(step["predictions"])


def _findings(journal: Journal, stage: str) -> Iterator[Row]:
    yield ("image", "finding", "probability", "operating_point", "decision", "calibrated")
    for image, step in _steps(journal, stage, "read"):
        for p in step["predictions"]:
            yield finding_row(image, p)


def _rounds(journal: Journal, stage: str) -> Iterator[Row]:
    yield ROUND_COLUMNS
    for image, step in _steps(journal, stage, "read"):
        yield from round_rows(image, step)


def _boxes(journal: Journal, stage: str) -> Iterator[Row]:
    yield BOX_COLUMNS
    for image, step in _steps(journal, stage, "read"):
        yield from box_rows(image, step)


def _refused(journal: Journal, stage: str) -> Iterator[Row]:
    yield ("image", "stage", "code", "reason")
    for entry in journal.entries("reading", "refusal"):
        record = entry["record"]
        step, image = _of(record, stage), cell(record["image"])
        if step is None and entry["kind"] == "refusal":
            yield image, record["stage"], *reasons_cells(record["reasons"])
        elif step is not None and step["outcome"] == "refused":
            yield image, "gate", *reasons_cells(step["reasons"])
        elif step is not None and (keys := undecided(step["predictions"])):
            reason = f"No decision on {', '.join(keys)}, and nothing else is present."
            yield image, "decision", "abstained", reason


def _not_asked(journal: Journal, stage: str) -> Iterator[Row]:
    yield ("image", "outcome", "because")
    for image, step in _steps(journal, stage, "not-asked", "undecided"):
        yield image, step["outcome"], cell(step["because"])
