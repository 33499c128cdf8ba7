"""From DICOM files to a scored submission, by the commands that a user types."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hilum.datasets.collections.siim_covid19 import COLLECTION
from hilum.datasets.submission.strings import read_prediction_strings, siim_reference
from hilum.errors import RunError, Stopped
from hilum.evaluation.localisation import siim_score
from hilum.studies.cells import three, told
from hilum.studies.questions import Numbers, Shown, Table
from hilum.studies.running import Bench
from hilum.studies.s0.drawn import draw_tree

TRAIN, TEST, SIDE = 60, 30, 320
THEIRS = {"negative": 0.680, "typical": 0.840, "indeterminate": 0.262, "atypical": 0.368}
"""S0's accuracy a class, at epoch 5 of 10."""

RECIPE = """\
# The shipped recipe s0-grades, small: a frozen network with ImageNet weights, 160 px.
seed = {seed}
folds = 0
[bundle]
name = "s0-small"
[data]
table = "private/labels.csv"
shares = [0.8, 0.1999, 0.0001]
[[task]]
kind = "ordinal"
findings = [
    "negative_for_pneumonia", "atypical_appearance", "indeterminate_appearance",
    "typical_appearance",
]
loss = {{ name = "cumulative-bce", smoothing = 0.02 }}
[model]
backbone = "mobilenet_edgetpu_100"
weights = "mobilenet_edgetpu_100.backbone.fp16.safetensors"
freeze = "blocks.4"
batch_norm = "frozen"
[input]
size = [160, 160]
value_range = [-1.0, 1.0]
[augmentation]
steps = [{{ do = "warp" }}, {{ do = "exposure" }}, {{ do = "cutout", side_share = 0.2 }}]
[optimiser]
name = "adamw"
lr = 3e-4
head_lr = 3e-3
[fit]
epochs = 6
batch = 10
views = 1
best = "loss"
average = 0.0
[watch]
stop = []
"""


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """Draw the tree, and run every command once.

    Raises:
        RunError: a command failed; the message holds what it said.
        Stopped: it was asked to; the same call begins this question again.
    """
    out = bench.out / "chain"
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True)
    tree = draw_tree(out / "siim", train=TRAIN, test=TEST, side=SIDE, seed=seeds[0])
    (out / "s0-small.toml").write_text(RECIPE.format(seed=seeds[0]), encoding="utf-8")
    weights = str(bench.weights.resolve())
    commands = (
        ("datasets", "table", "siim-covid19", "siim", "-o", "siim/labels.csv"),
        ("convert", "siim/train", "pictures", "--size", "320", "--labels", "siim/labels.csv",
         "--workers", "1"),
        ("train", "s0-small.toml", "--data", "pictures", "--weights", weights, "-o", "run"),
        ("read", "siim/test", "--bundle", "run/s0-small", "-o", "read", "--no-heatmaps",
         "--workers", "1"),
        ("submit", "read", "--template", "siim/sample_submission.csv", "-o", "submission.csv",
         "--missing", ""),
    )  # fmt: skip
    steps = []
    for words in commands:
        if why := bench.stop():
            raise Stopped(f"{why} The same command asks this question again.")
        steps.append(_run(words, out))
    scored = score(tree.answers, out / "submission.csv")
    first = (out / "submission.csv").read_text("utf-8").splitlines()
    kinds = tree.studies
    return {
        "seed": seeds[0],
        "train": [kinds["train"].count(k) for k in range(4)],
        "test": [kinds["test"].count(k) for k in range(4)],
        "steps": steps,
        "rows": len(first) - 1,
        "missing": sum(line.endswith(",") for line in first),
        "example": next(line for line in first if "_study" in line),
        "score": scored,
    }


def _run(words: Sequence[str], folder: Path) -> dict[str, Any]:
    began = time.monotonic()
    done = subprocess.run(  # noqa: S603  (this interpreter, Hilum itself)
        [sys.executable, "-m", "hilum", *words], cwd=folder, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    shown = ["CHECKPOINTS" if word.startswith("/") else word or '""' for word in words]
    typed = f"hilum {' '.join(shown)}"
    if done.returncode not in (0, 1):
        raise RunError(f"{typed} ended with {done.returncode}: {done.stderr.strip()[-800:]}")
    return {
        "typed": typed,
        "status": done.returncode,
        "seconds": round(time.monotonic() - began, 1),
    }


def score(answers: Path, submission: Path) -> dict[str, Any]:
    """The challenge's six numbers, and how many studies have the right class first.

    Args:
        answers: folder with the two tables of the test part.
        submission: the filled CSV.
    """
    table = COLLECTION.variants["original"].read(answers)
    reference = siim_reference(table)
    said = read_prediction_strings(submission)
    found = siim_score(reference, said, rng=np.random.default_rng(0), samples=1000)
    right: dict[str, list[bool]] = {}
    for name, truth in reference.items():
        if name.endswith("_study"):
            surest = max(said[name], key=lambda one: one.confidence, default=None)
            answer = "" if surest is None else surest.label
            right.setdefault(truth[0].label, []).append(answer == truth[0].label)
    return {
        "each": {k: three(m) for k, m in found.each.items()},
        "mean": three(found.mean),
        "right": {k: [sum(v), len(v)] for k, v in right.items()},
    }


def show(numbers: Numbers) -> Shown:
    """The commands, and the scores beside S0's."""
    steps = tuple(
        (f"`{one['typed']}`", str(one["status"]), f"{one['seconds']:.0f}")
        for one in numbers["steps"]
    )
    scored = numbers["score"]
    rows = [
        (
            label,
            f"{THEIRS[label]:.3f}" if label in THEIRS else "",
            "{} of {}".format(*scored["right"][label]) if label in scored["right"] else "",
            told(scored["each"][label]),
        )
        for label in scored["each"]
    ]
    right = [sum(v[at] for v in scored["right"].values()) for at in (0, 1)]
    rows.append(("all", "0.5887", f"{right[0]} of {right[1]}", told(scored["mean"])))
    return Shown(
        tables=(
            Table(("command", "exit status", "s"), steps,
                  f"The chain on a drawn tree of {sum(numbers['train'])} studies to learn from and "
                  f"{sum(numbers['test'])} to be read (one image each):"),
            Table(("class", "S0, accuracy", "drawn, right first", "drawn, average precision"),
                  tuple(rows),
                  "S0's numbers are of patients, ours of drawn chests: they show that the chain "
                  "holds, and cannot be compared."),
        ),
        words=(
            (f"The submission has {numbers['rows']} rows, {numbers['missing']} of them empty, for "
            "the "
            f"gate refused the radiograph; a row: `{numbers['example']}`. No "
            "detector draws boxes here, so *opacity* is said nowhere and its average precision "
            "is 0."),
        ),
    )  # fmt: skip
