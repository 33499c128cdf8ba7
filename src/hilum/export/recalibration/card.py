"""The card of a recalibrated bundle."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Literal

from hilum.bundles import Bundle, Card
from hilum.bundles.card import BetaCurve, Calibration, CardFinding, OperatingPoint, Result, Steps
from hilum.evaluation import Measure
from hilum.evaluation.calibration import BetaCurve as Beta
from hilum.evaluation.calibration import Method
from hilum.evaluation.calibration import Steps as Isotonic
from hilum.export.recalibration.fitting import FOLDS
from hilum.export.recalibration.result import Asked, Recalibrated


def recalibrated_card(
    bundle: Bundle, each: Sequence[Recalibrated], size: tuple[int, int], asked: Asked
) -> Card:
    """The old card with new calibrations, moved operating points and what they gained.

    Args:
        bundle: the old one.
        each: one a finding of its card.
        size: images and patients of the sample.
        asked: name, version and words for the card.
    """
    old = bundle.card
    sample = f"{size[0]:,} images of {size[1]:,} patients"
    sample += f" ({asked.sample})" if asked.sample else ""
    rows = [_row(row, one, asked) for row, one in zip(old.findings, each, strict=True)]
    new = {one.finding for one in each if one.calibrator is not None}
    fields = old.model_dump(by_alias=True)
    fields |= {
        "name": asked.name or old.name,
        "version": asked.version or _next(old.version),
        "summary": f"{old.summary.removesuffix('.')}. Recalibrated for {len(new)} of "
        f"{len(each)} findings on {sample}.",
        "findings": [row.model_dump() for row in rows],
        "results": [
            *(_earlier(row, old, new).model_dump() for row in old.results),
            *(result.model_dump() for one in each for result in _results(one)),
        ],
        "provenance": {
            **old.provenance,
            "recalibrated_from": f"{bundle}, card {bundle.digest}",
            "recalibrated_on": sample,
            "recalibrated_by": f"hilum {version('hilum')}, method {asked.method}, seed "
            f"{asked.seed}",
        },
        "files": {},
    }
    return Card.model_validate(fields)


def _row(row: CardFinding, one: Recalibrated, asked: Asked) -> CardFinding:
    if one.calibrator is None or one.moved is None:
        return row
    new = one.calibrator
    beta = steps = None
    if isinstance(new.curve, Beta):
        beta = BetaCurve(a=new.curve.a, b=new.curve.b, c=new.curve.c)
    elif isinstance(new.curve, Isotonic):
        steps = Steps(at=new.curve.at, probability=new.curve.probability)
    ties = f"; its steps tie {one.ties} different logits of the sample" if one.ties else ""
    where = f", {asked.sample}" if asked.sample else ""
    how = "chosen by cross-validated log loss" if one.choice else "as asked"
    return row.model_copy(
        update={
            "calibration": Calibration(
                slope=new.slope,
                intercept=new.intercept,
                beta=beta,
                steps=steps,
                trusted=True,
                method=_on_card(new.method),
                fitted_on=f"local sample{where}: {one.images:,} images of {one.patients:,} "
                f"patients, {one.with_finding:,} with the finding; {how}{ties}",
            ),
            "operating_point": OperatingPoint(
                threshold=one.moved.after,
                rule=f"{row.operating_point.rule.removesuffix(', moved')}, moved",
                sensitivity=one.moved.sensitivity.value,
                specificity=one.moved.specificity.value,
            ),
            "prevalence": new.positives / one.images,
            "positives": new.positives,
        }
    )


def _on_card(
    method: Method,
) -> Literal["platt", "temperature", "shift", "pooled", "beta", "isotonic", "none"]:
    return method


def _next(version: str) -> str:
    first, second, _ = version.split(".")
    return f"{first}.{int(second) + 1}.0"


def _earlier(row: Result, old: Card, new: set[str]) -> Result:
    """Numbers of a calibration that is no more say so."""
    if row.finding not in new or not row.metric.startswith(_OF_A_CALIBRATION):
        return row
    note = f"of {old.name} {old.version}, before recalibration"
    return row.model_copy(update={"note": "; ".join(part for part in (note, row.note) if part)})


_OF_A_CALIBRATION = ("calibration", "sensitivity", "specificity")

_NUMBERS = {"brier": "Brier", "ece": "ECE", "slope": "calibration slope"}


def _results(one: Recalibrated) -> list[Result]:
    """What recalibration changed, for the card."""
    if one.change is None or one.moved is None:
        return []
    split = f"local sample, {one.images:,} images of {one.patients:,} patients"
    held = f"each patient judged by a calibration of others ({FOLDS} folds)"
    point = "the operating point was moved, not chosen, here"
    found: list[Result] = []
    for field, name in _NUMBERS.items():
        for side, words, note in (
            (one.change.before, "before recalibration", ""),
            (one.change.after, "after recalibration", held),
            (one.change.difference, "gained", f"{held}; after − before, less is better"),
        ):
            number: Measure = getattr(side, field)
            more = ": the distance from 1" if field == "slope" and words == "gained" else ""
            found.append(_result(f"{name} {words}", one.finding, number, split, note + more))
    found.append(_result("sensitivity", one.finding, one.moved.sensitivity, split, point))
    found.append(_result("specificity", one.finding, one.moved.specificity, split, point))
    return found


def _result(metric: str, key: str, number: Measure, split: str, note: str) -> Result:
    return Result(
        metric=metric,
        finding=key,
        split=split,
        value=number.value,
        low=number.low,
        high=number.high,
        level=number.level,
        positives=number.positives,
        images=number.images,
        note="; ".join(part for part in (note, number.reason) if part),
    )
