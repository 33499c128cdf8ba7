"""Zones, shares and sizes of boxes, against lungs that are known exactly."""

import numpy as np
import pytest

from hilum.domain import Acquisition, Affine, FoundBox, Radiograph, Source
from hilum.domain.zones import ZONES
from hilum.reading.boxes.placing import placed, zone_masks
from hilum.reading.lung_shape import READING, faults, measure_shape
from hilum.reading.lungs import LungFields

ROWS, COLUMNS = 120, 160


def fields(radiograph):
    """Two plain ellipses of 30 × 45 px half axes; the right lung on the picture's left."""
    y, x = np.mgrid[:ROWS, :COLUMNS] + 0.5
    lungs = np.stack([((x - at) / 30) ** 2 + ((y - 60) / 45) ** 2 <= 1 for at in (40, 120)])
    shape = measure_shape(lungs.astype(np.float32), lungs)
    assert not faults(shape, READING)
    return LungFields(radiograph, lungs, shape, ())


def radiograph(**options):
    source = Source("a", "dicom", (ROWS, COLUMNS), options.pop("to_source", Affine()))
    return Radiograph(np.zeros((ROWS, COLUMNS), np.float32), source, Acquisition(**options))


def box(*xywh):
    return FoundBox("opacity", 0.5, xywh, "detector")


@pytest.mark.parametrize(
    ("xywh", "zones", "share"),
    [
        ((35, 30, 8, 8), ("right upper",), 1.0),
        ((35, 56, 8, 8), ("right middle",), 1.0),
        ((115, 80, 8, 8), ("left lower",), 1.0),
        ((115, 35, 8, 12), ("left upper", "left middle"), 1.0),  # 10 rows above the border, 2 below
        ((76, 5, 6, 100), (), 0.0),  # between the lungs
        ((0, 0, 5, 5), (), 0.0),
        ((60, 56, 20, 8), ("right middle",), 0.5),
        ((0, 0, COLUMNS, ROWS), None, np.pi * 30 * 45 * 2 / (ROWS * COLUMNS)),
        ((35.25, 30.5, 0.5, 0.25), ("right upper",), 1.0),  # inside one pixel
    ],
)
def test_a_box_lies_in_its_zones(xywh, zones, share):
    film = radiograph()
    (found,) = placed([box(*xywh)], film, fields(film))
    assert found.zones == zones if zones is not None else set(found.zones) == set(ZONES)
    assert found.in_lungs == pytest.approx(share, abs=0.03)
    assert (found.finding, found.score, found.xywh) == ("opacity", 0.5, xywh)


def test_zones_add_up_to_the_lungs_and_have_a_third_of_their_height():
    lungs = fields(radiograph()).masks
    zones = zone_masks(lungs)
    assert zones.shape == (len(ZONES), ROWS, COLUMNS)
    assert np.array_equal(zones[:3].sum(0), lungs[0])
    assert np.array_equal(zones[3:].sum(0), lungs[1])
    assert [int(zone.any(1).sum()) for zone in zones] == [30] * 6
    assert not zone_masks(np.zeros_like(lungs)).any()


def test_zones_are_those_of_the_picture_that_was_looked_at_not_of_the_file():
    """The file is stored upside down and twice as large; its bottom row is the upper zone."""
    flipped = Affine(((2.0, 0.0, 0.0), (0.0, -2.0, 2.0 * ROWS)))
    film = radiograph(to_source=flipped, spacing_mm=(0.2, 0.1))
    stored = (70.0, 2.0 * (ROWS - 38), 16.0, 16.0)  # rows 30 to 38 of the radiograph
    (found,) = placed([box(*stored)], film, fields(film))
    assert found.zones == ("right upper",)
    assert found.in_lungs == pytest.approx(1.0)
    assert found.size_mm == pytest.approx((1.6, 3.2))


@pytest.mark.parametrize(("spacing", "size"), [((0.5, 0.25), (5.0, 20.0)), (None, None)])
def test_a_size_is_told_where_the_spacing_is_known(spacing, size):
    film = radiograph(spacing_mm=spacing)
    (found,) = placed([box(1, 2, 20, 40)], film, None)
    assert found.size_mm == size
    assert (found.zones, found.in_lungs) == ((), None)


def test_lungs_that_are_not_believed_place_nothing():
    film = radiograph()
    believed = fields(film)
    shape = measure_shape(believed.masks.astype(np.float32), believed.masks[::-1])
    doubted = LungFields(film, believed.masks, shape, faults(shape, READING))
    assert not doubted.plausible
    (found,) = placed([box(35, 30, 8, 8)], film, doubted)
    assert (found.zones, found.in_lungs) == ((), None)


def test_lungs_of_another_picture_are_refused():
    film = radiograph()
    other = Radiograph(np.zeros((10, 10), np.float32), Source("b", "png", (10, 10)))
    with pytest.raises(ValueError, match=r"lungs on \[120, 160\] px"):
        placed([box(1, 1, 2, 2)], other, fields(film))
