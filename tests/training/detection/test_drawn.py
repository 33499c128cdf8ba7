"""Drawn chests with boxes: the same ones every time, boxes around what was drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.datasets.table import load
from hilum.imaging import read

pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.training.detection.drawn import KINDS, boxes_of, draw, draw_folder, part_of

pytestmark = pytest.mark.train


def test_a_folder_that_training_reads(tmp_path: Path) -> None:
    drawn = draw_folder(tmp_path / "one", 12, 64, seed=3)
    again = load(tmp_path / "one" / "labels.csv")
    assert again.boxes is not None
    assert drawn.boxes is not None
    assert np.array_equal(again.boxes.xywh, drawn.boxes.xywh)
    assert again.boxes.annotated.all()
    assert set(again.boxes.finding) <= set(KINDS) == set(again.findings)
    present = {(row, key) for row, key in zip(again.boxes.row, again.boxes.finding, strict=True)}
    states = again.states == 1
    assert {(row, KINDS[at]) for row, at in zip(*np.nonzero(states), strict=True)} == present
    assert len(set(again.patients)) == 12
    more = draw_folder(tmp_path / "two", 14, 64, seed=3)
    assert more.rows(np.arange(12)).boxes is not None
    assert read(tmp_path / "two" / more.images[5]).pixels.tobytes() == (
        read(tmp_path / "one" / drawn.images[5]).pixels.tobytes()
    )


def test_boxes_hold_their_masks() -> None:
    for seed in range(6):
        phantom = draw(np.random.default_rng(seed), (64, 64))
        found = boxes_of(phantom)
        names = [name for name in phantom.masks if name.split("-")[0] in KINDS]
        assert len(found) == sum(phantom.masks[name].any() for name in names)
        for key, (x, y, w, h) in found:
            masks = [phantom.masks[n] for n in names if n.split("-")[0] == key]
            assert any(m[y : y + h, x : x + w].sum() == m.sum() > 0 for m in masks)


def test_parts() -> None:
    parts = [part_of(at) for at in range(20)]
    assert [parts.count(name) for name in ("train", "tune", "test")] == [12, 3, 5]
