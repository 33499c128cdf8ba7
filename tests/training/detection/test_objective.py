"""The loss of boxes, findings and masks together, and what is read of the tuning rows."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from torch.nn.functional import binary_cross_entropy_with_logits  # noqa: E402

from hilum.domain.boxes import Boxes  # noqa: E402
from hilum.domain.text import text  # noqa: E402
from hilum.evaluation.localisation import PredictedBoxes  # noqa: E402
from hilum.models.tasks import Task  # noqa: E402
from hilum.training.detection.judged import Agreement, predicted  # noqa: E402
from hilum.training.detection.numbers import results, shown  # noqa: E402
from hilum.training.detection.objective import BoxObjective  # noqa: E402
from hilum.training.detection.passing import Layout  # noqa: E402
from hilum.training.detection.thresholds import thresholds  # noqa: E402
from hilum.training.losses import Counts, build  # noqa: E402
from hilum.training.objective import Objective  # noqa: E402
from hilum.training.recipe.loss import BCE  # noqa: E402

pytestmark = pytest.mark.train

KINDS = ("mass", "nodule")


def objective() -> BoxObjective:
    """Two losses of boxes, findings nodule and edema, one structure, three boxes a picture."""
    task = Task("multi-label", ("nodule", "edema"))
    counts = Counts.of(np.zeros((1, 2), np.float32), np.ones((1, 2), np.bool_), task.findings,
                       exclusive=False)  # fmt: skip
    classes = Objective((task,), (build(BCE(), task.kind, counts, 1),), (1.0,))
    return BoxObjective(KINDS, Layout(2, 2, 1), 3, classes, weight=0.5, masks_weight=2.0)


def test_the_loss_is_the_sum_of_means_over_what_counts() -> None:
    asked = objective()
    assert asked.findings == ("nodule", "edema", "mass")
    raw = torch.tensor([[1.0, 3.0, 0.3, -1.0, 4.0], [0.0, 0.0, 2.0, 0.1, 0.0]])
    target = torch.tensor([[1.0, 0, 0, 0], [0.0, 1, 0, 0]])
    mask = torch.tensor([[1.0, 1, 1, 1], [1.0, 0, 0, 0]])
    counts = asked.counted(target, mask)
    assert counts.tolist() == [3, 1, 1]
    assert len(asked.tasks) == 3
    cells = binary_cross_entropy_with_logits(raw[:, 2:4], target[:, :2], reduction="none")
    expected = 0.5 * 4.0 + (cells * mask[:, :2]).sum() / 3 + 2.0 * 4.0
    got = asked.loss(raw, target, mask, counts, 0)
    assert float(got) == pytest.approx(float(expected))
    parts = sum(asked.loss(raw[at], target[at], mask[at], counts, 0) for at in ([0], [1]))
    assert float(parts) == pytest.approx(float(expected))


def test_what_is_kept_of_rows_becomes_boxes_of_both_sides_again() -> None:
    asked = objective()
    mine = np.zeros((2, 4, 6), np.float32)
    mine[0, 0] = [10, 10, 30, 30, 0.9, 1]
    mine[1, 0] = [5, 5, 9, 5, 0.8, 0]  # no height: none
    theirs = np.full((2, 3, 5), -1, np.float32)
    theirs[0, 0] = [11, 10, 30, 31, 1]
    known = np.array([[1, 1, 1, 1], [1, 0, 0, 0]], np.float32)
    losses = np.array([[1, 3, 0.3, -1, 4], [0, 0, 2, 0.1, 0]], np.float32)
    raw = np.concatenate([losses, mine.reshape(2, -1), theirs.reshape(2, -1), known], 1)
    targets = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    cells = np.array([[1, 1, 1], [1, 0, 0]], np.bool_)
    judged = asked.judge(raw, targets, cells, epoch=0)
    assert judged.boxes.reference.annotated.tolist() == [True, False]
    assert judged.boxes.reference.xywh.tolist() == [[11, 10, 19, 21]]
    assert judged.boxes.predicted.finding.tolist() == ["nodule"]
    assert judged.each("ap50") == [1.0, None, None]
    assert judged.numbers()["ap50"] == {"mean": 1.0, "mass": None, "nodule": 1.0}
    assert set(judged.numbers()) == {"ap50", "froc", "auroc", "average_precision"}
    assert judged.odds.shape == judged.targets.shape == judged.mask.shape == (2, 4)
    tensors = torch.from_numpy(losses), torch.from_numpy(known)
    target = torch.tensor([[1.0, 0, 0, 0], [0.0, 1, 0, 0]])
    counts = asked.counted(target, tensors[1])
    expected = asked.loss(tensors[0], target, tensors[1], counts, 0)
    assert judged.loss == pytest.approx(float(expected), rel=1e-5)


def agreement() -> Agreement:
    """Two nodules of readers; boxes of .9 (right), .7 (wrong), .6 (right), .2 (wrong)."""
    reference = Boxes(
        np.array([0, 1]), text(["nodule", "nodule"]),
        np.array([[10, 10, 20, 20], [30, 30, 10, 10]], np.float64), np.ones(3, np.bool_),
    )  # fmt: skip
    found = PredictedBoxes(
        np.array([0, 0, 1, 2]), text(["nodule"] * 4),
        np.array([[10, 10, 20, 20], [50, 50, 9, 9], [30, 31, 10, 10], [1, 1, 5, 5]], np.float64),
        np.array([0.9, 0.7, 0.6, 0.2]),
    )  # fmt: skip
    return Agreement(("mass", "nodule"), reference, found)


def test_the_threshold_is_where_boxes_agree_best() -> None:
    mass, nodule = thresholds(agreement(), "here")
    assert (mass.f1, mass.kind.threshold) == (None, 0.5)
    assert mass.kind.rule.startswith("given")
    assert (nodule.f1, nodule.kind.threshold) == (0.8, 0.6)  # 2 of 3 right, both found
    assert nodule.kind.rule == "greatest F1 at an IoU of .5 here: 0.800"


def test_rows_of_the_card() -> None:
    kinds = [one.kind for one in thresholds(agreement(), "here")]
    rows, curves = results(agreement(), ["a", "b", "c"], split="test", note="x", seed=0)
    told = {(r.metric, r.finding): r for r in rows}
    ap = told["AP at IoU .5", "nodule"]
    assert ap.value == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert (ap.positives, ap.images) == (2, 3)
    undefined = told["AP at IoU .5", "mass"]
    assert (undefined.value, undefined.positives) == (None, 0)
    mean = told["AP at IoU .5", None]
    assert mean.is_mean
    assert mean.value == ap.value
    assert told["sensitivity at 1 false box an image", "nodule"].value == 1.0
    assert curves["nodule"]["sensitivity"] == [0.5, 1.0, 1.0]  # where it rises, and its end
    assert curves["nodule"]["false_boxes"] == pytest.approx([0, 1 / 3, 2 / 3], abs=1e-4)
    assert curves["mass"]["sensitivity"] == []
    at = {(r.metric, r.finding): r.value for r in shown(agreement(), kinds, split="test", note="x")}
    assert at["sensitivity of shown boxes", "nodule"] == 1.0
    assert at["precision of shown boxes", "nodule"] == pytest.approx(2 / 3)
    assert at["false boxes an image", "nodule"] == pytest.approx(1 / 3)


def test_rows_of_no_score_are_no_boxes() -> None:
    drawn = np.zeros((1, 3, 6), np.float32)
    assert len(predicted(drawn, KINDS)) == 0
