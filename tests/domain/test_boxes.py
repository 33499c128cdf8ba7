import numpy as np
import pytest

from hilum.domain.boxes import Boxes
from hilum.errors import LabelError


def boxes(**changes: object) -> Boxes:
    fields: dict[str, object] = {
        "row": np.array([2, 0, 2]),
        "finding": ("mass", "nodule", "edema"),
        "xywh": np.array([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]], np.float64),
        "annotated": np.array([False, True, False, False]),
    }
    return Boxes(**(fields | changes))  # type: ignore[arg-type]


def test_boxes_stand_in_the_order_of_their_images() -> None:
    drawn = boxes()
    assert drawn.row.tolist() == [0, 2, 2]
    assert drawn.finding.tolist() == ["nodule", "mass", "edema"]
    findings, xywh = drawn.of(2)
    assert findings.tolist() == ["mass", "edema"]
    assert xywh.tolist() == [[1, 2, 3, 4], [9, 10, 11, 12]]
    assert len(drawn.of(1)[0]) == 0


def test_an_image_with_a_box_was_looked_at_and_one_without_may_have_been() -> None:
    assert boxes().annotated.tolist() == [True, True, True, False]


def test_rows_take_their_boxes_along() -> None:
    kept = boxes().rows(np.array([2, 3, 2, 0]))
    assert kept.row.tolist() == [0, 0, 2, 2, 3]
    assert kept.finding.tolist() == ["mass", "edema", "mass", "edema", "nodule"]
    assert kept.annotated.tolist() == [True, False, True, True]


def test_some_kinds_or_some_images() -> None:
    assert boxes().kinds(["mass"]).row.tolist() == [2]
    assert boxes().kinds(["mass"]).annotated.tolist() == [True, True, True, False]
    some = boxes().only(np.array([True, False, False, False]))
    assert some.row.tolist() == [0]
    assert some.annotated.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xywh": np.array([[1, 2, 3, 4], [5, 6, -7, 8], [9, 10, 0, 12]])}, "2 boxes have no area"),
        ({"xywh": np.array([[1, 2, 3, 4], [5, 6, 7, 8], [np.nan, 1, 1, 1]])}, "no finite corner"),
        ({"row": np.array([2, 0, 4])}, "stands on row 4 of 4"),
        ({"finding": ("mass",)}, "3 rows, 1 findings and 3 boxes"),
    ],
)
def test_boxes_that_cannot_be(changes: dict[str, object], message: str) -> None:
    with pytest.raises(LabelError, match=message):
        boxes(**changes)


def test_boxes_outside_their_image_are_found_where_its_size_is_known() -> None:
    wide = np.array([12, 0, 20, 0], np.int32)
    high = np.array([13, 0, 22, 0], np.int32)
    assert boxes().outside(wide, high).tolist() == [False, False, False]
    assert boxes().outside(wide - 2, high).tolist() == [True, False, True]
    assert boxes().outside(wide * 0, high).tolist() == [False, False, False]
