"""What an evaluation came to, for a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hilum.evaluation import Measure
from hilum.evaluation.appraisal.results import Appraisal
from hilum.report.evaluation import statements as say
from hilum.report.evaluation.numbers import p_value, plain, point_name, share

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.table import Table

NOTES = 12


def summary(appraisal: Appraisal, page: Path | None = None) -> Group:
    """Numbers a finding with intervals, what misleads, what was left out, where the page is.

    Args:
        appraisal: what was found.
        page: as :func:`hilum.report.evaluation.write` returned it; None where none was written.

    Returns:
        Something that rich prints.
    """
    from rich.console import Group
    from rich.text import Text

    a = appraisal
    parts: list[RenderableType] = [Text(f"{say.tested(a)} {say.split(a)}")]
    parts += [Text.assemble(("Beware: ", "bold yellow"), line) for line in a.warnings]
    parts.append(_findings(a))
    parts += [_decisions(a, name) for name in say.point_names(a)[:1]]
    if a.table is not None:
        t = a.answers or a.table
        parts.append(
            Text(f"Accuracy {plain(t.accuracy)}, balanced accuracy {plain(t.balanced_accuracy)}.")
        )
    parts += [Text(line) for line in _reasons(a)]
    for c in a.comparisons:
        m = c.mean
        parts.append(
            Text(
                f"{c.metric}, this model − {c.other}: mean {plain(m.difference)}, "
                f"p {p_value(m.p_value)}."
            )
        )
    if a.localisation is not None:
        m = a.localisation
        parts.append(
            Text(
                f"Boxes: mean average precision at an IoU of .5 {plain(m.map_coco)} (COCO), "
                f"{plain(m.map_voc2010)} (VOC 2010)."
            )
        )
    if a.survival is not None:
        s = a.survival
        parts.append(
            Text(
                f"Survival by the score of {s.finding}: log-rank p {p_value(s.logrank)}; AUROC of "
                f"covariates {plain(s.covariates)}, with the score {plain(s.with_score)}."
            )
        )
    notes = [*a.notes[:NOTES]]
    if len(a.notes) > NOTES:
        notes.append(f"… and {len(a.notes) - NOTES} more on the page.")
    parts += [Text(f"- {note}") for note in notes]
    if page is not None:
        parts.append(Text(f"Page: {page}"))
    return Group(*parts)


def _findings(a: Appraisal) -> Table:
    from rich.table import Table

    words = f": {share(a.level)} intervals" if say.has_intervals(a) else ""
    table = Table(title=f"{a.title}{words}")
    table.add_column("finding")
    table.add_column("positives", justify="right")
    beside = [f"within {a.strata_name}"] if a.strata_name else []
    for name in ("AUROC", *beside, "avg. precision"):
        table.add_column(name, justify="right")
    for f in a.findings:
        within = [_cell(f.auroc_within)] if a.strata_name else []
        table.add_row(
            f.name, f"{f.positives:,}", _cell(f.auroc), *within, _cell(f.average_precision)
        )
    table.add_section()
    within = [_cell(a.means.auroc_within)] if a.strata_name else []
    macro = _cell(a.means.average_precision.macro)
    table.add_row("macro mean", "", _cell(a.means.auroc.macro), *within, macro)
    return table


def _decisions(a: Appraisal, name: str) -> Table:
    """At one operating point."""
    from rich.table import Table

    told = ("sensitivity", "specificity", "ppv")
    table = Table(title=f"At {point_name(name)}")
    table.add_column("finding")
    for column in ("from", "sensitivity", "specificity", "PPV"):
        table.add_column(column, justify="right")
    for f in a.findings:
        for p in f.points:
            if p.name == name and p.threshold is not None:
                cells = [_cell(p.shares.get(key), 2) for key in told]
                table.add_row(f.name, f"{p.threshold:.3g}", *cells)
            elif p.name == name:
                table.add_row(f.name, "none", *["–"] * 3)
    return table


def _cell(measure: Measure | None, digits: int = 3) -> str:
    return plain(measure, digits).replace(" to ", "–") if measure is not None else "–"


def _reasons(a: Appraisal) -> list[str]:
    """Why numbers are undefined, findings with the same reason together."""
    why: dict[str, list[str]] = {}
    for f in a.findings:
        if not f.auroc.defined:
            why.setdefault(f.auroc.reason, []).append(f.name)
    return [f"Undefined for {say.listed(names)}: {reason}." for reason, names in why.items()]
