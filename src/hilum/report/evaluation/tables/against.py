"""Groups against the rest, baselines and other models against this one."""

from __future__ import annotations

from typing import Any

from hilum.evaluation.appraisal.results import Appraisal, GroupFinding, GroupResult
from hilum.report.evaluation.tables.table import Table, cells, columns, made

_GROUP: tuple[str, ...] = (
    "auroc", "rest", "gap", "sensitivity", "sensitivity_gap", "specificity", "specificity_gap",
    "calibration",
)  # fmt: skip


def subgroups(a: Appraisal) -> Table:
    """Each group against the rest."""
    header = ["attribute", "group", "images", "patients", "finding", "positives", "negatives"]
    for name in _GROUP:
        header += columns(name)
    rows = []
    for s in a.subgroups:
        for g in s.groups:
            about = [s.attribute, g.name, g.images, g.patients]
            rows.append([*about, "mean", None, None, *_group_cells(g)])
            rows += [[*about, f.finding, f.positives, f.negatives, *_group_cells(f)]
                     for f in g.findings]  # fmt: skip
    return made(
        [*header, "p_value", "p_holm"], rows, "Each group of each attribute against the rest."
    )


def _group_cells(one: GroupResult | GroupFinding) -> list[Any]:
    row: list[Any] = []
    for name in _GROUP:
        if isinstance(one, GroupResult):
            measure = {"auroc": one.mean, "gap": one.mean_gap}.get(name)
        else:
            measure = getattr(one, name)
        row += cells(measure)
    return [*row, one.p_value, one.p_holm]


def baselines(a: Appraisal) -> Table:
    """What sees no picture."""
    rows = []
    for b in a.baselines:
        for at, f in enumerate(a.findings):
            gain = b.gain[at] if b.gain else None
            accuracy = b.accuracy[at] if b.accuracy else None
            rows.append(
                [b.name, f.finding, *cells(b.auroc[at]), *cells(f.auroc),
                 *cells(gain.difference if gain else None), gain.p_value if gain else None,
                 *cells(accuracy)]
            )  # fmt: skip
        gain = b.mean_gain
        rows.append(
            [b.name, "mean", *cells(b.mean), *cells(a.means.auroc.macro),
             *cells(gain.difference if gain else None), gain.p_value if gain else None,
             *cells(None)]
        )  # fmt: skip
    header = ["baseline", "finding", *columns("auroc"), *columns("model"), *columns("gain")]
    return made(
        [*header, "p_value", *columns("accuracy")], rows,
        "What can be had without looking at a picture, beside the model.",
    )  # fmt: skip


def comparison(a: Appraisal) -> Table:
    """Another model on the same images."""
    rows = []
    for c in a.comparisons:
        delong = c.delong or (None,) * len(c.findings)
        named = zip(c.findings, c.each, c.p_holm, delong, strict=True)
        for key, one, holm, p in named:
            rows.append(
                [c.other, c.metric, key, *cells(one.a), *cells(one.b), *cells(one.difference),
                 one.p_value, holm, p]
            )  # fmt: skip
        m = c.mean
        rows.append(
            [c.other, c.metric, "mean", *cells(m.a), *cells(m.b), *cells(m.difference), m.p_value,
             None, None]
        )  # fmt: skip
    header = ["other", "metric", "finding", *columns("this_model"), *columns("other_model")]
    return made(
        [*header, *columns("difference"), "p_value", "p_holm", "p_delong"], rows,
        "This model against the other on the same images.",
    )  # fmt: skip
