"""What holds of boxes, wherever they lie."""

import numpy as np
import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from hilum.domain.boxes import Boxes
from hilum.domain.text import text
from hilum.evaluation.localisation import (
    PredictedBoxes,
    froc,
    iobb,
    iou,
    mean_average_precision,
    overlap_table,
)

box = st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 20)] * 2)


def given(*strategies):
    """As Hypothesis's own, without a deadline: a busy machine breaks no law."""
    return lambda test: settings(deadline=None)(given_any(*strategies)(test))


@st.composite
def pictures(draw):
    """Boxes on six images, one at least; no two reference boxes are the same."""
    true = draw(st.lists(st.tuples(st.integers(0, 5), box), min_size=1, max_size=10, unique=True))
    said = draw(
        st.lists(st.tuples(st.integers(0, 5), box, st.integers(0, 8)), min_size=1, max_size=14)
    )
    reference = Boxes(
        [r for r, _ in true], text(["mass"] * len(true)), np.array([b for _, b in true], float),
        np.ones(6, bool),
    )  # fmt: skip
    predicted = PredictedBoxes(
        np.array([r for r, *_ in said]), text(["mass"] * len(said)),
        np.array([b for _, b, _ in said], float), np.array([s / 8 for *_, s in said]),
    )  # fmt: skip
    return reference, predicted


def numbers(reference, predicted):
    found = [
        mean_average_precision(reference, predicted, ["mass"], convention=kind).mean.value
        for kind in ("coco", "voc2010")
    ]
    found.append(froc(reference, predicted, "mass").mean.value)
    found += [row.found.value for row in overlap_table(reference, predicted, "mass")]
    return found


@given(st.lists(box, min_size=1, max_size=5), st.lists(box, min_size=1, max_size=5))
def test_overlaps(mine, theirs):
    union, of_mine = iou(mine, theirs), iobb(mine, theirs)
    assert union == pytest.approx(iou(theirs, mine).T)
    assert (union <= of_mine + 1e-12).all()
    assert (of_mine <= 1).all()
    assert np.diag(iou(mine, mine)) == pytest.approx(np.ones(len(mine)))


@given(pictures(), st.floats(0.1, 10), st.integers(-50, 50))
def test_scale_place_and_scores_scale_do_not_matter(picture, scale, shift):
    reference, predicted = picture
    # Powers of two keep an overlap of exactly one half exactly that.
    scale = 2.0 ** round(np.log2(scale))

    def moved(xywh):
        return np.hstack([xywh[:, :2] + shift, xywh[:, 2:]]) * scale

    other = Boxes(reference.row, reference.finding, moved(reference.xywh), reference.annotated)
    theirs = PredictedBoxes(
        predicted.row, predicted.finding, moved(predicted.xywh), 3 * predicted.score - 7
    )
    assert numbers(other, theirs) == pytest.approx(numbers(reference, predicted))


@given(pictures())
def test_everything_lies_between_nothing_and_all(picture):
    reference, predicted = picture
    assert all(0 <= value <= 1 for value in numbers(reference, predicted))
    perfect = PredictedBoxes(
        reference.row, reference.finding, reference.xywh, np.ones(len(reference))
    )
    assert numbers(reference, perfect) == pytest.approx([1] * 8)


@given(pictures())
def test_a_false_box_of_the_lowest_score_harms_nothing(picture):
    reference, predicted = picture
    more = PredictedBoxes(
        np.append(predicted.row, 0), text([*predicted.finding, "mass"]),
        np.vstack([predicted.xywh, [900, 900, 5, 5]]), np.append(predicted.score, -1.0),
    )  # fmt: skip
    assert numbers(reference, more)[:3] == pytest.approx(numbers(reference, predicted)[:3])
