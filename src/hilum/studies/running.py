"""Runs a study: every arm with every seed, out of fold; what is done is kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.errors import RunError
from hilum.evaluation import Reference
from hilum.lock import held
from hilum.models.tasks import Task
from hilum.studies.arms import Arm, Study
from hilum.training.cross_validation import cross_validate, features_of_frozen, material_for
from hilum.training.held_out import Division, folds_of
from hilum.training.material import Material
from hilum.training.networks import with_backbone
from hilum.training.plan import never
from hilum.training.recipe import Recipe

SCORES = "out-of-fold.npz"
"""In the folder of an arm and seed: rows, and the log-odds that networks give which saw nothing of
their patients."""

STRENGTH = 1e-3
"""scikit-learn's C: with as many features as images, a strong penalty."""

WEIGHT = 10.0
"""Of the columns that tell strata: large, so that the penalty does not hold them back."""

Tell = Callable[[str], object]


@dataclass(slots=True)
class Bench:
    """What the arms of a study share.

    Attributes:
        data: folder of the radiographs.
        weights: folder of the weights to start from.
        out: the study's folder.
        stop: asked after every step; why to stop, or "".
        tell: is told what is done.
        materials: labels and radiographs by size and fit of the input.
        kept: folder of decoded radiographs and remembered activations; None for one in ``out``.
    """

    data: Path
    weights: Path
    out: Path
    stop: Callable[[], str] = never
    tell: Tell = print
    materials: dict[str, Material] = field(default_factory=dict)
    kept: Path | None = None

    @property
    def store(self) -> Path:
        """Decoded radiographs and remembered activations."""
        return self.kept or self.out / "store"

    def material(self, recipe: Recipe) -> Material:
        """What an arm learns from; decoded once an input."""
        part = recipe.self_supervision
        others = [one.model_dump(mode="json") for one in part.others] if part else []
        key = f"{recipe.data.model_dump_json()} {recipe.input.model_dump_json()} {others}"
        if key not in self.materials:
            self.materials[key] = material_for(recipe, self.data, self.store)
        return self.materials[key]


def run_study(
    study: Study, bench: Bench, *, only: Sequence[str] = (), seeds: Iterable[int] | None = None
) -> None:
    """Run arms, each with every seed; what an earlier call has done is left.

    Args:
        study: which arms there are.
        bench: where.
        only: names of arms; empty for all.
        seeds: in place of the study's.

    Raises:
        RecipeError: no such arm, or one that is no recipe.
        Stopped: it was asked to; the same call goes on.
        RunError: the folder holds arms of another study.
    """
    arms = [study.arm(name) for name in only] or list(study.arms)
    seeds = tuple(study.seeds if seeds is None else seeds)
    for arm in arms:  # what is no recipe is refused before anything runs
        study.recipe_for(arm, 0)
    for number, arm in enumerate(arms, 1):
        for seed in seeds:
            file = folder_of(bench.out, arm, seed) / SCORES
            if file.exists():
                _same_recipe(file.parent, study.recipe_for(arm, seed))
                continue
            began = time.monotonic()
            with held(_made(file.parent) / "lock", file.parent):
                _run(study, arm, seed, bench)
            seconds = time.monotonic() - began
            (file.parent / "took.json").write_text(json.dumps({"seconds": round(seconds, 1)}))
            bench.tell(f"{number} of {len(arms)} · {arm.name} · seed {seed} · {seconds:.0f} s")


def _same_recipe(folder: Path, recipe: Recipe) -> None:
    """See that an arm that is done was run with the recipe that it has now.

    Raises:
        RunError: it was run with another.
    """
    file = folder / "recipe.json"
    if not file.exists():  # a regression, or a mean: they keep none
        return
    kept = Recipe.model_validate_json(file.read_bytes())
    changed = [
        name
        for name in Recipe.model_fields
        if name not in ("bundle", "gate")
        and getattr(kept, name) != getattr(with_backbone(recipe), name)
    ]
    if changed:
        raise RunError(
            f"{folder} was run with another recipe ([{'], ['.join(changed)}] differ): remove it, "
            "or choose another folder with -o."
        )


def folder_of(out: Path, arm: Arm, seed: int) -> Path:
    """Where an arm and seed is kept."""
    return out / "arms" / arm.name / f"seed-{seed}"


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run(study: Study, arm: Arm, seed: int, bench: Bench) -> None:
    folder = folder_of(bench.out, arm, seed)
    if arm.method == "mean":
        _keep(folder, *_mean(study, arm, seed, bench))
        return
    recipe = study.recipe_for(arm, seed)
    material = bench.material(recipe)
    if arm.method == "logistic-regression":
        _keep(folder, *_logistic(recipe, material, bench, tuning_rows=arm.tuning_rows))
        return
    if not arm.each_finding:
        _learn(recipe, material, bench, folder, division=Division(inner=arm.inner))
        return
    keys = material.table.findings
    parts = []
    for key in keys:
        said = recipe.data.model_copy(update={"findings": (key,)})
        alone = recipe.model_copy(update={"data": said})
        own = _of_one(material, key)
        division = Division(material.table, arm.inner)
        parts.append(_learn(alone, own, bench, _made(folder / key), division=division))
    rows = parts[0][0]
    if any(not np.array_equal(rows, one) for one, _ in parts):
        raise RunError(f"{folder}: pictures became unreadable on the way; remove it and run again.")
    _keep(folder, rows, np.concatenate([logits for _, logits in parts], 1))


def _mean(
    study: Study, arm: Arm, seed: int, bench: Bench
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The mean of the log-odds of arms that are done."""
    rows: list[NDArray[np.int64]] = []
    logits: list[NDArray[np.float32]] = []
    for said in arm.of:
        name, _, number = said.partition("/")
        file = folder_of(bench.out, study.arm(name), int(number or seed)) / SCORES
        if not file.exists():
            raise RunError(f"{arm.name} is a mean of {said}, which is not done: run it first.")
        with np.load(file) as kept:
            order = np.argsort(kept["rows"])
            rows.append(kept["rows"][order])
            logits.append(kept["logits"][order])
    if any(not np.array_equal(rows[0], one) for one in rows):
        raise RunError(f"{', '.join(arm.of)} were asked of different images.")
    return rows[0], np.stack(logits).mean(0)


def _of_one(material: Material, key: str) -> Material:
    """The same radiographs with the labels of one finding."""
    table, known = material.table, material.labelled
    if [task.kind for task in material.tasks] != ["multi-label"]:
        raise RunError("each_finding goes with a single multi-label task.")
    at = [table.findings.index(key)]
    return replace(
        material,
        table=replace(table, findings=(key,), states=table.states[:, at]),
        tasks=(Task("multi-label", (key,)),),
        labelled=replace(known, targets=known.targets[:, at], mask=known.mask[:, at]),
        said=(material.said[0][:, at], material.said[1][:, at]),
    )


def _learn(
    recipe: Recipe,
    material: Material,
    bench: Bench,
    folder: Path,
    *,
    division: Division,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    found = cross_validate(
        recipe,
        material,
        weights=bench.weights,
        out=folder,
        store=bench.store,
        division=division,
        stop=bench.stop,
    )
    return found.rows, found.logits


def _keep(folder: Path, rows: NDArray[np.int64], logits: NDArray[np.float32]) -> None:
    partial = folder / f"partial-{SCORES}"
    np.savez(partial, allow_pickle=False, rows=rows, logits=logits)
    partial.replace(folder / SCORES)


def _logistic(
    recipe: Recipe, material: Material, bench: Bench, *, tuning_rows: bool
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """One logistic regression a finding on standardised features; it has no seed."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    features = features_of_frozen(recipe, material, weights=bench.weights, store=bench.store)
    targets, rows = material.labelled.targets, material.rows
    out = np.zeros(targets.shape, np.float32)
    place = np.zeros(len(targets), np.int64)
    place[rows] = np.arange(len(rows))
    model = LogisticRegression(C=STRENGTH, max_iter=5000)
    told, untold = _strata(recipe, material)
    for fold in folds_of(recipe, material.table, rows)[0]:
        rest = np.setdiff1d(rows, fold.held) if tuning_rows else fold.train
        scaler = StandardScaler().fit(features[place[rest]])
        inside, outside = (scaler.transform(features[place[at]]) for at in (rest, fold.held))
        inside = np.hstack([inside, told[rest]])
        outside = np.hstack([outside, untold[fold.held]])
        for k, finding in enumerate(targets[rest].T):
            out[fold.held, k] = model.fit(inside, finding).decision_function(outside)
    return rows, out[rows]


def _strata(recipe: Recipe, material: Material) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Columns that a regression is fitted with, and those that it predicts with, [images, strata].

    Without adjusting there are none; with it the regression is told strata where it is fitted.
    """
    strata = material.labelled.strata
    if not recipe.data.adjust_for_stratum or strata is None:
        none = np.zeros((len(material.table), 0))
        return none, none
    told = WEIGHT * (strata[:, None] == np.unique(strata)).astype(np.float64)
    return told, np.zeros_like(told)


def reference_of(study: Study, bench: Bench, rows: NDArray[np.int64]) -> Reference:
    """Targets, patients and strata of the rows that arms were asked of."""
    material = bench.material(study.recipe_for(study.arms[0], 0))
    known = material.labelled
    if known.strata is None:
        raise RunError(f"The study {study.name} needs data.stratum: it compares within strata.")
    return Reference.of(
        known.targets[rows],
        material.table.patients[rows],
        mask=known.mask[rows],
        strata=known.strata[rows],
        findings=material.table.findings,
    )
