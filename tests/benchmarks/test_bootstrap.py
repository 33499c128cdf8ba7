"""Both sides of `bootstrap` measure the same thing; never how fast."""

import os

import numpy as np
import pytest

from benchmarks import bootstrap
from benchmarks.measure import Times


@pytest.fixture
def study(tmp_path):
    rng = np.random.default_rng(0)
    patients = np.sort(rng.integers(0, 60, 200))
    patients = np.unique(patients, return_inverse=True)[1]
    targets = rng.random((200, 3)) < 0.4
    path = tmp_path / "study.npz"
    np.savez(path, targets=targets, patients=patients, scores=rng.normal(size=(200, 3)) + targets)
    return str(path)


def test_both_sides_give_the_same_numbers(study, monkeypatch):
    monkeypatch.setattr(bootstrap, "DRAWS", 20)
    ours, theirs = bootstrap.hilum_side(study), bootstrap.scikit_learn_side(study)
    assert ours("numbers") == pytest.approx(theirs(0))
    drawn = theirs(2)
    assert len(drawn) == 6
    assert drawn != pytest.approx(theirs(0))
    assert ours("pid") == os.getpid()
    for name in ("both", "delong", *bootstrap.OTHERS):
        assert ours(name) == 0


def test_marks_are_met_or_not():
    times = {
        "hilum": Times((20.0, 30.0, 25.0)),
        "scikit-learn": Times((500.0, 600.0, 800.0)),
        "delong": Times((2.0, 2.0, 2.0)),
    }
    section = bootstrap._section(times, {"auroc": Times((9.0,))}, 400.0, 1e-16)
    assert [mark.met for mark in section.marks] == [True, False, True, False]
    assert section.tables[0].rows[-1] == ["Hilum, AUROC alone", "9,000 (9,000–9,000)"]
