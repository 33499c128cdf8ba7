import numpy as np
import pytest

from hilum.datasets.pack.labels import overlay, read_refused, write_labels, write_refused
from hilum.datasets.pack.picture import Refused
from hilum.datasets.table import load
from hilum.domain import LabelTable
from hilum.domain.boxes import Boxes
from hilum.domain.text import text
from hilum.errors import PackError


def table(images, findings, states, *, columns=None, boxes=None):
    return LabelTable(
        images=text(images),
        findings=findings,
        states=np.array(states, np.uint8).reshape(len(images), len(findings)),
        patients=text([f"p{name}" for name in images]),
        columns=columns or {},
        boxes=boxes,
    )


def boxes(rows, count, *, looked=()):
    annotated = np.zeros(count, np.bool_)
    annotated[list(looked)] = True
    xywh = np.array([[row, 1, 2, 3] for row in rows], float)
    return Boxes(np.array(rows, np.int64), text(["mass"] * len(rows)), xywh, annotated)


def test_the_second_table_counts_where_both_speak():
    below = table(
        ["a", "b"],
        ("mass", "nodule"),
        [[1, 0], [0, 1]],
        columns={"view": ["PA", "AP"], "visit": [1, 2], "ward": ["x", "y"]},
    )
    above = table(
        ["c", "b"],
        ("nodule", "hernia"),
        [[1, 1], [2, 0]],
        columns={"view": ["", "PA"], "age_years": [7.5, np.nan]},
    )
    both = overlay(below, above)
    assert both.images.tolist() == ["a", "b", "c"]
    assert both.findings == ("mass", "nodule", "hernia")
    assert both.states.tolist() == [[1, 0, 3], [0, 2, 0], [3, 1, 1]]
    assert both.patients.tolist() == ["pa", "pb", "pc"]
    assert both.columns["view"].tolist() == ["PA", "PA", ""]
    assert both.columns["visit"].tolist() == [1, 2, -1]
    assert both.columns["ward"].tolist() == ["x", "y", ""]
    assert np.array_equal(both.columns["age_years"], [np.nan, np.nan, 7.5], equal_nan=True)
    assert both.boxes is None


@pytest.mark.parametrize(
    ("first", "second", "rows", "annotated"),
    [
        (boxes([0, 1], 2), None, [0, 1], [True, True, False]),
        (None, boxes([0, 1, 1], 2), [1, 1, 2], [False, True, True]),
        (boxes([0, 1], 2), boxes([0, 0], 2), [0, 1, 2, 2], [True, True, True]),
        # of image b the second table says that nothing is to be drawn
        (boxes([0, 1], 2), boxes([], 2, looked=[1]), [0], [True, True, False]),
    ],
)
def test_boxes_are_replaced_where_somebody_looked_again(first, second, rows, annotated):
    below = table(["a", "b"], (), [], boxes=first)
    both = overlay(below, table(["c", "b"], (), [], boxes=second))
    assert both.boxes.row.tolist() == rows
    assert both.boxes.annotated.tolist() == annotated


def test_labels_follow_the_pictures(tmp_path):
    write_labels(tmp_path, text(["b", "a"]), table(["a", "x", "b"], ("mass",), [[1], [0], [2]]))
    assert load(tmp_path / "labels.csv").images.tolist() == ["b", "a"]
    write_labels(tmp_path, text(["b", "a", "c"]), table(["c"], ("mass",), [[1]]))
    assert load(tmp_path / "labels.csv").states.tolist() == [[2], [1], [1]]
    with pytest.raises(PackError, match="1 pictures of the pack have no labels"):
        write_labels(tmp_path, text(["b", "z"]), table(["c"], ("mass",), [[1]]))


def test_refused_images_with_odd_names_come_back(tmp_path):
    assert read_refused(tmp_path) == ()
    odd = (Refused('a,"b".png', "damaged", "cut, or\nworse"), Refused("ü.png", "x", ""))
    write_refused(tmp_path, odd)
    assert read_refused(tmp_path) == odd
