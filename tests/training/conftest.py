"""A small collection of drawn chests, and a recipe that trains on it in seconds."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from hilum.phantoms import draw_chest

RECIPE = """
seed = 3
folds = 3
[bundle]
name = "tiny"
summary = "For tests."
intended_use = "None."
licence = "CC0-1.0"
[data]
name = "drawn chests"
licence = "CC0-1.0"
table = "labels.csv"
image = "file"
patient = "patient"
labels = "labels"
findings = ["mass", "nodule"]
split = "part"
train = "train"
tune = "tune"
stratum = "road"
stratum_name = "road"
[model]
backbone = "test_resnet"
freeze = "{freeze}"
batch_norm = "{batch_norm}"
[input]
size = [64, 64]
value_range = [-1.0, 1.0]
[[augmentation.steps]]
do = "warp"
[[augmentation.steps]]
do = "exposure"
gamma = 0.0
contrast = 0.05
brightness = 0.02
[optimiser]
name = "adamw"
lr = 1e-3
head_lr = 2e-2
[fit]
epochs = {epochs}
batch = 8
views = {views}
average = 0.5
[gate]
measured = [{{ part = "other" }}]
"""


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 72 drawn chests; a bright half stands for a mass, a dark one for a nodule."""
    folder = tmp_path_factory.mktemp("collection")
    rng = np.random.default_rng(0)
    chests = [draw_chest(rng, size=(64, 64)).pixels for _ in range(6)]
    with (folder / "labels.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["file", "patient", "labels", "part", "road"])
        for at in range(72):
            grey = (chests[at % 6] * 200).astype(np.uint8)
            labels = []
            if at % 3 == 0:
                grey[:32] = 255
                labels.append("Mass")
            if at % 4 == 0:
                grey[:, 40:] //= 4
                labels.append("Nodule")
            cv2.imwrite(str(folder / f"{at}.png"), grey)
            part = ("tune" if at % 5 == 0 else "train") if at < 60 else "other"
            road = "a" if at % 2 else "b"
            out.writerow([f"{at}.png", f"p{at}", "|".join(labels) or "No Finding", part, road])
    return folder


@pytest.fixture
def recipe_text() -> str:
    """The recipe with everything fresh in every epoch."""
    return RECIPE.format(freeze="", batch_norm="train", views=0, epochs=4)


@pytest.fixture
def frozen_recipe_text() -> str:
    """The recipe with the lower half frozen and remembered."""
    return RECIPE.format(freeze="layer1", batch_norm="frozen", views=2, epochs=12)


def started(*arguments: str | Path) -> subprocess.Popen[str]:
    """Python with some arguments, on one thread, in a group of processes of its own."""
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def finished(
    process: subprocess.Popen[str], timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """What a process that leads its group has said; the whole group ends with the time.

    torchrun's processes have groups of their own: it ends them when it is asked to end itself, by
    force after half a minute.
    """
    late = False
    for number, patience in ((signal.SIGTERM, timeout), (signal.SIGKILL, 40.0)):
        try:
            out, error = process.communicate(timeout=patience)
            break
        except subprocess.TimeoutExpired:
            late = True
            os.killpg(process.pid, number)
    else:
        out, error = process.communicate()
    if late:
        raise AssertionError(f"Not done after {timeout:.0f} s:\n{out}{error}")
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)
