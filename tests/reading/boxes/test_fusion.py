"""Fusion against the method written out plainly and the authors' package; suppression likewise."""

import numpy as np
import pytest

from hilum.errors import BoxError
from hilum.reading.boxes import leaders
from hilum.reading.boxes.fusion import fuse, suppress
from hilum.reading.boxes.overlapping import iou, overlapping


def drawn(seed, count=400, places=25, kinds=3, sources=6, shake=0.08, side=1000.0):
    """Boxes around some places, with scores, kinds and sources, as several models draw them."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 0.9 * side, (places, 2))
    size = rng.uniform(0.04, 0.16, (places, 2)) * side
    kind, at = rng.integers(0, kinds, places), rng.integers(0, places, count)
    low = corner[at] + rng.normal(0, shake, (count, 2)) * size[at]
    high = low + size[at] * np.exp(rng.normal(0, shake, (count, 2)))
    scores = rng.uniform(0.01, 1, count)
    return np.hstack([low, high]), scores, kind[at], rng.integers(0, sources, count)


def share(a, b):
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    area = [(c[2] - c[0]) * (c[3] - c[1]) for c in (a, b)]
    return wide * high / (sum(area) - wide * high)


def as_written(boxes, scores, kinds, sources, threshold, weights):
    """Solovyev et al. 2021, § 3.1, step by step: rows of box, score, kind, members."""
    weighted = [s * weights[t] for s, t in zip(scores, sources, strict=True)]
    clusters = []  # members, kind, fused
    for at in sorted(range(len(boxes)), key=lambda i: -weighted[i]):
        near = [(share(c[2], boxes[at]), -n) for n, c in enumerate(clusters) if c[1] == kinds[at]]
        best, place = max(near, default=(0.0, 0))
        if best > threshold:
            members = clusters[-place][0]
            members.append(at)
            heavy = [weighted[m] for m in members]
            clusters[-place][2] = np.average([boxes[m] for m in members], axis=0, weights=heavy)
        else:
            clusters.append([[at], kinds[at], np.array(boxes[at])])
    made = []
    for members, kind, box in clusters:
        mean = sum(weighted[m] for m in members) / len(members)
        made.append(
            (box, mean * min(len(members), len(weights)) / sum(weights), kind, len(members))
        )
    return sorted(made, key=lambda one: -one[1])


@pytest.mark.parametrize(
    "options",
    [
        {}, {"places": 4}, {"places": 400}, {"kinds": 1}, {"shake": 0.2}, {"shake": 0.02},
        {"count": 900, "places": 12}, {"count": 1}, {"side": 1.0},
    ],
)  # fmt: skip
@pytest.mark.parametrize("threshold", [0.15, 0.4, 0.55, 0.8])
def test_fusion_is_that_of_the_paper(options, threshold):
    given = drawn(3, **options)
    weights = [1.0, 2.0, 0.5, 1.0, 1.0, 3.0]
    mine = fuse(*given, iou=threshold, weights=weights)
    theirs = as_written(*given, threshold, weights)
    assert mine.members.tolist() == [one[3] for one in theirs]
    assert mine.kinds.tolist() == [one[2] for one in theirs]
    np.testing.assert_allclose(mine.scores, [min(1, one[1]) for one in theirs], rtol=1e-12)
    np.testing.assert_allclose(mine.boxes, np.array([one[0] for one in theirs]), rtol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_fusion_is_that_of_the_authors_package(seed):
    package = pytest.importorskip("ensemble_boxes")
    boxes, scores, kinds, sources = drawn(seed, side=1000.0)
    boxes = np.clip(boxes, 0, 1100) / 1100  # it cuts at 1
    of = [np.flatnonzero(sources == t) for t in range(6)]
    theirs = package.weighted_boxes_fusion(
        *([values[rows] for rows in of] for values in (boxes, scores, kinds)), iou_thr=0.5
    )
    mine = fuse(boxes, scores, kinds, sources, iou=0.5, weights=[1.0] * 6)
    order = np.argsort(-theirs[1], kind="stable")
    np.testing.assert_allclose(mine.scores, theirs[1][order], rtol=1e-5)
    np.testing.assert_allclose(mine.boxes, theirs[0][order], atol=1e-5)  # it rounds to float32
    assert mine.kinds.tolist() == theirs[2][order].astype(int).tolist()


def test_boxes_that_wander_are_fused_one_by_one(monkeypatch):
    """A fused box may drift so far that no bound holds; the answer is the same."""
    given = drawn(5, places=2, shake=0.4)
    called = []
    slow = leaders._one_by_one
    monkeypatch.setattr(leaders, "_one_by_one", lambda *a: called.append(1) or slow(*a))
    mine = fuse(*given, iou=0.1, weights=[1.0] * 6)
    assert called
    assert mine.members.tolist() == [one[3] for one in as_written(*given, 0.1, [1.0] * 6)]


def test_by_hand():
    boxes = [[0, 0, 10, 10], [0, 0, 10, 12], [50, 50, 60, 60], [0, 0, 10, 10]]
    fused = fuse(boxes, [0.9, 0.3, 0.4, 0.8], [0, 0, 0, 1], [0, 1, 1, 0])
    # the pair counts whole, what one of two saw alone counts half
    assert fused.scores.tolist() == pytest.approx([0.6, 0.4, 0.2])
    assert fused.boxes[0].tolist() == pytest.approx([0, 0, 10, 10.5])
    assert fused.kinds.tolist() == [0, 1, 0]
    assert fused.members.tolist() == [2, 1, 1]
    # a third model that drew nothing counts as well
    alone = fuse(boxes, [0.9, 0.3, 0.4, 0.8], [0, 0, 0, 1], [0, 1, 1, 0], weights=[1, 1, 1])
    assert alone.scores.tolist() == pytest.approx([0.4, 0.8 / 3, 0.4 / 3])


def test_a_score_that_rounding_put_above_one_is_one():
    assert fuse([[0, 0, 1, 1]], [1 + 1e-6], [0], [0]).scores.tolist() == [1.0]


def test_nothing_gives_nothing():
    assert len(fuse([], [], [], [])) == 0
    assert len(fuse([[0, 0, 1, 1]], [0.0], [0], [0])) == 0
    assert suppress([], [], []).tolist() == []


@pytest.mark.parametrize("options", [{}, {"places": 3}, {"places": 400}, {"count": 1500}])
@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.9])
def test_suppression_is_the_greedy_one(options, threshold):
    boxes, scores, kinds, _ = drawn(2, **options)
    kept = []
    for at in np.argsort(-scores):
        its = [k for k in kept if kinds[k] == kinds[at]]
        if not its or iou(boxes[its].T, boxes[at]).max() <= threshold:
            kept.append(int(at))
    assert suppress(boxes, scores, kinds, iou=threshold).tolist() == kept


def test_of_equal_scores_the_earlier_box_is_left():
    box = [0, 0, 10, 10]
    assert suppress([box, box, box], [0.5, 0.5, 0.5], [0, 0, 1]).tolist() == [0, 2]


@pytest.mark.parametrize("far", [0.0, 1e7])
@pytest.mark.parametrize("over", [0.0, 0.05, 0.5])
def test_overlapping_pairs_are_those_of_all_pairs(over, far):
    boxes = drawn(1, count=700, places=90)[0] + far
    first = boxes[:150]
    share_of = iou(first.T[:, :, None], boxes.T[:, None, :])
    one, other, said = overlapping(first, boxes, over)
    assert set(zip(one.tolist(), other.tolist(), strict=True)) == set(
        zip(*map(np.ndarray.tolist, np.nonzero(share_of > over)), strict=True)
    )
    np.testing.assert_array_equal(said, share_of[one, other])


GOOD = {"boxes": [[0, 0, 5, 5]], "scores": [0.5], "kinds": [0], "sources": [0]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": [[5, 0, 0, 5]]}, r"1 of 1 boxes have no area.*\[5.0, 0.0, 0.0, 5.0\]"),
        ({"boxes": [[0, 0, np.nan, 5]]}, "a corner that is no number"),
        ({"scores": [1.5]}, r"a score outside of \[0, 1\]: 1.5"),
        ({"scores": [np.nan]}, "a score outside"),
        ({"kinds": [-1]}, "a kind below 0: -1"),
        ({"scores": [0.5, 0.5]}, "1 boxes, 2 scores and 1 kinds"),
        ({"sources": [0, 1]}, "1 boxes and 2 sources"),
        ({"sources": [2], "weights": [1, 1]}, "got 0 to 2 for 2 weights"),
        ({"weights": [0.0]}, "weights of sources are above 0"),
        ({"iou": 1.0}, "lies between 0 and 1, got 1.0"),
    ],
)
def test_boxes_that_cannot_be_fused(change, message):
    with pytest.raises(BoxError, match=message):
        fuse(**(GOOD | change))
