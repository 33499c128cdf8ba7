"""What holds for every search for near-duplicates."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.phantoms import draw_chest
from hilum.similarity import between, groups, near_duplicates, thumbnail
from hilum.similarity.pair import equal

quick = settings(max_examples=12, deadline=None)
seeds = st.integers(0, 2**16)


def chest(seed: int) -> np.ndarray:
    return draw_chest(np.random.default_rng(seed), size=(224, 200)).pixels


@st.composite
def cuts(draw):
    """A cut that keeps at least seven tenths of each side."""
    top, left = draw(st.integers(0, 66)), draw(st.integers(0, 59))
    return slice(top, draw(st.integers(top + 157, 224))), slice(
        left, draw(st.integers(left + 140, 200))
    )


@quick
@given(seeds, cuts(), st.booleans(), st.booleans(), st.floats(0.6, 1.7))
def test_a_cut_turned_over_inverted_or_bent_in_grey_is_found(seed, cut, mirrored, inverted, gamma):
    picture = chest(seed)
    copy = picture[cut] ** np.float32(gamma)
    copy = 1 - copy if inverted else copy
    copy = copy[:, ::-1] if mirrored else copy
    others = [chest(seed + 1), chest(seed + 2)]
    pairs = near_duplicates([thumbnail(np.ascontiguousarray(p)) for p in (*others, picture, copy)])
    assert [(p.first, p.second) for p in pairs] == [(2, 3)]
    [pair] = pairs
    assert ("mirrored" in pair.relations) == mirrored
    assert ("inverted" in pair.relations) == inverted
    rows, columns = cut
    x, y = (columns.start + columns.stop) / 400, (rows.start + rows.stop) / 448
    assert np.abs(pair.affine((x, y)) - 0.5).max() < 0.02


@quick
@given(seeds, cuts(), st.permutations(range(4)))
def test_order_does_not_matter(seed, cut, order):
    picture = chest(seed)
    pictures = [chest(seed + 1), picture, chest(seed + 2), picture[cut]]
    thumbs = [thumbnail(np.ascontiguousarray(p)) for p in pictures]
    pairs = near_duplicates([thumbs[i] for i in order])
    assert {frozenset((order[p.first], order[p.second])) for p in pairs} == {frozenset((1, 3))}


@quick
@given(seeds, cuts())
def test_two_sets_may_change_places(seed, cut):
    picture = chest(seed)
    one = [thumbnail(chest(seed + 1)), thumbnail(picture)]
    two = [thumbnail(np.ascontiguousarray(picture[cut])), thumbnail(chest(seed + 2))]
    [forth], [back] = between(one, two), between(two, one)
    assert (forth.first, forth.second) == (back.second, back.first) == (1, 0)
    assert abs(forth.score - back.score) < 0.03
    there = forth.affine((0.5, 0.5))
    assert np.abs(back.affine(there) - 0.5).max() < 0.02


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_groups_are_the_least_that_hold_every_pair(edges):
    pairs = [equal(a, b) for a, b in edges]
    of = groups(20, pairs)
    assert all(of[a] == of[b] for a, b in edges)
    assert all(of[of[i]] == of[i] <= i for i in range(20))
    joined = {i: {i} for i in range(20)}
    for a, b in edges:
        both = joined[a] | joined[b]
        for member in both:
            joined[member] = both
    assert all((of[a] == of[b]) == (b in joined[a]) for a in range(20) for b in range(20))
