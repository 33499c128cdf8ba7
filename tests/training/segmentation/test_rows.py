"""Masks lie where the picture shows them, and move with it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.bundles.card import Preprocessing  # noqa: E402
from hilum.datasets.pack import Pack, PackSpec  # noqa: E402
from hilum.datasets.pack.packing import Packing  # noqa: E402
from hilum.domain import LabelTable  # noqa: E402
from hilum.domain.text import text  # noqa: E402
from hilum.errors import LabelError  # noqa: E402
from hilum.imaging import encode_png  # noqa: E402
from hilum.training.rows import PLAIN, Item, Labelled  # noqa: E402
from hilum.training.segmentation.masks import areas, load_masks, with_masks  # noqa: E402
from hilum.training.segmentation.rows import Drawn, MaskRows  # noqa: E402
from hilum.transforms.augmentation import Sequential, Warp  # noqa: E402

pytestmark = pytest.mark.train


def table(masks: list[str]) -> LabelTable:
    names = [f"{at}.png" for at in range(len(masks))]
    return LabelTable(
        images=text(names),
        patients=text(names),
        findings=("mass",),
        states=np.ones((len(names), 1), np.uint8),
        columns={"mask": text(masks)},
    )


def spot(shape: tuple[int, int], at: tuple[int, int]) -> np.ndarray:
    out = np.zeros(shape, np.uint8)
    cv2.circle(out, at, 12, 1, -1)
    return out


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A picture that is white where its mask lies, and one whose mask is half as large."""
    for at, shape in enumerate([(120, 160), (200, 100)]):
        drawn = spot(shape, (40, 60))
        (tmp_path / f"{at}.png").write_bytes(encode_png(drawn.astype(np.float32)))
        smaller = cv2.resize(drawn, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(tmp_path / f"m{at}.png"), 7 * (smaller if at else drawn))
    return tmp_path


def packed(place: Path, known: LabelTable, fit: str) -> Pack:
    out = place / f"pack-{fit}"
    with Packing.open(out, known, place, spec=PackSpec((64, 64), fit)) as packing:
        for _ in packing.run(1):
            pass
        packing.finish()
    pack = Pack.open(out)
    return pack.select(pack.rows_of(known.images.tolist()))


@pytest.mark.parametrize("fit", ["squash", "letterbox", "centre-crop"])
def test_masks_lie_on_the_picture_however_it_is_fitted(place: Path, fit: str) -> None:
    known = table(["m0.png", "m1.png"])
    spec = Preprocessing.model_validate({"size": (64, 64), "fit": fit})
    pack = packed(place, known, fit)
    found = load_masks(["m0.png", "m1.png"], place, pack, spec, values=[7], folder_of_cache=place)
    again = load_masks(["m0.png", "m1.png"], place, pack, spec, values=[7], folder_of_cache=place)
    np.testing.assert_array_equal(found, again)
    for at in range(2):
        shown = pack[at] > 127
        both = (found[at] == 1) & shown
        assert 2 * both.sum() / ((found[at] == 1).sum() + shown.sum()) > 0.9
    np.testing.assert_allclose(areas(found, 1)[:, 0], [(one == 1).mean() for one in found])


def test_masks_move_with_the_picture(place: Path) -> None:
    known = table(["m0.png", "m1.png"])
    spec = Preprocessing(size=(64, 64))
    pack = packed(place, known, "squash")
    files = ["m0.png", "m1.png"]
    masks = load_masks(files, place, pack, spec, values=[7], folder_of_cache=place)
    labelled = Labelled(areas(masks, 1), np.ones((2, 1), np.bool_), known.patients)
    warp = Sequential((Warp(rotate_deg=30, zoom=0.3, shift=0.1),))
    rows = MaskRows(
        pack, labelled, np.arange(2), drawn=Drawn(masks), spec=spec, policy=warp, seed=5
    )
    plain = rows[PLAIN, 0]
    assert isinstance(plain, Item)
    assert plain.target.shape == (1, 32, 32)
    moved = 0
    for epoch in range(12):
        item, same = rows[epoch, 0], rows[epoch, 0]
        assert isinstance(item, Item)
        assert isinstance(same, Item)
        assert torch.equal(item.target, same.target)
        seen = torch.nn.functional.avg_pool2d(item.image, 2)[0] > 0.5
        mask = item.target[0] >= 0.5
        assert 2 * (seen & mask).sum() / (seen.sum() + mask.sum()) > 0.85
        moved += not torch.equal(item.target, plain.target)
    assert moved > 10


def test_rows_without_masks_are_left_out_and_told() -> None:
    found = with_masks(table(["a.png", "", "c.png"]), "mask")
    assert found.images.tolist() == ["0.png", "2.png"]
    assert found.findings == ()
    assert found.notes[-1].startswith("1 of 3 images have no mask")
    with pytest.raises(LabelError, match="no row has anything"):
        with_masks(table(["", ""]), "mask")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), "no such file"),
        (lambda path: path.write_bytes(b"x"), "no picture"),
        (lambda path: cv2.imwrite(str(path), np.zeros((120, 160, 3), np.uint8)), "not one grey"),
        (lambda path: cv2.imwrite(str(path), np.zeros((120, 120), np.uint8)), "120 × 120 pixels"),
        (lambda path: cv2.imwrite(str(path), np.full((120, 160), 9, np.uint8)), "holds 9"),
    ],
)
def test_a_mask_that_cannot_be_used(place: Path, change, message: str) -> None:
    known = table(["m0.png", "m1.png"])
    pack = packed(place, known, "squash")
    change(place / "m0.png")
    spec = Preprocessing(size=(64, 64))
    with pytest.raises(LabelError, match=rf"1 of 2 masks cannot be used: m0.png \({message}"):
        load_masks(["m0.png", "m1.png"], place, pack, spec, values=[7], folder_of_cache=place)
    assert not list(place.glob("masks-*"))
