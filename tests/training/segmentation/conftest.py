"""Drawn chests with their exact masks, and a recipe that learns to draw them in seconds."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from hilum.imaging import encode_png
from hilum.phantoms import draw_chest

STRUCTURES = ("lung_right", "lung_left")

RECIPE = """
seed = 3
[bundle]
name = "tiny-lungs"
licence = "CC0-1.0"
[data]
name = "drawn chests"
licence = "CC0-1.0"
table = "labels.csv"
image = "file"
patient = "patient"
split = "part"
test = "test"
masks = "mask"
stratum = "ward"
stratum_name = "ward"
[model]
backbone = "test_resnet"
[input]
size = [64, 64]
value_range = [-1.0, 1.0]
[[task]]
kind = "segmentation"
structures = ["lung_right", "lung_left"]
width = 16
opacities = 0.2
[optimiser]
name = "adamw"
lr = 3e-3
head_lr = 3e-2
[fit]
epochs = 4
batch = 4
average = 0.5
precision = "float32"
"""


@pytest.fixture(scope="session")
def chests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty drawn chests, 72 × 80, the last two without masks."""
    folder = tmp_path_factory.mktemp("chests")
    (folder / "masks").mkdir()
    with (folder / "labels.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["file", "patient", "part", "mask", "ward"])
        for at in range(40):
            phantom = draw_chest(np.random.default_rng(at), size=(72, 80))
            (folder / f"{at}.png").write_bytes(encode_png(phantom.pixels))
            drawn = np.zeros((72, 80), np.uint8)
            for value, name in enumerate(STRUCTURES, 1):
                drawn[phantom.masks[name]] = value
            mask = f"masks/{at}.png" if at < 38 else ""
            if mask:
                cv2.imwrite(str(folder / mask), drawn)
            part = {0: "tune", 1: "test"}.get(at % 5, "train")
            out.writerow([f"{at}.png", f"p{at}", part, mask, "ab"[at % 2]])
    return folder


@pytest.fixture
def recipe_text() -> str:
    """The recipe."""
    return RECIPE
