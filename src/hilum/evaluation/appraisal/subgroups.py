"""Groups of images against the rest: where a model is worse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import EvaluationError
from hilum.evaluation.appraisal.clustered import (
    Part,
    auroc_part,
    gap,
    mean_part,
    share_part,
    stated,
)
from hilum.evaluation.appraisal.findings import CERTAIN
from hilum.evaluation.appraisal.matched import Matched
from hilum.evaluation.appraisal.options import Options
from hilum.evaluation.appraisal.results import GroupFinding, GroupResult, SubgroupResult
from hilum.evaluation.discrimination import measured, undefined
from hilum.evaluation.logistic import fit_line
from hilum.evaluation.measure import Measure
from hilum.evaluation.multiplicity import holm

BANDS = ((0, "under 18 years"), (18, "18 to 39 years"), (40, "40 to 59 years"),
         (60, "60 to 79 years"), (80, "80 years and more"))  # fmt: skip
OLDEST = 120
MOST = 12
"""Groups of an attribute; the largest are kept."""

USUAL = ("age", "sex", "view", "source", "visit")


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """Which group each image is in.

    Attributes:
        attribute: "age", "sex", …
        names: of the groups, in the order of a table.
        number: int64 [images]; -1 where it is not known or left out.
        words: how groups were made.
    """

    attribute: str
    names: tuple[str, ...]
    number: NDArray[np.int64]
    words: str = ""


def groupings(matched: Matched, wanted: tuple[str, ...] | None) -> Iterator[Grouping]:
    """The groupings that are asked for, of all rows; those with fewer than two groups left out.

    Raises:
        EvaluationError: an attribute that the label table does not tell.
    """
    for name in USUAL if wanted is None else wanted:
        column = "age_years" if name == "age" else name
        if column not in matched.attributes:
            if wanted is None:
                continue
            raise EvaluationError(
                f"The label table has no column for the subgroups of {name!r}; leave it out."
            )
        values = matched.attributes[column]
        if column == "age_years":
            found = _ages(values)
        elif name == "visit":
            found = _visits(values)
        elif values.dtype.kind == "f":
            raise EvaluationError(f"Subgroups need few values; {name!r} holds numbers.")
        else:
            found = _values(name, values, matched.tested)
        there = np.unique(found.number[matched.tested & (found.number >= 0)])
        if len(there) > 1:
            yield found


def _ages(years: NDArray[np.float64]) -> Grouping:
    starts = np.array([start for start, _ in BANDS])
    known = np.isfinite(years) & (years >= 0) & (years <= OLDEST)
    at = np.searchsorted(starts, np.where(known, years, 0.0), "right") - 1
    words = "Age when the image was made; ages below 0 and above 120 are taken for unknown."
    return Grouping("age", tuple(n for _, n in BANDS), np.where(known, at, -1), words)


def _visits(values: NDArray[Any]) -> Grouping:
    texts = values.astype(str)
    known = texts != ""
    numbers = np.where(known, texts, "0").astype(np.float64)
    first = numbers[known].min() if known.any() else 0.0
    number = np.where(known, (numbers > first).astype(np.int64), -1)
    words = f"First visit: the lowest number in the table ({first:g})."
    return Grouping("visit", ("first visit", "later visits"), number, words)


def _values(name: str, values: NDArray[Any], tested: NDArray[np.bool_]) -> Grouping:
    kinds, number = np.unique(values.astype(str), return_inverse=True)
    counts = np.bincount(number[tested], minlength=len(kinds))
    there = np.argsort(-counts, kind="stable")[: int((counts > 0).sum())]
    order = [int(k) for k in there if kinds[k] != ""]
    kept = sorted(order[:MOST])
    place = np.full(len(kinds), -1)
    place[kept] = np.arange(len(kept))
    left = order[MOST:]
    words = ""
    if left:
        images = int(counts[left].sum())
        words = f"{len(left)} smaller groups with {images:,} images are left out."
    return Grouping(name, tuple(str(kinds[k]) for k in kept), place[number], words)


def subgroups(
    matched: Matched,
    options: Options,
    thresholds: NDArray[np.float64],
    point: str,
    tell: Callable[[], None] = lambda: None,
) -> tuple[SubgroupResult, ...]:
    """Every group of every attribute against the rest of the tested images.

    Args:
        matched: rows.
        options: which attributes; the level of intervals.
        thresholds: one a finding, NaN for none.
        point: name of their operating point.
        tell: called after each attribute.

    Returns:
        One an attribute. P-values are corrected for all gaps of all attributes together (Holm
        1979); where an attribute has two groups, whose gaps mirror each other, they count once.
    """
    tested = matched.tested
    patients = np.unique(matched.patients[tested].astype(str), return_inverse=True)[1]
    rows = _Rows(
        targets=matched.targets[tested],
        mask=matched.mask[tested],
        scores=matched.scores[tested],
        patients=patients.astype(np.int64),
        groups=int(patients.max()) + 1,
        thresholds=thresholds,
        findings=matched.findings,
        probabilities=matched.probabilities,
        level=options.level,
    )
    found: list[SubgroupResult] = []
    for grouping in groupings(matched, options.subgroups):
        number = grouping.number[tested]
        groups = tuple(
            _group(rows, name, number == at, (number >= 0) & (number != at))
            for at, name in enumerate(grouping.names)
            if (number == at).any()
        )
        unknown = int((number < 0).sum())
        found.append(SubgroupResult(grouping.attribute, groups, unknown, point, grouping.words))
        tell()
    return _corrected(found)


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    targets: NDArray[np.bool_]
    mask: NDArray[np.bool_]
    scores: NDArray[np.float64]
    patients: NDArray[np.int64]
    groups: int
    thresholds: NDArray[np.float64]
    findings: tuple[str, ...]
    probabilities: bool
    level: float

    def auroc(self, f: int, rows: NDArray[np.bool_]) -> Part:
        rows = rows & self.mask[:, f]
        return auroc_part(
            self.targets[rows, f], self.scores[rows, f], self.patients[rows], self.groups
        )

    def share(self, f: int, rows: NDArray[np.bool_], *, present: bool) -> Part:
        """Sensitivity, or specificity, at the first operating point."""
        rows = rows & self.mask[:, f] & (self.targets[:, f] == present)
        right = (self.scores[rows, f] >= self.thresholds[f]) == present
        words = "no positive" if present else "no negative"
        return share_part(right, self.patients[rows], self.groups, words)

    def shift(self, f: int, rows: NDArray[np.bool_]) -> Measure:
        """Intercept of the calibration with the slope held at 1."""
        rows = rows & self.mask[:, f]
        truth = self.targets[rows, f]
        reason = undefined(truth)
        if reason:
            return measured(truth, np.nan, reason)
        values = np.clip(self.scores[rows, f], CERTAIN, 1 - CERTAIN)
        odds = np.log(values) - np.log1p(-values)
        at = np.zeros(len(odds), np.int64)
        return measured(truth, float(fit_line(odds, truth.astype(float), at, slope=1.0)[1][0]))


def _group(
    rows: _Rows, name: str, inside: NDArray[np.bool_], outside: NDArray[np.bool_]
) -> GroupResult:
    findings: list[GroupFinding] = []
    pairs: list[tuple[Part, Part]] = []
    for f, key in enumerate(rows.findings):
        mine, theirs = rows.auroc(f, inside), rows.auroc(f, outside)
        pairs.append((mine, theirs))
        apart, p_value = gap(mine, theirs, rows.level)
        found = GroupFinding(
            finding=key,
            positives=mine.measure.positives,
            negatives=mine.measure.negatives,
            auroc=stated(mine, rows.level),
            rest=stated(theirs, rows.level),
            gap=apart,
            p_value=p_value,
            calibration=rows.shift(f, inside) if rows.probabilities else None,
        )
        findings.append(_with_decisions(rows, f, (inside, outside), found))
    mean, mean_gap, p_value = _means(rows, pairs)
    return GroupResult(
        name=name,
        images=int(inside.sum()),
        patients=len(np.unique(rows.patients[inside])),
        findings=tuple(findings),
        mean=mean,
        mean_gap=mean_gap,
        p_value=p_value,
    )


def _means(rows: _Rows, pairs: list[tuple[Part, Part]]) -> tuple[Measure, Measure, float | None]:
    """Mean AUROC in the group, its gap to the rest, and the p-value.

    Findings that have too few patients on either side are left out of both, and named.
    """
    kept = [i for i, pair in enumerate(pairs) if not any(part.few for part in pair)]
    if not kept:
        nothing = Measure(None, "no finding has enough patients here and in the rest")
        return nothing, nothing, None
    names = tuple(rows.findings[i] for i in kept)
    mean, rest = (mean_part([pairs[i][side] for i in kept], names) for side in (0, 1))
    apart, p_value = gap(mean, rest, rows.level)
    lost = [key for i, key in enumerate(rows.findings) if i not in kept]
    reason = f"mean of {len(kept)} of {len(pairs)}; too few patients: {', '.join(lost)}"
    if not lost:
        reason = ""
    return (
        replace(stated(mean, rows.level), reason=reason),
        replace(apart, reason="; ".join(r for r in (reason, apart.reason) if r)),
        p_value,
    )


def _with_decisions(
    rows: _Rows,
    f: int,
    parts: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    found: GroupFinding,
) -> GroupFinding:
    """With sensitivity and specificity at the first operating point, where there is one."""
    if not np.isfinite(rows.thresholds[f]):
        return found
    sensitivity, of_rest = (rows.share(f, part, present=True) for part in parts)
    specificity, of_other = (rows.share(f, part, present=False) for part in parts)
    return replace(
        found,
        sensitivity=stated(sensitivity, rows.level),
        sensitivity_gap=gap(sensitivity, of_rest, rows.level)[0],
        specificity=stated(specificity, rows.level),
        specificity_gap=gap(specificity, of_other, rows.level)[0],
    )


def _corrected(found: list[SubgroupResult]) -> tuple[SubgroupResult, ...]:
    """The same with p-values corrected for all gaps, and for all mean gaps."""

    def once(result: SubgroupResult) -> int:
        return 1 if len(result.groups) == 2 else len(result.groups)

    gaps = [
        one.p_value
        for result in found
        for group in result.groups[: once(result)]
        for one in group.findings
    ]
    means = [group.p_value for result in found for group in result.groups[: once(result)]]
    each, mean = iter(holm(gaps)), iter(holm(means))
    corrected: list[SubgroupResult] = []
    for result in found:
        groups: list[GroupResult] = []
        for group in result.groups[: once(result)]:
            findings = tuple(replace(one, p_holm=next(each)) for one in group.findings)
            groups.append(replace(group, findings=findings, p_holm=next(mean)))
        for group in result.groups[once(result) :]:
            mirrored = zip(group.findings, groups[0].findings, strict=True)
            findings = tuple(replace(one, p_holm=other.p_holm) for one, other in mirrored)
            groups.append(replace(group, findings=findings, p_holm=groups[0].p_holm))
        corrected.append(replace(result, groups=tuple(groups)))
    return tuple(corrected)
