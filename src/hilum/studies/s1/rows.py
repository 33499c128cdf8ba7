"""The radiographs of the fourteen findings, and features of a frozen network, at one input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.domain import LabelTable
from hilum.errors import LabelError, Stopped
from hilum.evaluation import Measure, Reference, intervals
from hilum.studies.arms import load_study
from hilum.studies.linear_head import Rows, Way, learn, scaled
from hilum.studies.running import STRENGTH, Bench
from hilum.training.cross_validation import features_of_frozen
from hilum.training.held_out import Fold, folds_of

SAMPLES = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Fourteen:
    """Images with fourteen findings.

    Attributes:
        table: of all rows of the recipe.
        rows: of train and val, int64 [images].
        features: float32 [images, width].
        targets: float32 [images, findings], 0 or 1.
        mask: bool [images, findings].
        patients: text [images].
        roads: number of the road, int64 [images].
        folds: five by patient; their rows are of the table.
        findings: keys.
    """

    table: LabelTable
    rows: NDArray[np.int64]
    features: NDArray[np.float32]
    targets: NDArray[np.float32]
    mask: NDArray[np.bool_]
    patients: NDArray[np.object_]
    roads: NDArray[np.int64]
    folds: Sequence[Fold]
    findings: tuple[str, ...]


def load_fourteen(bench: Bench, arm: str = "plain") -> Fourteen:
    """Labels of the study levers, and features with the input of one of its arms; remembered.

    Raises:
        LabelError: the column with the roads is missing.
    """
    levers = load_study("levers")
    recipe = levers.recipe_for(levers.arm(arm), 0)
    material = bench.material(recipe)
    features = features_of_frozen(recipe, material, weights=bench.weights, store=bench.store)
    rows, known = material.rows, material.labelled
    if known.strata is None:
        raise LabelError("The column that says by which road an image came is missing.")
    return Fourteen(
        material.table,
        rows,
        features,
        known.targets[rows],
        known.mask[rows],
        material.table.patients[rows],
        known.strata[rows],
        folds_of(recipe, material.table, rows)[0],
        material.table.findings,
    )


def out_of_fold(
    data: Fourteen,
    bench: Bench,
    *,
    head: Way | None = None,
    among: NDArray[np.bool_] | None = None,
    seed: int = 0,
) -> NDArray[np.float32]:
    """Log-odds of every image by what saw nothing of its patient.

    Args:
        data: images.
        bench: asked whether to stop.
        head: a head that learns; None for a logistic regression a finding.
        among: bool [images], whose labels are known; all without.
        seed: of the head.

    Returns:
        float32 [images, findings]; 0 where the labels known hold one class only.
    """
    out = np.zeros(data.targets.shape, np.float32)
    for fold in data.folds:
        if why := bench.stop():
            raise Stopped(f"{why} What is done is kept: the same command goes on.")
        held = np.isin(data.rows, fold.held)
        inside = ~held if among is None else ~held & among
        features = scaled(data.features[inside], data.features)
        if head is None:
            out[held] = _logistic(features, data, inside, held)
            continue
        rows = Rows(features[inside], data.targets[inside], data.mask[inside], data.findings)
        out[held] = learn(head, rows, seed=seed)(features[held])
    return out


def _logistic(
    features: NDArray[np.float32],
    data: Fourteen,
    inside: NDArray[np.bool_],
    held: NDArray[np.bool_],
) -> NDArray[np.float32]:
    from sklearn.linear_model import LogisticRegression

    out = np.zeros((int(held.sum()), data.targets.shape[1]), np.float32)
    model = LogisticRegression(C=STRENGTH, max_iter=2000)
    for at in range(data.targets.shape[1]):
        use = inside & data.mask[:, at]
        truth = data.targets[use, at] > 0.5
        if truth.any() and not truth.all():
            out[:, at] = model.fit(features[use], truth).decision_function(features[held])
    return out


def reference(data: Fourteen, times: int = 1) -> Reference:
    """Targets, the same several times side by side: once a seed."""
    return Reference.of(
        np.tile(data.targets, times), data.patients, mask=np.tile(data.mask, times),
        strata=data.roads,
    )  # fmt: skip


def within_road(data: Fourteen, scores: Sequence[NDArray[np.float32]]) -> Measure:
    """Mean AUROC within road over findings and seeds, with an interval that draws patients."""
    return intervals(
        reference(data, len(scores)), np.concatenate(scores, 1), metric="auroc within strata",
        rng=np.random.default_rng(0), samples=SAMPLES,
    ).mean  # fmt: skip
