"""A whole appraisal, against numbers that others give."""

import re
from dataclasses import replace

import numpy as np
import pytest

from hilum.domain.text import text
from hilum.errors import EvaluationError
from hilum.evaluation import Measure, wilson
from hilum.evaluation.appraisal import Options, PointRule, appraise
from hilum.evaluation.appraisal.few import without_intervals
from hilum.evaluation.appraisal.results import SHARES

from .conftest import drawn

QUICK = Options(samples=200)
metrics = pytest.importorskip(
    "sklearn.metrics", reason="needs scikit-learn: pip install 'hilum[analyse]'"
)


@pytest.fixture(scope="module")
def found(rows):
    return appraise(rows, QUICK)


def test_discrimination_and_calibration_are_scikit_learns(rows, found):
    for f, one in enumerate(found.findings):
        truth, scores = rows.targets[:, f], rows.scores[:, f]
        assert one.auroc.value == pytest.approx(metrics.roc_auc_score(truth, scores), abs=1e-12)
        theirs = metrics.average_precision_score(truth, scores)
        assert one.average_precision.value == pytest.approx(theirs, abs=1e-12)
        theirs = metrics.brier_score_loss(truth, scores)
        assert one.brier.value == pytest.approx(theirs, abs=1e-12)
        assert one.prevalence.value == truth.mean()
        assert one.auroc.low < one.auroc.value < one.auroc.high
        assert one.brier_majority.value == pytest.approx(truth.mean() * (1 - truth.mean()))
    for average in ("macro", "micro", "weighted"):
        theirs = metrics.roc_auc_score(rows.targets, rows.scores, average=average)
        assert getattr(found.means.auroc, average).value == pytest.approx(theirs, abs=1e-12)


def test_curves_lie_on_scikit_learns(rows, found):
    one = found.findings[0]
    curve = metrics.roc_curve(rows.targets[:, 0], rows.scores[:, 0], drop_intermediate=False)
    theirs = set(zip(curve[0].round(9), curve[1].round(9), strict=True))
    assert set(zip(one.roc.x.round(9), one.roc.y.round(9), strict=True)) <= theirs
    assert one.roc.x[0] == one.roc.y[0] == 0
    assert one.roc.x[-1] == one.roc.y[-1] == 1
    area = metrics.auc(one.roc.x, one.roc.y)
    assert area == pytest.approx(one.auroc.value, abs=1e-3)
    assert one.precision_recall.x[-1] == 1
    assert one.precision_recall.y[-1] == pytest.approx(one.prevalence.value)
    assert one.histogram.positives.sum() == one.positives
    assert one.histogram.negatives.sum() == one.negatives


def test_curves_of_many_images_are_thinned_and_keep_their_area():
    many = appraise(drawn(20000, 1), Options(samples=2, subgroups=())).findings[0]
    assert len(many.roc.x) <= 402
    assert metrics.auc(many.roc.x, many.roc.y) == pytest.approx(many.auroc.value, abs=1e-4)


def test_the_same_seed_gives_the_same_numbers(rows, found):
    again = appraise(rows, QUICK)
    assert again.findings[0].auroc == found.findings[0].auroc
    assert again.subgroups == found.subgroups
    assert again.baselines == found.baselines


def test_without_tune_rows_there_is_no_decision(found):
    assert all(not one.points for one in found.findings)
    assert any("No threshold was fixed" in note for note in found.notes)


def test_thresholds_come_from_tune_rows_alone(rows):
    tuned = np.arange(400) < 200
    split = replace(rows, tuned=tuned, tested=~tuned)
    before = appraise(split, QUICK)
    changed = split.targets.copy()
    changed[~tuned] = ~changed[~tuned]
    after = appraise(replace(split, targets=changed), QUICK)
    for one, other in zip(before.findings, after.findings, strict=True):
        assert [p.threshold for p in one.points] == [p.threshold for p in other.points]
        assert [p.fixed_on for p in one.points] == ["tune"] * 3
        assert one.points[0].confusion != other.points[0].confusion
        assert len(one.conformal) == 4
    assert before.split.tune_images == 200


def test_decisions_are_scikit_learns(rows):
    options = Options(samples=200, points=(PointRule.parse("threshold=0.4"),))
    made = appraise(rows, options)
    truth, said = rows.targets, rows.scores >= 0.4
    for f, one in enumerate(made.findings):
        point = one.points[0]
        assert set(point.shares) == set(SHARES)
        counts = metrics.confusion_matrix(truth[:, f], said[:, f])
        assert [[point.confusion.tn, point.confusion.fp], [point.confusion.fn, point.confusion.tp]]\
            == counts.tolist()  # fmt: skip
        theirs = metrics.matthews_corrcoef(truth[:, f], said[:, f])
        assert point.shares["mcc"].value == pytest.approx(theirs)
        theirs = metrics.balanced_accuracy_score(truth[:, f], said[:, f])
        assert point.shares["balanced_accuracy"].value == pytest.approx(theirs)
        assert not point.exact  # patients have two images
    for average in ("macro", "micro", "weighted"):
        theirs = metrics.f1_score(truth, said, average=average)
        mine = getattr(made.means.decisions["threshold 0.4"]["f1"], average)
        assert mine.value == pytest.approx(theirs)


def test_predictive_values_are_restated():
    options = Options(
        samples=100,
        points=(PointRule.parse("threshold=0.4"),),
        prevalences={"mass": (0.5, 0.02)},
    )
    made = appraise(drawn(a_patient=1), options)
    first, second = (one.points[0] for one in made.findings)
    assert [row[0] for row in first.ppv_at] == [0.02, 0.5]
    counts = first.confusion
    up = counts.sensitivity.value * 0.02
    down = (1 - counts.specificity.value) * 0.98
    assert first.ppv_at[0][1].value == pytest.approx(up / (up + down))
    assert not second.ppv_at
    assert set(first.exact) == {"sensitivity", "specificity", "ppv", "npv"}


@pytest.mark.parametrize("rule", ["youden", "sensitivity=0.9", "cost=1:10", "card"])
def test_points_that_need_what_is_not_there_are_refused(rows, rule):
    with pytest.raises(EvaluationError):
        appraise(rows, Options(samples=2, points=(PointRule.parse(rule),)))


@pytest.mark.parametrize("rule", ["best", "sensitivity", "sensitivity=2", "cost=1", "threshold=1"])
def test_rules_that_are_none(rule):
    with pytest.raises(EvaluationError, match="is no operating point; such are youden"):
        PointRule.parse(rule)


def test_the_cards_points_are_taken_where_there_are_any(rows):
    made = appraise(replace(rows, thresholds={"mass": 0.25}), QUICK)
    point, none = (one.points[0] for one in made.findings)
    assert (point.threshold, point.fixed_on) == (0.25, "bundle card")
    assert none.threshold is None
    assert none.reason


def test_metadata_that_decide_are_a_strong_baseline(rows):
    told = rows.targets[:, 0]
    sex = text(np.where(told, "F", "M"))
    made = appraise(replace(rows, attributes={"sex": sex}), QUICK)
    by_name = {one.name: one for one in made.baselines}
    assert set(by_name) == {"majority", "metadata"}
    assert by_name["metadata"].auroc[0].value == 1.0
    assert by_name["metadata"].gain[0].difference.high < 0
    assert by_name["majority"].auroc[0].value == 0.5
    alone = replace(rows, attributes={"sex": sex}, mask=rows.mask & [True, False])
    assert any("'metadata', which sees no picture" in w for w in appraise(alone, QUICK).warnings)
    assert by_name["majority"].accuracy[0].value == pytest.approx(1 - told.mean())


def test_metadata_that_say_nothing_are_a_coin(rows, found):
    baseline = next(one for one in found.baselines if one.name == "metadata")
    assert 0.4 < baseline.mean.value < 0.6
    assert baseline.mean_gain.difference.low > 0.1
    assert not any("sees no picture" in line for line in found.warnings)


def test_a_group_in_which_the_model_fails_is_found(rows):
    rng = np.random.default_rng(5)
    old = np.arange(400) < 150
    scores = rows.scores.copy()
    scores[old] = rng.random((150, 2))
    age = np.where(old, 70.0, 30.0)
    made = appraise(replace(rows, scores=scores, attributes={"age_years": age}), QUICK)
    groups = {group.name: group for group in made.subgroups[0].groups}
    assert set(groups) == {"18 to 39 years", "60 to 79 years"}
    worse = groups["60 to 79 years"]
    assert worse.mean_gap.high < 0
    assert worse.p_holm < 0.001
    assert worse.findings[0].gap.value == pytest.approx(
        worse.findings[0].auroc.value - worse.findings[0].rest.value
    )
    mirrored = groups["18 to 39 years"]
    assert mirrored.mean_gap.value == pytest.approx(-worse.mean_gap.value)
    assert mirrored.p_holm == worse.p_holm


def test_unknown_groups_are_counted(rows):
    sex = rows.attributes["sex"].copy()
    sex[:30] = ""
    made = appraise(replace(rows, attributes={"sex": sex}), QUICK)
    assert made.subgroups[0].unknown == 30
    assert sum(group.images for group in made.subgroups[0].groups) == 370


def test_smaller_groups_are_counted_among_tested_images(rows):
    wards = np.arange(400) % 20  # the last 8 of 20 are left out: 80 tested images and 80 others
    tuned = (np.arange(400) // 20) % 2 == 0
    attributes = {**rows.attributes, "ward": text(f"w{n:02d}" for n in wards)}
    asked = replace(rows, attributes=attributes, tuned=tuned, tested=~tuned)
    options = Options(samples=2, subgroups=("ward",), points=(PointRule.parse("threshold=0.5"),))
    one = appraise(asked, options).subgroups[0]
    assert one.words == "8 smaller groups with 80 images are left out."
    assert [group.images for group in one.groups] == [10] * 12


def test_an_attribute_that_nobody_knows_is_refused(rows):
    with pytest.raises(EvaluationError, match="no column for the subgroups of 'ward'"):
        appraise(rows, Options(samples=2, subgroups=("ward",)))


def test_sources_that_hold_one_class_each_are_not_stated_silently(rows):
    source = text(np.where(rows.targets[:, 0], "here", "there"))
    made = appraise(replace(rows, attributes={"source": source}), QUICK)
    assert "share no source" in made.findings[0].confounded
    assert "CONFOUNDED" in made.warnings[0]
    assert "Mass" in made.warnings[0]
    assert "Effusion" not in made.warnings[0]
    assert not made.findings[1].confounded


def test_sources_that_lean_are_told_and_even_ones_are_not(rows):
    rng = np.random.default_rng(1)
    lean = rng.random(400) < np.where(rows.targets[:, 0], 0.95, 0.04)
    source = text(np.where(lean, "here", "there"))
    made = appraise(replace(rows, attributes={"source": source}), QUICK)
    assert "of the pairs of a positive and a negative" in made.findings[0].confounded
    even = text(rng.choice(["here", "there"], 400))
    made = appraise(replace(rows, attributes={"source": even}), QUICK)
    assert not any(one.confounded for one in made.findings)


def test_within_strata(rows):
    source = text(np.where(np.arange(400) < 200, "here", "there"))
    made = appraise(replace(rows, attributes={"source": source}, within="source"), QUICK)
    assert made.strata_name == "source"
    assert made.findings[0].auroc_within.defined
    assert made.means.auroc_within.defined


def test_a_better_model_is_told_from_a_worse(rows):
    rng = np.random.default_rng(2)
    worse = np.clip(rows.scores + rng.normal(0, 0.5, rows.scores.shape), 0, 1)
    worse[:5, 0] = np.nan
    made = appraise(replace(rows, other=worse, other_name="worse"), QUICK)
    auroc, precision = made.comparisons
    assert (auroc.metric, precision.metric) == ("AUROC", "average precision")
    assert auroc.mean.difference.low > 0
    assert all(p is not None for p in auroc.p_holm)
    assert auroc.each[0].p_value <= auroc.p_holm[0]
    assert "5 cells" in auroc.notes[0]
    assert not auroc.delong


def test_delong_stands_where_every_image_is_of_another_patient():
    alone = drawn(a_patient=1)
    made = appraise(replace(alone, other=alone.scores**2, other_name="same order"), QUICK)
    assert made.findings[0].auroc_delong.value == pytest.approx(made.findings[0].auroc.value)
    assert made.comparisons[0].delong == (1.0, 1.0)


def test_one_of_several():
    rows = drawn(300, 3)
    which = np.random.default_rng(0).integers(0, 3, 300)
    targets = np.eye(3, dtype=np.bool_)[which]
    scores = rows.scores + 0.2 * targets
    scores /= scores.sum(1, keepdims=True)
    counts = {"mass": 5000, "effusion": 500, "hernia": 50}
    made = appraise(
        replace(rows, targets=targets, scores=scores, task="one-of", training=counts), QUICK
    )
    assert made.table.accuracy.value == pytest.approx((scores.argmax(1) == which).mean())
    groups = {group.name: group for group in made.tail.groups}
    assert groups["head"].findings == ("mass",)
    assert groups["tail"].balanced_accuracy.value == made.table.recalls[2].value
    assert made.answers.accuracy.value == made.table.accuracy.value
    assert made.answers.accuracy.low < made.answers.accuracy.value < made.answers.accuracy.high


def test_survival_by_risk(rows):
    rng = np.random.default_rng(4)
    days = rng.exponential(np.where(rows.scores[:, 0] > np.median(rows.scores[:, 0]), 20, 200))
    event = np.where(days < 100, 1, 0).astype(np.int8)
    event[:4] = -1
    attributes = dict(rows.attributes) | {"length": np.minimum(days, 100.0)}
    made = appraise(
        replace(rows, event=event, risk="mass", attributes=attributes), QUICK, days="length"
    )
    assert made.survival.patients == 198
    assert [curve.group for curve in made.survival.curves] == [
        "low risk", "middle risk", "high risk"]  # fmt: skip
    assert made.survival.logrank < 0.001
    assert made.survival.gain.value > 0
    assert "4 images without" in made.survival.words


def test_scores_that_are_no_probabilities_are_ranked_alone(rows):
    made = appraise(replace(rows, scores=rows.scores * 7 - 3, probabilities=False), QUICK)
    one = made.findings[0]
    assert one.auroc.defined
    assert not one.brier.defined
    assert one.line is None
    assert one.decision_curve is None
    assert not made.probabilities


def test_probabilities_of_exactly_0_and_1_are_told(rows):
    scores = rows.scores.copy()
    scores[0], scores[1] = 0.0, 1.0
    one = appraise(replace(rows, scores=scores), QUICK).findings[0]
    assert any("2 of 400 probabilities are exactly 0 or 1" in note for note in one.notes)
    assert one.line.slope.defined


def test_a_finding_of_one_class_is_undefined_and_in_no_mean(rows):
    targets = rows.targets.copy()
    targets[:, 0] = False
    made = appraise(replace(rows, targets=targets), QUICK)
    first, second = made.findings
    for measure in (first.auroc, first.average_precision, first.line.slope):
        assert not measure.defined
        assert "no positive" in measure.reason
    assert first.roc is None
    assert made.means.auroc.macro.value == pytest.approx(second.auroc.value)
    assert "Mass (no positive" in made.means.auroc.macro.reason
    assert any("one class alone" in line and "Mass" in line for line in made.warnings)


def test_a_constant_model_is_told(rows):
    made = appraise(replace(rows, scores=np.full((400, 2), 0.3)), QUICK)
    assert made.findings[0].auroc.value == 0.5
    assert any("same score" in line for line in made.warnings)


@pytest.mark.parametrize("patients", [1, 3, 9])
def test_so_few_patients_have_no_interval(rows, patients):
    who = text(f"p{i % patients}" for i in range(400))
    noise = np.random.default_rng(1).random(rows.scores.shape)  # no better than its baselines
    made = appraise(replace(rows, patients=who, scores=noise), QUICK)
    people = "1 patient" if patients == 1 else f"{patients} patients"
    assert any(f"{people} in all" in line for line in made.warnings)
    assert all(measure.low is None for measure in measures(made))
    assert not any(re.search(r"[0-9.] to [0-9.]", line) for line in made.warnings)


def test_what_no_draw_changes_has_an_interval_over_patients_or_none(rows):
    targets = rows.targets.copy()
    targets[:, 0] = False
    targets[:6, 0] = True  # three patients
    scores = np.where(targets, 0.9, 0.1 * rows.scores)
    options = Options(samples=100, points=(PointRule.parse("threshold=0.5"),))
    one = appraise(replace(rows, targets=targets, scores=scores), options).findings[0]
    sensitivity = one.points[0].shares["sensitivity"]
    assert sensitivity.value == 1
    assert sensitivity.low == pytest.approx(wilson(3, 3).low)
    assert "over 3 patients" in sensitivity.reason
    words = {"3 patients with the finding": one.auroc,
             "draws cannot tell how sure it is": one.points[0].shares["f1"]}  # fmt: skip
    for reason, certain in words.items():
        assert certain.value == 1
        assert certain.low is None
        assert reason in certain.reason


@pytest.mark.parametrize("side", [True, False])
@pytest.mark.parametrize("people", [4, 5])
def test_a_finding_of_four_patients_has_no_interval(rows, people, side):
    targets = rows.targets.copy()
    targets[:, 0] = not side  # two images a patient
    targets[: 2 * people, 0] = side
    made = appraise(replace(rows, targets=targets, other=rows.scores[:, ::-1]), QUICK)
    one, (auroc, precision) = made.findings[0], made.comparisons
    numbers = [one.auroc, one.average_precision, auroc.each[0].difference, auroc.each[0].a,
               precision.each[0].difference]  # fmt: skip
    assert [m.low is None for m in numbers] == [people < 5] * 5
    assert (auroc.each[0].p_value is None) == (people < 5)
    assert (auroc.p_holm[0] is None) == (people < 5)
    if people < 5:
        assert made.baselines[1].gain[0].difference.low is None
        assert f"4 patients {'with' if side else 'without'} the finding" in one.auroc.reason
    assert made.findings[1].auroc.low is not None
    assert one.prevalence.low is not None


def test_decisions_in_place_of_probabilities_are_told(rows):
    made = appraise(replace(rows, scores=rows.targets.astype(float)), QUICK)
    assert any("All scores of Mass, Effusion are 0 or 1" in line for line in made.warnings)


def test_scores_that_are_turned_round_are_told(rows):
    scores = rows.scores.copy()
    scores[:, 1] = 1 - scores[:, 1]
    made = appraise(replace(rows, scores=scores), QUICK)
    assert any(w.startswith("Images with Effusion get LOWER scores") for w in made.warnings)


def test_few_draws_are_told(rows):
    assert any("50 bootstrap draws are few" in n for n in appraise(rows, Options(samples=50)).notes)


def test_groups_of_equal_risk_are_told(rows):
    days = {**rows.attributes, "days": np.arange(400.0)}
    scores = np.full_like(rows.scores, 0.25)
    asked = replace(rows, attributes=days, event=rows.targets[:, 0].astype(np.int8), risk="mass",
                    scores=scores)  # fmt: skip
    found = appraise(asked, QUICK, days="days").survival
    assert found.groups == ("high risk",)
    assert found.logrank is None
    assert "leave 1 of 3 groups" in found.words


def test_survival_that_cannot_be_had_is_told(rows):
    nothing = {**rows.attributes, "days": np.full(400, np.nan)}
    asked = replace(rows, attributes=nothing, event=np.ones(400, np.int8), risk="mass")
    made = appraise(asked, QUICK, days="days")
    assert made.survival is None
    assert any("Survival was asked for" in note for note in made.notes)


def test_patients_in_both_parts_are_told(rows):
    tuned = np.arange(400) % 2 == 0  # one image of every patient
    made = appraise(replace(rows, tuned=tuned, tested=~tuned), QUICK)
    assert made.split.shared_patients == 200
    assert any("200 patients stand in the tested rows" in line for line in made.warnings)


def test_findings_of_which_nothing_is_known_are_left_out(rows):
    mask = rows.mask.copy()
    mask[:, 1] = False
    made = appraise(replace(rows, mask=mask), QUICK)
    assert [one.finding for one in made.findings] == ["mass"]
    assert any("Effusion: left out" in note for note in made.notes)


def test_it_is_told_how_far_it_is(rows):
    seen = []
    appraise(rows, QUICK, tell=lambda *step: seen.append(step))
    assert ("findings", 2, 2) in seen
    assert {step for step, _, _ in seen} == {
        "ranking", "decisions", "findings", "groups", "comparison"}  # fmt: skip


def test_intervals_are_taken_out_of_everything():
    measure = Measure(0.5, low=0.4, high=0.6)
    stripped = without_intervals((measure, {"x": measure}, 3), "few")
    assert stripped == (Measure(0.5, "few"), {"x": Measure(0.5, "few")}, 3)


def measures(value):
    """Every measure in some results."""
    from dataclasses import fields, is_dataclass

    if isinstance(value, Measure):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from measures(item)
    elif isinstance(value, dict):
        yield from measures(tuple(value.values()))
    elif is_dataclass(value):
        yield from measures(tuple(getattr(value, each.name) for each in fields(value)))
