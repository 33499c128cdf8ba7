"""Results of so few patients, or so alike, that no interval may be stated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, cast

from hilum.evaluation.appraisal.clustered import few_patients
from hilum.evaluation.measure import FEW_PATIENTS, Measure
from hilum.evaluation.reference import Reference

NO_INTERVAL = "no interval: {} patients are too few"

SHRUNK = "no interval: the same in every draw, so that draws cannot tell how sure it is"

_P_VALUES = ("p_value", "p_holm", "logrank")

T = TypeVar("T")


def too_few(reference: Reference) -> list[str]:
    """Why no interval may be stated of how well a finding is ranked, one a finding; "" if it may.

    Of four patients with a finding, nominal 95 % intervals of the AUROC, by draws or DeLong's, hold
    the truth in some 85 % of studies; of five in 90 %, of ten in 93 %.
    """
    known, truth, who = reference.mask, reference.targets, reference.patients
    return [
        few_patients(who[known[:, f] & truth[:, f]], who[known[:, f] & ~truth[:, f]])
        for f in range(len(reference.findings))
    ]


def without_intervals(value: T, reason: str) -> T:
    """The same results with every interval and p-value taken out.

    Args:
        value: a result: dataclasses, tuples and dictionaries of measures.
        reason: why; said by every measure that had an interval.
    """

    def strip(measure: Measure) -> Measure:
        return measure if measure.low is None else _open(measure, reason)

    return cast("T", _changed(value, strip, p_values=False))


def without_points(value: T) -> T:
    """The same results without intervals that have shrunk to a point.

    An AUROC of 1 on three positives is 1 in every draw: that shows how few they are, not how sure
    the number is.

    Args:
        value: as in :func:`without_intervals`.
    """

    def strip(measure: Measure) -> Measure:
        shrunk = measure.samples and measure.low is not None and measure.low == measure.high
        return _open(measure, SHRUNK) if shrunk else measure

    return cast("T", _changed(value, strip, p_values=True))


def as_sure(value: T, patients: int) -> T:
    """Results beside an appraisal, with no interval that it would not state itself.

    Args:
        value: as in :func:`without_intervals`.
        patients: that were tested.
    """
    made = without_points(value)
    few = patients < FEW_PATIENTS
    return without_intervals(made, NO_INTERVAL.format(patients)) if few else made


def _open(measure: Measure, reason: str) -> Measure:
    said = "; ".join(part for part in (measure.reason, reason) if part)
    return replace(measure, low=None, high=None, reason=said)


def _changed(value: Any, change: Callable[[Measure], Measure], *, p_values: bool) -> Any:
    """The results with every measure changed, and p-values taken out unless they are kept."""
    if isinstance(value, Measure):
        return change(value)
    if isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)
        made = tuple(_changed(item, change, p_values=p_values) for item in items)
        same = all(a is b for a, b in zip(made, items, strict=True))
        return cast("Any", items if same else made)
    if isinstance(value, dict):
        held = cast("dict[Any, Any]", value)
        return {key: _changed(item, change, p_values=p_values) for key, item in held.items()}
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changed: dict[str, Any] = {}
    for each in fields(value):
        old = getattr(value, each.name)
        new = _changed(old, change, p_values=p_values)
        if each.name in _P_VALUES and not p_values:
            new = (None,) * len(cast("tuple[Any, ...]", old)) if isinstance(old, tuple) else None
        if each.init and new is not old:
            changed[each.name] = new
    return replace(value, **changed) if changed else value
