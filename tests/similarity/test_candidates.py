from __future__ import annotations

import numpy as np
import pytest

from hilum.similarity import groups, thumbnail
from hilum.similarity.candidates import PER_PICTURE, Found, candidates
from hilum.similarity.features import describe
from hilum.similarity.neighbours import build
from hilum.similarity.pair import equal
from hilum.similarity.turning import UPRIGHT

COPIES = 150


def proposed(thumbs):
    features = describe(lambda number: thumbs[number], len(thumbs), threads=2)
    found = Found()
    index = build(features, threads=2)
    candidates(index, features, [UPRIGHT], found, swapped=None, threads=2, step=lambda more: None)
    found.ordered()
    return found.best()


@pytest.fixture(scope="module")
def noisy(chests):
    rng = np.random.default_rng(2)
    shape = chests[6].shape
    return [
        thumbnail(np.clip(chests[6] + rng.normal(0, 12, shape), 0, 255).astype(np.uint8))
        for _ in range(COPIES)
    ]


def connected(thumbs):
    best = proposed(thumbs)
    pairs = [equal(int(i), int(j)) for i, j in zip(best.first, best.second, strict=True)]
    return np.bincount(groups(len(thumbs), pairs)).max()


def test_of_very_many_copies_few_pairs_connect_all(noisy):
    best = proposed(noisy)
    assert connected(noisy) >= 0.98 * COPIES
    assert len(best) <= COPIES * PER_PICTURE


def test_without_favour_their_votes_scatter(noisy, monkeypatch):
    before = proposed(noisy).votes
    monkeypatch.setattr("hilum.similarity.neighbours.FAVOUR", 0.0)
    after = proposed(noisy).votes
    assert np.percentile(after, 90) < np.percentile(before, 90)


def test_the_first_of_a_pair_has_the_smaller_number_and_each_pair_stands_once(noisy):
    best = proposed(noisy[:40])
    pairs = list(zip(best.first.tolist(), best.second.tolist(), strict=True))
    assert all(i < j for i, j in pairs)
    assert len(set(pairs)) == len(pairs) > 20
    assert pairs == sorted(pairs)


def test_a_proposed_map_is_about_right(chests):
    chest = chests[2]
    rows, columns = chest.shape
    cut = thumbnail(np.ascontiguousarray(chest[rows // 5 :, : columns * 4 // 5]))
    best = proposed([thumbnail(chest), cut])
    assert best.first.tolist() == [0]
    wanted = np.array([[1.25, 0, 0.125], [0, 1.25, -0.125]])
    assert np.abs(best.affines[0] - wanted).max() < 0.06
