"""A whole epoch of training, loading included, against the plain loop of most notebooks."""

from __future__ import annotations

import csv
import json
import shutil
import time
from pathlib import Path

import cv2
import numpy as np
import timm
import torch
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from benchmarks.machine import CORES
from benchmarks.measure import Times, interleave, ratio
from benchmarks.options import Options, shared
from benchmarks.results import Mark, Section, Table
from hilum.phantoms import draw_chest
from hilum.training.loop import fit_network
from hilum.training.machine import Machine, arithmetic
from hilum.training.material import Material, gather
from hilum.training.networks import begin, plan_of
from hilum.training.plan import Setting
from hilum.training.progress import Told
from hilum.training.recipe import Recipe
from hilum.training.recipe.recipe import parse_recipe

NETWORKS = {"DenseNet121": "densenet121", "EfficientNetV2-B0": "tf_efficientnetv2_b0"}
PX, BATCH, IMAGES, TUNED, LEAST = 224, 16, 160, 16, 1.6
ROUNDS = 3
PLAIN, OURS = "plain loop", "hilum"
SIDES = {
    PLAIN: f"{PLAIN}: torchvision's ImageFolder on JPEG files, resized to 256 px, rotated, cropped "
    f"to {PX}, normalised in three colours; two loader processes; float32, AdamW.",
    OURS: f"{OURS}: from a pack of {PX} px, the default augmentation, one grey channel, the "
    "numbers that the machine is made for, averaged weights, everything that a run keeps and "
    "watches; decoding into the pack, once a run, and tuning are not counted.",
}


def run(options: Options) -> Section:
    """Measure."""
    folder = options.folder / "training"
    data = folder / "data"
    what = _images(options.data or shared() / "radiographs", data)
    torch.set_num_threads(CORES)
    tables, marks = [], []
    for name, backbone in NETWORKS.items():
        recipe = _recipe(backbone)
        machine = Machine.here(arithmetic=arithmetic("auto", mostly_frozen=False))
        material = gather(recipe, data, folder, machine)
        rounds = options.rounds(ROUNDS)
        plain = _Plain(backbone, data / "train")
        times = interleave(
            {
                PLAIN: plain.epoch,
                OURS: lambda r=recipe, m=material, c=machine: _ours(r, m, c, folder / "network"),
            },
            repeat=rounds,
        )
        found = ratio(times[PLAIN], times[OURS])
        marks.append(
            Mark(
                f"an epoch of {name} at {PX} px, loading included, ≥ {LEAST:g} × the plain loop",
                str(found),
                found.of_medians >= LEAST,
                "this processor gains less from bfloat16; see the table.",
            )
        )
        tables.append(_table(name, times, machine.arithmetic, rounds))
    return Section(
        "training",
        "An epoch of training",
        marks=tuple(marks),
        tables=tuple(tables),
        notes=(what, SIDES[PLAIN], SIDES[OURS]),
    )


def _table(name: str, times: dict[str, Times], arithmetic: str, rounds: int) -> Table:
    return Table(
        f"{name}, {IMAGES} images in batches of {BATCH} ({rounds} rounds; hilum in {arithmetic}):",
        ("side", "images a second", "ms an epoch"),
        [[side, f"{IMAGES / one.median:.1f}", str(one)] for side, one in times.items()],
    )


class _Plain:
    """What most notebooks do."""

    def __init__(self, backbone: str, folder: Path) -> None:
        usual = transforms.Compose(
            [
                transforms.Resize((256, 256)),
                transforms.RandomRotation(10),
                transforms.RandomCrop(PX),
                transforms.ToTensor(),
                transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            ]
        )
        self.loader = DataLoader(
            ImageFolder(folder, usual), BATCH, shuffle=True, num_workers=2, drop_last=True
        )
        self.network = timm.create_model(backbone, num_classes=2).train()
        self.optimiser = torch.optim.AdamW(self.network.parameters(), 1e-4)

    def epoch(self) -> float:
        """Seconds of one epoch."""
        begun = time.perf_counter()
        for images, labels in self.loader:
            loss = torch.nn.functional.cross_entropy(self.network(images), labels)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
        return time.perf_counter() - begun


def _ours(recipe: Recipe, material: Material, machine: Machine, folder: Path) -> float:
    """Seconds of one epoch, as the journal tells them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    parts = material.split.parts
    train = material.served(recipe, parts["train"], recipe.augmentation.build())
    tune = material.served(recipe, parts["tune"])
    network = begin(recipe, material.tasks, folder).network
    setting = Setting(machine, Told(("network",), 1, quiet=True))
    fit_network(network, (train, tune), plan_of(recipe, material, parts["train"]), setting,
                folder=folder)  # fmt: skip
    return json.loads((folder / "epochs.jsonl").read_text())["seconds"]


def _recipe(backbone: str) -> Recipe:
    told = {
        "model": {"backbone": backbone},
        "input": {"size": [PX, PX]},
        "data": {
            "table": "labels.csv",
            "image": "file",
            "patient": "file",
            "labels": "labels",
            "findings": ["mass"],
            "split": "part",
        },
        "fit": {"epochs": 1, "batch": BATCH},
        "watch": {"stop": []},
    }
    return parse_recipe(told, "benchmark")


def _images(source: Path, data: Path) -> str:
    """A folder a class for the one side, a table for the other; what they are in words."""
    rng = np.random.default_rng(0)
    found = sorted((source / "nih14").glob("*")) if source.is_dir() else []
    rows = []
    for at in range(IMAGES + TUNED):
        label, part = ("mass", "normal")[at % 2], "train" if at < IMAGES else "tune"
        file = data / part / label / f"{at}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        if found:
            shutil.copy(found[at], file)
        else:
            grey = 255 * draw_chest(rng, size=(512, 512)).pixels
            cv2.imwrite(str(file), grey.astype(np.uint8))
        named = "Mass" if at % 2 == 0 else "No Finding"
        rows.append([file.relative_to(data).as_posix(), named, part])
    with (data / "labels.csv").open("w", newline="") as out:
        csv.writer(out).writerows([["file", "labels", "part"], *rows])
    return "Real radiographs." if found else "Drawn radiographs."
