"""What an appraisal found: plain frozen data that a page, a table or a test can read.

Every number is a :class:`hilum.evaluation.Measure`: without a value it says why. Arrays are
float64 or int64 and never hold NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation.averages import Averages
from hilum.evaluation.measure import Measure

if TYPE_CHECKING:
    from hilum.evaluation.abstention import ConformalSets, RiskCoverage
    from hilum.evaluation.calibration import CalibrationLine, DecisionCurve, Reliability
    from hilum.evaluation.comparison import Comparison
    from hilum.evaluation.confusion_table import ConfusionTable
    from hilum.evaluation.localisation import LocalisationResult
    from hilum.evaluation.operating import Confusion
    from hilum.evaluation.survival import KaplanMeier
    from hilum.evaluation.table_intervals import TableIntervals

Task = Literal["multi-label", "one-of"]

NO_PROBABILITIES = Measure(None, "the scores are no probabilities")


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A curve's corners, thinned to what a figure can show; the ends are kept.

    Attributes:
        x: ROC: 1 − specificity, rising; precision and recall: recall, rising. [corners]
        y: ROC: sensitivity; precision and recall: precision. [corners]
        thresholds: score from which a finding is called present at the corner; the first of a ROC
            curve, where nothing is, holds the highest score plus 1. [corners]
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    thresholds: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """How often each score was given, with and without the finding.

    Attributes:
        edges: of the bins, rising, [bins + 1].
        positives: images with the finding, [bins].
        negatives: images without it, [bins].
    """

    edges: NDArray[np.float64]
    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]


SHARES = (
    "sensitivity", "specificity", "ppv", "npv", "f1", "accuracy", "balanced_accuracy", "mcc",
    "lr_positive", "lr_negative",
)  # fmt: skip
"""Keys of :attr:`PointResult.shares`, in the order in which a table shows them."""


@dataclass(frozen=True, slots=True)
class PointResult:
    """Decisions at one threshold, counted on the test rows.

    Attributes:
        name: the rule: "youden", "sensitivity>=0.9", "specificity>=0.95", "cost 1:10", "given",
            "card"; one of a kind in a finding.
        threshold: of the probability; None where no threshold fulfils the rule.
        fixed_on: where the threshold was found: "tune", "bundle card" or "given"; never the rows
            that are tested.
        confusion: counts on the test rows; None without a threshold.
        shares: name of :data:`SHARES` → number with its interval by patient; empty without a
            threshold. Likelihood ratios are ≥ 0, MCC lies in [−1, 1], the others in [0, 1].
        exact: "sensitivity", "specificity", "ppv", "npv" → the same share with Wilson's interval,
            which takes images for independent; empty where a patient has several images.
        ppv_at: (prevalence, PPV restated for it, NPV restated for it), rising.
        reason: why there is no threshold.
    """

    name: str
    threshold: float | None
    fixed_on: Literal["tune", "bundle card", "given"]
    confusion: Confusion | None = None
    shares: Mapping[str, Measure] = field(default_factory=dict[str, Measure])
    exact: Mapping[str, Measure] = field(default_factory=dict[str, Measure])
    ppv_at: tuple[tuple[float, Measure, Measure], ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Needed:
    """How many cases an interval of a wished width needs.

    Attributes:
        measure: of what: "AUROC".
        width: of the whole interval, such as 0.05.
        positives: images with the finding, each of another patient.
        negatives: images without it, at the prevalence of the test rows.
        reason: why it cannot be said; counts are 0 then.
    """

    measure: str
    width: float
    positives: int
    negatives: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FindingResult:
    """Everything that is said of one finding.

    Attributes:
        finding: key of the vocabulary.
        name: as it is displayed.
        images: test images with a known state.
        patients: of them.
        positives: images with the finding.
        negatives: images without it.
        prevalence: positives / images, with its interval by patient.
        auroc: with its interval by patient.
        average_precision: with its interval by patient; read it beside the prevalence.
        auroc_delong: AUROC with DeLong's interval; None where a patient has several images.
        auroc_within: AUROC of pairs within one stratum; None without strata.
        confounded: words of warning where positives and negatives come from different sources, so
            that the AUROC may tell the source alone; empty where they do not.
        brier: with its interval by patient; undefined for scores that are no probabilities.
        brier_majority: of the prevalence said to everyone: what the Brier score must lie under.
        log_loss: likewise.
        ece: expected calibration error, bins of equal mass; see ``reliability.ece_if_calibrated``.
        line: slope and intercept of the calibration; None for scores that are no probabilities.
        reliability: None for scores that are no probabilities, or with one class alone.
        points: decisions, in the order in which they were asked for.
        roc: None with one class alone.
        precision_recall: None with one class alone.
        histogram: of the scores.
        decision_curve: net benefit; None for scores that are no probabilities.
        risk_coverage: errors against the share that is not abstained from; None likewise.
        conformal: a set of answers with a promised coverage, fixed on the tune rows; one a promise;
            empty without tune rows.
        needed: cases for an interval of a wished width.
        notes: what else must be said of this finding, a sentence each.
    """

    finding: str
    name: str
    images: int
    patients: int
    positives: int
    negatives: int
    prevalence: Measure
    auroc: Measure
    average_precision: Measure
    auroc_delong: Measure | None = None
    auroc_within: Measure | None = None
    confounded: str = ""
    brier: Measure = NO_PROBABILITIES
    brier_majority: Measure = NO_PROBABILITIES
    log_loss: Measure = NO_PROBABILITIES
    ece: Measure = NO_PROBABILITIES
    line: CalibrationLine | None = None
    reliability: Reliability | None = None
    points: tuple[PointResult, ...] = ()
    roc: Curve | None = None
    precision_recall: Curve | None = None
    histogram: Histogram | None = None
    decision_curve: DecisionCurve | None = None
    risk_coverage: RiskCoverage | None = None
    conformal: tuple[ConformalSets, ...] = ()
    needed: tuple[Needed, ...] = ()
    notes: tuple[str, ...] = ()


MetricMeans = Averages
"""One metric of all findings as one number: macro, weighted by positives, micro."""


@dataclass(frozen=True, slots=True)
class Means:
    """Means over the findings; the reason of each names what was undefined and why.

    Attributes:
        auroc: plain.
        average_precision: plain.
        auroc_within: macro mean of the AUROC within strata; None without strata.
        decisions: name of a point → name of a share ("f1", "sensitivity", …) → its means.
    """

    auroc: MetricMeans
    average_precision: MetricMeans
    auroc_within: Measure | None = None
    decisions: Mapping[str, Mapping[str, MetricMeans]] = field(
        default_factory=dict[str, "Mapping[str, MetricMeans]"]
    )


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """Which rows were tested, and which fixed the thresholds.

    Attributes:
        how: in words: "rows whose split is test; thresholds fixed on rows whose split is tune".
        test_images: tested.
        test_patients: of them.
        tune_images: on which thresholds and conformal sets were fixed; 0 without.
        tune_patients: of them.
        shared_patients: patients in both parts; not 0 means that the thresholds flatter.
        most_images: images of the patient with most of them, among the test rows.
    """

    how: str
    test_images: int
    test_patients: int
    tune_images: int = 0
    tune_patients: int = 0
    shared_patients: int = 0
    most_images: int = 1


@dataclass(frozen=True, slots=True)
class GroupFinding:
    """One finding in one group, against the rest.

    Attributes:
        finding: key.
        positives: in the group.
        negatives: in the group.
        auroc: in the group, with its interval by patient.
        rest: AUROC on all other test images with a known group.
        gap: group − rest, with its interval by patient.
        p_value: two-sided, of no gap; None where the gap is undefined.
        p_holm: corrected for all gaps of this appraisal (Holm 1979).
        sensitivity: in the group, at the first operating point; None without one.
        sensitivity_gap: group − rest; None likewise.
        specificity: likewise.
        specificity_gap: likewise.
        calibration: intercept of the group's calibration (in the large), 0 is right; None for
            scores that are no probabilities.
    """

    finding: str
    positives: int
    negatives: int
    auroc: Measure
    rest: Measure
    gap: Measure
    p_value: float | None = None
    p_holm: float | None = None
    sensitivity: Measure | None = None
    sensitivity_gap: Measure | None = None
    specificity: Measure | None = None
    specificity_gap: Measure | None = None
    calibration: Measure | None = None


@dataclass(frozen=True, slots=True)
class GroupResult:
    """One group of an attribute.

    Attributes:
        name: "40 to 60 years", "F", "AP", …
        images: test images in the group.
        patients: of them.
        findings: one a finding of the appraisal, in its order.
        mean: AUROC averaged over the findings that enough patients have, and have not, in the
            group and in the rest; its reason names the others.
        mean_gap: group − rest of that mean, with its interval by patient.
        p_value: of the mean gap.
        p_holm: corrected for the mean gaps of all groups.
    """

    name: str
    images: int
    patients: int
    findings: tuple[GroupFinding, ...]
    mean: Measure
    mean_gap: Measure
    p_value: float | None = None
    p_holm: float | None = None


@dataclass(frozen=True, slots=True)
class SubgroupResult:
    """How far the groups of one attribute differ.

    Attributes:
        attribute: "age", "sex", "view", "source", "visit", or a column's name.
        groups: in the order in which a table shows them.
        unknown: test images whose group is not known; in no group.
        point: name of the operating point behind sensitivity and specificity; empty without.
        words: how the groups were made, and what was left out.
    """

    attribute: str
    groups: tuple[GroupResult, ...]
    unknown: int = 0
    point: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What can be had without looking at a picture; the model must lie above it.

    Attributes:
        name: "majority", "metadata", "source".
        words: what it is made from and how.
        auroc: one a finding, in the appraisal's order.
        mean: of those that are defined.
        gain: model − baseline a finding, paired by patient; undefined where either is.
        mean_gain: of the means.
        accuracy: share of right answers of the commoner one, one a finding; majority alone, empty
            otherwise.
    """

    name: str
    words: str
    auroc: tuple[Measure, ...]
    mean: Measure
    gain: tuple[Comparison, ...] = ()
    mean_gain: Comparison | None = None
    accuracy: tuple[Measure, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """This model (A) against another (B) on the same images.

    Attributes:
        other: name of the other model.
        metric: "AUROC" or "average precision".
        findings: keys that both know, in the appraisal's order.
        each: one a finding of ``findings``: A − B, paired by patient.
        p_holm: one a finding, corrected for all of them; None where there is no p-value.
        mean: of the means.
        delong: p-value of DeLong's paired test a finding; empty where a patient has several images.
        notes: what could not be compared, a sentence each.
    """

    other: str
    metric: str
    findings: tuple[str, ...]
    each: tuple[Comparison, ...]
    p_holm: tuple[float | None, ...]
    mean: Comparison
    delong: tuple[float | None, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TailGroup:
    """Findings as common as each other, as NIH-CXR-LT groups them.

    Attributes:
        name: "head", "middle", "tail".
        findings: keys in it.
        balanced_accuracy: mean over them of the share of a class that was recognised (one-of), or
            of (sensitivity + specificity) / 2 (multi-label).
        auroc: mean over those that are defined.
        average_precision: likewise.
    """

    name: str
    findings: tuple[str, ...]
    balanced_accuracy: Measure
    auroc: Measure
    average_precision: Measure


@dataclass(frozen=True, slots=True)
class TailResult:
    """How well common and rare findings are recognised.

    Attributes:
        groups: head, middle, tail.
        words: which counts grouped the findings, and from which limits on.
        point: name of the operating point behind the balanced accuracy; empty for one-of.
    """

    groups: tuple[TailGroup, ...]
    words: str
    point: str = ""


@dataclass(frozen=True, slots=True)
class SurvivalResult:
    """How far a risk tells who died, and when.

    Attributes:
        finding: key of the score that is taken as the risk.
        patients: one image each: the earliest (words say which was taken).
        events: deaths among them.
        groups: names of the risk groups, low to high.
        curves: a Kaplan–Meier curve a group.
        logrank: p-value that the groups do not differ; None where undefined.
        covariates: AUROC of the covariates alone (out of fold).
        with_score: AUROC of covariates and score together (out of fold).
        gain: with_score − covariates.
        words: how groups were made, which image of a patient counts, who was left out.
    """

    finding: str
    patients: int
    events: int
    groups: tuple[str, ...]
    curves: tuple[KaplanMeier, ...]
    logrank: float | None
    covariates: Measure
    with_score: Measure
    gain: Measure
    words: str


@dataclass(frozen=True, slots=True)
class Input:
    """A file or bundle that went in.

    Attributes:
        role: "predictions", "labels", "other model", "bundle", "images", "boxes".
        name: of the file, without its folder.
        sha256: of its content; empty where it has none of its own.
        words: what else is known of it.
    """

    role: str
    name: str
    sha256: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Appraisal:
    """How good a model is, how sure that is, and where it fails.

    Attributes:
        title: name of the model or of the predictions.
        task: "multi-label" or "one-of".
        images: tested.
        patients: of them.
        findings: one a finding.
        means: over the findings.
        split: which rows were tested and tuned on.
        strata_name: column whose values the AUROC within strata keeps apart; empty without.
        probabilities: whether the scores are probabilities, so that calibration can be asked for.
        warnings: what makes numbers here misleading, a sentence each; to be shown first.
        notes: everything left out or assumed, with counts, a sentence each.
        subgroups: one an attribute.
        baselines: majority, and what else the table allows.
        comparisons: with another model, one a metric; empty without.
        table: confusion table of a one-of task; None otherwise.
        answers: its numbers with intervals by patient; None likewise.
        tail: None where no counts of training are known and none were asked for.
        survival: None without days.
        localisation: None without boxes.
        samples: bootstrap draws.
        level: of all intervals.
        seed: of all chance.
        inputs: files and bundles that went in, with digests.
        version: of Hilum.
    """

    title: str
    task: Task
    images: int
    patients: int
    findings: tuple[FindingResult, ...]
    means: Means
    split: SplitFacts
    strata_name: str = ""
    probabilities: bool = True
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    subgroups: tuple[SubgroupResult, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    comparisons: tuple[ModelComparison, ...] = ()
    table: ConfusionTable | None = None
    answers: TableIntervals | None = None
    tail: TailResult | None = None
    survival: SurvivalResult | None = None
    localisation: LocalisationResult | None = None
    samples: int = 2000
    level: float = 0.95
    seed: int = 0
    inputs: tuple[Input, ...] = ()
    version: str = ""
