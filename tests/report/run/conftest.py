"""Runs' folders made by hand: as training leaves them at the end, and on the way."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from hilum.bundles.card import Card
from hilum.datasets.pack import PackSpec
from hilum.datasets.pack.packing import Packing
from hilum.domain import LabelTable

KEYS = ("effusion", "mass", "hernia")
FOLDED = "train and tune, out of fold (3 folds by patient)"
IMAGES = 24

ENVIRONMENT = {
    "hilum": "0.1.0",
    "python": "3.11.7",
    "platform": "Linux x86_64",
    "processor": {"name": "A processor", "flags": ["avx2"], "cores": 4, "cores_allowed": 2,
                  "threads": 2},
    "memory_gb": 16.0,
    "gpus": [{"name": "A GPU", "memory_gb": 80.0}],
    "cuda": "13.0",
    "packages": {"torch": "2.15.0"},
}  # fmt: skip


def card(**changes) -> Card:
    results = [
        {"metric": metric, "split": split, "finding": key, "value": value, "low": value - 0.1,
         "high": value + 0.05, "note": "one seed"}
        | ({"positives": 12, "images": IMAGES} if key else {})
        for split, worse in ((FOLDED, 0.0), ("tune", 0.01))
        for metric, value in (("AUROC", 0.8 - worse), ("AUROC within road", 0.65 - worse),
                              ("average precision", 0.4))
        for key in (*KEYS, None)
    ]  # fmt: skip
    results.append({"metric": "refused by the gate", "split": "elsewhere", "value": 0.01,
                    "images": 90})  # fmt: skip
    facts = {
        "name": "small",
        "version": "1.0.0",
        "summary": "For <tests>.",
        "intended_use": "None.",
        "licence": "CC0-1.0",
        "network": "test_resnet",
        "findings": [
            {"key": key, "operating_point": {"threshold": 0.5},
             "calibration": {"trusted": key != "hernia", "method": "platt"},
             "positives": 12 if key == "hernia" else 40}
            for key in KEYS
        ],
        "preprocessing": {"size": [32, 32]},
        "results": results,
    }  # fmt: skip
    return Card.model_validate(facts | changes)


def recipe(**changes) -> dict:
    return {
        "seed": 3,
        "folds": 3,
        "bundle": {"name": "small"},
        "data": {"name": "drawn <chests>", "licence": "CC0-1.0", "findings": list(KEYS)},
        "model": {"backbone": "test_resnet"},
        "task": [{"kind": "multi-label", "findings": []}],
        "fit": {"epochs": 4, "best": "auroc"},
    } | changes


def line(epoch: int, auroc: float | None = 0.7, **changes) -> dict:
    return {
        "epoch": epoch,
        "step": 10 * (epoch + 1),
        "train_loss": 0.6 - 0.1 * epoch,
        "tune_loss": 0.65 - 0.05 * epoch,
        "lr": 1e-3,
        "seconds": 30.0,
        "memory_mb": 900.0 + epoch,
        "images_per_s": 12.0,
        "failed_images": 0,
        "tune": {"auroc": {"mean": auroc, "effusion": auroc, "mass": 0.6, "hernia": None}},
        "concerns": [],
    } | changes


def write_lines(folder: Path, lines: list[dict]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(one) + "\n" for one in lines)
    (folder / "epochs.jsonl").write_text(text, "utf-8")


def write_held(folder: Path) -> dict[str, np.ndarray]:
    """Scores of 24 images: effusion on the even ones, and image 1 a false alarm of it."""
    rng = np.random.default_rng(0)
    targets = (np.arange(IMAGES)[:, None] % np.array([2, 3, 4]) == 0).astype(np.float32)
    logits = (4 * targets - 2 + rng.normal(0, 0.2, targets.shape)).astype(np.float32)
    logits[1, 0], logits[2, 0] = 9.0, -9.0
    held = {
        "rows": np.arange(IMAGES),
        "logits": logits,
        "targets": targets,
        "mask": np.ones(targets.shape, bool),
        "images": np.array([f"p/{at}.png" for at in range(IMAGES)]),
    }
    held["mask"][5, 0] = False
    np.savez(folder / "out-of-fold.npz", **held)
    return held


def write_pack(folder: Path, data: Path) -> None:
    (data / "p").mkdir(parents=True)
    for at in range(IMAGES):
        cv2.imwrite(str(data / "p" / f"{at}.png"), np.full((48, 40), 10 * at, np.uint8))
    table = LabelTable(
        images=[f"p/{at}.png" for at in range(IMAGES)],
        findings=KEYS,
        states=np.zeros((IMAGES, 3), np.uint8),
        patients=[f"q{at}" for at in range(IMAGES)],
        columns={},
    )
    with Packing.open(folder / "images", table, data, spec=PackSpec((32, 32), "squash")) as packing:
        for _ in packing.run(1):
            pass
        packing.finish()


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A run in its second network."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "recipe.json").write_text(json.dumps(recipe()))
    (folder / "environment.json").write_text(json.dumps([ENVIRONMENT]))
    concern = {"code": "overfitting", "message": "Tune loss rises.", "advice": "Stop earlier."}
    blind = {"code": "blind", "message": "No better than chance.", "advice": "Look at labels."}
    over = {"code": "blind", "message": "Over since epoch 1: blind.", "advice": ""}
    whole = [
        line(0, 0.6, concerns=[blind]),
        line(1, 0.75),
        line(2, 0.75, concerns=[over, concern]),
        line(3, None),
    ]
    write_lines(folder / "fold-0", whole)
    (folder / "fold-0" / "done").touch()
    write_lines(folder / "fold-1", [line(0, 0.55)])
    return folder


@pytest.fixture
def ended(begun: Path, tmp_path: Path) -> Path:
    """A run that has made its bundle."""
    for name in ("fold-1", "fold-2", "final"):
        write_lines(begun / name, [line(at, 0.6 + 0.05 * at) for at in range(4)])
        (begun / name / "done").touch()
    parts = {
        part: {"images": n, "patients": n - 2, "positives": dict.fromkeys(KEYS, 5),
               "negatives": dict.fromkeys(KEYS, n - 6)}
        for part, n in (("train", 18), ("tune", 12))
    }  # fmt: skip
    told = {"digest": "ab" * 32, "split_digest": "cd" * 32, "images": 30, "patients": 26,
            "parts": parts, "notes": ["A note of the <data>."]}  # fmt: skip
    (begun / "data.json").write_text(json.dumps(told))
    write_held(begun)
    write_pack(begun, tmp_path / "data")
    (begun / "small").mkdir()
    (begun / "small" / "card.json").write_text(card().model_dump_json(by_alias=True))
    return begun
