"""Appraisals made by hand from drawn scores, so that every part of the page has something."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hilum.domain import finding
from hilum.domain.boxes import Boxes
from hilum.evaluation import (
    ConfusionTable,
    Measure,
    Reference,
    TableIntervals,
    auroc,
    average_precision,
    brier,
    calibration_slope_intercept,
    confusion,
    kaplan_meier,
    mean_of,
    table_intervals,
    wilson,
)
from hilum.evaluation.abstention import conformal, judge_sets, risk_coverage
from hilum.evaluation.appraisal import results as r
from hilum.evaluation.calibration import decision_curve, reliability
from hilum.evaluation.comparison import Comparison
from hilum.evaluation.localisation import LocalisationResult, PredictedBoxes, appraise
from hilum.report.evaluation import write

KEYS = ("effusion", "mass", "hernia")
IMAGES = 240
GROUPS = (("under <40> years", 90), ("=40 and over", 140))


def around(value: float, width: float = 0.04) -> Measure:
    return Measure(value, low=value - width, high=value + width, samples=200, positives=40,
                   negatives=200)  # fmt: skip


def compared(a: float, b: float) -> Comparison:
    return Comparison(around(a), around(b), around(a - b, 0.02), 0.0123)


def curve(x, y, scores) -> r.Curve:
    return r.Curve(np.asarray(x, float), np.asarray(y, float), np.asarray(scores, float))


def point(name: str, threshold: float, truth, said) -> r.PointResult:
    c = confusion(truth, said >= threshold)
    shares = {share: getattr(c, share) for share in r.SHARES}
    shares["sensitivity"] = wilson(c.tp, c.tp + c.fn)
    at = ((0.02, around(0.1), around(0.99, 0.005)),)
    return r.PointResult(name, threshold, "tune", c, shares,
                         {"sensitivity": wilson(c.tp, c.tp + c.fn)}, at)  # fmt: skip


def of_finding(key: str, truth, said) -> r.FindingResult:
    from sklearn.metrics import precision_recall_curve, roc_curve

    x, y, cuts = roc_curve(truth, said, drop_intermediate=False)
    precision, recall, at = precision_recall_curve(truth, said)
    edges = np.linspace(0, 1, 21)
    rule = conformal(truth[::2], said[::2])
    return r.FindingResult(
        finding=key,
        name=finding(key).name,
        images=len(truth),
        patients=len(truth) - 20,
        positives=int(truth.sum()),
        negatives=int((~truth).sum()),
        prevalence=wilson(int(truth.sum()), len(truth)),
        auroc=replace(auroc(truth, said), low=0.7, high=0.95, samples=200),
        auroc_within=around(0.71),
        auroc_delong=around(0.8),
        average_precision=replace(average_precision(truth, said), low=0.2, high=0.8),
        brier=brier(truth, said),
        brier_majority=around(0.15, 0.01),
        ece=reliability(truth, said).ece,
        line=calibration_slope_intercept(truth, said),
        reliability=reliability(truth, said),
        points=(point("youden", 0.4, truth, said), point("sensitivity>=0.9", 0.2, truth, said)),
        roc=curve(x, y, np.append(said.max() + 1, cuts[1:])),
        precision_recall=curve(recall[::-1], precision[::-1], np.append(at, 1)[::-1]),
        histogram=r.Histogram(
            edges, np.histogram(said[truth], edges)[0], np.histogram(said[~truth], edges)[0]
        ),
        decision_curve=decision_curve(truth, said),
        risk_coverage=risk_coverage(truth, said),
        conformal=(judge_sets(rule, truth[1::2], said[1::2]),),
        needed=(r.Needed("AUROC", 0.1, 150, 900),),
        notes=("A note on <this> finding.",),
    )


def none_of(key: str) -> r.FindingResult:
    why = Measure(None, "no positive", negatives=IMAGES)
    return r.FindingResult(
        finding=key, name=finding(key).name, images=IMAGES, patients=220, positives=0,
        negatives=IMAGES, prevalence=wilson(0, IMAGES), auroc=why, average_precision=why,
        auroc_within=why,
        points=(r.PointResult("youden", None, "tune", reason="one class alone on the tune rows"),),
    )  # fmt: skip


def group(name: str, images: int, value: float) -> r.GroupResult:
    none = Measure(None, "no positive")
    each = [
        r.GroupFinding(key, 20, 70, around(value), around(0.8), around(value - 0.8), 0.01, 0.04,
                       around(0.7), around(-0.05), around(0.8), around(0.02), around(0.1))
        for key in KEYS[:2]
    ]  # fmt: skip
    each.append(r.GroupFinding(KEYS[2], 0, 90, none, none, none))
    return r.GroupResult(name, images, images - 10, tuple(each), around(value),
                         around(value - 0.8), 0.012, 0.024)  # fmt: skip


def survival() -> r.SurvivalResult:
    rng = np.random.default_rng(3)
    days = np.ceil(rng.exponential(60, 60))
    died = rng.random(60) < 0.6
    groups = np.repeat(["low", "high"], 30)
    days[30:] = np.ceil(days[30:] / 3)
    found = kaplan_meier(days, died, groups)
    by_name = {k.group: k for k in found}
    names = ("low", "high")
    return r.SurvivalResult(
        "effusion", 60, int(died.sum()), names, tuple(by_name[n] for n in names), 0.0004,
        around(0.6), around(0.7), around(0.1), "Groups at the median; the earliest image counts.",
    )  # fmt: skip


def boxes() -> LocalisationResult:
    """A third of the boxes found, a box too many on one image, none of hernia."""
    rng = np.random.default_rng(5)
    row, box = np.arange(30), np.tile([50.0, 60.0, 40.0, 30.0], (30, 1))
    drawn = Boxes(row, np.array(["effusion"] * 30), box, np.ones(60, bool))
    said = box.copy()
    said[10:, 0] += 60.0
    shown = PredictedBoxes(row, np.array(["effusion"] * 30), said, rng.random(30))
    return appraise(drawn, shown, ("effusion", "hernia"), np.arange(60) // 2, rng,
                    sizes=np.full((60, 2), 200), samples=50)  # fmt: skip


def rates(macro: Measure) -> r.MetricMeans:
    return r.MetricMeans(macro, around(0.81), around(0.85))


@pytest.fixture(scope="session")
def appraisal() -> r.Appraisal:
    """Three findings, one of them undefined, and every section that a page can have."""
    rng = np.random.default_rng(1)
    found = []
    for key, prevalence in zip(KEYS[:2], (0.3, 0.1), strict=True):
        truth = rng.random(IMAGES) < prevalence
        odds = rng.normal(size=IMAGES) + 2 * truth - 1.5
        found.append(of_finding(key, truth, 1 / (1 + np.exp(-odds))))
    found.append(none_of(KEYS[2]))
    named = [f.name for f in found]
    macro = replace(mean_of([f.auroc for f in found], named), low=0.74, high=0.9)
    gains = tuple(compared(0.8, 0.6) for _ in KEYS)
    others = [compared(0.8, 0.78), compared(0.7, 0.75)]
    return r.Appraisal(
        title="A <model> & its scores",
        task="multi-label",
        images=IMAGES,
        patients=220,
        findings=tuple(found),
        means=r.Means(
            rates(macro), rates(mean_of([f.average_precision for f in found], named)),
            around(0.7), {"youden": {"f1": rates(around(0.5)), "sensitivity": rates(around(0.7))}},
        ),
        split=r.SplitFacts("rows whose split is test; thresholds fixed on rows whose split is tune",
                           IMAGES, 220, 100, 90, 0, 4),
        strata_name="road",
        warnings=("The scores follow the road.",),
        notes=("3 images of the predictions are not in the labels: left out.",),
        subgroups=(
            r.SubgroupResult("age", tuple(group(n, k, v) for (n, k), v in
                                          zip(GROUPS, (0.75, 0.82), strict=True)), 10, "youden",
                             "Groups of equal width."),
        ),
        baselines=(
            r.Baseline("majority", "the commoner answer", (around(0.5, 0),) * 3, around(0.5, 0),
                       accuracy=(wilson(160, 240),) * 3),
            r.Baseline("metadata", "age and sex, out of fold", (around(0.6),) * 3, around(0.6),
                       gains, compared(0.8, 0.6)),
        ),
        comparisons=(
            r.ModelComparison("other.csv", "AUROC", KEYS[:2], tuple(others), (0.02, None),
                              compared(0.75, 0.76), notes=("Hernia is not known there.",)),
        ),
        tail=r.TailResult((r.TailGroup("head", KEYS[:1], around(0.7), around(0.8), around(0.4)),
                           r.TailGroup("tail", (), *(Measure(None, "no finding"),) * 3)),
                          "By counts of training.", "youden"),
        survival=survival(),
        localisation=boxes(),
        samples=200,
        seed=7,
        inputs=(r.Input("predictions", "scores.csv", "ab" * 32), r.Input("labels", "labels.csv")),
        version="0.1.0",
    )  # fmt: skip


def answered(counts) -> TableIntervals:
    """The numbers of a confusion table, drawn by patient."""
    truth, said = (
        np.repeat(side, counts.ravel()) for side in np.indices(counts.shape).reshape(2, -1)
    )
    reference = Reference.of(np.eye(3, dtype=bool)[truth], np.arange(len(truth)), findings=KEYS)
    return table_intervals(reference, said, rng=np.random.default_rng(2), samples=50)


@pytest.fixture(scope="session")
def one_of(appraisal: r.Appraisal) -> r.Appraisal:
    """One of three classes, without probabilities, points or anything beside."""
    counts = np.array([[30, 5, 0], [4, 50, 6], [1, 2, 0]])
    return r.Appraisal(
        title="classes", task="one-of", images=98, patients=98,
        findings=tuple(replace(f, points=(), notes=()) for f in appraisal.findings),
        means=r.Means(rates(around(0.8)), rates(around(0.5))),
        split=r.SplitFacts("all rows", 98, 98), probabilities=False,
        table=ConfusionTable(counts, KEYS), answers=answered(counts), version="0.1.0",
    )  # fmt: skip


@pytest.fixture(scope="session")
def page(appraisal: r.Appraisal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything about three findings, as it is written."""
    return write(appraisal, tmp_path_factory.mktemp("findings") / "evaluation")


@pytest.fixture(scope="session")
def page_of_classes(one_of: r.Appraisal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything about three classes."""
    return write(one_of, tmp_path_factory.mktemp("classes") / "evaluation")


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """No figures, which take the time."""
    monkeypatch.setattr("hilum.report.evaluation.page.figures", lambda _: {})
