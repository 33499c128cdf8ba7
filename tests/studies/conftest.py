"""Drawn chests, and a study of two arms on them that takes seconds."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from hilum.phantoms import draw_chest

RECIPE = """
folds = 3
[data]
table = "labels.csv"
image = "file"
patient = "patient"
labels = "labels"
findings = ["mass", "nodule"]
split = "part"
stratum = "road"
[model]
backbone = "test_resnet"
freeze = "layer4"
batch_norm = "frozen"
[input]
size = [64, 64]
value_range = [-1.0, 1.0]
[optimiser]
name = "adamw"
head_lr = 2e-2
[fit]
epochs = 2
batch = 8
views = 1
average = 0.5
[watch]
stop = []
"""

ABOUT = """
title = "Two arms"
about = "For tests."
recipe = "small.toml"
seeds = [0, 1]
arms = ["arms"]
[set]
"fit.epochs" = 3
"""

ARMS = """
[[arm]]
name = "base"
study = "ours"
lever = "base"
why = "To be held against."

[[arm]]
name = "still"
study = "S2"
lever = "learning rate"
why = "A head that hardly learns."
[arm.set]
"optimiser.head_lr" = 1e-9
"""


@pytest.fixture(scope="session")
def chests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 60 drawn chests; a bright half stands for a mass, a dark one for a nodule."""
    folder = tmp_path_factory.mktemp("chests")
    rng = np.random.default_rng(0)
    drawn = [draw_chest(rng, size=(64, 64)).pixels for _ in range(6)]
    with (folder / "labels.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["file", "patient", "labels", "part", "road"])
        for at in range(60):
            grey = (drawn[at % 6] * 200).astype(np.uint8)
            labels = []
            if at % 3 == 0:
                grey[:32] = 255
                labels.append("Mass")
            if at % 4 == 0:
                grey[:, 40:] //= 4
                labels.append("Nodule")
            cv2.imwrite(str(folder / f"{at}.png"), grey)
            part, road = ("tune" if at % 5 == 0 else "train"), "ab"[at // 5 % 2]
            out.writerow([f"{at}.png", f"p{at}", "|".join(labels) or "No Finding", part, road])
    return folder


@pytest.fixture
def study_folder(tmp_path: Path) -> Path:
    """A study of two arms."""
    folder = tmp_path / "two-arms"
    folder.mkdir()
    for name, text in (("small", RECIPE), ("study", ABOUT), ("arms", ARMS)):
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder
