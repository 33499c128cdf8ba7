"""Scores of a training run, and of frozen features with a logistic regression beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from benchmarks.cohort import Cohort
from benchmarks.machine import CORES
from benchmarks.scores import Scores
from hilum.bundles import load
from hilum.models.backbones import build_backbone
from hilum.models.weights import start
from hilum.runtime import Graph
from hilum.training.machine import Machine
from hilum.training.rows import Labelled, Rows, load_images
from hilum.training.serving import outputs_of
from hilum.transforms.preprocess import normalise

STRENGTH = 1e-3
"""scikit-learn's C: with as many features as images, a strong penalty."""
PX = 224
"""The second input size: what the weights were trained at."""
BATCH = 32

Features = dict[str, NDArray[np.float32]]
"""Name of the baseline → features [rows of the table, width], 0 outside train and tune."""


def scores_of(
    cohort: Cohort, run: Path, data: Path, weights: Path, folder: Path
) -> tuple[Scores, Scores]:
    """Scores of the run's networks and of both baselines.

    Args:
        cohort: the run's rows and folds.
        run: the run's folder.
        data: folder of the radiographs.
        weights: folder of the weights that training began with.
        folder: for decoded images.

    Returns:
        Out of fold, and learnt on train to be measured on tune.
    """
    size = cohort.recipe.input.size[0]
    caches = {size: run / "images", PX: folder / f"images-{PX}"}
    features = {
        f"frozen {px} px": _features(cohort, data, weights, px, cache)
        for px, cache in caches.items()
    }
    return _out_of_fold(cohort, run, features), _train_to_tune(cohort, run, data, features)


def _out_of_fold(cohort: Cohort, run: Path, features: Features) -> Scores:
    kept = np.load(run / "out-of-fold.npz", allow_pickle=False)
    if not np.array_equal(kept["rows"], cohort.rows):
        raise RuntimeError(f"{run} was made of other rows than its recipe gives with this data")
    targets, _ = cohort.table.targets()
    values = np.zeros((1 + len(features), *targets.shape))
    values[0, kept["rows"]] = kept["logits"]
    part = {}
    for fold, held in cohort.outer.parts.items():
        part |= dict.fromkeys(held.tolist(), fold)
        rest = np.setdiff1d(cohort.rows, held)
        for at, of in enumerate(features.values(), start=1):
            values[at, held] = _logistic(of[rest], targets[rest], of[held])
    rows = np.sort(cohort.rows)
    return _scores(cohort, rows, [part[row] for row in rows.tolist()], values[:, rows], features)


def _train_to_tune(cohort: Cohort, run: Path, data: Path, features: Features) -> Scores:
    targets, _ = cohort.table.targets()
    train, tune = (cohort.split.parts[p] for p in ("train", "tune"))
    values = [_network_logits(cohort, run, data, tune).astype(np.float64)]
    values += [_logistic(of[train], targets[train], of[tune]) for of in features.values()]
    return _scores(cohort, tune, ["tune"] * len(tune), np.stack(values), features)


def _scores(
    cohort: Cohort,
    rows: NDArray[np.int64],
    parts: list[str],
    values: NDArray[np.float64],
    features: Features,
) -> Scores:
    images = tuple(cohort.table.images[row] for row in rows)
    methods = (cohort.recipe.bundle.name, *features)
    return Scores(images, tuple(parts), methods, cohort.table.findings, values)


def _features(
    cohort: Cohort, data: Path, weights: Path, px: int, cache: Path
) -> NDArray[np.float32]:
    recipe, table = cohort.recipe, cohort.table
    spec = recipe.input.model_copy(update={"size": (px, px)})
    backbone = build_backbone(recipe.model.backbone)
    start(backbone, recipe.model.weights, folder=weights, input=spec)
    images = load_images(table, data, spec, cache)
    rows = Rows(images, Labelled(*table.targets(), table.patients), cohort.rows, spec=spec)
    backbone.eval()
    found, _ = outputs_of(
        lambda image: backbone(image).mean((2, 3)), rows, BATCH, machine=Machine.here(), exact=True
    )
    out = np.zeros((len(table), found.shape[1]), np.float32)
    out[cohort.rows] = found
    return out


def _network_logits(
    cohort: Cohort, run: Path, data: Path, rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    recipe = cohort.recipe
    bundle = load(run / recipe.bundle.name)
    if bundle.card.provenance["folds_digest"] != cohort.outer.digest:
        raise RuntimeError(f"{bundle} was made with other folds than its recipe gives here")
    graph = Graph.open(bundle, threads=CORES)
    images = load_images(cohort.table, data, recipe.input, run / "images")
    grey = images.batch(rows).astype(np.float32) / np.float32(255)
    starts = range(0, len(rows), BATCH)
    parts = [normalise(grey[start : start + BATCH], recipe.input) for start in starts]
    return np.concatenate([graph(part).logits for part in parts])


def _logistic(
    learnt: NDArray[np.float32], targets: NDArray[np.float32], out: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Log-odds [images, findings] of one logistic regression a finding."""
    scaler = StandardScaler().fit(learnt)
    inside, outside = scaler.transform(learnt), scaler.transform(out)
    model = LogisticRegression(C=STRENGTH, max_iter=2000)
    return np.stack(
        [model.fit(inside, finding).decision_function(outside) for finding in targets.T], axis=1
    )
