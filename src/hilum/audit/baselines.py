"""What needs no picture: always the same answer, age, sex and view, the source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.audit.columns import Asked, Column, difference
from hilum.audit.probes import Vectors, probe
from hilum.audit.sources import Hanging
from hilum.audit.subject import Case, name_of
from hilum.audit.verdict import Checked, Outcome, Verdict
from hilum.datasets.exploration.people import possible_age
from hilum.domain import LabelTable
from hilum.domain.text import first_few

_TITLE = "Does the model beat what needs no picture?"


def metadata(table: LabelTable) -> NDArray[np.float32] | None:
    """Age, sex and view as numbers, float32 [images, columns]; None without any of them.

    An unknown age is the mean of the known ones with a mark of its own.
    """
    parts: list[NDArray[Any]] = []
    if "age_years" in table.columns:
        age = table.columns["age_years"].astype(np.float32)
        known = possible_age(age)
        if known.any():
            filled = np.where(known, age, age[known].mean())
            # bands besides the straight line: a finding of the middle years has no slope
            parts += [filled[:, None], ~known[:, None]]
            edges = (18, 40, 60, 75)
            parts += [(known & (age >= edge))[:, None] for edge in edges]
    for name in ("sex", "view"):
        if name in table.columns:
            values = table.columns[name]
            kinds = sorted(set(values.tolist()))
            if len(kinds) > 1:
                parts += [(values == kind)[:, None] for kind in kinds]
    if not parts:
        return None
    return np.concatenate([part.astype(np.float32) for part in parts], axis=1)


def by_metadata(case: Case) -> dict[str, Column]:
    """Scores of a regression on age, sex and view alone, out of fold; empty without them."""
    values = metadata(case.subject.table)
    rows = np.flatnonzero(case.judged)
    if values is None or not case.findings:
        return {}
    options = case.options
    columns = probe(
        case.subject.table,
        Vectors(rows, values[rows]),
        case.targets,
        case.mask,
        seeds=range(options.seed, options.seed + options.seeds),
        k=options.folds,
    )
    return dict(zip(case.findings, columns, strict=True))


def check(case: Case, hanging: Mapping[str, Hanging], known: Mapping[str, Column]) -> Checked:
    """The model against age, sex and view, and against the source, finding by finding.

    Args:
        case: what is audited.
        hanging: holds the scores of the source alone.
        known: scores of age, sex and view alone.
    """
    if not case.model:
        words = "There are no scores of a model; what the baselines reach stands in the table."
        return Checked((Verdict("baselines", _TITLE, "not asked", words),))
    options = case.options
    found = []
    for key in case.findings:
        others = {"age, sex and view": known.get(key)}
        if key in hanging and not hanging[key].by_chance:
            others["the source"] = hanging[key].column
        for name, column in others.items():
            if key in case.model and column is not None:
                rows = case.rows(key, case.model[key], column)
                asked = Asked(rows, case.target(key)[rows], case.patients[rows])
                gap = difference(asked, case.model[key], column, rng=options.rng(),
                                 samples=options.samples, level=options.level)  # fmt: skip
                if gap.defined:
                    found.append((key, name, gap))
    if not found:
        words = (
            "Nothing to compare with: no age, sex or view in the table, and the source tells "
            "no more than chance."
        )
        return Checked((Verdict("baselines", _TITLE, "not asked", words),))
    below = [f for f in found if f[2].high is not None and f[2].high < 0]
    unsure = [f for f in found if f not in below and (f[2].low is None or f[2].low <= 0)]
    outcome: Outcome = "fails" if below else "warns" if unsure else "passes"
    key, name, gap = min(found, key=lambda f: f[2].value or 0.0)
    words = f"Least above {name} for {name_of(key)}."
    if below:
        words += f" Below: {_few(below)}."
    if unsure:
        words += f" Not surely above: {_few(unsure)}."
    advice = "" if outcome == "passes" else (
        "State the baseline beside the result; a model no better than it has read nothing from the "
        "pictures that a form would not say."
    )  # fmt: skip
    return Checked(
        (Verdict("baselines", _TITLE, outcome, words, advice, gap, "AUROC above the baseline"),)
    )


def _few(found: list) -> str:
    names = [f"{name_of(key)} against {name} ({gap.value:+.3f})" for key, name, gap in found]
    return first_few(names, quoted=False)
