"""Reference boxes are read at the picture's size, and compared with what a bundle draws."""

import csv
import gzip
import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train: pip install 'hilum[train]'")

from hilum.errors import LabelError
from hilum.imaging import encode_png
from hilum.phantoms import draw_chest
from hilum.training.lungs.measure import Agreement, box_results, read_lung_boxes

pytestmark = pytest.mark.train


@pytest.fixture
def collection(tmp_path):
    """Two chests at half the size that their boxes were drawn at, and one without boxes."""
    said = {"images": [], "annotations": []}
    rows = []
    for at in range(3):
        phantom = draw_chest(np.random.default_rng(at), size=(256, 256))
        (tmp_path / f"{at}.png").write_bytes(encode_png(phantom.pixels))
        image = {"id": at + 10, "file_name": f"origin-{at}.jpeg", "width": 512, "height": 512}
        said["images"].append(image)
        for category, name in ((1, "lung_right"), (2, "lung_left")):
            box = [None] * 4 if at == 2 else [2 * v for v in phantom.boxes[name]]
            said["annotations"].append({"image_id": at + 10, "category_id": category, "bbox": box})
        rows.append([f"{at}.png", f"p{at}", "PA", f"images/origin-{at}.jpg", 256, 256])
    (tmp_path / "boxes.json.gz").write_bytes(gzip.compress(json.dumps(said).encode()))
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        header = ["file", "patient_id", "view", "source_path", "out_w", "out_h"]
        csv.writer(file).writerows([header, *rows])
    return tmp_path


def test_boxes_are_scaled_to_the_picture(collection):
    found = read_lung_boxes(collection / "boxes.json.gz", collection / "manifest.csv")
    assert found.image == ("0.png", "1.png")  # the third has no boxes
    assert found.patient == ("p0", "p1")
    boxes = draw_chest(np.random.default_rng(1), size=(256, 256)).boxes
    np.testing.assert_allclose(found.boxes[1], [boxes["lung_right"], boxes["lung_left"]])


def test_one_lung_alone_is_no_reference(collection):
    said = json.loads(gzip.decompress((collection / "boxes.json.gz").read_bytes()))
    del said["annotations"][0]
    (collection / "one.json").write_text(json.dumps(said))
    with pytest.raises(LabelError, match="image 10 has 1 lung boxes, not two"):
        read_lung_boxes(collection / "one.json", collection / "manifest.csv")


def test_no_image_of_the_table(collection):
    said = json.loads(gzip.decompress((collection / "boxes.json.gz").read_bytes()))
    for image in said["images"]:
        image["file_name"] = "other.png"
    (collection / "other.json").write_text(json.dumps(said))
    with pytest.raises(LabelError, match="holds none of the images"):
        read_lung_boxes(collection / "other.json", collection / "manifest.csv")


def test_results_have_intervals_by_patient():
    rng = np.random.default_rng(0)
    found = [
        Agreement(f"{at}.png", f"p{at // 3}", hull, hull - 0.05, at != 0, 0.9)
        for at, hull in enumerate(rng.uniform(0.8, 1.0, 30))
    ]
    around, union, usable = box_results(found, split="s", seed=0)
    assert around.value == pytest.approx(np.mean([one.hull for one in found]))
    assert around.low is not None
    assert around.high is not None
    assert around.low < around.value < around.high
    assert union.value == pytest.approx(around.value - 0.05)
    assert usable.value == pytest.approx(29 / 30)
    assert "10 patients" in around.note
