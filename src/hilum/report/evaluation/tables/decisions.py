"""Decisions at operating points, and sets of answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hilum.evaluation.appraisal.results import SHARES, Appraisal, FindingResult, PointResult
from hilum.report.evaluation.tables.table import Table, cells, columns, made


def _each_point(a: Appraisal) -> Iterable[tuple[FindingResult, PointResult]]:
    return ((f, p) for f in a.findings for p in f.points)


def points(a: Appraisal) -> Table:
    """Counts and shares at each operating point."""
    header = ["finding", "point", "threshold", "fixed_on", "tp", "fp", "fn", "tn"]
    for name in SHARES:
        header += columns(name)
    exact = ("sensitivity", "specificity", "ppv", "npv")
    header += [f"{name}_wilson_{end}" for name in exact for end in ("low", "high")]
    rows = []
    for f, p in _each_point(a):
        c = p.confusion
        counts = [None] * 4 if c is None else [c.tp, c.fp, c.fn, c.tn]
        row: list[Any] = [f.finding, p.name, p.threshold, p.fixed_on, *counts]
        for name in SHARES:
            row += cells(p.shares.get(name))
        for name in exact:
            row += cells(p.exact.get(name))[1:3]
        rows.append([*row, p.reason])
    return made([*header, "reason"], rows, "Decisions at each operating point.")


def predictive_values(a: Appraisal) -> Table:
    """PPV and NPV at named prevalences."""
    rows = [
        [f.finding, p.name, prevalence, *cells(ppv), *cells(npv)]
        for f, p in _each_point(a)
        for prevalence, ppv, npv in p.ppv_at
    ]
    return made(
        ["finding", "point", "prevalence", *columns("ppv"), *columns("npv")], rows,
        "Predictive values restated for other prevalences.",
    )  # fmt: skip


def conformal(a: Appraisal) -> Table:
    """Sets with a promised coverage."""
    rows = []
    for f in a.findings:
        for c in f.conformal:
            absent, present = (*c.each, None, None)[:2]
            rows.append(
                [f.finding, c.promised, "each class" if c.by_class else "all together",
                 *cells(c.coverage), *cells(absent), *cells(present), *cells(c.size),
                 *cells(c.single), *cells(c.empty), *cells(c.single_wrong)]
            )  # fmt: skip
    header = ["finding", "promised", "promised_for"]
    for name in ("coverage", "coverage_absent", "coverage_present", "size", "single", "empty",
                 "single_wrong"):  # fmt: skip
        header += columns(name)
    return made(header, rows, "Conformal sets: what was promised and what came of it.")
