"""The copies and the arithmetic of the benchmark of near-duplicates."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import copies, similarity
from benchmarks.options import Options
from benchmarks.results import render
from hilum.phantoms import draw_chest


@pytest.fixture(scope="module")
def chest() -> np.ndarray:
    return np.rint(255 * draw_chest(np.random.default_rng(3), size=(200, 160)).pixels).astype(
        np.uint8
    )


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("crop 30 %", (140, 112)),
        ("border 20 %", (240, 192)),
        ("half size", (100, 80)),
        ("squashed to 224 × 224", (224, 224)),
        ("rotated by 5°", (200, 160)),
        ("crop 10 %, border 20 %", (216, 173)),
    ],
)
def test_a_copy_has_the_size_that_its_name_says(chest, kind, shape):
    copy = copies.changed(chest, copies.KINDS[kind], np.random.default_rng(0))
    assert copy.shape == shape
    assert copy.dtype == np.uint8


@pytest.mark.parametrize("kind", [*copies.KINDS, *copies.TURNED])
def test_a_copy_differs_and_is_drawn_the_same_again(chest, kind):
    changes = {**copies.KINDS, **copies.TURNED}[kind]
    one, two = (copies.changed(chest, changes, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one, two)
    assert one.shape != chest.shape or (one != chest).mean() > 0.002


def test_phash_stays_when_a_picture_is_made_smaller_and_turns_over_when_it_is_inverted(chest):
    code = similarity.phash(chest)
    small = copies.changed(chest, copies.KINDS["half size"], np.random.default_rng(0))
    assert (code ^ similarity.phash(small)).bit_count() <= 4
    assert (code ^ similarity.phash(255 - chest)).bit_count() >= 50


def test_pairs_are_right_or_wrong_by_the_original():
    made = similarity.Copies([4, 4, 7], ["a", "b", "a"], np.zeros((3, 64, 64)), np.zeros(3))
    pairs = [
        similarity.similarity.Pair(i, j, 1.0, (), None, 1.0) for i, j in [(4, 1), (7, 1), (4, 2)]
    ]
    hits, wrong = similarity._sorted(pairs, made)
    assert hits.tolist() == [False, True, False]
    assert wrong == 2


def test_phash_gets_as_many_bits_as_leave_its_pairs_as_right_as_ours():
    hashes = np.array([0, 0b1111, 0xFFFF], np.uint64)
    made = similarity.Copies(
        [0, 2], ["a", "a"], np.zeros((2, 64, 64)), np.array([1, 0xFF], np.uint64)
    )
    fair, *rest = similarity._by_hash(hashes, made, 0.0)
    assert (fair.bits, fair.hits.tolist(), fair.wrong) == (2, [True, False], 0)
    assert [(h.bits, h.wrong) for h in rest] == [(4, 2), (8, 3), (12, 3)]


def test_the_whole_benchmark_runs_on_a_few_drawn_pictures(tmp_path: Path, monkeypatch):
    folder = tmp_path / "radiographs"
    folder.mkdir()
    rows = []
    for number in range(24):
        source = ("nih14", "nih14", "paediatric", "ieee8023")[number % 4]
        patient = f"{source}-{number // 8 if number % 4 == 0 else number}"
        grey = draw_chest(np.random.default_rng(number), size=(160, 160)).pixels
        cv2.imwrite(str(folder / f"{number}.png"), np.rint(255 * grey))
        code = f"{similarity.phash(np.rint(255 * grey).astype(np.uint8)):x}"
        rows.append(
            {"file": f"{number}.png", "source": source, "patient_id": patient, "phash64": code}
        )
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    few = {kind: copies.KINDS[kind] for kind in ("crop 10 %", "inverted")}
    for name, value in {
        "ORIGINALS": dict.fromkeys(similarity.ORIGINALS, 1),
        "TRIALS": (),
        "KINDS": few,
        "ASKED_FOR": few,
        "MANY": 40,
        "PLANTED": 4,
    }.items():
        monkeypatch.setattr(similarity, name, value)
    monkeypatch.setattr(similarity, "reported", lambda patient: True)
    page = render(similarity.run(Options(folder=tmp_path, data=folder)), "")
    assert "| crop 10 % | 4 |" in page
    assert "| 40 pictures in ≤ 10 minutes" in page
    assert "its median distance from the manifest's `phash64` is 0 bits" in page
    assert not list(tmp_path.glob("*.npy"))


def test_without_radiographs_nothing_is_measured(tmp_path):
    section = similarity.run(Options(folder=tmp_path, data=tmp_path))
    assert section.skipped.startswith("no radiographs")
