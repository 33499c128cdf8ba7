"""Orders of places, pictures mixed by them, curves, and how alike maps are."""

import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation.faithfulness import (
    Curve,
    by_evidence,
    from_the_middle,
    likeness,
    mixed,
    shares,
)


def test_places_come_by_evidence_and_from_the_middle():
    assert by_evidence([[1, 3], [3, -2]]).tolist() == [1, 2, 0, 3]
    assert from_the_middle((3, 3)).tolist()[0] == 4
    assert set(from_the_middle((3, 3)).tolist()[-4:]) == {0, 2, 6, 8}


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_the_first_places_show_the_one_picture(share):
    inside, outside = np.ones((5, 7), np.float32), np.zeros((5, 7), np.float32)
    order = np.array([3, 0, 1, 2])
    found = mixed(inside, outside, order, (2, 2), share)
    taken = order[: round(share * 4)]
    for cell in range(4):
        # rows 0 to 2 and columns 0 to 3 lie in the first cells
        part = found[
            np.s_[:3] if cell < 2 else np.s_[3:], np.s_[:4] if cell % 2 == 0 else np.s_[4:]
        ]
        assert (part == (cell in taken)).all()


def test_the_area_of_a_curve():
    assert Curve(shares(2), np.array([1.0, 0.0, 0.0])).area == pytest.approx(0.25)
    assert shares(4).tolist() == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize(
    ("ask", "fault"),
    [
        (lambda: shares(0), "at least 1"),
        (lambda: by_evidence([1.0, 2.0]), "finite numbers"),
        (lambda: by_evidence([[np.nan]]), "finite numbers"),
        (lambda: Curve(np.array([0, 1.0]), np.array([0.0])), "as many scores as shares"),
        (lambda: Curve(np.array([0, 0.5]), np.zeros(2)), "rise from 0 to 1"),
        (lambda: Curve(np.array([0, 1.0]), np.array([0, np.inf])), "1 scores are not finite"),
        (
            lambda: mixed(np.ones((2, 2), np.float32), np.ones((2, 3), np.float32),
                          np.arange(4), (2, 2), 0.5),
            "pictures of",
        ),
        (
            lambda: mixed(np.ones((2, 2), np.float32), np.ones((2, 2), np.float32),
                          np.array([0, 0, 1, 2]), (2, 2), 0.5),
            "an order of 4 places",
        ),
        (lambda: likeness(np.ones((2, 2)), np.ones((2, 3))), "of the shapes"),
        (lambda: likeness(np.ones((1, 1)), [[np.nan]]), "not finite"),
    ],
)  # fmt: skip
def test_what_is_refused(ask, fault):
    with pytest.raises(EvaluationError, match=fault):
        ask()


def test_maps_are_alike_by_the_order_of_their_places():
    one = np.random.default_rng(0).normal(size=(4, 5))
    assert likeness(one, np.exp(one)) == pytest.approx(1)
    assert likeness(one, -one) == pytest.approx(-1)
    assert likeness(one, np.ones((4, 5))) is None
