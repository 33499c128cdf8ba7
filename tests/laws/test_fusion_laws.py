"""What fusing and suppressing boxes must keep, whatever the boxes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hilum.reading.boxes.fusion import fuse, suppress
from hilum.reading.boxes.overlapping import iou


@st.composite
def sets(draw):
    """Boxes, scores that differ, kinds, sources of three."""
    n = draw(st.integers(1, 40))
    whole = st.integers(0, 60)
    low = draw(arrays(np.float64, (n, 2), elements=whole))
    size = draw(arrays(np.float64, (n, 2), elements=st.integers(1, 30)))
    scores = np.array(draw(st.permutations(range(1, n + 1)))) / (n + 1)
    kinds = draw(arrays(np.int64, n, elements=st.integers(0, 2)))
    sources = draw(arrays(np.int64, n, elements=st.integers(0, 2)))
    return np.hstack([low, low + size]), scores, kinds, sources


@settings(max_examples=60, deadline=None)
@given(sets(), st.integers(0, 2**31), st.sampled_from([0.3, 0.55, 0.7]))
def test_the_order_of_the_boxes_does_not_matter(given_set, seed, threshold):
    boxes, scores, kinds, sources = given_set
    mixed = np.random.default_rng(seed).permutation(len(boxes))
    one = fuse(boxes, scores, kinds, sources, iou=threshold, weights=[1, 1, 1])
    other = fuse(*(v[mixed] for v in given_set), iou=threshold, weights=[1, 1, 1])
    rows = [np.lexsort((*f.boxes.T, f.scores.round(9))) for f in (one, other)]
    np.testing.assert_allclose(one.boxes[rows[0]], other.boxes[rows[1]], atol=1e-9)
    np.testing.assert_allclose(one.scores[rows[0]], other.scores[rows[1]], atol=1e-12)
    kept = suppress(boxes, scores, kinds, iou=threshold)
    again = mixed[suppress(boxes[mixed], scores[mixed], kinds[mixed], iou=threshold)]
    assert kept.tolist() == again.tolist()


@settings(max_examples=60, deadline=None)
@given(sets())
def test_fused_boxes_lie_among_their_members_and_count_them_all(given_set):
    boxes, scores, kinds, sources = given_set
    found = fuse(boxes, scores, kinds, sources, weights=[1, 1, 1])
    assert found.members.sum() == len(boxes)
    assert (np.diff(found.scores) <= 0).all()
    assert (found.scores <= scores.max() + 1e-12).all()
    for box, kind in zip(found.boxes, found.kinds, strict=True):
        its = boxes[kinds == kind]
        assert (box >= its.min(0) - 1e-9).all()
        assert (box <= its.max(0) + 1e-9).all()


@settings(max_examples=60, deadline=None)
@given(sets(), st.sampled_from([0.3, 0.5, 0.7]))
def test_what_is_left_does_not_overlap_and_suppresses_the_rest(given_set, threshold):
    boxes, scores, kinds, _ = given_set
    kept = suppress(boxes, scores, kinds, iou=threshold)
    share = iou(boxes.T[:, :, None], boxes.T[:, None, :])
    share[kinds[:, None] != kinds] = 0
    np.fill_diagonal(share, 0)
    assert (share[np.ix_(kept, kept)] <= threshold).all()
    gone = np.setdiff1d(np.arange(len(boxes)), kept)
    surer = scores[kept] > scores[gone][:, None]
    assert ((share[np.ix_(gone, kept)] > threshold) & surer).any(1).all()
