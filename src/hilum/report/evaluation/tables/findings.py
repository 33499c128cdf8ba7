"""Every finding, means over them, and what is taken for what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hilum.evaluation import Measure
from hilum.evaluation.appraisal.results import Appraisal, FindingResult, MetricMeans
from hilum.report.evaluation.tables.table import Table, cells, columns, made

_MEASURED: tuple[tuple[str, Callable[[FindingResult], Measure | None]], ...] = (
    ("prevalence", lambda f: f.prevalence),
    ("auroc", lambda f: f.auroc),
    ("auroc_within", lambda f: f.auroc_within),
    ("auroc_delong", lambda f: f.auroc_delong),
    ("average_precision", lambda f: f.average_precision),
    ("brier", lambda f: f.brier),
    ("brier_majority", lambda f: f.brier_majority),
    ("log_loss", lambda f: f.log_loss),
    ("ece", lambda f: f.ece),
    ("calibration_slope", lambda f: f.line.slope if f.line else None),
    ("calibration_intercept", lambda f: f.line.intercept if f.line else None),
)


def findings(a: Appraisal) -> Table:
    """Discrimination and calibration of every finding."""
    header = ["finding", "name", "images", "patients", "positives", "negatives"]
    for name, _ in _MEASURED:
        header += columns(name)
    rows = []
    for f in a.findings:
        row: list[Any] = [f.finding, f.name, f.images, f.patients, f.positives, f.negatives]
        for _, measure in _MEASURED:
            row += cells(measure(f))
        rows.append([*row, f.confounded, " ".join(f.notes)])
    return made(
        [*header, "confounded", "notes"], rows, "Every finding: discrimination and calibration."
    )


def means(a: Appraisal) -> Table:
    """Macro, weighted and micro means."""
    rows: list[Sequence[Any]] = []

    def add(metric: str, point: str, means: MetricMeans) -> None:
        rows.extend(
            [metric, point, kind, *cells(getattr(means, kind))]
            for kind in ("macro", "weighted", "micro")
        )

    add("auroc", "", a.means.auroc)
    add("average_precision", "", a.means.average_precision)
    if a.means.auroc_within is not None:
        rows.append(["auroc_within", "", "macro", *cells(a.means.auroc_within)])
    for point, shares in a.means.decisions.items():
        for name, means in shares.items():
            add(name, point, means)
    return made(
        ["metric", "point", "mean", *columns("value")], rows,
        "Macro, weighted and micro means over the findings, and what they leave out.",
    )  # fmt: skip


def needed(a: Appraisal) -> Table:
    """Cases that an interval of a wished width needs."""
    rows = [
        [f.finding, n.measure, n.width, n.positives, n.negatives, n.reason]
        for f in a.findings
        for n in f.needed
    ]
    return made(
        ["finding", "measure", "width", "positives", "negatives", "reason"], rows,
        "How many cases an interval of a wished width needs.",
    )  # fmt: skip


def confusion(a: Appraisal) -> Table:
    """Reference by decision, of a one-of task."""
    if a.table is None:
        return Table((), (), "")
    keys = a.table.classes
    rows = [[key, *counts] for key, counts in zip(keys, a.table.counts.tolist(), strict=True)]
    return made(["reference", *keys], rows, "Images by reference (rows) and decision (columns).")


def tail(a: Appraisal) -> Table:
    """Common and rare findings."""
    rows = [
        [g.name, " ".join(g.findings), *cells(g.balanced_accuracy), *cells(g.auroc),
         *cells(g.average_precision)]
        for g in (a.tail.groups if a.tail else ())
    ]  # fmt: skip
    header = ["group", "findings", *columns("balanced_accuracy"), *columns("auroc")]
    return made([*header, *columns("average_precision")], rows, "Common and rare findings.")


def answers(a: Appraisal) -> Table:
    """Numbers of the confusion table."""
    rows: list[list[Any]] = []
    if a.answers is not None and a.table is not None:
        t = a.answers
        rows += [["accuracy", "", *cells(t.accuracy)]]
        rows += [["balanced_accuracy", "", *cells(t.balanced_accuracy)]]
        for name, each in (("recall", t.recalls), ("f1", t.f1)):
            rows += [[name, c, *cells(m)] for c, m in zip(a.table.classes, each, strict=True)]
        rows += [["f1", kind, *cells(getattr(t.f1_averages, kind))]
                 for kind in ("macro", "weighted", "micro")]  # fmt: skip
    header = ["number", "class", *columns("value")]
    return made(header, rows, "Accuracy, recalls and F1 of a one-of task, with intervals.")
