from pathlib import Path

import numpy as np
import pytest

from hilum.datasets import counts
from hilum.datasets.collection import Collection, Variant
from hilum.datasets.verify import read_variant, variant_of, verify
from hilum.domain import LabelTable
from hilum.domain.boxes import Boxes
from hilum.domain.text import text
from hilum.errors import LabelError, UnknownName


def table(**changes) -> LabelTable:
    given = {
        "images": text(["images/a.png", "b.png"]),
        "findings": ("mass", "nodule"),
        "states": np.array([[1, 0], [3, 3]], np.uint8),
        "patients": text(["p", "q"]),
        "columns": {"split": text(["train", "test"]), "width_px": np.array([100, 100]),
                    "height_px": np.array([50, 50])},
        "boxes": Boxes(np.array([0]), text(["mass"]), np.array([[10, 10, 20, 60]]), [True, True]),
    }  # fmt: skip
    return LabelTable(**(given | changes))


def broken(_: Path) -> LabelTable:
    raise LabelError("c.csv is not here.")


COLLECTION = Collection(
    name="small", title="Small", about="", citation="", licence="", home="", layout="",
    files=("images/*.png",),
    variants={
        "first": Variant(about="", read=lambda _: table(), counts=(
            counts.images(2), counts.patients(3), counts.part(1, "train"),
            counts.part(5, "train", "test"), counts.part(0, "train", column="fold"),
            *counts.present({"mass": 1, "hernia": 4}), counts.without_finding(0),
            counts.boxes(1), counts.boxed_images(1), counts.distinct("split", 2, "parts"),
        )),
        "second": Variant(about="", read=broken),
    },
)  # fmt: skip


def test_what_differs(tmp_path):
    for name in ("a.png", "c.png"):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "images" / name).touch()
    found = verify(COLLECTION, tmp_path)
    assert [(c.what, c.expected, c.found) for c in found.counts if not c.same] == [
        ("patients", 3, 2),
        ("images, split train or test", 5, 2),
        ("Hiatal hernia", 4, 0),
    ]
    assert found.missing == ("b.png",)
    assert found.unlabelled == ("images/c.png",)
    assert found.files == 2
    assert found.empty == ("Nodule",)
    assert found.outside == ("images/a.png: [10.0, 10.0, 20.0, 60.0]",)
    assert not found.sound(images=False)


@pytest.mark.parametrize(
    ("changes", "sound"),
    [
        ({}, (False, False)),
        ({"boxes": None}, (False, False)),
        ({"boxes": None, "findings": ("mass",), "states": np.array([[1], [0]], np.uint8)},
         (True, False)),
    ],
)  # fmt: skip
def test_labels_can_be_sound_without_images(tmp_path, changes, sound):
    one = Variant(about="", read=lambda _: table(**changes), counts=(counts.images(2),))
    collection = Collection(
        name="small", title="", about="", citation="", licence="", home="", layout="",
        files=("images/*.png",), variants={"only": one},
    )  # fmt: skip
    found = verify(collection, tmp_path)
    assert (found.sound(images=False), found.sound(images=True)) == sound


def test_without_published_numbers_nothing_is_sound(tmp_path):
    whole = {"boxes": None, "findings": ("mass",), "states": np.array([[1], [0]], np.uint8)}
    one = Variant(about="", read=lambda _: table(**whole))
    collection = Collection(
        name="small", title="", about="", citation="", licence="", home="", layout="",
        files=("images/*.png",), variants={"only": one},
    )  # fmt: skip
    assert not verify(collection, tmp_path).sound(images=False)


def test_variants(tmp_path):
    assert variant_of(COLLECTION, None) is COLLECTION.variants["first"]
    with pytest.raises(UnknownName, match="Unknown variant of small 'secnd'; did you mean second"):
        variant_of(COLLECTION, "secnd")
    with pytest.raises(LabelError, match=r"not here\. \(Variant second; others are first\.\)"):
        read_variant(COLLECTION, tmp_path, "second")
    with pytest.raises(LabelError, match="No folder"):
        verify(COLLECTION, tmp_path / "none")


def test_without_columns_and_boxes_counts_are_zero():
    bare = table(columns={}, boxes=None)
    for count in (counts.part(1, "train"), counts.boxes(1), counts.boxed_images(1)):
        assert count.found(bare) == 0
