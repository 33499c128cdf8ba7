"""Writes an appraisal: the page ``index.html``, figures, CSV, JSON, methods and checklists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from markupsafe import Markup

import hilum
from hilum.domain import finding
from hilum.evaluation.appraisal.results import SHARES, Appraisal, SubgroupResult
from hilum.report.drawing import Drawn, keep_figures
from hilum.report.evaluation import checklist, methods, statements
from hilum.report.evaluation.claim import CLAIM
from hilum.report.evaluation.figures import (
    DRAWN,
    class_names,
    comparison_figure,
    figures,
    group_figure,
    made_from,
    with_pictures,
)
from hilum.report.evaluation.numbers import number, p_value, plain, point_name
from hilum.report.evaluation.record import as_json
from hilum.report.evaluation.sheets import FOLDER as SHEETS
from hilum.report.evaluation.tables import Table, tables
from hilum.report.evaluation.tripod_ai import TRIPOD_AI
from hilum.report.results_folder import ResultsFolder
from hilum.report.templating import asset, environment

PAGE = "index.html"
CHECKLISTS = (CLAIM, TRIPOD_AI)
BESIDE = {
    "predictions.csv": "What the bundle said, radiograph by radiograph.",
    "refused.csv": "Radiographs that could not be read, and why.",
}
"""Files of the folder that others may have put there before, and what they hold."""
FEW = 30
"""Positives below which a number is marked as resting on few."""

SHARE_NAMES = {
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV",
    "npv": "NPV",
    "f1": "F1",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "mcc": "MCC",
    "lr_positive": "LR+",
    "lr_negative": "LR−",
}

Filled = Sequence[tuple[checklist.Checklist, tuple[checklist.Filled, ...]]]


def write(appraisal: Appraisal, folder: Path | ResultsFolder) -> Path:
    """Write everything about an appraisal into a folder.

    Args:
        appraisal: what was found.
        folder: new, empty, or of an earlier evaluation, whose files are replaced; or one that was
            opened before the work began, so that it is known to be writable.

    Returns:
        The page, ``index.html``.

    Raises:
        MissingExtra: matplotlib is not installed.
        RunError: the folder holds other files, or the disk refuses.
    """
    if isinstance(folder, Path):
        with ResultsFolder.open(folder, "evaluation") as opened:
            return write(appraisal, opened)
    given = {name: about for name, about in BESIDE.items() if name in folder.names}
    a = appraisal if appraisal.version else replace(appraisal, version=hilum.__version__)
    keys = (one.finding for one in a.findings)
    sheets = [key for key in keys if f"{SHEETS}/{key}.jpg" in folder.names]
    made = tables(a)
    for name, table in made.items():
        folder.write_csv(f"{name}.csv", table.header, table.rows)
    filled = [(one, checklist.fill(one, a)) for one in CHECKLISTS]
    folder.write_csv("checklist.csv", checklist.HEADER, checklist.rows(filled))
    folder.write_text("appraisal.json", as_json(a))
    folder.write_text("methods.txt", methods.as_text(a))
    drawn = keep_figures(figures(a), folder, "Evaluating")
    folder.write_text(PAGE, _page(a, drawn, made, filled=filled, given=given, sheets=sheets))
    folder.finish()
    return folder.path / PAGE


def _page(
    a: Appraisal,
    drawn: Mapping[str, Drawn],
    made: Mapping[str, Table],
    *,
    filled: Filled,
    given: Mapping[str, str],
    sheets: Sequence[str],
) -> str:
    shown = with_pictures(a)
    return (
        environment()
        .get_template("evaluation.html.j2")
        .render(
            a=a,
            pictures=drawn,
            shown=shown,
            unshown=len(a.findings) - len(shown),
            most=DRAWN,
            listed={name: table.about for name, table in made.items()},
            say=statements,
            paragraphs=methods.paragraphs(a),
            references=methods.references(a),
            filled=filled,
            given=given,
            sheets=sheets,
            sheets_folder=SHEETS,
            finding=finding,
            share_names=SHARE_NAMES,
            shares=SHARES,
            groups_of=_findings_with_gaps,
            group_figure=group_figure,
            made_from=made_from,
            class_names=class_names,
            comparison_figure=comparison_figure,
            decimal=number,
            p_value=p_value,
            plain=plain,
            point_name=point_name,
            few=FEW,
            version=a.version,
            style=Markup(  # noqa: S704  our own files
                asset("style.css")
                + asset("explore.css")
                + asset("run.css")
                + asset("evaluation.css")
            ),
        )
    )


def _findings_with_gaps(a: Appraisal, s: SubgroupResult) -> list[tuple[str, list[object]]]:
    """Findings down, groups across: what each group has of each finding."""
    return [
        (f.finding, [group.findings[at] for group in s.groups]) for at, f in enumerate(a.findings)
    ]
