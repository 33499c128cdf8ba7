"""Sizes of images, that readers' boxes are held to."""

import json
from typing import Any

import cv2
import numpy as np
import pytest

from hilum.datasets.image_sizes import sized
from hilum.datasets.looked_at import boxes_on
from hilum.datasets.predictions.localised import localise
from hilum.domain import LabelTable
from hilum.domain.boxes import Boxes
from hilum.errors import LabelError


def table(left=10.0, **columns: Any):
    return LabelTable(
        images=[f"{i}.png" for i in range(3)],  # type: ignore[arg-type]
        findings=("mass",),
        states=np.ones((3, 1), np.uint8),
        patients=[f"p{i}" for i in range(3)],  # type: ignore[arg-type]
        columns=columns,
        boxes=Boxes(
            np.array([1]),
            np.array(["mass"], object),
            np.array([[left, 10.0, 20, 20]]),
            np.ones(3, np.bool_),
        ),
    )


@pytest.fixture
def run(tmp_path):
    """Boxes of a run that read two images of 100 × 80 px."""
    readings = [{"image": f"ward/{i}.png", "shape": [80, 100], "boxed": ["mass"]} for i in (1, 2)]
    told = {"boxes": True, "readings": readings}
    (tmp_path / "readings.json").write_text(json.dumps(told))
    (tmp_path / "boxes.csv").write_text(
        "image,finding,score,x,y,w,h\nward/1.png,mass,.5,10,10,20,20\n"
        "ward/2.png,mass,.5,90,10,20,20\n"
    )
    return tmp_path / "boxes.csv"


def of(found):
    return [found.columns[name].tolist() for name in ("width_px", "height_px")]


def test_a_run_tells_sizes_and_pointing_by_chance_is_known(run):
    found = sized(table(), run)
    assert of(found) == [[0, 100, 100], [0, 80, 80]]
    drawn, on, _ = boxes_on(found, run)
    measured, notes = localise(on, drawn, samples=20)
    assert measured.each[0].pointing_by_chance.value == pytest.approx(20 * 20 / (100 * 80))
    assert any("1 of 2 predicted boxes reach beyond their image" in n and "'2.png'" in n
               for n in notes)  # fmt: skip


def test_boxes_of_another_tool_leave_sizes_unknown(run):
    mine = run.rename(run.with_name("mine.csv"))
    given = table()
    assert sized(given, mine) is given
    bare = LabelTable(given.images, given.findings, given.states, given.patients)
    assert sized(bare, mine) is bare


def test_readers_boxes_beyond_their_image_are_refused_by_name(run):
    with pytest.raises(LabelError, match=r"1 of 1 boxes of the labels reach .*: 1.png .100 × 80"):
        sized(table(left=3600), run)


def test_files_tell_the_sizes_of_images_with_boxes(tmp_path):
    for i in (0, 1):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.tile(np.arange(100, dtype=np.uint8), (80, 1)))
    assert of(sized(table(), folder=tmp_path)) == [[0, 100, 0], [0, 80, 0]]
    with pytest.raises(LabelError, match=r"reach beyond their image: 1\.png"):
        sized(table(left=3600), folder=tmp_path)
    elsewhere = table(left=3600, split=["test", "train", "test"])
    assert sized(elsewhere, folder=tmp_path, part="test") is elsewhere


def test_what_the_labels_tell_stays_and_must_be_what_was_read(run, tmp_path):
    told = {"width_px": [90, 100, 0], "height_px": [90, 80, 0]}
    assert of(sized(table(10.0, **told), run)) == [[90, 100, 100], [90, 80, 80]]
    other = {"width_px": [0, 1000, 0], "height_px": [0, 800, 0]}
    with pytest.raises(LabelError, match=r"1.png .100 × 80, by the labels 1000 × 800"):
        sized(table(10.0, **other), run)


def test_a_damaged_run_is_named(run):
    run.with_name("readings.json").write_text('{"readings": [{"image": "1.png", "shape": 3}]}')
    with pytest.raises(LabelError, match="sizes of the images are not known"):
        sized(table(), run)
