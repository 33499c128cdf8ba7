from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from hilum.datasets.convert import Options, convert
from hilum.datasets.convert.labels import LABELS, labels_of, save_labels
from hilum.datasets.table import load
from hilum.domain import LabelTable
from hilum.domain.boxes import Boxes
from hilum.domain.text import text
from hilum.errors import LabelError
from hilum.phantoms import draw_chest


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures, one of them twice, converted to 128 px."""
    place = tmp_path_factory.mktemp("labels")
    (place / "src" / "more").mkdir(parents=True)
    for seed in range(3):
        pixels = draw_chest(np.random.default_rng(seed), size=(320, 256)).pixels
        cv2.imwrite(str(place / "src" / f"{seed}.png"), np.rint(255 * pixels))
    copy = place / "src" / "more" / "copy.png"
    copy.write_bytes((place / "src" / "0.png").read_bytes())
    convert([place / "src"], place / "out", Options(size=128))
    return place / "out"


def table(names: list[str], patients: list[str], states: list[int]) -> LabelTable:
    boxes = Boxes(
        row=np.array([1]),
        finding=["mass"],  # type: ignore[arg-type]
        xywh=np.array([[64.0, 80.0, 32.0, 160.0]]),
        annotated=np.array([True] * len(names)),
    )
    return LabelTable(
        images=names,  # type: ignore[arg-type]
        findings=("mass",),
        states=np.array(states, np.uint8)[:, None],
        patients=patients,  # type: ignore[arg-type]
        boxes=boxes,
    )


def test_rows_go_to_the_pictures_with_their_boxes(converted: Path) -> None:
    names = ["0.png", "src/1.png", "more/copy.png", "none.png"]
    made, missing = labels_of(table(names, ["a", "b", "a", "c"], [0, 1, 0, 0]), converted)
    assert missing == ("none.png",)
    assert len(made) == 2  # the copy is the same picture
    assert made.patients.tolist() == ["a", "b"]
    for image in made.images.tolist():
        assert cv2.imread(str(converted / image)).shape[:2] == (128, 102)
    assert made.columns["height_px"].tolist() == [128, 128]
    assert made.columns["original_height_px"].tolist() == ["320", "320"]
    assert made.boxes is not None
    assert made.boxes.row.tolist() == [1]
    scale = np.array([102 / 256, 128 / 320] * 2)
    np.testing.assert_allclose(made.boxes.xywh, np.array([[64, 80, 32, 160]]) * scale)


def test_the_table_is_kept_with_what_is_private(converted: Path) -> None:
    rows, missing = save_labels(table(["0.png", "1.png"], ["a", "b"], [0, 1]), converted)
    assert (rows, missing) == (2, ())
    assert LABELS == "private/labels.csv"
    assert load(converted / LABELS).states.tolist() == [[0], [1]]


def test_copies_with_other_labels_are_refused(converted: Path) -> None:
    names = ["0.png", "1.png", "more/copy.png"]
    with pytest.raises(LabelError, match="rows of 1 images disagree"):
        labels_of(table(names, ["a", "b", "a"], [0, 1, 1]), converted)
    with pytest.raises(LabelError, match="rows of 1 images disagree"):
        labels_of(table(names, ["a", "b", "other"], [0, 1, 0]), converted)


@pytest.mark.parametrize(
    ("row", "looked", "right_px", "message"),
    [
        (0, [1, 1, 1], 96, r"1 sources are copies .*: 0\.png and more/copy\.png"),
        (1, [1, 1, 0], 96, r"1 sources are copies .*: 0\.png and more/copy\.png"),
        (1, [1, 1, 1], 300, r"1 of 1 boxes reach outside their image: 1\.png \(256 × 320\)"),
    ],
)
def test_boxes_that_copies_or_sizes_gainsay_are_named(
    row: int, looked: list[int], right_px: int, message: str, converted: Path
) -> None:
    names = ["0.png", "1.png", "more/copy.png"]
    whole = table(names, ["a", "b", "a"], [0, 1, 0])
    corners = np.array([[64.0, 80, right_px - 64, 160]])
    boxes = Boxes(np.array([row]), text(["mass"]), corners, np.array(looked, bool))
    with pytest.raises(LabelError, match=message):
        labels_of(replace(whole, boxes=boxes), converted)


def test_no_picture_at_all(converted: Path) -> None:
    with pytest.raises(LabelError, match="None of the 2 images"):
        labels_of(table(["x.png", "y.png"], ["a", "b"], [0, 1]), converted)
