"""Boxes that cannot be, on every way in: named with their image, never guessed."""

import csv
from functools import partial

import numpy as np
import pytest

from hilum.datasets.collections import COLLECTIONS
from hilum.datasets.column_map import load_map, read_mapped
from hilum.datasets.predicted_boxes import BoxFile, read_predicted_boxes
from hilum.datasets.predictions.localised import localise
from hilum.datasets.table import load
from hilum.domain import LabelTable
from hilum.domain.boxes import Boxes
from hilum.domain.text import text
from hilum.errors import LabelError, UnknownName

SIIM = "id,Negative for Pneumonia,Typical Appearance,Indeterminate Appearance,Atypical Appearance\n"


def written(path, head, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(head)
        out.writerows(rows)
    return path


def saved(folder, boxes, label="opacity", size=""):
    """A table that Hilum saved: a.png has the boxes, b.png none, nobody looked at c.png."""
    cell = "; ".join(f"{label} {' '.join(map(str, box))}" for box in boxes)
    head = ["image", "patient", "opacity", "boxes", "width_px", "height_px"]
    rows = [["a.png", "p", 1, cell, size, size], ["b.png", "q", 0, "none", size, size],
            ["c.png", "r", 0, "", size, size]]  # fmt: skip
    return load(written(folder / "labels.csv", head, rows))


def mapped(folder, boxes, label="opacity", size=""):
    head = ["image", "patient", "said", "wide", "high"]
    rows = [[f"{name}.png", name, "Mass", size, size] for name in "abc"]
    written(folder / "all.csv", head, rows)
    rows = [["a.png", label, *box] for box in boxes]
    written(folder / "boxes.csv", ["image", "label", "x", "y", "w", "h"], rows)
    told = (
        'table = "all.csv"\nimage = "image"\npatient = "patient"\nlabels = "said"\n'
        '[columns]\nwidth_px = "wide"\nheight_px = "high"\n'
        '[boxes]\ntable = "boxes.csv"\nimage = "image"\nfinding = "label"\n'
        'box = ["x", "y", "w", "h"]\n'
    )
    (folder / "map.toml").write_text(told)
    return read_mapped(folder, load_map(folder / "map.toml"))


def siim(folder, boxes, label="opacity", size=""):
    (folder / "train_study_level.csv").write_text(f"{SIIM}s_study,0,1,0,0\nt_study,0,1,0,0\n")
    ends = [(x, y, x + w, y + h) for x, y, w, h in boxes]
    string = " ".join(f"{label} 1 {' '.join(map(str, end))}" for end in ends) or "none 1 0 0 1 1"
    names = ("x", "y", "width", "height")
    spelt = str([dict(zip(names, box, strict=True)) for box in boxes])
    rows = [["a_image", spelt, string, "s"], ["c_image", "", "none 1 0 0 1 1", "s"],
            ["b_image", "", "none 1 0 0 1 1", "t"]]  # fmt: skip
    head = ["id", "boxes", "label", "StudyInstanceUID"]
    written(folder / "train_image_level.csv", head, rows)
    return COLLECTIONS.resolve("siim-covid19").variants["original"].read(folder)


def rsna(folder, boxes, label="1", size=""):
    kinds = [["a", "Lung Opacity"], ["b", "Normal"]]
    written(folder / "stage_2_detailed_class_info.csv", ["patientId", "class"], kinds)
    rows = [["a", *box, label] for box in boxes] + [["b", "", "", "", "", "0"]]
    head = ["patientId", "x", "y", "width", "height", "Target"]
    written(folder / "stage_2_train_labels.csv", head, rows)
    return COLLECTIONS.resolve("rsna-pneumonia").variants["stage-2"].read(folder)


def vindr(folder, boxes, label="Lung Opacity", size=""):
    rows = [["a", label, "R1", x, y, x + w, y + h] for x, y, w, h in boxes]
    rows += [["b", "No finding", "R1", "", "", "", ""]]
    head = ["image_id", "class_name", "rad_id", "x_min", "y_min", "x_max", "y_max"]
    written(folder / "train.csv", head, rows)
    return COLLECTIONS.resolve("vindr-cxr").variants["kaggle"].read(folder)


def nih(folder, boxes, label="Mass", size=""):
    head = ["Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age",
            "Patient Gender", "View Position", "OriginalImage[Width", "Height]",
            "OriginalImagePixelSpacing[x", "y]"]  # fmt: skip
    rows = [[f"0000000{n}_000.png", "Mass", 0, n, 50, "M", "PA", 2000, 2000, 0.1, 0.1]
            for n in (1, 2)]  # fmt: skip
    written(folder / "Data_Entry_2017_v2020.csv", head, rows)
    head = ["Image Index", "Finding Label", "Bbox [x", "y", "w", "h]"]
    rows = [["00000001_000.png", label, *box] for box in boxes]
    written(folder / "BBox_List_2017.csv", head, rows)
    return COLLECTIONS.resolve("chestxray14").variants["v2020"].read(folder)


def predicted(folder, boxes, label="opacity", size=""):
    rows = [["a.png", label, 0.5, *box] for box in boxes]
    head = ["image", "finding", "score", "x", "y", "w", "h"]
    return read_predicted_boxes(written(folder / "boxes.csv", head, rows))


WAYS = {"saved": saved, "mapped": mapped, "siim": siim, "rsna": rsna, "vindr": vindr, "nih": nih}
GOOD = [[10, 20, 30, 40]]


@pytest.mark.parametrize("way", WAYS)
def test_good_boxes_are_taken(way, tmp_path):
    boxes = WAYS[way](tmp_path, GOOD).boxes
    assert boxes.xywh.tolist() == GOOD


@pytest.mark.parametrize(
    ("way", "annotated"),
    [("saved", [1, 1, 0]), ("mapped", [1, 0, 0]), ("siim", [1, 0, 1]), ("rsna", [1, 1]),
     ("vindr", [1, 1]), ("nih", [1, 0])],
)  # fmt: skip
def test_no_box_is_not_the_same_as_nobody_looked(way, annotated, tmp_path):
    """Images a, b (looked at) and c; of SIIM c is a second image of a's study."""
    table = WAYS[way](tmp_path, GOOD)
    assert table.boxes.annotated.astype(int).tolist() == annotated


@pytest.mark.parametrize("size", [(-30, 40), (30, 0)])
@pytest.mark.parametrize("way", ["saved", "mapped", "siim", "rsna", "nih"])
def test_negative_sizes_are_named(way, size, tmp_path):
    name = r"00000001_000\.png" if way == "nih" else r"a(\.png)?"
    with pytest.raises(LabelError, match=rf"1 boxes have no area.*: {name}: \[50.0, 60.0"):
        WAYS[way](tmp_path, [*GOOD, [50, 60, *size]])


def test_negative_sizes_of_vindr_are_left_out_and_said(tmp_path):
    table = vindr(tmp_path, [*GOOD, [50, 60, -30, 40]])
    assert len(table.boxes) == 1
    assert any("1 boxes without area left out" in note for note in table.notes)


def test_negative_sizes_of_predictions_are_named(tmp_path):
    with pytest.raises(LabelError, match=r"1 boxes have no area: row 3 \(50, 60, -30, 40\)"):
        predicted(tmp_path, [*GOOD, [50, 60, -30, 40]])


@pytest.mark.parametrize("way", [*WAYS, "predicted"])
def test_shares_of_the_image_are_no_pixels(way, tmp_path):
    with pytest.raises(LabelError, match="all boxes end within the first pixel, as shares"):
        (WAYS | {"predicted": predicted})[way](tmp_path, [[0.1, 0.2, 0.3, 0.4]])


@pytest.mark.parametrize("way", WAYS)
def test_thousands_on_one_image_are_named(way, tmp_path):
    name = r"00000001_000\.png" if way == "nih" else r"a(\.png)?"
    with pytest.raises(LabelError, match=rf"over 1,000 boxes on 1 images: {name} \(1,001\)"):
        WAYS[way](tmp_path, GOOD * 1001)


@pytest.mark.parametrize("way", [partial(saved, size=100), partial(mapped, size=100), rsna, nih])
def test_boxes_outside_or_in_another_frame_are_named(way, tmp_path):
    """Where the size is known: 100 px, or the 1,024 px of the published images."""
    with pytest.raises(LabelError, match=r"1 boxes reach outside their image: .*\[1010.0, 20.0"):
        way(tmp_path, [*GOOD, [1010, 20, 300, 40]])


@pytest.mark.parametrize(
    ("way", "label", "message"),
    [
        ("saved", "fluff", "1 boxes cannot be read: 'fluff 10 20 30 40'"),
        ("mapped", "fluff", "Unknown finding 'fluff'"),
        ("siim", "fluff", "'fluff 1 10 20 40 60' is no label"),
        ("rsna", "7", "Target is 0 or 1, not '7'"),
        ("vindr", "Fluff", "unknown labels 'Fluff'"),
        ("nih", "Fluff", "unknown labels 'Fluff'"),
        ("predicted", "fluff", "fluff"),
    ],
)
def test_unknown_labels_are_named(way, label, message, tmp_path):
    with pytest.raises((LabelError, UnknownName), match=message):
        (WAYS | {"predicted": predicted})[way](tmp_path, GOOD, label=label)


def test_a_box_where_the_target_says_none(tmp_path):
    rsna(tmp_path, GOOD)
    path = tmp_path / "stage_2_train_labels.csv"
    path.write_text(path.read_text().replace("b,,,,,0", "b,1,2,3,4,0"))
    with pytest.raises(LabelError, match=r"1 rows have a box, and a Target that says .* none: 'b'"):
        COLLECTIONS.resolve("rsna-pneumonia").variants["stage-2"].read(tmp_path)


def test_predictions_where_nobody_looked_or_too_many_are_told():
    images = text(["a.png", "b.png", "c.png"])
    drawn = Boxes(np.array([0]), text(["mass"]), np.array([[5, 5, 9, 9]]), np.array([1, 1, 0]))
    table = LabelTable(
        images=images, findings=("mass",), states=np.array([[1], [0], [0]], np.uint8),
        patients=text("pqr"), boxes=drawn,
    )  # fmt: skip
    count = [1, 150, 2]
    said = BoxFile(
        "boxes.csv", images.repeat(count), text(["mass"] * 153), np.tile([5.0, 5, 9, 9], (153, 1)),
        np.linspace(0.1, 0.9, 153),
    )  # fmt: skip
    _, notes = localise(table, said, samples=20)
    assert any("2 predicted boxes lie on images on which no reader looked" in n for n in notes)
    assert any("1 images have over 100 predicted boxes of one finding" in n for n in notes)


@pytest.mark.parametrize(
    ("name", "variant", "boxes"), [("chestxray14", "v2020", 984), ("siim-covid19", "kfold", 7853)]
)
def test_all_boxes_of_published_tables_are_taken(name, variant, boxes, shared):
    table = COLLECTIONS.resolve(name).variants[variant].read(shared / "labels")
    assert len(table.boxes) == boxes
