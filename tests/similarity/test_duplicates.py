from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest

from benchmarks.copies import KINDS, TURNED, changed
from hilum.similarity import OnDemand, Options, between, groups, near_duplicates, thumbnail

NAMES = {
    "crop 30 %": "cropped",
    "border 20 %": "border",
    "half size": "resampled",
    "mirrored": "mirrored",
    "six words": "marks",
    "gamma 0.5": "contrast",
    "inverted": "inverted",
    "rotated by 3°": "rotated",
}


@pytest.fixture(scope="module")
def thumbs(chests):
    return np.stack([thumbnail(chest) for chest in chests])


@pytest.fixture(scope="module")
def copied(chests):
    """The number of the original, what was done, and the thumbnail."""
    return [
        (number, kind, thumbnail(changed(chests[number], changes, np.random.default_rng(which))))
        for which, (kind, changes) in enumerate(KINDS.items())
        if "quality 10" not in kind
        for number in (which % len(chests), (which + 7) % len(chests))
    ]


@pytest.fixture(scope="module")
def pairs(thumbs, copied):
    return between(thumbs, np.stack([thumb for _, _, thumb in copied]))


def test_drawn_chests_are_no_copies_of_each_other(thumbs):
    assert near_duplicates(thumbs) == []


def test_copies_are_found_and_nothing_else(copied, pairs):
    found = {pair.second for pair in pairs if copied[pair.second][0] == pair.first}
    missed = [kind for number, (_, kind, _) in enumerate(copied) if number not in found]
    assert len(missed) <= 0.05 * len(copied), missed
    assert len(found) == len(pairs)
    assert all(0.9 <= pair.score <= 1 for pair in pairs)


def test_what_was_done_is_named(copied, pairs):
    told = 0
    for pair in pairs:
        kind = copied[pair.second][1]
        if kind in NAMES:
            assert NAMES[kind] in pair.relations, (kind, pair)
            told += 1
    assert told >= 12


def test_the_affine_leads_from_a_point_to_the_same_point_of_the_copy(chests):
    chest = chests[5]
    rows, columns = chest.shape
    top, left, high, wide = 40, 10, rows - 70, columns - 30
    copy = chest[top : top + high, left : left + wide][:, ::-1]
    [pair] = between([thumbnail(chest)], [thumbnail(copy)])
    x, y = np.meshgrid([0.3, 0.5, 0.7], [0.3, 0.5, 0.7])
    points = np.stack([x, y], -1)
    wanted = np.stack([1 - (x * columns - left) / wide, (y * rows - top) / high], -1)
    assert np.abs(pair.affine(points) - wanted).max() < 0.01
    assert pair.overlap == pytest.approx(high * wide / rows / columns, abs=0.03)


@pytest.mark.parametrize("kind", TURNED)
def test_turned_pictures_are_found_when_asked_for(chests, thumbs, kind):
    copy = thumbnail(changed(chests[4], TURNED[kind], np.random.default_rng(1)))
    [pair] = between(thumbs, [copy], Options(turned=True))
    assert pair.first == 4
    assert any(name.startswith(("turned by", "upside down")) for name in pair.relations)


def test_a_set_is_searched_as_two_sets_are(thumbs, copied, pairs):
    both = np.concatenate([thumbs, np.stack([thumb for _, _, thumb in copied])])
    found = near_duplicates(both)
    assert all(pair.first < pair.second for pair in found)
    together = groups(len(both), found)
    for pair in pairs:
        assert together[pair.first] == together[len(thumbs) + pair.second]
    originals = together[: len(thumbs)]
    assert originals.tolist() == list(range(len(thumbs)))


def test_threads_blocks_and_the_way_thumbnails_are_held_change_nothing(
    thumbs, copied, tmp_path, monkeypatch
):
    both = np.stack([*thumbs[:12], *(thumb for number, _, thumb in copied[:30] if number < 12)])
    np.save(tmp_path / "thumbs.npy", both)
    found = near_duplicates(both, Options(threads=1))
    assert len(found) >= 5
    assert near_duplicates(both, Options(threads=3)) == found
    assert near_duplicates(np.load(tmp_path / "thumbs.npy", mmap_mode="r")) == found
    assert near_duplicates(OnDemand(len(both), lambda number: both[number])) == found
    monkeypatch.setattr("hilum.similarity.candidates.BLOCK", 7)
    assert near_duplicates(both) == found


def test_equal_thumbnails_are_paired_with_the_first(thumbs):
    found = near_duplicates(thumbs[[3, 1, 3, 2, 3]])
    assert [(p.first, p.second, p.score, p.relations) for p in found] == [
        (0, 2, 1.0, ("equal",)),
        (0, 4, 1.0, ("equal",)),
    ]
    found = between(thumbs[[3, 3, 1]], thumbs[[2, 3, 3]])
    assert [(p.first, p.second) for p in found] == [(0, 1), (0, 2), (1, 1)]
    assert {p.relations for p in found} == {("equal",)}


def test_every_equal_picture_of_a_leak_is_named(chests, thumbs):
    copy = thumbnail(255 - chests[3][20:])
    found = between(thumbs[[3, 3, 1]], [copy, thumbs[2], copy])
    assert {(p.first, p.second) for p in found} == {(0, 0), (1, 0), (0, 2)}


@pytest.mark.parametrize("level", [0, 128, 255])
def test_empty_pictures_are_no_copies_of_anything(thumbs, level):
    blank = np.full((128, 128), level, np.uint8)
    speck = blank.copy()
    speck[5, 5] ^= 40
    noise = np.random.default_rng(0).integers(0, 3, (128, 128)).astype(np.uint8)
    assert near_duplicates(np.stack([blank, speck, noise, 255 - noise[::-1], *thumbs[:2]])) == []


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_any_picture_gives_no_pair(thumbs, count):
    assert near_duplicates(thumbs[:count]) == []
    assert between(thumbs[:count], thumbs[1:3]) == []
    assert between(thumbs[1:3], thumbs[:count]) == []


def test_progress_is_told_from_nothing_to_all(thumbs, copied):
    told: list[tuple[str, int, int]] = []
    both = np.stack([*thumbs, copied[0][2]])
    near_duplicates(both, Options(progress=lambda *now: told.append(now)))
    assert list(dict.fromkeys(step for step, _, _ in told)) == [
        "describe",
        "search",
        "align",
    ]
    for name in ("describe", "search", "align"):
        done = [(d, total) for step, d, total in told if step == name]
        assert done == sorted(done)
        assert done[-1][0] == done[-1][1]


def test_opencv_keeps_its_threads(thumbs):
    before = cv2.getNumThreads()
    near_duplicates(thumbs[:3])
    assert cv2.getNumThreads() == before


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((128, 128), np.float32), "number 1 is float32"),
        (np.zeros((96, 96), np.uint8), r"number 1 is uint8 \[96, 96\], the first has 128"),
        (np.zeros((128, 128, 3), np.uint8), "number 1 is uint8"),
    ],
)
def test_other_thumbnails_are_refused(thumbs, bad, message):
    with pytest.raises(ValueError, match=message):
        near_duplicates([thumbs[0], bad])
    assert not [t for t in threading.enumerate() if t.name.startswith("hilum-similarity")]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"threshold": 0}, "threshold lies in"), ({"threads": 0}, "at least 1 thread")],
)
def test_senseless_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Options(**options)
