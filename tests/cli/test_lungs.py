import csv

import cv2
import numpy as np
import pytest

from hilum.imaging import encode_png
from hilum.phantoms import draw_chest, draw_hand
from hilum.reading.lungs import LungReader


@pytest.fixture
def films(tmp_path):
    folder = tmp_path / "films"
    (folder / "ward").mkdir(parents=True)
    for name, seed in (("a.png", 1), ("ward/b.png", 2)):
        phantom = draw_chest(np.random.default_rng(seed), size=(300, 320))
        (folder / name).write_bytes(encode_png(phantom.pixels))
    return folder


def rows_of(out):
    with (out / "boxes.csv").open(newline="") as file:
        return {row["image"]: row for row in csv.DictReader(file)}


def test_masks_boxes_crops_and_overlays(hilum, films, tmp_path):
    out = tmp_path / "out"
    done = hilum("lungs", films, "-o", out, "--crop", "--overlay", "--margin", "0.1")
    assert done.status == 0, done.err
    assert "Lungs on 2 of 2 radiographs" in done.out
    rows = rows_of(out)
    assert set(rows) == {"a.png", "ward/b.png"}
    for image, stem in (("a.png", "a.png"), ("ward/b.png", "ward__b.png")):
        row = rows[image]
        assert row["usable"] == "yes"
        mask = cv2.imread(str(out / "masks" / f"{stem}.png"), cv2.IMREAD_UNCHANGED)
        assert set(np.unique(mask)) == {0, 127, 255}
        down, across = np.nonzero(mask)
        x, y, w, h = (float(row[name]) for name in "xywh")
        assert (x, y) == (across.min(), down.min())
        assert (x + w, y + h) == (across.max() + 1, down.max() + 1)
        crop = cv2.imread(str(out / "crops" / f"{stem}.png"), cv2.IMREAD_UNCHANGED)
        assert crop.shape == (int(row["crop_h"]), int(row["crop_w"]))
        film = cv2.imread(str(films / image), cv2.IMREAD_UNCHANGED)
        left, top = int(row["crop_x"]), int(row["crop_y"])
        cut = film[top : top + crop.shape[0], left : left + crop.shape[1]]
        np.testing.assert_array_equal(crop, cut)
        assert (out / "overlays" / f"{stem}.jpg").stat().st_size > 1000


def test_what_is_not_used_is_told_and_not_cut(hilum, films, tmp_path):
    hand = draw_hand(np.random.default_rng(0), size=(300, 300)).pixels
    (films / "hand.png").write_bytes(encode_png(hand))
    (films / "text.png").write_bytes(b"no image")
    out = tmp_path / "out"
    done = hilum("lungs", films, "-o", out, "--crop")
    assert done.status == 1
    assert "NOT used: 2" in done.out
    rows = rows_of(out)
    assert rows["text.png"]["code"] == "not-an-image"
    assert rows["hand.png"]["usable"] == "no"
    assert rows["hand.png"]["reason"]
    assert {path.name for path in (out / "crops").iterdir()} == {"a.png.png", "ward__b.png.png"}
    assert not (out / "overlays").exists()


def test_a_run_that_is_stopped_leaves_what_it_finished(hilum, films, tmp_path, monkeypatch):
    for seed, name in enumerate(("c.png", "d.png"), 3):
        phantom = draw_chest(np.random.default_rng(seed), size=(300, 320))
        (films / name).write_bytes(encode_png(phantom.pixels))
    read = LungReader.read

    def stopped(self, path, **options):
        if path.name == "c.png":
            raise KeyboardInterrupt
        return read(self, path, **options)

    monkeypatch.setattr(LungReader, "read", stopped)
    out = tmp_path / "out"
    done = hilum("lungs", films, "-o", out, "--workers", "1")
    assert done.status == 130
    rows = rows_of(out)
    assert "a.png" in rows
    assert "c.png" not in rows
    masks = {path.name for path in (out / "masks").iterdir()}
    assert masks == {image.replace("/", "__") + ".png" for image in rows}
    assert f"Lungs on {len(rows)} of {len(rows)} radiographs" in done.out
    assert f"Stopped with {4 - len(rows)} of 4 left." in done.out
    assert "another folder with -o" in done.out


def test_a_folder_that_is_not_empty(hilum, films, tmp_path):
    done = hilum("lungs", films, "-o", films)
    assert done.status == 2
    (tmp_path / "empty").mkdir()
    assert "No radiographs" in hilum("lungs", tmp_path / "empty", "-o", tmp_path / "x").err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    assert "is not empty" in hilum("lungs", films, "-o", tmp_path / "full").err


def test_bundles_for_other_uses_are_refused(hilum, films, tmp_path):
    done = hilum("lungs", films, "-o", tmp_path / "out", "--bundle", "chest14")
    assert done.status == 2
    assert "draws nothing" in done.err
    done = hilum("read", films, "-o", tmp_path / "out", "--bundle", "lungs")
    assert done.status == 2
    assert "use `hilum lungs`" in done.err


def test_the_bundle_is_listed_shown_and_sound(hilum):
    assert "lungs  0.1.0  2 masks" in hilum("bundles", "list").out
    shown = hilum("bundles", "show", "lungs").out
    assert "Draws: lung_right, lung_left" in shown
    assert "IoU of the box around both lungs" in shown
    assert "Findings" not in shown
    assert hilum("bundles", "verify", "lungs").status == 0
