"""Two models on the same images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hilum.errors import EvaluationError
from hilum.evaluation.appraisal.few import too_few, without_intervals
from hilum.evaluation.appraisal.matched import Matched
from hilum.evaluation.appraisal.options import Options
from hilum.evaluation.appraisal.results import ModelComparison
from hilum.evaluation.comparison import compare
from hilum.evaluation.delong import delong_compare
from hilum.evaluation.metrics import Metric
from hilum.evaluation.multiplicity import holm

METRICS: dict[Metric, str] = {"auroc": "AUROC", "average precision": "average precision"}
_SEED = 37


def compare_models(
    matched: Matched, options: Options, tell: Callable[[], None] = lambda: None
) -> tuple[ModelComparison, ...]:
    """This model against the other, paired by patient, on the cells that both tell.

    Args:
        matched: with scores of another model.
        options: draws, level and seed.
        tell: called after each metric.

    Returns:
        One a metric; empty without another model.

    Raises:
        EvaluationError: there is no cell that both tell.
    """
    if matched.other is None:
        return ()
    reference = matched.reference(matched.tested)
    theirs = matched.other[matched.tested]
    mine = matched.scores[matched.tested]
    known = reference.mask & ~np.isnan(theirs)
    keep = [f for f in range(known.shape[1]) if known[:, f].any()]
    if not keep:
        raise EvaluationError(f"{matched.other_name} tells nothing of the tested images.")
    notes: list[str] = []
    lost = int((reference.mask & ~known)[:, keep].sum())
    if lost:
        notes.append(
            f"{lost:,} cells that {matched.other_name} does not tell are left out of the comparison"
            f" on both sides, so that both are measured on the same images."
        )
    reference = replace(
        reference,
        targets=reference.targets[:, keep],
        mask=known[:, keep],
        findings=tuple(reference.findings[f] for f in keep),
    )
    mine, theirs = mine[:, keep], theirs[:, keep]
    rows = known.any(1)
    few = too_few(reference)
    single = len(np.unique(reference.patients[rows])) == int(rows.sum())
    found: list[ModelComparison] = []
    for metric, name in METRICS.items():
        apart = compare(
            reference,
            mine,
            theirs,
            rng=np.random.default_rng([options.seed, _SEED]),
            metric=metric,
            samples=options.samples,
            level=options.level,
        )
        each = [
            without_intervals(one, why) if why else one
            for one, why in zip(apart.each, few, strict=True)
        ]
        exact: list[float | None] = []
        if single and metric == "auroc":
            for f in range(len(keep)):
                at = reference.mask[:, f]
                test = delong_compare(reference.targets[at, f], mine[at, f], theirs[at, f])
                exact.append(None if few[f] else test.p_value)
        found.append(
            ModelComparison(
                other=matched.other_name,
                metric=name,
                findings=tuple(matched.findings[f] for f in keep),
                each=tuple(each),
                p_holm=holm([one.p_value for one in each]),
                mean=apart.mean,
                delong=tuple(exact),
                notes=tuple(notes),
            )
        )
        tell()
    return tuple(found)
