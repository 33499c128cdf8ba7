"""Boxes of a model, from anyone's CSV."""

import numpy as np
import pytest

from hilum.datasets.predicted_boxes import placed_boxes, read_predicted_boxes
from hilum.domain import LabelTable
from hilum.errors import LabelError


def written(tmp_path, rows):
    path = tmp_path / "boxes.csv"
    path.write_text(rows)
    return path


@pytest.mark.parametrize(
    "header",
    [
        "image,finding,score,x,y,w,h",
        "Image Index,Label,Confidence,x,y,width,height",
        "file,class_name,probability,x_min,y_min,x_max,y_max",
        "image_id,class,conf,x1,y1,x2,y2",
    ],
)
def test_names_of_columns(tmp_path, header):
    corners = "max" in header or "2" in header
    box = "10,20,30,60" if corners else "10,20,20,40"
    found = read_predicted_boxes(written(tmp_path, f"{header}\na.png,Mass,0.5,{box}\n"))
    assert found.xywh.tolist() == [[10, 20, 20, 40]]
    assert (found.images[0], found.findings[0], found.scores[0]) == ("a.png", "mass", 0.5)


def test_boxes_are_placed_by_name(tmp_path):
    path = written(tmp_path, "image,score,x,y,w,h\nb,.5,1,1,2,2\na,.4,1,1,2,2\nz,.4,1,1,2,2\n")
    table = LabelTable(["s/a.png", "s/b.png"], ("mass",), np.zeros((2, 1), np.uint8), ["1", "2"])
    boxes, notes = placed_boxes(read_predicted_boxes(path, finding="mass"), table)
    assert boxes.row.tolist() == [0, 1]
    assert boxes.score.tolist() == [0.4, 0.5]
    assert notes[0].startswith("Boxes were matched to images by the last part")
    assert notes[1].startswith("1 predicted boxes lie on 1 images that the label table does not")
    lost = read_predicted_boxes(
        written(tmp_path, "image,score,x,y,w,h\nz,.5,1,1,2,2\n"), finding="mass"
    )
    with pytest.raises(LabelError, match=r"None of the 1 images of boxes.csv"):
        placed_boxes(lost, table)


def test_a_model_may_find_nothing(tmp_path):
    boxes = read_predicted_boxes(written(tmp_path, "image,finding,score,x,y,w,h\n"))
    assert (len(boxes.images), boxes.xywh.shape) == (0, (0, 4))
    table = LabelTable(["a.png"], ("mass",), np.zeros((1, 1), np.uint8), ["1"])
    assert len(placed_boxes(boxes, table)[0]) == 0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("image,score,x,y,w,h\na,.5,1,1,2,2\n", "no column names the finding"),
        ("finding,score,x,y,w,h\nmass,.5,1,1,2,2\n", "no column of the image"),
        ("image,finding,x,y,w,h\na,mass,1,1,2,2\n", "no column of the score"),
        ("image,finding,score,x,y\na,mass,.5,1,1\n", "no columns of a box"),
        (
            "image,finding,score,x,y,w,h\na,mass,.5,1,1,0,2\n",
            r"row 2 .1, 1, 0, 2.; wanted are .*w and h above 0",
        ),
        ("image,finding,score,x,y,w,h\na,mass,.5,1,1,b,2\n", "column 'w': 1 cells are no numbers"),
        ("image,finding,score,x,y,w,h\na,mass,nan,1,1,2,2\n", "column 'score': 1 cells"),
        ("image,finding,score,x,y,w,h\na,mass,.5,.1,.1,.2,.2\n", "all boxes end within the first"),
        ("image,finding,score,x,y,w,h\na,masss,.5,1,1,2,2\n", "'masss' .row 2.. Did you mean mass"),
        ("image;finding;score;x;y;w;h\na;mass;0,5;1;1;2;2\n", "looks separated by ';'"),
        ("image,finding,score,x1,y1,x2,y2\na,mass,.5,9,1,2,4\n", "wanted are x1, y1, x2, y2"),
    ],
)
def test_boxes_that_cannot_be_read(tmp_path, rows, message):
    with pytest.raises(LabelError, match=message):
        read_predicted_boxes(written(tmp_path, rows))


def test_an_unknown_finding_is_told_with_those_of_the_labels(tmp_path):
    rows = "image,finding,score,x,y,w,h\na,mass,.5,1,1,2,2\nb,qqqq,.5,1,1,2,2\n"
    with pytest.raises(LabelError) as refused:
        read_predicted_boxes(written(tmp_path, rows), known=["mass", "nodule"])
    assert str(refused.value) == (
        "boxes.csv: 1 boxes are of findings that are not known: 'qqqq' (row 3). The labels tell of "
        "mass, nodule."
    )


def test_two_ways_to_write_a_box_that_disagree_are_both_named(tmp_path):
    rows = "image,finding,score,x,y,w,h,x_min,y_min,x_max,y_max\n"
    rows += "a,mass,.5,1,1,2,2,1,1,3,3\nb,mass,.5,1,1,20,20,10,10,30,30\n"
    with pytest.raises(LabelError) as refused:
        read_predicted_boxes(written(tmp_path, rows))
    assert (
        "1 boxes are written in two ways that disagree: row 3 has x, y, w, h = 1, 1, 20, 20, and "
        "x_min, y_min, x_max, y_max = 10, 10, 30, 30."
    ) in str(refused.value)


def test_two_ways_to_write_a_box_may_agree(tmp_path):
    rows = "image,finding,score,x,y,w,h,x1,y1,x2,y2\na,mass,.5,1,1,20,20,1,1,20,20\n"
    assert read_predicted_boxes(written(tmp_path, rows)).xywh.tolist() == [[1, 1, 20, 20]]
