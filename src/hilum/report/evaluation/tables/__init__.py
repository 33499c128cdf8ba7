"""CSV tables of an appraisal."""

from __future__ import annotations

from hilum.evaluation.appraisal.results import Appraisal
from hilum.report.evaluation.tables import against, boxes, decisions, findings, survival
from hilum.report.evaluation.tables.table import Table

__all__ = ["Table", "tables"]


def tables(appraisal: Appraisal) -> dict[str, Table]:
    """Every table that the appraisal has rows for: name of the file without ending → table."""
    made = {
        "findings": findings.findings(appraisal),
        "means": findings.means(appraisal),
        "points": decisions.points(appraisal),
        "predictive_values": decisions.predictive_values(appraisal),
        "conformal": decisions.conformal(appraisal),
        "cases_needed": findings.needed(appraisal),
        "subgroups": against.subgroups(appraisal),
        "baselines": against.baselines(appraisal),
        "comparison": against.comparison(appraisal),
        "confusion": findings.confusion(appraisal),
        "answers": findings.answers(appraisal),
        "long_tail": findings.tail(appraisal),
        "localisation": boxes.localisation(appraisal),
        "overlaps": boxes.overlaps(appraisal),
        "survival": survival.survival(appraisal),
    }
    return {name: table for name, table in made.items() if table.rows}
