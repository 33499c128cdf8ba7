"""An image without a box against one that nobody looked at."""

import json

import numpy as np
import pytest

from hilum.datasets.looked_at import boxes_on, looked_at, seen_alone
from hilum.domain import LabelTable
from hilum.domain.text import text
from hilum.errors import LabelError

READ = {
    "boxes": True,
    "readings": [
        {"image": "ward/1.png", "boxed": ["nodule"], "boxes": []},
        {"image": "ward/2.png"},
    ],
}


@pytest.fixture
def table():
    return LabelTable(
        images=[f"{i}.png" for i in range(4)],  # type: ignore[arg-type]
        findings=("nodule",),
        states=np.zeros((4, 1), np.uint8),
        patients=[f"p{i}" for i in range(4)],  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("name", "told", "images"),
    [
        ("boxes.csv", READ, ["ward/1.png"]),
        ("boxes.csv", READ | {"boxes": False}, None),
        ("boxes.csv", {"readings": []}, None),  # of a version that drew none
        ("boxes.csv", None, None),
        ("mine.csv", READ, None),
    ],
)
def test_a_run_names_the_images_that_it_looked_at(tmp_path, name, told, images):
    if told is not None:
        (tmp_path / "readings.json").write_text(json.dumps(told))
    found = looked_at(tmp_path / name)
    assert (None if found is None else found.tolist()) == images


@pytest.mark.parametrize(
    "damaged", ["{", "[]", '{"boxes": true}', '{"boxes": true, "readings": 3}']
)
def test_a_damaged_run_is_named(tmp_path, damaged):
    (tmp_path / "readings.json").write_text(damaged)
    with pytest.raises(LabelError, match="nobody knows which images were looked at"):
        looked_at(tmp_path / "boxes.csv")


def test_only_images_that_were_looked_at_count(table):
    kept, (note,) = seen_alone(table, text(["ward/1.png", "ward/9.png"]))
    assert kept.images.tolist() == ["1.png"]
    assert note.startswith("Boxes are measured on the 1 of 4 labelled images that were read")
    assert seen_alone(table, table.images) == (table, ())


def test_a_run_of_other_images_is_named(table):
    with pytest.raises(LabelError, match="None of the 1 images that were read"):
        seen_alone(table, text(["a.png"]))


def test_names_that_look_like_formulas_are_found(tmp_path):
    one = LabelTable(
        images=["=1.png"],  # type: ignore[arg-type]
        findings=("nodule",),
        states=np.ones((1, 1), np.uint8),
        patients=["p"],  # type: ignore[arg-type]
    )
    told = {"boxes": True, "readings": [{"image": "=1.png", "boxed": ["nodule"]}]}
    (tmp_path / "readings.json").write_text(json.dumps(told))
    rows = "image,finding,score,x,y,w,h\n'=1.png,nodule,0.5,10,10,20,20\n"
    (tmp_path / "boxes.csv").write_text(rows)
    drawn, on, unseen = boxes_on(one, tmp_path / "boxes.csv")
    assert drawn.images.tolist() == on.images.tolist() == ["=1.png"]
    assert unseen == ()
