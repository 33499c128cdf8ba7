"""Ways to put a box, on maps whose right answer is known."""

import numpy as np
import pytest

from hilum.export.heatmap_boxes import Drawn
from hilum.studies.localise import real_boxes
from hilum.studies.localise.cases import likely_of
from hilum.studies.localise.ways import (
    FOLDS,
    MEASURES,
    above,
    around_middle,
    central,
    folds,
    learn_share,
    thrown,
    told,
    with_threshold,
)

BOX = np.array([0.5, 0.5, 0.25, 0.25])
PATIENTS = [f"p{at // 2}" for at in range(24)]


def map_of(box, cells=16):
    values = np.zeros((cells, cells), np.float32)
    left, top = (int(v * cells) for v in box[:2])
    values[top : top + int(box[3] * cells), left : left + int(box[2] * cells)] = 1
    return values


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (BOX, [1, 1, 1, 1, 1]),
        ([0.0, 0.0, 1.0, 1.0], [1, 0, 0, 0, 1 / 16]),
        ([0.0, 0.0, 0.25, 0.25], [0, 0, 0, 0, 0]),
        ([0.375, 0.5, 0.25, 0.25], [1, 1, 1, 1, 1 / 3]),
    ],
)
def test_what_is_told_of_a_box(found, expected):
    assert told(around_middle(np.array(found)), BOX) == pytest.approx(expected)


def test_a_map_is_cut_around_its_largest_part():
    values = map_of(BOX)
    values[0, 0] = 2
    found = above(values, 0.4)
    assert found.xywh == pytest.approx(BOX, abs=0.04)
    assert (found.point < 1 / 16).all()


def test_the_share_is_learnt_that_overlaps_most():
    values = map_of(np.array([0.25, 0.25, 0.75, 0.75])) * np.float32(0.3) + map_of(BOX)
    assert learn_share([Drawn("mass", values, BOX)]) in (0.3, 0.4, 0.5, 0.6, 0.7)
    assert learn_share([Drawn("mass", values, np.array([0.25, 0.25, 0.75, 0.75]))]) < 0.3


def test_patients_stay_in_one_fold_and_folds_are_even():
    fold = folds(PATIENTS, 0)
    assert set(fold.tolist()) == set(range(FOLDS))
    assert all(len({f for f, p in zip(fold, PATIENTS, strict=True) if p == one}) == 1
               for one in set(PATIENTS))  # fmt: skip
    assert (fold != folds(PATIENTS, 1)).any()


def test_what_is_learnt_for_a_fold_does_not_come_from_it():
    """Of one patient whose box is unlike all others, the number is learnt from the others."""
    odd = np.array([0.0, 0.0, 1.0, 1.0])
    values = map_of(BOX) + np.float32(0.2)
    drawn = [Drawn("mass", values, odd if p == "p0" else BOX) for p in PATIENTS]
    fold = np.array([int(p[1:]) for p in PATIENTS])
    found, learnt = with_threshold(drawn, fold)
    assert found[0].xywh == pytest.approx(BOX, abs=0.04)
    assert len(learnt) == 12


def test_boxes_thrown_blindly_hit_as_often_as_geometry_says():
    values = thrown(
        np.array([0.5, 0.5]), np.array([0.25, 0.25, 0.25, 0.25]), np.random.default_rng(0)
    )
    # middles lie in a square of side .5 that begins at .25, and a quarter of it is the box
    assert values[0] == pytest.approx(0.25, abs=0.1)


def test_the_central_box_lies_in_the_middle():
    found = central({"mass": np.array([[0.0, 0.0, 0.2, 0.4]] * 3)})
    assert found.xywh == pytest.approx([0.4, 0.3, 0.2, 0.4])


def test_the_question_finds_the_way_that_is_right_and_shows_it():
    rng = np.random.default_rng(0)
    places = np.array([[0.125, 0.25, 0.25, 0.5], [0.625, 0.25, 0.25, 0.5]])
    sides = rng.integers(0, 2, len(PATIENTS))
    grain = rng.random((len(PATIENTS), 16, 16), np.float32) / np.float32(4)
    drawn = [
        Drawn("mass", np.add(map_of(places[s]), one, dtype=np.float32), places[s])
        for s, one in zip(sides, grain, strict=True)
    ]
    others = {"mass": np.repeat(places, 5, axis=0)}
    values, learnt = real_boxes._every_way(
        {"activation map": drawn}, PATIENTS, likely_of(others), others, (0, 1)
    )
    assert values[real_boxes.SHIPPED].mean(0) == pytest.approx([1, 1, 1, 1, 1], abs=0.01)
    assert values[real_boxes.CHANCE].mean(0)[0] < 0.6
    assert values[real_boxes.LIKELIEST].mean(0)[0] == max(np.mean(sides == 0), 0)
    assert all(trust > 0 for trust in learnt[real_boxes.SHIPPED])
    shown = real_boxes.show(
        {
            "boxes": 24, "images": 24, "patients": 12, "others": {"mass": 10}, "present": 3,
            "refused": 1, "area": 0.125, "learnt": learnt,
            "ways": {
                name: real_boxes.means(one, PATIENTS, MEASURES) for name, one in values.items()
            },
            "differences": {
                name: real_boxes.means(
                    values[real_boxes.SHIPPED] - values[name], PATIENTS, MEASURES
                )
                for name in real_boxes.AGAINST
            },
            "findings": real_boxes._by_finding(values[real_boxes.SHIPPED], ["mass"] * 24),
        }
    )  # fmt: skip
    every, gains, _ = shown.tables
    assert every.rows[-1][:2] == (real_boxes.SHIPPED, "1.00 (1.00 to 1.00)")
    against_chance = gains.rows[0][1]
    assert against_chance.startswith("**+0.")
    assert "calls 3 present" in shown.words[1]
    assert shown.figures["hits"]().axes[0].get_xlabel().startswith("share of readers' boxes")
