"""An image without a box against one that nobody looked at, and a finding never found."""

import json

import numpy as np
import pytest

from hilum.datasets.looked_at import boxes_on, looked_at, seen_alone
from hilum.datasets.predictions.localised import highest, localise
from hilum.domain import LabelTable
from hilum.domain.boxes import Boxes
from hilum.domain.text import text
from hilum.errors import LabelError

READ = {
    "boxes": True,
    "readings": [
        {"image": "ward/1.png", "boxed": ["nodule", "mass"], "boxes": []},
        {"image": "ward/3.png", "boxed": ["mass"], "boxes": []},
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
    ("name", "told", "looked"),
    [
        ("boxes.csv", READ, {"nodule": ["ward/1.png"], "mass": ["ward/1.png", "ward/3.png"]}),
        ("boxes.csv", READ | {"boxes": False}, None),
        ("boxes.csv", {"readings": []}, None),  # of a version that drew none
        ("boxes.csv", None, None),
        ("mine.csv", READ, None),
    ],
)
def test_a_run_names_what_it_looked_for_and_where(tmp_path, name, told, looked):
    if told is not None:
        (tmp_path / "readings.json").write_text(json.dumps(told))
    found = looked_at(tmp_path / name)
    assert (found and {key: images.tolist() for key, images in found.items()}) == looked


@pytest.mark.parametrize(
    "damaged", ["{", "[]", '{"boxes": true}', '{"boxes": true, "readings": 3}']
)
def test_a_damaged_run_is_named(tmp_path, damaged):
    (tmp_path / "readings.json").write_text(damaged)
    with pytest.raises(LabelError, match="nobody knows which images were looked at"):
        looked_at(tmp_path / "boxes.csv")


def test_only_images_that_were_looked_at_count(table):
    rows, (how, note) = seen_alone(table, text(["ward/1.png", "ward/9.png"]))
    assert rows.tolist() == [1, -1]
    assert how == "Boxes were matched to images by the last part of their paths."
    assert note.startswith("Boxes are measured on the 1 of 4 labelled images that were read")
    assert seen_alone(table, table.images)[1] == ()


def test_a_run_of_other_images_is_named(table):
    with pytest.raises(LabelError, match="None of the 1 images that were read"):
        seen_alone(table, text(["a.png"]))
    with pytest.raises(LabelError, match="looked for on no image that was read"):
        seen_alone(table, text([]))


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


N = 20
KINDS = {"effusion": (100.0, 100, 80, 80), "nodule": (300.0, 300, 40, 40)}


@pytest.fixture
def reference():
    """Every other of twenty images has a box of each finding."""
    drawn = np.arange(0, N, 2)
    return LabelTable(
        images=[f"{i}.png" for i in range(N)],  # type: ignore[arg-type]
        findings=tuple(KINDS),
        states=np.repeat((np.arange(N) % 2 == 0)[:, None], 2, axis=1).astype(np.uint8),
        patients=[f"p{i}" for i in range(N)],  # type: ignore[arg-type]
        boxes=Boxes(
            np.repeat(drawn, 2),
            text(list(KINDS) * len(drawn)),
            np.tile(list(KINDS.values()), (len(drawn), 1)),
            np.ones(N, np.bool_),
        ),
    )


@pytest.fixture
def run(tmp_path):
    """``run({finding: images looked at}, {finding: images found on})``: writes boxes.csv."""

    def write(looked, found, folder=""):
        images = sorted({i for numbers in looked.values() for i in numbers})
        readings = [
            {
                "image": f"{folder}{i}.png",
                "boxed": [key for key, numbers in looked.items() if i in numbers],
            }
            for i in images
        ]
        (tmp_path / "readings.json").write_text(json.dumps({"boxes": True, "readings": readings}))
        rows = [
            f"{folder}{i}.png,{key},0.9,{','.join(map(str, KINDS[key]))}\n"
            for key, numbers in found.items()
            for i in numbers
        ]
        (tmp_path / "boxes.csv").write_text("image,finding,score,x,y,w,h\n" + "".join(rows))
        return tmp_path / "boxes.csv"

    return write


ALL, HALF, DRAWN = range(N), range(N // 2), range(0, N, 2)


@pytest.mark.parametrize(
    ("looked", "found", "each", "mean"),
    [
        # one of two findings is never found
        ({"effusion": ALL, "nodule": ALL}, {"effusion": DRAWN}, {"effusion": 1, "nodule": 0}, 0.5),
        # no box at all
        ({"effusion": ALL, "nodule": ALL}, {}, {"effusion": 0, "nodule": 0}, 0),
        # a cascade that looks for one finding on some images: found wherever it looked
        (
            {"effusion": ALL, "nodule": HALF},
            {"effusion": DRAWN, "nodule": range(0, N // 2, 2)},
            {"effusion": 1, "nodule": 1},
            1,
        ),
        # boxes where nobody looked are neither right nor wrong
        ({"effusion": ALL, "nodule": HALF}, {"nodule": DRAWN}, {"effusion": 0, "nodule": 1}, 0.5),
        # not looked for at all: neither measured nor missed
        ({"effusion": ALL}, {"effusion": DRAWN}, {"effusion": 1}, 1),
    ],
    ids=["never-found", "no-box", "somewhere", "elsewhere", "not-looked-for"],
)
def test_what_was_looked_for_is_measured_where_it_was(reference, run, looked, found, each, mean):
    drawn, on, _ = boxes_on(reference, run(looked, found))
    measured, notes = localise(on, drawn, samples=20)
    assert {one.finding: one.ap_coco.value for one in measured.each} == pytest.approx(each)
    assert measured.map_coco.value == pytest.approx(mean)
    assert {one.finding: one.images for one in measured.each} == {
        key: len(looked[key]) for key in each
    }
    never = set(looked) - set(found)
    assert any("looked for and none was drawn" in note for note in notes) == bool(never)
    part = any(len(numbers) < N for numbers in looked.values())
    assert any("nodule (10 of 20)" in note for note in notes) == part


def test_an_image_has_no_score_of_what_was_not_looked_for(reference, run):
    drawn, on, _ = boxes_on(reference, run({"effusion": ALL, "nodule": HALF}, {"nodule": [0]}))
    found = highest(drawn, on)
    assert found.findings == ("nodule", "effusion")
    nodule, effusion = found.values.T
    assert nodule[0] == 0.9
    assert (nodule[1:10] < 0.9).all()
    assert np.isnan(nodule[10:]).all()
    assert len(set(effusion.tolist())) == 1  # looked for everywhere, and never found


def test_boxes_on_unlabelled_images_alone_find_nothing(reference, run):
    few = reference.rows(np.arange(4))
    path = run({"effusion": ALL}, {"effusion": [10, 12]}, folder="ward/")
    drawn, on, (how,) = boxes_on(few, path)
    assert "the last part of their paths" in how
    measured, notes = localise(on, drawn, samples=20)
    assert measured.map_coco.value == 0
    assert "2 predicted boxes lie on 2 images that the label table does not know" in notes[0]


def test_names_are_matched_once_for_boxes_and_images(reference, run, tmp_path):
    # b/0.png is another image than 0.png, though no box lies on an image named as in the labels
    run({"effusion": ALL}, {})
    told = json.loads((tmp_path / "readings.json").read_text())
    told["readings"].append({"image": "b/0.png", "boxed": ["effusion"]})
    (tmp_path / "readings.json").write_text(json.dumps(told))
    row = "image,finding,score,x,y,w,h\nb/0.png,effusion,0.9,100,100,80,80\n"
    (tmp_path / "boxes.csv").write_text(row)
    drawn, on, _ = boxes_on(reference, tmp_path / "boxes.csv")
    assert localise(on, drawn, samples=20)[0].map_coco.value == 0
