"""Drawn chests with bright squares for opacities, and a recipe that learns to find them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from hilum.datasets.table import save
from hilum.domain import LabelTable, State
from hilum.domain.boxes import Boxes
from hilum.domain.labels import column_of
from hilum.domain.text import text
from hilum.imaging import encode_png
from hilum.phantoms import draw_chest

RECIPE = """
seed = 3
folds = 0
[bundle]
name = "tiny-boxes"
licence = "CC0-1.0"
[data]
name = "drawn chests"
licence = "CC0-1.0"
table = "labels.csv"
[model]
backbone = "test_resnet"
[input]
size = [64, 64]
value_range = [-1.0, 1.0]
[[task]]
kind = "detection"
boxes = ["opacity"]
width = 64
[[augmentation.steps]]
do = "warp"
rotate_deg = 2.0
[optimiser]
name = "adamw"
lr = 3e-3
head_lr = 1e-2
[fit]
epochs = 3
batch = 8
average = 0.5
precision = "float32"
"""

SIZE = (96, 80)
"""Rows and columns of the files."""

COUNT = 60

PARTS = ("tune", "test", "train", "train", "train")
"""Of three pictures each, in turn."""


@pytest.fixture(scope="session")
def boxed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty drawn chests: two in three with a bright square, the last four never looked at."""
    folder = tmp_path_factory.mktemp("boxed")
    rng = np.random.default_rng(0)
    chests = [draw_chest(rng, size=SIZE).pixels * np.float32(0.6) for _ in range(6)]
    rows, boxes, masks = [], [], []
    for at in range(COUNT):
        grey = chests[at % 6].copy()
        if at % 3 and at < COUNT - 4:
            side = int(rng.integers(20, 34))
            x, y = int(rng.integers(0, SIZE[1] - side)), int(rng.integers(0, SIZE[0] - side))
            grey[y : y + side, x : x + side] = 1.0
            rows.append(at)
            boxes.append((x, y, side, side))
        (folder / f"{at}.png").write_bytes(encode_png(grey))
        masks.append(f"mask-{at}.png" if at % 2 else "")
        cv2.imwrite(str(folder / f"mask-{at}.png"), (grey == 1.0).astype(np.uint8))
    states = np.full((COUNT, 2), State.ABSENT, np.uint8)
    states[rows, 0] = State.PRESENT
    states[:, 1] = np.where(states[:, 0] == State.PRESENT, State.ABSENT, State.PRESENT)
    save(
        LabelTable(
            images=text([f"{at}.png" for at in range(COUNT)]),
            findings=("typical_appearance", "negative_for_pneumonia"),
            states=states,
            patients=text([f"p{at}" for at in range(COUNT)]),
            columns={
                "split": column_of("split", [PARTS[at // 3 % 5] for at in range(COUNT)]),
                "mask": text(masks),
            },
            boxes=Boxes(
                np.array(rows), text(["opacity"] * len(rows)), np.array(boxes, np.float64),
                np.arange(COUNT) < COUNT - 4,
            ),
        ),
        folder / "labels.csv",
    )  # fmt: skip
    return folder


@pytest.fixture
def recipe_text() -> str:
    """The recipe."""
    return RECIPE
