"""Kaplan-Meier curves."""

from __future__ import annotations

from hilum.evaluation.appraisal.results import Appraisal
from hilum.report.evaluation.tables.table import Table, made


def survival(a: Appraisal) -> Table:
    """A row a step of each curve."""
    rows = []
    if a.survival is not None:
        for name, k in zip(a.survival.groups, a.survival.curves, strict=True):
            steps = zip(k.days, k.survival, k.low, k.high, k.at_risk, strict=True)
            rows += [[name, *(float(v) for v in step)] for step in steps]
    return made(
        ["group", "days", "survival", "low", "high", "at_risk"], rows,
        "Kaplan-Meier curves, step by step.",
    )  # fmt: skip
