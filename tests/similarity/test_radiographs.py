"""Real radiographs: visits of one patient are told apart, copies are found."""

from __future__ import annotations

import csv

import cv2
import numpy as np
import pytest

from benchmarks.copies import KINDS, changed
from hilum.similarity import Options, between, near_duplicates, thumbnail

SEVERAL = ("00010384", "00001543", "00002678", "00003593", "00001389", "00010531")
"""Patients of ChestX-ray14 whose visits look most alike."""


@pytest.fixture(scope="module")
def visits(shared):
    with (shared / "radiographs" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [r for r in csv.DictReader(file) if any(p in r["file"] for p in SEVERAL)]
    assert len(rows) >= 15
    return [
        cv2.imread(str(shared / "radiographs" / row["file"]), cv2.IMREAD_GRAYSCALE) for row in rows
    ]


def test_visits_of_one_patient_are_no_copies_though_they_are_alike(visits):
    thumbs = np.stack([thumbnail(visit) for visit in visits])
    assert near_duplicates(thumbs) == []
    assert len(near_duplicates(thumbs, Options(threshold=0.7))) >= 5


def test_copies_are_given_to_the_right_visit(visits):
    kinds = [kind for kind in KINDS if "quality 10" not in kind]
    copies = [
        thumbnail(changed(visit, KINDS[kinds[n % len(kinds)]], np.random.default_rng(n)))
        for n, visit in enumerate(visits)
    ]
    found = between([thumbnail(visit) for visit in visits], copies)
    assert all(pair.first == pair.second for pair in found)
    assert len(found) >= 0.95 * len(visits)
