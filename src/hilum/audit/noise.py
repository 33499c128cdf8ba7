"""How many labels may be wrong: an estimate, by confident learning.

Source: Northcutt, Jiang and Chuang 2021, Confident Learning: Estimating Uncertainty in Dataset
Labels, § 3. That estimate counts what the scores cannot tell apart as well, and so decides nothing;
what decides is how much of one kind lies among the surest of the other: Blanchard, Lee and Scott
2010, Semi-Supervised Novelty Detection, § 4 (a bound on the share of one distribution in another).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from hilum.audit.columns import Asked, Column, for_all, measure
from hilum.audit.limits import NOISE_FROM, NOISE_WARNS, SUREST
from hilum.audit.sources import Hanging
from hilum.audit.subject import Case, name_of
from hilum.audit.verdict import Checked, Outcome, Table, Verdict
from hilum.domain.text import first_few
from hilum.evaluation import Measure, bootstrap

LISTED = 200
"""Rows of each finding that the table names at most."""
_TITLE = "How many labels may be wrong? (an estimate)"


@dataclass(frozen=True, slots=True, eq=False)
class Noise:
    """An estimate of label noise.

    Attributes:
        share: of labels that are wrong, 0 to 1.
        missed: of images without the label, those that have the finding after all.
        invented: of images with the label, those that have not.
        doubtful: numbers of the images whose label is doubted, the most doubtful first.
    """

    share: float
    missed: float
    invented: float
    doubtful: NDArray[np.int64]


def confident(
    targets: NDArray[np.bool_],
    probabilities: NDArray[np.float64],
    weights: NDArray[np.int32] | None = None,
) -> Noise | None:
    """Confident learning for a finding that is there or not.

    An image counts as present when its probability reaches the mean probability of the images
    labelled present, as absent when the opposite probability reaches that of those labelled
    absent, and as the likelier of both when it reaches both. Counts that contradict the label,
    calibrated to the number of labels of each kind, are the noise.

    Args:
        targets: labels, [n].
        probabilities: out of sample, [n] in [0, 1].
        weights: how often each image counts, [n].

    Returns:
        None where a class is empty, or no image of it counts as anything.
    """
    w = np.ones(len(targets)) if weights is None else weights.astype(np.float64)
    up, down = w * targets, w * ~targets
    if not up.sum() or not down.sum():
        return None
    p = probabilities
    from_up, from_down = float(up @ p / up.sum()), float(down @ (1 - p) / down.sum())
    high, low = p >= from_up, (1 - p) >= from_down
    present = high & (~low | (p >= 0.5))
    absent = low & ~present
    joint = np.array([[down @ absent, down @ present], [up @ absent, up @ present]], np.float64)
    counted = joint.sum(axis=1)
    if not counted.all():
        return None
    missed, invented = joint[0, 1] / counted[0], joint[1, 0] / counted[1]
    total = w.sum()
    odd = np.flatnonzero((targets & absent) | (~targets & present))
    margin = np.where(targets, 2 * p - 1, 1 - 2 * p)[odd]
    return Noise(
        share=float((missed * down.sum() + invented * up.sum()) / total),
        missed=float(missed),
        invented=float(invented),
        doubtful=odd[np.argsort(margin, kind="stable")],
    )


def among_the_surest(
    targets: NDArray[np.bool_],
    scores: NDArray[np.float64],
    weights: NDArray[np.int32] | None = None,
) -> float | None:
    """Share of labels that contradict scores as sure as those of the surest of the other label.

    If a share of the images labelled present were in truth absent, as large a share of the surest
    quarter of absent ones would stand below that quarter's limit. Scores that merely overlap put
    few there: with two normal distributions and perfect labels .06 at an AUROC of .85, .01 at .92.

    Args:
        targets: labels, [n].
        scores: out of sample, higher for more suspicion, [n].
        weights: how often each image counts, [n]; limits are those without weights.

    Returns:
        0 to 1; None where a class is empty.
    """
    w = np.ones(len(targets)) if weights is None else weights.astype(np.float64)
    up, down = w * targets, w * ~targets
    if not up.sum() or not down.sum():
        return None
    low = scores <= np.quantile(scores[~targets], SUREST)
    high = scores >= np.quantile(scores[targets], 1 - SUREST)
    if not down @ low or not up @ high:
        return None
    invented = min(1.0, (up @ low / up.sum()) / (down @ low / down.sum()))
    missed = min(1.0, (down @ high / down.sum()) / (up @ high / up.sum()))
    return float((invented * up.sum() + missed * down.sum()) / w.sum())


def of_perfect_labels(auroc: float, prevalence: float) -> float | None:
    """The estimate that perfect labels would give, scores being no better than these.

    Two normal distributions of one width lie as far apart as the AUROC tells; calibrated scores of
    both are taken at even quantiles. So much of an estimate is the model's own doing.

    Args:
        auroc: above 0.5 and below 1.
        prevalence: share of images with the finding, in (0, 1).
    """
    if not 0.5 < auroc < 1:
        return None
    normal = NormalDist()
    apart = 2**0.5 * normal.inv_cdf(auroc)
    counts = [max(2, round(4000 * share)) for share in (prevalence, 1 - prevalence)]
    quantiles = [[normal.inv_cdf((i + 0.5) / n) for i in range(n)] for n in counts]
    scores = np.concatenate([np.array(quantiles[0]) + apart, np.array(quantiles[1])])
    odds = apart * scores - apart**2 / 2 + np.log(counts[0] / counts[1])
    found = confident(np.repeat([True, False], counts), 1 / (1 + np.exp(-odds)))
    return None if found is None else found.share


def check(case: Case, hanging: Mapping[str, Hanging]) -> Checked:
    """Label noise of every finding whose scores are good enough for an estimate.

    Args:
        case: what is audited.
        hanging: scores of a finding whose AUROC is refused tell sources, not labels.
    """
    columns = case.model or case.whole
    if not columns:
        words = "There are no out-of-fold scores: give predictions, or a bundle and pictures."
        return Checked((Verdict("label-noise", _TITLE, "not asked", words),))
    weak, found, rows = [], [], []
    for key in case.findings:
        if key not in columns or (key in hanging and hanging[key].refused):
            continue
        column = columns[key]
        at = case.rows(key, column)
        truth, patients = case.target(key)[at], case.patients[at]
        asked = Asked(at, truth, patients)
        how = {"samples": case.options.samples, "level": case.options.level}
        good = measure(asked, column, rng=case.options.rng(), **how)
        probabilities = _probabilities(case, key, column, at)
        noise = None if probabilities is None else confident(truth, probabilities)
        if noise is None or probabilities is None or (good.low or 0.0) < NOISE_FROM:
            weak.append(name_of(key))
            continue
        share = bootstrap(
            lambda w, t=truth, p=probabilities: None if (n := confident(t, p, w)) is None
            else n.share,
            patients, rng=case.options.rng(), **how,
        )  # fmt: skip
        surest = bootstrap(
            lambda w, t=truth, p=probabilities: among_the_surest(t, p, w),
            patients, rng=case.options.rng(), **how,
        )  # fmt: skip
        perfect = of_perfect_labels(good.value or 0.5, float(truth.mean()))
        found.append(_Estimate(key, share, surest, noise, len(truth), perfect))
        rows += [
            (str(case.subject.table.images[at[i]]), key, "present" if truth[i] else "absent",
             float(probabilities[i]))
            for i in noise.doubtful[:LISTED].tolist()
        ]  # fmt: skip
    if not found and case.model and case.subject.scores and not case.subject.scores.probabilities:
        words = "Scores that are no probabilities say nothing of how sure the model is."
        return Checked((Verdict("label-noise", _TITLE, "not asked", words),))
    if not found:
        words = (
            f"No finding is told well enough: the interval of its AUROC must lie above "
            f"{NOISE_FROM} for an estimate to mean anything, and not be refused."
            + (f" Too weak: {first_few(weak, quoted=False)}." if weak else "")
        )
        return Checked((Verdict("label-noise", _TITLE, "not asked", words),))
    return Checked((_verdict(found, weak),), _tables(found, rows))


def _probabilities(
    case: Case, key: str, column: Column, rows: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """Scores as probabilities: those of a probe go through the logistic function.

    None where the model's scores are of another kind.
    """
    values = column.mean()[rows]
    scores = case.subject.scores
    if scores is not None and key in scores.findings and case.model:
        return values if scores.probabilities else None
    return 1 / (1 + np.exp(-np.clip(values, -50, 50)))


@dataclass(frozen=True, slots=True, eq=False)
class _Estimate:
    """What is estimated of one finding."""

    finding: str
    share: Measure
    surest: Measure
    noise: Noise
    images: int
    perfect: float | None


def _verdict(found: list[_Estimate], weak: list[str]) -> Verdict:
    # both are bounds from above: each counts what the other lets pass
    bounds = [(f, for_all(min(f.share, f.surest, key=lambda m: m.value or 0.0), len(found)))
              for f in found]  # fmt: skip
    most, bound = max(bounds, key=lambda b: b[1].low or 0.0)
    name = name_of(most.finding)
    high = (bound.low or 0.0) >= NOISE_WARNS
    outcome: Outcome = "warns" if high else "passes"
    words = (
        f"The most is estimated for {name}, over {most.images:,} images: {most.surest} of its "
        f"labels contradict scores as sure as those of the other label's surest quarter. A model's "
        f"own sure errors count as well, so this is a bound more than a measurement. Confident "
        f"learning doubts {most.noise.invented:.0%} of labels 'present' and "
        f"{most.noise.missed:.0%} of 'absent', {most.share.value or 0.0:.3f} in all"
        + (
            f"; it would doubt about {most.perfect:.3f} of perfect labels too, with scores of this "
            f"AUROC."
            if most.perfect is not None
            else "."
        )
    )
    if weak:
        words += f" Not estimated, scores too weak: {first_few(weak, quoted=False)}."
    advice = "Have doubtful-labels.csv read again, the first rows first." if high else ""
    return Verdict("label-noise", _TITLE, outcome, words, advice, bound,
                   f"estimated share of wrong labels, {name}")  # fmt: skip


def _tables(found: list[_Estimate], rows: list[tuple[str, str, str, float]]) -> tuple[Table, ...]:
    summed = tuple(
        (
            f.finding,
            f.images,
            f.share.value,
            f.share.low,
            f.share.high,
            f.perfect,
            f.surest.value,
            f.surest.low,
            f.surest.high,
            f.noise.missed,
            f.noise.invented,
            len(f.noise.doubtful),
        )
        for f in found
    )
    return (
        Table("label-noise", "Estimated share of wrong labels, by confident learning.",
              ("finding", "images", "share", "low", "high", "with_perfect_labels",
               "among_the_surest", "among_the_surest_low", "among_the_surest_high", "of_absent",
               "of_present", "doubtful"),
              summed),
        Table("doubtful-labels", f"Labels most worth a second look, at most {LISTED} a finding.",
              ("image", "finding", "label", "probability"), tuple(rows), private=True),
    )  # fmt: skip
