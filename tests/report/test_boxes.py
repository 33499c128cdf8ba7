"""Boxes on pictures and in the files of a run."""

import csv
import json
from dataclasses import replace
from importlib.resources import files

import cv2
import jsonschema
import numpy as np
import pytest

from hilum.datasets.predicted_boxes import read_predicted_boxes
from hilum.domain import CHEST14, Affine, FoundBox, Radiograph, Source
from hilum.errors import RunError
from hilum.report import boxes
from hilum.report.folder import OutputFolder
from hilum.report.notebook import reading_html

KEYS = ("effusion", "nodule", "pneumothorax")
EFFUSION = FoundBox(
    "effusion", 0.87, (10, 60, 30, 40), "detector", ("right lower", "right middle"), 0.8,
    (41.2, 63.3),
)  # fmt: skip
NODULE = FoundBox("nodule", 0.33, (70.5, 5.25, 20, 12), "heatmap", (), 0.05)


@pytest.fixture
def boxed(make):
    def build(name="a.png", found=(EFFUSION, NODULE), **options):
        return replace(make.reading(name, **options), boxed=KEYS, boxes=tuple(found))

    return build


@pytest.fixture
def fill(make):
    def build(out, items, **options):
        with OutputFolder.open(out, bundle=make.bundle(), boxes=True, **options) as folder:
            for item in items:
                folder.add(folder.draw(item))
            folder.finish()
        return out

    return build


def read_json(out):
    found = json.loads((out / "readings.json").read_text("utf-8"))
    schema = json.loads((files("hilum.report") / "schema/readings.schema.json").read_text("utf-8"))
    jsonschema.validate(found, schema, jsonschema.Draft202012Validator)
    return found


@pytest.mark.parametrize(
    ("to_source", "place"),
    [
        (Affine(), (0.1, 0.5, 0.4, 1.0)),
        (Affine.scale(2, 2), (0.05, 0.25, 0.2, 0.5)),
        (Affine(((-1, 0, 100), (0, 1, 0))), (0.6, 0.5, 0.9, 1.0)),
        (Affine(((0, 1, 0), (1, 0, 0))), (0.6, 1 / 12, 1.0, 1 / 3)),
        (Affine.shift(20, 0), (0.0, 0.5, 0.2, 1.0)),  # cut at the picture's edge
    ],
)
def test_boxes_of_the_file_are_placed_on_the_picture(to_source, place):
    shape = (120, 100)
    source = Source("a.png", "png", shape, to_source)
    radiograph = Radiograph(np.zeros(shape, np.float32), source)
    box = FoundBox("effusion", 0.9, (10, 60, 30, 60), "detector")
    assert boxes.on_picture([box], radiograph)[0] == pytest.approx(place)


def test_the_findings_with_boxes_of_readers_have_colours_of_their_own():
    assert len({boxes.colour_of(key) for key in CHEST14[:8]}) == 8


@pytest.mark.parametrize(
    ("key", "share", "outside"),
    [
        ("effusion", 0.1, True),
        ("effusion", 0.25, False),
        ("effusion", None, False),
        ("cardiomegaly", 0.0, False),
        ("hernia", 0.0, False),
    ],
)
def test_what_belongs_elsewhere_is_not_marked_as_outside_the_lungs(key, share, outside):
    assert boxes.is_outside(key, share) is outside


def on_line(picture, box, place):
    """Share of a box's outline that has its colour."""
    left, top, right, bottom = boxes.in_pixels(place, picture.shape[:2])
    near = np.abs(picture.astype(int) - np.array(boxes.colour_of(box.finding)[::-1])).max(2) < 40
    ends = [near[top, left:right], near[bottom, left:right],
            near[top:bottom, left], near[top:bottom, right]]  # fmt: skip
    return np.concatenate(ends).mean()


def test_a_box_in_the_lungs_has_a_whole_line_and_one_outside_is_dashed():
    grey = np.full((400, 400), 120, np.uint8)
    inside, outside = replace(EFFUSION, in_lungs=0.9), replace(EFFUSION, in_lungs=0.1)
    place = (0.2, 0.3, 0.7, 0.8)
    whole = boxes.with_boxes(grey, [inside], [place])
    dashed = boxes.with_boxes(grey, [outside], [place])
    assert on_line(whole, inside, place) > 0.97
    assert 0.35 < on_line(dashed, outside, place) < 0.75
    assert np.array_equal(whole[200:220, 150:250, 0], grey[200:220, 150:250])


def test_boxes_of_one_finding_alone():
    grey = np.full((200, 200), 120, np.uint8)
    places = [(0.1, 0.1, 0.4, 0.9), (0.6, 0.1, 0.9, 0.9)]
    drawn = boxes.with_boxes(grey, [EFFUSION, NODULE], places, of="nodule")
    assert on_line(drawn, EFFUSION, places[0]) == 0
    assert on_line(drawn, NODULE, places[1]) > 0.3


def test_many_boxes_at_the_edge_can_be_drawn():
    grey = np.full((60, 80), 120, np.uint8)
    many = [replace(EFFUSION, score=1 - i / 100) for i in range(60)]
    places = [(0.0, 0.0, 1.0, 1.0), (0.99, 0.99, 1.0, 1.0), (0.0, 0.5, 0.0, 0.5)] * 20
    assert boxes.with_boxes(grey, many, places).shape == (60, 80, 3)


def test_boxes_stand_in_every_file(boxed, make, fill, tmp_path):
    items = [boxed("a.png"), boxed("b.png", ()), make.reading("c.png"), make.refusal()]
    out = fill(tmp_path / "out", items)
    held = read_json(out)
    one, none, other = held["readings"]
    assert held["boxes"] is True
    assert one["boxed"] == list(KEYS)
    assert one["boxes"][0] == {
        "finding": "effusion", "label": "Effusion", "score": 0.87, "xywh": [10, 60, 30, 40],
        "origin": "detector", "zones": ["right lower", "right middle"], "in_lungs": 0.8,
        "size_mm": [41.2, 63.3],
    }  # fmt: skip
    assert one["boxes"][1]["size_mm"] is None
    assert (none["boxed"], none["boxes"], none["overlay"]) == (list(KEYS), [], None)
    assert {"boxed", "boxes", "overlay"}.isdisjoint(other)  # not looked for: not "none found"
    assert [path.name for path in (out / "boxes").iterdir()] == ["a.png.png"]
    assert cv2.imread(str(out / one["overlay"])).shape == (120, 100, 3)
    with (out / "boxes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["a.png", "a.png"]
    assert (rows[0]["zones"], rows[0]["in_lungs"]) == ("right lower; right middle", "0.8")
    assert (rows[1]["zones"], rows[1]["width_mm"]) == ("", "")
    back = read_predicted_boxes(out / "boxes.csv")
    assert back.findings.tolist() == ["effusion", "nodule"]
    assert back.xywh.tolist() == [[10, 60, 30, 40], [70.5, 5.25, 20, 12]]
    assert back.scores.tolist() == [0.87, 0.33]


def test_a_run_that_looks_for_no_boxes_has_none(make, tmp_path):
    make.fill(tmp_path / "out", [make.reading()])
    assert not (tmp_path / "out" / "boxes.csv").exists()
    assert not (tmp_path / "out" / "boxes").exists()
    assert read_json(tmp_path / "out")["boxes"] is False
    assert 'id="v-boxlist"' not in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_a_run_that_stopped_goes_on_with_its_boxes(boxed, make, fill, tmp_path):
    out = tmp_path / "out"
    whole = fill(tmp_path / "whole", [boxed("a.png"), boxed("b.png")])
    with OutputFolder.open(out, bundle=make.bundle(), boxes=True) as folder:
        folder.add(folder.draw(boxed("a.png")))
    with pytest.raises(RunError, match="with --boxes, and this run is without boxes; add --boxes"):
        OutputFolder.open(out, bundle=make.bundle(), resume=True)
    fill(out, [boxed("b.png")], resume=True)
    assert (out / "boxes.csv").read_text() == (whole / "boxes.csv").read_text()
    assert read_json(out)["readings"] == read_json(whole)["readings"]
    with OutputFolder.open(tmp_path / "plain", bundle=make.bundle()) as folder:
        folder.add(folder.draw(make.reading()))
    with pytest.raises(RunError, match="this run is with --boxes; leave out --boxes"):
        OutputFolder.open(tmp_path / "plain", bundle=make.bundle(), boxes=True, resume=True)


def test_an_image_whose_picture_with_boxes_is_lost_is_read_again(boxed, make, fill, tmp_path):
    out = fill(tmp_path / "out", [boxed("a.png"), boxed("b.png")])
    (out / "boxes" / "a.png.png").unlink()
    with OutputFolder.open(out, bundle=make.bundle(), boxes=True, resume=True) as folder:
        assert folder.done == {"b.png"}


def test_boxes_are_counted(boxed, make, tmp_path):
    with OutputFolder.open(tmp_path / "out", bundle=make.bundle(), boxes=True) as folder:
        for item in (boxed("a.png"), boxed("b.png", ()), make.reading("c.png")):
            folder.add(folder.draw(item))
        told = folder.boxes()
    assert dict(told.kinds) == {"effusion": 1, "nodule": 1}
    assert (told.images, told.looked, told.outside) == (1, 2, 1)


def test_another_picture_under_the_same_uid_loses_its_boxes(boxed, make, tmp_path):
    def item(name, digest):
        reading = boxed(name)
        source = replace(reading.source, instance_uid="1.2", pixel_digest=digest)
        return replace(reading, source=source)

    with OutputFolder.open(tmp_path / "out", bundle=make.bundle(), boxes=True) as folder:
        folder.add(folder.draw(item("a.dcm", "one")))
        folder.add(folder.draw(item("b.dcm", "two")))
        folder.finish()
    assert [path.name for path in (tmp_path / "out" / "boxes").iterdir()] == ["a.dcm.png"]
    assert "b.dcm" not in (tmp_path / "out" / "boxes.csv").read_text()
    assert (tmp_path / "out" / "previews" / "b.dcm.jpg").is_file()


def test_boxes_alone_say_nothing_of_the_whole_image(boxed, make, tmp_path):
    card = make.card(findings=[], results=[], boxes=[{"key": "effusion"}], graph={"boxes": "boxes"})
    bundle = replace(make.bundle(), card=card)
    item = replace(boxed(), predictions=(), heatmaps=())
    with OutputFolder.open(tmp_path / "out", bundle=bundle, boxes=True) as folder:
        folder.add(folder.draw(item))
        folder.finish()
    assert not (tmp_path / "out" / "readings.csv").exists()  # an empty list would look normal
    assert not (tmp_path / "out" / "findings.csv").exists()
    assert read_json(tmp_path / "out")["readings"][0]["predictions"] == []
    assert "No finding above" not in reading_html(item)


def test_a_notebook_shows_boxes(boxed, make):
    assert reading_html(boxed()) != reading_html(make.reading("a.png"))
