"""Crops against batches: what a memory holds, and what the crop is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from hilum.errors import Stopped
from hilum.evaluation import compare
from hilum.models.backbones import build_backbone
from hilum.models.network import Network
from hilum.models.tasks import Task
from hilum.studies.cells import three, told
from hilum.studies.questions import Numbers, Shown, Table
from hilum.studies.running import Bench
from hilum.studies.s1.rows import (
    SAMPLES,
    load_fourteen,
    out_of_fold,
    reference,
    within_road,
)
from hilum.training.memory import Need, needed

THEIRS = ((1024, 1024, 2), (600, 800, 4), (300, 400, 12), (100, 134, 120))
"""S1's crops with the batch of each; the second was its best."""
BACKBONES = ("densenet121", "mobilenet_edgetpu_100")
MEASURED = 256
"""Side at which the need is measured; activations grow with the area."""
BUDGETS_GB = (4, 8, 16)
INPUTS = {
    "plain": "whole, 224 × 224",
    "crop-100x134": "crop 100 × 134",
    "crop-168x224": "crop 168 × 224",
    "crop-300x400": "crop 300 × 400",
}
"""Arms of the study levers → their inputs."""


def measure(bench: Bench, _seeds: Sequence[int]) -> Numbers:
    """Memory of S1's crops, and the AUROC of crops of the radiographs at hand.

    Raises:
        Stopped: it was asked to; the same call goes on.
        LabelError: the data are not what the study needs.
    """
    memory = [row for name in BACKBONES for row in _memory(name)]
    scores, data = {}, None
    for arm in INPUTS:
        if why := bench.stop():
            raise Stopped(f"{why} What is done is kept: the same command goes on.")
        data = load_fourteen(bench, arm)
        file = bench.out / f"{arm}.npy"
        if not file.exists():
            np.save(file, out_of_fold(data, bench))
        scores[arm] = np.load(file)
    assert data is not None
    rows = []
    for arm, values in scores.items():
        apart = compare(
            reference(data), values, scores["plain"], rng=np.random.default_rng(0),
            samples=SAMPLES, metric="auroc within strata",
        ).mean.difference  # fmt: skip
        rows.append(
            {"arm": arm, "auroc": three(within_road(data, [values])), "against": three(apart)}
        )
    return {
        "memory": memory,
        "budgets_gb": list(BUDGETS_GB),
        "images": len(data.rows),
        "patients": len(np.unique(data.patients.astype(str))),
        "samples": SAMPLES,
        "rows": rows,
    }


def _memory(name: str) -> list[dict[str, Any]]:
    need = need_of(name)
    found = []
    for rows, columns, batch in THEIRS:
        own = Need(round(need.image_bytes * rows * columns / MEASURED**2), need.fixed_bytes)
        found.append(
            {
                "backbone": name,
                "crop": [rows, columns],
                "batch": batch,
                "image_mb": own.image_bytes / 1e6,
                "their_gb": own.of(batch) / 1e9,
                "largest": [
                    max(0, int((gb * 1e9 - own.fixed_bytes) // own.image_bytes))
                    for gb in BUDGETS_GB
                ],
            }
        )
    return found


def need_of(name: str) -> Need:
    """Memory of a backbone that learns wholly, fourteen findings, float32, Adam."""
    network = Network(build_backbone(name), [Task("multi-label", tuple(_KEYS))])
    network.train()

    def forward(images: int) -> torch.Tensor:
        return network(torch.zeros(images, 1, MEASURED, MEASURED)).sum()

    return needed(network, forward)


_KEYS = (
    "atelectasis", "cardiomegaly", "effusion", "infiltration", "mass", "nodule", "pneumonia",
    "pneumothorax", "consolidation", "edema", "emphysema", "fibrosis", "pleural_thickening",
    "hernia",
)  # fmt: skip


def show(numbers: Numbers) -> Shown:
    """Largest batches, and AUROC of crops."""
    memory = tuple(
        (
            one["backbone"],
            "{} × {}".format(*one["crop"]),
            str(one["batch"]),
            f"{one['their_gb']:.1f}",
            *(f"{n:,}" if n else "none" for n in one["largest"]),
        )
        for one in numbers["memory"]
    )
    rows = tuple(
        (INPUTS[one["arm"]], told(one["auroc"]),
         "" if one["arm"] == "plain" else told(one["against"], sign=True))
        for one in numbers["rows"]
    )  # fmt: skip
    budgets = tuple(f"largest batch in {gb} GB" for gb in numbers["budgets_gb"])
    head = ("network", "crop", "S1's batch", "its memory, GB", *budgets)
    return Shown(
        tables=(
            Table(head, memory,
                  "Memory by Hilum's estimate, the whole network learning in float32 with Adam:"),
            Table(("input", "AUROC", "against the whole"), rows,
                  "Logistic regression on frozen features, AUROC within road, mean of 14 findings, "
                  f"{numbers['images']:,} images of {numbers['patients']:,} patients out of fold; "
                  f"{numbers['samples']:,} draws of patients:"),
        ),
        figures={"memory": lambda: _draw(numbers)},
    )  # fmt: skip


def _draw(numbers: Numbers) -> Any:
    from hilum.report.style import BLUE, ORANGE, RED, sheet

    figure, ax = sheet(2.8, left=0.8, right=0.3, top=0.2)
    for name, colour in zip(BACKBONES, (BLUE, ORANGE), strict=True):
        rows = [one for one in numbers["memory"] if one["backbone"] == name]
        area = [one["crop"][0] * one["crop"][1] for one in rows]
        ax.plot(area, [max(0.5, one["largest"][1]) for one in rows], "-o", color=colour,
                markersize=5, label=f"{name}, {numbers['budgets_gb'][1]} GB")  # fmt: skip
    theirs = [(r * c, batch) for r, c, batch in THEIRS]
    ax.plot(*zip(*theirs, strict=True), "x", color=RED, markersize=7, label="S1")
    ax.set(xscale="log", yscale="log", xlabel="pixels of the crop", ylabel="largest batch")
    ax.set_xticks([r * c for r, c, _ in THEIRS], [f"{r} × {c}" for r, c, _ in THEIRS])
    ax.minorticks_off()
    ax.grid()
    ax.legend(loc="upper right")
    return figure
