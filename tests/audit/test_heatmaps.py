"""Deletion and insertion, asked of a function that is known to look at one place."""

import numpy as np
import pytest

from hilum.audit.heatmaps import blurred, removal
from hilum.errors import EvaluationError
from hilum.evaluation.faithfulness import by_evidence

RNG = np.random.default_rng(0)
PIXELS = RNG.random((40, 40), np.float32)
CORNER = np.zeros((4, 4))
CORNER[0, 3] = 1


def score(pictures):
    """How far the upper right corner is from being blurred."""
    place = np.s_[:, :10, 30:]
    return np.abs(pictures - blurred(PIXELS))[place].mean((1, 2)).astype(np.float64)


def test_a_map_of_the_place_that_counts_beats_its_opposite():
    right = removal(score, PIXELS, by_evidence(CORNER), (4, 4))
    wrong = removal(score, PIXELS, by_evidence(-CORNER), (4, 4))
    assert right.deletion.area < wrong.deletion.area
    assert right.insertion.area > wrong.insertion.area


def test_both_curves_begin_where_the_other_ends():
    found = removal(score, PIXELS, by_evidence(CORNER), (4, 4), steps=4)
    assert found.deletion.score[0] == found.insertion.score[-1] == score(PIXELS[None])[0]
    assert found.deletion.score[-1] == found.insertion.score[0] == 0
    # its place is among the first quarter
    assert found.deletion.score[1:].tolist() == [0, 0, 0, 0]
    assert (found.insertion.score[1:] == found.deletion.score[0]).all()


def test_a_score_that_is_no_number_is_refused():
    with pytest.raises(EvaluationError, match="not finite"):
        removal(
            lambda pictures: np.full(len(pictures), np.nan), PIXELS, by_evidence(CORNER), (4, 4)
        )
