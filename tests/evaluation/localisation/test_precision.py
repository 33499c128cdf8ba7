"""Average precision of boxes against pycocotools, and against VOC 2010 written out anew."""

import contextlib
import io

import numpy as np
import pytest

from hilum.domain.boxes import Boxes
from hilum.domain.text import text
from hilum.errors import EvaluationError
from hilum.evaluation.localisation import (
    ByPatient,
    PredictedBoxes,
    average_precision_boxes,
    mean_average_precision,
)

from .drawn import KEYS, drawn, only


def by_pycocotools(reference, predicted, threshold):
    coco = pytest.importorskip("pycocotools.coco")
    from pycocotools.cocoeval import COCOeval

    boxes = [
        {"id": i + 1, "image_id": int(r), "category_id": KEYS.index(f), "bbox": b.tolist(),
         "area": float(b[2] * b[3]), "iscrowd": 0}
        for i, (r, f, b) in enumerate(
            zip(reference.row, reference.finding, reference.xywh, strict=True)
        )
    ]  # fmt: skip
    said = [
        {"image_id": int(r), "category_id": KEYS.index(f), "bbox": b.tolist(), "score": float(s)}
        for r, f, b, s in zip(
            predicted.row, predicted.finding, predicted.xywh, predicted.score, strict=True
        )
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO()
        truth.dataset = {
            "images": [{"id": i} for i in range(len(reference.annotated))],
            "categories": [{"id": i} for i in range(len(KEYS))],
            "annotations": boxes,
        }
        truth.createIndex()
        work = COCOeval(truth, truth.loadRes(said), "bbox")
        work.params.iouThrs = np.array([threshold])
        work.evaluate()
        work.accumulate()
    # precision: [thresholds, recalls, categories, areas, most detections]
    return work.eval["precision"][0, :, :, 0, -1].mean(0)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.75])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_coco_is_that_of_pycocotools(seed, threshold, ties):
    reference, predicted = drawn(seed, ties=ties)
    theirs = by_pycocotools(reference, predicted, threshold)
    mine = mean_average_precision(reference, predicted, KEYS, threshold=threshold)
    assert [m.value for m in mine.each] == pytest.approx(theirs.tolist(), abs=1e-12)
    assert mine.mean.value == pytest.approx(theirs.mean(), abs=1e-12)


def test_coco_is_that_of_pycocotools_on_a_thousand_sets():
    """Sets of one to eight images: findings without a box, images without any, equal scores."""
    for seed in range(1000):
        threshold = (0.1, 0.25, 0.5, 0.75)[seed % 4]
        reference, predicted = drawn(10_000 + seed, 1 + seed % 8, ties=seed % 3 == 0)
        if not len(predicted):
            continue  # pycocotools reads no empty list of boxes
        theirs = by_pycocotools(reference, predicted, threshold)
        mine = mean_average_precision(reference, predicted, KEYS, threshold=threshold)
        told = [-1.0 if m.value is None else m.value for m in mine.each]  # as pycocotools says it
        assert told == pytest.approx(theirs.tolist(), abs=1e-9), seed
        if (theirs >= 0).any():
            assert mine.mean.value == pytest.approx(theirs[theirs >= 0].mean(), abs=1e-9), seed


def test_coco_counts_a_hundred_boxes_an_image():
    rng = np.random.default_rng(0)
    reference = Boxes(np.zeros(1, int), text(["mass"]), np.array([[10, 10, 50, 50]]), [True])
    false = np.hstack([rng.uniform(100, 300, (150, 2)), rng.uniform(5, 20, (150, 2))])
    predicted = PredictedBoxes(
        np.zeros(151, int),
        text(["mass"] * 151),
        np.vstack([false, reference.xywh]),
        np.concatenate([np.full(150, 0.9), [0.1]]),
    )
    assert by_pycocotools(reference, predicted, 0.5)[0] == 0
    assert average_precision_boxes(reference, predicted, "mass").value == 0
    voc = average_precision_boxes(reference, predicted, "mass", convention="voc2010").value
    assert voc == pytest.approx(1 / 151)


def voc_overlap(a, b):
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    return wide * high / (a[2] * a[3] + b[2] * b[3] - wide * high)


def by_voc2010(reference, predicted, finding, threshold=0.5):
    """Box by box and recall by recall, as the paper tells it."""
    boxes = {}
    for row, key, box in zip(reference.row, reference.finding, reference.xywh, strict=True):
        if key == finding:
            boxes.setdefault(int(row), []).append([box, False])
    total = sum(map(len, boxes.values()))
    said = sorted(
        (-s, i) for i, (s, k) in enumerate(zip(predicted.score, predicted.finding, strict=True))
        if k == finding
    )  # fmt: skip
    right, curve = 0, []
    for rank, (_, i) in enumerate(said, 1):
        there = boxes.get(int(predicted.row[i]), [])
        pairs = [voc_overlap(predicted.xywh[i], box) for box, _ in there]
        if pairs and max(pairs) > threshold:
            best = there[pairs.index(max(pairs))]
            right += not best[1]
            best[1] = True
        curve.append((right / total, right / rank))
    area, before = 0.0, 0.0
    for recall in sorted({r for r, _ in curve}):
        area += (recall - before) * max(p for r, p in curve if r >= recall)
        before = recall
    return area


@pytest.mark.parametrize("seed", range(6))
def test_voc_2010_is_that_of_the_paper(seed):
    reference, predicted = drawn(seed, ties=seed % 2 == 0)
    for key in KEYS:
        mine = average_precision_boxes(reference, predicted, key, convention="voc2010")
        assert mine.value == pytest.approx(by_voc2010(reference, predicted, key), abs=1e-12)


def test_conventions_differ_where_two_boxes_lie_on_one():
    # The second box overlaps the first reference box most, which is found already: COCO gives it
    # the other one, VOC calls it false.
    reference = Boxes([0, 0], text(["mass"] * 2), [[0, 0, 10, 10], [4, 0, 10, 10]], [True])
    predicted = PredictedBoxes(
        [0, 0], text(["mass"] * 2), [[0, 0, 10, 10], [1.9, 0, 10, 10]], [0.9, 0.8]
    )
    for convention, value in (("coco", 1.0), ("voc2010", 0.5)):
        found = average_precision_boxes(reference, predicted, "mass", convention=convention)
        assert found.value == pytest.approx(value)


def test_what_is_undefined_says_why():
    reference, predicted = drawn(0)
    nothing = average_precision_boxes(reference, predicted, "hernia")
    assert nothing.value is None
    assert nothing.reason == "no reference box on 60 images"
    silent = only(predicted, np.zeros(len(predicted), bool))
    assert average_precision_boxes(reference, silent, "mass").value == 0
    found = mean_average_precision(reference, predicted, ["mass", "hernia"])
    assert found.mean.value == found.each[0].value
    assert "hernia (no reference box on 60 images)" in found.mean.reason


def test_boxes_on_images_that_nobody_looked_at_are_left_out():
    reference, predicted = drawn(1)
    seen = np.arange(60) < 30
    half = average_precision_boxes(reference.only(seen), predicted, "mass")
    alone = average_precision_boxes(
        reference.only(seen), only(predicted, seen[predicted.row]), "mass"
    )
    assert half == alone


@pytest.mark.parametrize("convention", ["coco", "voc2010"])
def test_intervals_draw_patients_as_copies_of_their_images(convention):
    """A draw by weights is the number on the table with the rows repeated."""
    reference, predicted = drawn(2, images=30)
    patients = np.arange(30) // 3
    rng = np.random.default_rng(5)
    by = ByPatient(patients, rng, samples=50)
    found = mean_average_precision(reference, predicted, KEYS, convention=convention, by=by)
    values = []
    from hilum.evaluation.resampling import draws

    for weights in np.concatenate(list(draws(10, 30, 50, np.random.default_rng(5)))):
        rows = np.repeat(np.arange(30), weights[patients])
        order = np.argsort(predicted.row, kind="stable")
        index = [np.flatnonzero(predicted.row[order] == r) for r in rows]
        again = PredictedBoxes(
            np.repeat(np.arange(len(rows)), [len(i) for i in index]),
            *(getattr(predicted, n)[np.concatenate(index)] for n in ("finding", "xywh", "score")),
        )
        one = mean_average_precision(reference.rows(rows), again, KEYS, convention=convention)
        values.append([m.value for m in one.each])
    low, high = np.quantile(np.array(values, float), [0.025, 0.975], axis=0)
    assert [m.low for m in found.each] == pytest.approx(low.tolist())
    assert [m.high for m in found.each] == pytest.approx(high.tolist())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": [np.nan]}, "1 of 1 predicted boxes have no finite score"),
        ({"xywh": [[0, 0, 0, 5]]}, "have no area"),
        ({"row": [-1]}, "a negative row"),
        ({"score": [1.0, 2.0]}, "1 rows, 1 findings, 1 boxes and 2 scores"),
    ],
)
def test_boxes_that_cannot_be(change, message):
    fields = {"row": [0], "finding": text(["mass"]), "xywh": [[0, 0, 5, 5]], "score": [0.5]}
    with pytest.raises(EvaluationError, match=message):
        PredictedBoxes(**(fields | change))


def test_questions_that_cannot_be_answered():
    reference, predicted = drawn(0)
    for wrong in ({"threshold": 0}, {"convention": "voc"}, {"images": "all"}):
        with pytest.raises(EvaluationError):
            average_precision_boxes(reference, predicted, "mass", **wrong)
    far = PredictedBoxes([60], text(["mass"]), [[0, 0, 5, 5]], [0.5])
    with pytest.raises(EvaluationError, match="stands on row 60 of 60"):
        average_precision_boxes(reference, far, "mass")
