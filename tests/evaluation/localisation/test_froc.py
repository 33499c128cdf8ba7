"""FROC, pointing game and the table of overlaps, box by box."""

import numpy as np
import pytest

from hilum.domain.boxes import Boxes
from hilum.domain.text import text
from hilum.errors import EvaluationError
from hilum.evaluation.localisation import (
    ByPatient,
    PredictedBoxes,
    appraise,
    centres_of_surest,
    froc,
    iobb,
    iou,
    matches,
    overlap_table,
    pointing_game,
)
from hilum.evaluation.resampling import draws

from .drawn import KEYS, drawn


def by_hand(reference, predicted, finding, rate):
    """The highest sensitivity of any threshold with so many false boxes an image."""
    boxes = int((reference.finding == finding).sum())
    best = 0.0
    for threshold in predicted.score:
        shown = predicted.score >= threshold
        some = PredictedBoxes(
            predicted.row[shown], predicted.finding[shown], predicted.xywh[shown],
            predicted.score[shown],
        )  # fmt: skip
        found = matches(reference, some, finding)
        if (~found.hit).sum() <= rate * len(reference.annotated):
            best = max(best, found.hit.sum() / boxes)
    return best


@pytest.mark.parametrize("ties", [False, True])
def test_froc_by_hand(ties):
    reference, predicted = drawn(3, images=25, ties=ties)
    found = froc(reference, predicted, "mass", rates=(0.1, 0.25, 0.5, 1))
    for rate, measure in zip(found.rates, found.at, strict=True):
        assert measure.value == pytest.approx(by_hand(reference, predicted, "mass", rate))
    assert found.mean.value == pytest.approx(np.mean([m.value for m in found.at]))
    assert (np.diff(found.sensitivity) >= 0).all()
    assert (np.diff(found.false_boxes) >= 0).all()
    assert (np.diff(found.thresholds) < 0).all()


def test_intervals_are_clustered_by_patient():
    reference, predicted = drawn(4, images=80)
    rng = np.random.default_rng(0)
    alone = froc(reference, predicted, "mass", by=ByPatient(np.arange(80), rng, 400)).mean
    few = froc(reference, predicted, "mass", by=ByPatient(np.arange(80) // 20, rng, 400)).mean
    assert alone.value == few.value
    assert alone.low < alone.value < alone.high
    assert few.samples == 400
    one = froc(reference, predicted, "mass", by=ByPatient(np.zeros(80), rng, 40)).mean
    assert one.low is None
    assert "1 patient cannot be resampled" in one.reason


def test_without_boxes_froc_is_undefined():
    reference, predicted = drawn(0)
    found = froc(reference, predicted, "hernia")
    assert found.mean.value is None
    assert len(found.sensitivity) == 0
    with pytest.raises(EvaluationError, match="rates must be above 0"):
        froc(reference, predicted, "mass", rates=(0,))


def test_overlaps_of_pairs():
    a, b = [[0, 0, 10, 10], [20, 20, 5, 5]], [[5, 0, 10, 10], [0, 0, 100, 100]]
    assert iou(a, b) == pytest.approx(np.array([[50 / 150, 0.01], [0, 0.0025]]))
    assert iobb(a, b) == pytest.approx(np.array([[0.5, 1], [0, 1]]))
    assert iou(a, np.zeros((0, 4))).shape == (2, 0)


def test_the_table_of_overlaps_by_hand():
    reference = Boxes(
        [0, 0, 1], text(["mass"] * 3), [[0, 0, 10, 10], [50, 50, 10, 10], [0, 0, 20, 20]],
        [True, True, True],
    )  # fmt: skip
    predicted = PredictedBoxes(
        [0, 0, 1, 2], text(["mass"] * 4),
        [[2, 2, 4, 4], [45, 45, 10, 10], [10, 10, 20, 20], [0, 0, 5, 5]], [0.9, 0.8, 0.7, 0.6],
    )  # fmt: skip
    rows = overlap_table(reference, predicted, "mass", thresholds=(0.1, 0.25, 0.3))
    # Shares of the predicted boxes inside: 1, 25/100, 100/400; the fourth lies on an empty image.
    assert [row.found.value for row in rows] == pytest.approx([1, 1 / 3, 1 / 3])
    assert [row.false_boxes.value for row in rows] == pytest.approx([1 / 3, 1, 1])
    boxed = overlap_table(reference, predicted, "mass", thresholds=(0.1,), images="boxed")
    assert boxed[0].false_boxes.value == 0
    paper = overlap_table(reference, predicted, "mass")
    assert [row.threshold for row in paper] == [0.1, 0.25, 0.5, 0.75, 0.9]
    clustered = overlap_table(
        reference, predicted, "mass", by=ByPatient([0, 1, 2], np.random.default_rng(0), 300)
    )
    assert "3 patients are too few" in clustered[0].false_boxes.reason
    assert overlap_table(reference, predicted, "nodule")[0].found.value is None


def test_intervals_of_tables_and_points_are_clustered_by_patient():
    """Against the plain bootstrap on the rows of the table."""
    reference, predicted = drawn(6, images=60)
    who = np.arange(60) // 2
    by = ByPatient(who, np.random.default_rng(3), 200)
    row = overlap_table(reference, predicted, "mass", thresholds=(0.5,), by=by)[0]
    points = centres_of_surest(predicted, "mass", 60)
    pointed = pointing_game(reference, "mass", points, by=by)
    found, false, hits = [], [], []
    inside = iobb(predicted.xywh, reference.xywh) > 0.5
    same = (predicted.row[:, None] == reference.row) & (predicted.finding[:, None] == "mass")
    same &= reference.finding == "mass"
    mine, theirs = predicted.finding == "mass", reference.finding == "mass"
    hit = np.array([
        pointing_game(reference.rows(np.array([r])), "mass", points[[r]]).value is not None
        and pointing_game(reference.rows(np.array([r])), "mass", points[[r]]).value == 1
        for r in range(60)
    ])  # fmt: skip
    boxed = np.isin(np.arange(60), reference.row[theirs])
    for weights in np.concatenate(list(draws(30, 60, 200, np.random.default_rng(3)))):
        w = weights[who]
        found.append((w[reference.row] * (inside & same).any(0))[theirs].sum()
                     / w[reference.row][theirs].sum())  # fmt: skip
        false.append((w[predicted.row] * ~(inside & same).any(1))[mine].sum() / w.sum())
    people = np.unique(who[boxed])
    for weights in np.concatenate(list(draws(len(people), 60, 200, np.random.default_rng(3)))):
        w = np.zeros(30)
        w[people] = weights
        hits.append((w[who] * hit)[boxed].sum() / w[who][boxed].sum())
    for measure, values in ((row.found, found), (row.false_boxes, false), (pointed, hits)):
        assert (measure.low, measure.high) == pytest.approx(np.quantile(values, [0.025, 0.975]))


def test_pointing_by_hand():
    reference = Boxes(
        [0, 0, 1, 2], text(["mass", "mass", "mass", "nodule"]),
        [[0, 0, 10, 10], [50, 50, 10, 10], [0, 0, 20, 20], [0, 0, 5, 5]], [True] * 4,
    )  # fmt: skip
    points = np.array([[55, 55], [22, 10], [1, 1], [0, 0]], float)
    assert pointing_game(reference, "mass", points).value == 0.5
    assert pointing_game(reference, "mass", points, tolerance_px=2).value == 1
    points[0] = np.nan
    assert pointing_game(reference, "mass", points).value == 0
    assert pointing_game(reference, "hernia", points).reason == "no image has a box of hernia"
    by = ByPatient(np.arange(4), np.random.default_rng(0), 100)
    few = pointing_game(reference, "mass", points, tolerance_px=2, by=by)
    assert (few.value, few.low) == (0.5, None)
    assert "2 patients are too few" in few.reason
    with pytest.raises(EvaluationError, match="points must have shape"):
        pointing_game(reference, "mass", points[:2])


def test_the_surest_box_points():
    _, predicted = drawn(0)
    points = centres_of_surest(predicted, "mass", 60)
    for image in range(60):
        mine = np.flatnonzero((predicted.row == image) & (predicted.finding == "mass"))
        if not len(mine):
            assert np.isnan(points[image]).all()
            continue
        box = predicted.xywh[mine[predicted.score[mine].argmax()]]
        assert points[image] == pytest.approx(box[:2] + box[2:] / 2)


def test_everything_at_once():
    reference, predicted = drawn(5)
    seen = reference.only(np.arange(60) < 50)
    found = appraise(
        seen, predicted, KEYS[:2], np.arange(60) // 2, np.random.default_rng(0),
        sizes=np.full((60, 2), 400), samples=100,
    )  # fmt: skip
    assert [one.finding for one in found.each] == list(KEYS[:2])
    assert found.images == 50
    assert found.patients == 25
    assert found.each[0].elsewhere == ((predicted.finding == "mass") & (predicted.row >= 50)).sum()
    assert any("effusion" in note for note in found.notes)
    assert found.map_coco.low < found.map_coco.value < found.map_coco.high
    assert 0 < found.each[0].pointing_by_chance.value < found.each[0].pointing.value
    again = appraise(
        seen, predicted, KEYS[:2], np.arange(60) // 2, np.random.default_rng(0), samples=100
    )
    assert again.map_coco == found.map_coco
    assert again.each[0].pointing_by_chance.reason == "the sizes of the images are not known"
    with pytest.raises(EvaluationError, match="name the findings"):
        appraise(seen, predicted, [], np.arange(60), np.random.default_rng(0))


@pytest.mark.parametrize(("patients", "stated"), [(8, False), (9, False), (10, True)])
def test_of_few_patients_no_interval_is_stated(patients, stated):
    reference, predicted = drawn(1, images=80)
    found = appraise(
        reference, predicted, ["mass"], np.arange(80) % patients, np.random.default_rng(0),
        samples=50,
    )  # fmt: skip
    one = found.each[0]
    for measure in (
        found.map_coco, one.ap_coco, one.ap_voc2010, one.froc.mean, one.pointing,
        one.iou[0].found, one.iobb[0].false_boxes,
    ):  # fmt: skip
        assert (measure.low is not None) == stated
        assert stated or f"{patients} patients are too few" in measure.reason


def test_of_few_patients_with_a_box_no_interval_of_what_was_found_is_stated():
    reference, predicted = drawn(1, images=80)
    reference = Boxes([0, 1, 2], text(["mass"] * 3), [[0, 0, 50, 50]] * 3, [True] * 80)
    found = appraise(
        reference, predicted, ["mass"], np.arange(80), np.random.default_rng(0), samples=200
    ).each[0]
    assert "3 patients with a box" in found.ap_coco.reason
    assert found.ap_coco.low is None
    assert found.iou[0].false_boxes.low is not None
