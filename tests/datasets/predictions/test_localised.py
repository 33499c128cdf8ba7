"""Predicted boxes beside those of readers."""

import numpy as np
import pytest

from hilum.datasets.predicted_boxes import BoxFile
from hilum.datasets.predictions.localised import highest, localise
from hilum.domain import LabelTable
from hilum.domain.boxes import Boxes
from hilum.domain.text import text
from hilum.errors import LabelError

N = 30


def table(annotated=None, **columns):
    drawn = np.arange(0, N, 3)
    boxes = Boxes(
        row=drawn,
        finding=text(["mass"] * len(drawn)),
        xywh=np.tile([10.0, 10.0, 20.0, 20.0], (len(drawn), 1)),
        annotated=np.ones(N, np.bool_) if annotated is None else annotated,
    )
    states = np.zeros((N, 1), np.uint8)
    states[drawn] = 1
    return LabelTable(
        images=[f"{i}.png" for i in range(N)],
        findings=("mass",),
        states=states,
        patients=[f"p{i}" for i in range(N)],
        columns=columns,
        boxes=boxes,
    )


def predicted(rows, key="mass", at=10.0):
    count = len(rows)
    return BoxFile(
        "boxes.csv",
        text(f"{row}.png" for row in rows),
        text([key] * count),
        np.tile([at, 10.0, 20.0, 20.0], (count, 1)),
        np.linspace(0.5, 1, count),
    )


def test_boxes_that_are_right_are_all_found():
    found, notes = localise(table(), predicted(range(0, N, 3)), samples=50)
    assert found.map_voc2010.value == 1
    assert found.counted == "annotated"
    assert not notes


def test_false_boxes_count_where_somebody_looked():
    found, _ = localise(table(), predicted(range(N)), samples=50)
    assert found.map_voc2010.value < 0.7


def test_where_only_findings_were_drawn_other_images_do_not_count():
    annotated = np.arange(N) % 3 == 0
    found, notes = localise(table(annotated), predicted(range(N)), samples=50)
    assert found.counted == "boxed"
    assert found.map_voc2010.value == 1
    assert "knew to have a finding" in notes[0]


def test_a_part_alone_is_measured():
    split = np.where(np.arange(N) < 15, "test", "train")
    found, notes = localise(table(split=split), predicted(range(0, N, 3)), part="test", samples=50)
    assert found.images == 15
    assert "does not know" in notes[0]


def test_boxes_beyond_their_image_are_told():
    sized = table(width_px=np.full(N, 50), height_px=np.full(N, 50))
    assert not localise(sized, predicted(range(N)), samples=50)[1]
    _, notes = localise(sized, predicted(range(N), at=32.0), samples=50)
    assert any(
        "30 of 30 predicted boxes reach beyond their image, by over a pixel, on 30 images: '0.png',"
        in note
        for note in notes
    )


def test_boxes_in_another_frame_are_told_where_no_size_is_known():
    assert not localise(table(), predicted(range(N)), samples=50)[1]
    _, notes = localise(table(), predicted(range(N), at=300.0), samples=50)
    assert len(notes) == 1
    assert notes[0].startswith("Predicted boxes end at 320 px at most, readers' boxes at 30 px")


def test_without_boxes_there_is_nothing_to_measure():
    bare = LabelTable(images=["0.png"], findings=("mass",), states=np.zeros((1, 1), np.uint8),
                      patients=["p"])  # fmt: skip
    with pytest.raises(LabelError, match="holds no boxes"):
        localise(bare, predicted([0]))
    for ask in (lambda none: localise(table(), none), lambda none: highest(none, table())):
        with pytest.raises(LabelError, match="holds no box: there is nothing to measure"):
            ask(predicted([]))
    with pytest.raises(LabelError, match="tells of others"):
        localise(table(), predicted([0], key="nodule"))


def test_an_image_has_the_score_of_its_surest_box():
    boxes = predicted([0, 0, 5])
    found = highest(boxes, table())
    assert found.scale == "scores"
    assert found.values[0, 0] == 0.75
    assert found.values[5, 0] == 1.0
    assert (found.values[[1, 2, 3], 0] < 0.5).all()
