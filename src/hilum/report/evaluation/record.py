"""An appraisal as plain JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hilum.evaluation.abstention import RiskCoverage
from hilum.evaluation.appraisal.results import Appraisal
from hilum.evaluation.confusion_table import ConfusionTable
from hilum.report.evaluation.curves import thinned

SCHEMA_ID = "hilum.appraisal/1"
"""Of ``appraisal.schema.json`` in the package."""


def record(appraisal: Appraisal) -> dict[str, Any]:
    """Everything that an appraisal holds, under the names of its attributes.

    An undefined number is null and has its reason beside it; NaN and infinity do not occur.
    Curves are thinned to what a figure shows.
    """
    return {"schema": SCHEMA_ID, **_plain(appraisal)}


def as_json(appraisal: Appraisal) -> str:
    """The record as text, a line each of its parts."""
    lines = (
        f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}"
        for key, value in record(appraisal).items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = _parts(value)
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, float):
        return float(f"{value:.9g}") if math.isfinite(value) else None
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(one) for one in value]
    return value


def _parts(value: Any) -> dict[str, Any]:
    """What is told of a dataclass."""
    if isinstance(value, RiskCoverage):
        coverage, risk = thinned(value.coverage, value.risk)
        value = dataclasses.replace(value, coverage=coverage, risk=risk)
    names = [field.name for field in dataclasses.fields(value)]
    if isinstance(value, ConfusionTable):
        names += ["accuracy", "majority", "balanced_accuracy", "f1_averages"]
    return {name: getattr(value, name) for name in names}
