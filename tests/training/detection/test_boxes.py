"""Boxes of tables on pictures of packs, and what is wrong with them in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.datasets.pack import Pack, PackSpec
from hilum.datasets.pack.packing import Packing
from hilum.domain import LabelTable
from hilum.domain.boxes import Boxes
from hilum.domain.labels import column_of
from hilum.domain.text import text
from hilum.errors import LabelError
from hilum.imaging import encode_png

pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.training.detection.boxes import Marked, check_parts, on_pictures, with_kinds

pytestmark = pytest.mark.train


def table(
    boxes: list[tuple[int, str, tuple[float, float, float, float]]], annotated: list[bool]
) -> LabelTable:
    count = len(annotated)
    return LabelTable(
        images=text([f"{at}.png" for at in range(count)]),
        findings=(),
        states=np.zeros((count, 0), np.uint8),
        patients=text([f"p{at}" for at in range(count)]),
        boxes=Boxes(
            np.array([row for row, _, _ in boxes], np.int64),
            text([key for _, key, _ in boxes]),
            np.array([xywh for *_, xywh in boxes], np.float64).reshape(-1, 4),
            np.array(annotated),
        ),
    )


SOME = table(
    [(0, "nodule", (8, 10, 20, 20)), (0, "mass", (1, 1, 5, 5)), (2, "nodule", (60, 30, 20, 30))],
    [True, True, True, False],
)


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """Four black pictures of 120 × 80 pixels, cropped to their middle and shrunk to 40 × 40."""
    for at in range(4):
        (tmp_path / f"{at}.png").write_bytes(encode_png(np.zeros((120, 80), np.float32)))
    out = tmp_path / "pack"
    spec = PackSpec((40, 40), "centre-crop")
    with Packing.open(out, SOME, tmp_path, spec=spec) as packing:
        list(packing.run(1))
        packing.finish()
    return Pack.open(out)


def test_kinds_are_chosen_and_never_annotated_is_not_the_same_as_none() -> None:
    alone = with_kinds(SOME, ["nodule"], others=False)
    assert alone.images.tolist() == ["0.png", "1.png", "2.png"]
    assert alone.boxes is not None
    assert alone.boxes.finding.tolist() == ["nodule", "nodule"]
    assert "1 boxes around 'mass' are left out." in alone.notes
    assert any("on 1 images boxes were looked for and there is none" in n for n in alone.notes)
    assert "On 1 of 4 images nobody looked for boxes: they are left out." in alone.notes
    beside = with_kinds(SOME, ["nodule", "mass"], others=True)
    assert len(beside) == 4
    assert beside.boxes is not None
    assert beside.boxes.annotated.tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (table([], [True]), "No box is drawn around 'nodule'; there are boxes around nothing."),
        (SOME.with_states((), SOME.states), ""),
    ],
)
def test_lacking_kinds(given: LabelTable, said: str) -> None:
    if not said:
        assert len(with_kinds(given, ["nodule"], others=True)) == 4
        return
    with pytest.raises(LabelError) as raised:
        with_kinds(given, ["nodule"], others=True)
    assert str(raised.value) == said


def test_boxes_come_to_the_pixels_that_the_network_is_shown(pack: Pack) -> None:
    boxes, notes = on_pictures(SOME, pack)  # the crop shows rows 20 to 100, at half the size
    assert boxes.xywh.tolist() == [[4, 0, 10, 5], [30, 5, 10, 15]]
    assert notes == ["1 boxes lie outside what the network is shown (input.fit)."]
    assert boxes.annotated.tolist() == [True, True, True, False]


def test_boxes_of_another_frame_are_named(pack: Pack) -> None:
    far = table([(1, "nodule", (500, 700, 90, 90)), (0, "nodule", (1, 1, 9, 9))], [True] * 4)
    with pytest.raises(LabelError) as raised:
        on_pictures(far, pack)
    said = str(raised.value)
    assert said.startswith("1 of 2 boxes reach outside their image: 1.png (80 × 120): [500.0, ")
    assert "width_px and height_px" in said
    sizes = {
        "width_px": column_of("width_px", [800] * 4),
        "height_px": column_of("height_px", [1200] * 4),
    }
    told = LabelTable(
        images=far.images, findings=(), states=far.states, patients=far.patients, columns=sizes,
        boxes=far.boxes,
    )  # fmt: skip
    boxes, notes = on_pictures(told, pack)
    assert boxes.xywh.tolist() == [[25, 25, 4.5, 4.5]]  # the other lies above the crop
    assert len(notes) == 1


def test_parts_need_boxes_of_each_kind() -> None:
    assert SOME.boxes is not None
    marked = Marked(("nodule", "mass"), SOME.boxes)
    assert marked.most == 2
    assert marked.present().tolist() == [[1, 1], [0, 0], [1, 0], [0, 0]]
    parts = {"train": np.array([0]), "tune": np.array([1, 2])}
    with pytest.raises(LabelError, match="No picture of tune has a box around 'mass'"):
        check_parts(marked, parts)
    check_parts(marked, {"train": np.array([0, 1]), "tune": np.array([0])})
