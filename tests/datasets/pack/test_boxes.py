import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.bundles.card import Preprocessing
from hilum.datasets.pack import Pack
from hilum.datasets.pack.boxes import into_pack, into_source
from hilum.domain import Affine, LabelTable
from hilum.domain.boxes import Boxes
from hilum.domain.text import text
from hilum.imaging.raster import _upright
from hilum.phantoms import draw_chest
from hilum.transforms.preprocess import fit

sides = st.integers(32, 400)
fractions = st.tuples(*[st.floats(0, 0.9)] * 2, *[st.floats(0.01, 1)] * 2)


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(sides, sides),
    st.tuples(st.integers(16, 200), st.integers(16, 200)),
    st.sampled_from(["squash", "letterbox", "centre-crop"]),
    st.integers(1, 8),
    st.lists(fractions, min_size=1, max_size=4),
)
def test_there_and_back_within_half_a_pixel(stored, size, how, orientation, drawn):
    upright, to_stored = _upright(np.zeros(stored, np.float32), orientation)
    _, to_pixels = fit(upright, Preprocessing(size=size, fit=how))
    maps = np.ravel(to_pixels.then(to_stored).matrix)[None]
    high, wide = stored
    xywh = np.array([[x * wide, y * high, w * wide, h * high] for x, y, w, h in drawn])
    boxes = Boxes(np.zeros(len(xywh), np.int64), text(["mass"] * len(xywh)), xywh, np.array([True]))
    there = into_pack(boxes, maps)
    assert (there.xywh[:, 2:] > 0).all()
    assert np.abs(into_source(there, maps).xywh - xywh).max() < 0.5


def test_a_bright_square_stays_in_its_box(tmp_path):
    import cv2

    from hilum.datasets.pack import PackSpec
    from tests.datasets.pack.drawn import fill, make_collection

    table = make_collection(tmp_path, 1)
    x, y, w, h = 60, 30, 40, 50
    picture = np.full((150, 200), 20, np.uint8)
    picture[y : y + h, x : x + w] = 220
    cv2.imwrite(str(tmp_path / "a" / "0.png"), picture)
    boxes = Boxes(np.array([0]), text(["mass"]), np.array([[x, y, w, h]]), np.array([True]))
    table = type(table)(table.images, table.findings, table.states, table.patients, boxes=boxes)
    for at, spec in enumerate(
        [
            PackSpec((75, 75), "squash"),
            PackSpec((100, 100), "letterbox"),
            PackSpec((75, 75), "centre-crop"),
            PackSpec((75, 75), "short-side"),
        ]
    ):
        fill(tmp_path / f"p{at}", table, tmp_path, spec)
        pack = Pack.open(tmp_path / f"p{at}")
        rows, columns = np.nonzero(pack[0] > 120)
        seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        left, top, wide, high = pack.boxes.xywh[0]
        assert np.abs(np.array(seen) - [left, top, left + wide, top + high]).max() <= 1.0
        corner = pack.to_source(0)([[left, top]])
        assert corner[0] == pytest.approx([x, y])


@pytest.mark.parametrize(
    ("size", "told", "box"),
    [
        ((512, 512), (1024, 1024), [56.25, 56.25, 6.25, 6.25]),
        ((512, 512), (0, 0), [112.5, 112.5, 12.5, 12.5]),
        ((1024, 1024), (1024, 1024), [56.25, 56.25, 6.25, 6.25]),
        ((256, 512), (1024, 1024), [56.25, 56.25, 6.25, 6.25]),
    ],
)
def test_a_file_of_another_size_than_the_table_tells(tmp_path, size, told, box):
    import json
    import tarfile

    import cv2

    from hilum.datasets.pack.webdataset import write_webdataset
    from tests.datasets.pack.drawn import SQUASH, fill

    pixels = (draw_chest(np.random.default_rng(0), size=size).pixels * 255).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    boxes = Boxes(np.array([0]), text(["mass"]), np.array([[900, 900, 100, 100.0]]), [True])
    sizes = {"width_px": np.array([told[0]]), "height_px": np.array([told[1]])}
    states = np.ones((1, 1), np.uint8)
    table = LabelTable(["a.png"], ("mass",), states, ["p"], sizes, boxes)
    fill(tmp_path / "p", table, tmp_path, SQUASH)
    pack = Pack.open(tmp_path / "p")
    assert pack.boxes.xywh[0].tolist() == box
    (shard,) = write_webdataset(pack, workers=1)
    with tarfile.open(shard) as tar:
        said = json.load(tar.extractfile("00000000.json"))
    assert said["boxes"] == [{"finding": "mass", "xywh": box}]


def test_boxes_that_nobody_drew(drawn, tmp_path):
    from tests.datasets.pack.drawn import SQUASH, fill

    folder, table = drawn
    bare = type(table)(table.images, table.findings, table.states, table.patients)
    fill(tmp_path / "p", bare, folder, SQUASH)
    assert Pack.open(tmp_path / "p").boxes is None
    assert Pack.open(tmp_path / "p").to_source(0) == Affine.scale(160 / 64, 200 / 64)
