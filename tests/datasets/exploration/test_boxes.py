import numpy as np
import pytest

from hilum.datasets.exploration.boxes import BoxCross, count_boxes
from hilum.datasets.exploration.sizes import count_sizes, pixels
from hilum.domain.boxes import Boxes


def sizes(n, wide=100, high=200):
    return np.full(n, wide, np.int32), np.full(n, high, np.int32)


def test_boxes_by_finding_and_image(make):
    boxes = Boxes(
        row=np.array([0, 0, 2]),
        finding=np.array(["mass", "mass", "nodule"]),
        xywh=np.array([[0, 0, 10, 20], [90, 180, 10, 20], [40, 90, 20, 20]]),
        annotated=np.array([True, True, True, False]),
    )
    table = make({"mass": "1010", "no_finding": "0101"}, boxes=boxes)
    found = count_boxes(table, *sizes(4))
    assert found is not None
    assert found.an_image == {0: 1, 1: 1, 2: 1}
    assert found.cross == (
        BoxCross("negative", 2, 0, 1),
        BoxCross("others", 0, 2, 0),
        BoxCross("mass", 0, 2, 0),
        BoxCross("no_finding", 2, 0, 1),
    )
    mass, nodule = found.findings
    assert (mass.finding, mass.boxes, mass.images, mass.not_present) == ("mass", 2, 1, 0)
    assert nodule.not_present is None  # the table has no labels of it
    assert mass.area_share[2] == pytest.approx(0.01)
    assert mass.centres is not None
    assert mass.centres[0, 0] == mass.centres[-1, -1] == 1
    assert mass.centres.sum() == 2


def test_boxes_of_images_of_unknown_size(make):
    boxes = Boxes(np.array([0]), np.array(["mass"]), np.array([[0, 0, 9, 9]]), np.array([True] * 2))
    found = count_boxes(make({"mass": "01"}, boxes=boxes), *sizes(2, 0, 0))
    assert found is not None
    assert found.sizes_known == 0
    assert found.findings[0].centres is None
    assert found.findings[0].area_share == ()
    assert found.findings[0].not_present == 1


def test_a_table_without_boxes(make):
    assert count_boxes(make({"mass": "01"}), *sizes(2)) is None


def test_siim_has_its_published_numbers(shared):
    from hilum.datasets.collections import COLLECTIONS

    table = COLLECTIONS.resolve("siim-covid19").variants["kfold"].read(shared / "labels")
    found = count_boxes(table, *sizes(len(table), 0, 0))
    assert found is not None
    negative, others = found.cross[:2]
    assert (negative.without, negative.with_boxes) == (1_736, 0)
    assert (others.without, others.with_boxes) == (304, 4_294)
    assert sum(b.boxes for b in found.findings) == 7_853


def test_sizes_by_the_table_and_as_read(make):
    columns = {
        "width_px": np.array([10, 10, 0]),
        "height_px": np.array([20, 20, 5]),
        "original_width_px": ["3000", "2500.0", "?"],
        "original_height_px": ["2000", "2000", "2000"],
    }
    table = make({"mass": "000"}, columns=columns)
    read = (np.array([10, 11, 7], np.int32), np.array([20, 20, 7], np.int32))
    files, originals, looked = count_sizes(table, read)
    assert (files.images, files.unknown) == ({(10, 20): 2}, 1)
    assert (originals.images, originals.unknown) == ({(2500, 2000): 1, (3000, 2000): 1}, 1)
    assert looked.differ == 1
    assert count_sizes(make({"mass": "0"})) == ()


def test_pixels_of_text():
    values = np.array(["12", "12.0", "", "-3", "inf", "x"], object)
    assert pixels(values).tolist() == [12, 12, 0, 0, 0, 0]


def test_what_nobody_judged_is_not_negative(make):
    boxes = Boxes.none([True] * 6)
    #             present, absent, unsaid, uncertain, "no finding", "no finding" denied
    table = make({"mass": "10 ?  ", "no_finding": "    10"}, boxes=boxes)
    found = count_boxes(table, *sizes(6))
    assert found is not None
    assert [(c.kind, c.without) for c in found.cross[:3]] == [
        ("negative", 2),
        ("unlabelled", 1),
        ("others", 3),
    ]
