"""A whole run: folds, the network that ships, calibration, numbers, bundle."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hilum.bundles import Bundle
from hilum.bundles.card import Card, Graph, Result, StartingWeights, TrainingData
from hilum.datasets.columns import Columns, read_csv
from hilum.datasets.pack import Pack
from hilum.datasets.split import by_column, folds
from hilum.domain import LabelTable, Split
from hilum.errors import LabelError, RunError
from hilum.evaluation import Reference
from hilum.export.bundle import export_bundle
from hilum.export.graph import round_weights
from hilum.models import WEIGHTS
from hilum.models.network import Network, freeze
from hilum.models.weights import load_weights
from hilum.reading.gate import Statistics
from hilum.training.gate import refused, share_refused
from hilum.training.loop import features_of, fit_network, load_best, logits_of
from hilum.training.numbers import calibrate, calibration_slopes, measure
from hilum.training.recipe import Recipe
from hilum.training.rows import Rows, load_images
from hilum.training.views import Views, remember
from hilum.transforms.augmentation import Augmentation, Exposure, Grain, Warp

INNER = 8
"""In a fold, one part in so many of the rows that are not held out chooses the checkpoint."""


@dataclass(frozen=True, slots=True)
class Material:
    """What every network of a run shares.

    Attributes:
        table: all rows that the recipe's ``where`` keeps.
        split: parts "train", "tune" and, where the recipe names one, "test".
        images: pictures, one a row of the table.
        targets: float32 [rows, findings].
        mask: bool [rows, findings].
        kept: activations of the frozen part, float16 [1 + views, rows in use, …]; None without.
        place: row of the table → position in ``kept``.
    """

    table: LabelTable
    split: Split
    images: Pack
    targets: NDArray[np.float32]
    mask: NDArray[np.bool_]
    kept: NDArray[np.float16] | None = None
    place: dict[int, int] = field(default_factory=dict)


def train(recipe: Recipe, *, data: Path, weights: Path, out: Path) -> Bundle:
    """Run a recipe to its bundle, going on where an earlier run of it stopped.

    Args:
        recipe: what to do.
        data: folder that the recipe's table and images are relative to.
        weights: folder of the weights to start from.
        out: the run's folder: resolved recipe, decoded images, a folder a network, the bundle.

    Returns:
        The bundle, in ``out/<name>``.

    Raises:
        RunError: ``out`` holds a run of another recipe.
        LabelError, IntakeError, RecipeError: the data or the weights are not what the recipe says.
    """
    out.mkdir(parents=True, exist_ok=True)
    if recipe.model.weights and recipe.model.backbone not in WEIGHTS:
        raise RunError(f"No weights card for {recipe.model.backbone}; its licence is unknown.")
    _claim(out / "recipe.json", recipe.model_dump_json(indent=1), "another recipe")
    place = out / recipe.bundle.name
    if place.exists():
        raise RunError(f"{place} exists already; remove it to export again.")
    material = _gather(recipe, data, out)
    rows = np.concatenate([material.split.parts["train"], material.split.parts["tune"]])
    if recipe.fit.views:
        material = _remember(recipe, material, rows, weights, out)
    rng = np.random.default_rng(recipe.seed)
    outer = folds(material.table, rows, recipe.folds, rng)
    held = np.zeros((len(material.table), len(recipe.data.findings)), np.float32)
    for at, (_, out_rows) in enumerate(sorted(outer.parts.items())):
        rest = np.setdiff1d(rows, out_rows)
        inner = folds(material.table, rest, INNER, np.random.default_rng([recipe.seed, at]))
        tune = inner.parts["fold 0"]
        network, _ = _fit(
            recipe, material, (np.setdiff1d(rest, tune), tune), weights, out / f"fold-{at}"
        )
        round_weights(network)
        held[out_rows] = logits_of(network, _rows(recipe, material, out_rows), recipe.fit.batch)
    network, digest = _fit(
        recipe,
        material,
        (material.split.parts["train"], material.split.parts["tune"]),
        weights,
        out / "final",
    )
    round_weights(network)
    np.savez(out / "out-of-fold.npz", rows=rows, logits=held[rows])
    statistics = Statistics.fit(
        features_of(network, _rows(recipe, material, rows), recipe.fit.batch),
        np.random.default_rng(recipe.seed),
    )
    card = _card(recipe, material, outer, held, network, digest)
    measured = _measure_gate(recipe, network, statistics, data, out)
    card = card.model_copy(update={"results": (*card.results, *measured)})
    tuning = _rows(recipe, material, material.split.parts["tune"])
    return export_bundle(network, card, statistics.to_bytes(), _some(tuning), place)


def _claim(file: Path, said: str, other: str) -> None:
    if file.exists() and file.read_text(encoding="utf-8") != said:
        raise RunError(
            f"{file.parent} holds a run of {other}; choose another folder with -o, or remove it."
        )
    file.write_text(said, encoding="utf-8")


def _gather(recipe: Recipe, folder: Path, out: Path) -> Material:
    said = recipe.data
    keep = {"part": said.split} | ({"stratum": said.stratum} if said.stratum else {})
    columns = Columns(
        image=said.image,
        patient=said.patient,
        labels=said.labels,
        separator=said.separator,
        findings={} if said.labels else {key: key for key in said.findings},
        columns=keep,
        where=said.where,
    )
    table = read_csv(folder / said.table, columns, said.findings)
    parts = {"train": said.train, "tune": said.tune} | ({"test": said.test} if said.test else {})
    split = by_column(table, "part", parts)
    targets, mask = table.targets()
    one_class = [
        key
        for key, column, counts in zip(table.findings, targets.T, mask.T, strict=True)
        if len(np.unique(column[counts])) < 2
    ]
    if one_class:
        raise LabelError(f"{', '.join(one_class)}: present, or absent, on every image.")
    content = hashlib.sha256("\n".join(table.images).encode())
    content.update(table.states.tobytes() + "\n".join(table.patients).encode())
    _claim(out / "data.sha256", f"{content.hexdigest()} {split.digest}\n", "other data")
    images = load_images(table, folder, recipe.input, out / "images")
    return Material(table, split, images, targets, mask)


def _rows(
    recipe: Recipe,
    material: Material,
    rows: NDArray[np.int64],
    steps: tuple[Augmentation, ...] = (),
) -> Rows:
    return Rows(
        material.images,
        material.targets,
        material.mask,
        rows,
        spec=recipe.input,
        steps=steps,
        seed=recipe.seed,
    )


def _measure_gate(
    recipe: Recipe, network: Network, statistics: Statistics, folder: Path, out: Path
) -> list[Result]:
    results: list[Result] = []
    for at, where in enumerate(recipe.gate.measured):
        columns = Columns(image=recipe.data.image, patient=recipe.data.patient, where=where)
        table = read_csv(folder / recipe.data.table, columns)
        images = load_images(table, folder, recipe.input, out / f"gate-{at}")
        targets, mask = table.targets()
        served = Rows(images, targets, mask, np.arange(len(table)), spec=recipe.input)
        found = refused(statistics, features_of(network, served, recipe.fit.batch), images)
        source = ", ".join(f"{column} {value}" for column, value in where.items())
        results.append(share_refused(found, source))
    return results


def _some(rows: Rows) -> NDArray[np.float32]:
    return np.stack([rows[i][0].numpy() for i in range(min(16, len(rows)))])


def _fresh(recipe: Recipe, weights: Path) -> tuple[Network, str]:
    torch.manual_seed(recipe.seed)
    model = recipe.model
    network = Network(model.backbone, len(recipe.data.findings), dropout=model.dropout)
    digest = load_weights(network.backbone, weights / model.weights) if model.weights else ""
    freeze(network, model.freeze)
    return network, digest


def _steps(recipe: Recipe) -> tuple[Augmentation, ...]:
    said = recipe.augmentation
    return (
        Warp(said.rotate_deg, said.zoom, said.stretch, said.shift),
        Exposure(said.gamma, said.contrast, said.brightness),
        Grain(said.grain),
    )


def _remember(
    recipe: Recipe, material: Material, rows: NDArray[np.int64], weights: Path, out: Path
) -> Material:
    kept = remember(
        _fresh(recipe, weights)[0],
        _rows(recipe, material, rows),
        cut=recipe.model.freeze,
        steps=_steps(recipe),
        views=recipe.fit.views,
        cache=out / "views.npy",
    )
    return replace(material, kept=kept, place={int(row): at for at, row in enumerate(rows)})


def _fit(
    recipe: Recipe,
    material: Material,
    parts: tuple[NDArray[np.int64], NDArray[np.int64]],
    weights: Path,
    folder: Path,
) -> tuple[Network, str]:
    """Train one network; a folder that is done is loaded."""
    network, digest = _fresh(recipe, weights)
    done = folder / "done"
    if done.exists():
        return load_best(network, folder).network, digest
    folder.mkdir(parents=True, exist_ok=True)
    train, tune = parts
    served: tuple[Rows | Views, Rows | Views]
    if material.kept is None:
        served = (
            _rows(recipe, material, train, _steps(recipe)),
            _rows(recipe, material, tune),
        )
    else:
        served = (
            Views(material.kept, material.place, _rows(recipe, material, train), augmented=True),
            Views(material.kept, material.place, _rows(recipe, material, tune), augmented=False),
        )
    fitted = fit_network(
        network,
        *served,
        recipe.fit,
        keep_statistics=recipe.model.batch_norm == "frozen",
        cut=recipe.model.freeze if material.kept is not None else "",
        folder=folder,
    )
    done.touch()
    return fitted.network, digest


def _card(
    recipe: Recipe,
    material: Material,
    outer: Split,
    held: NDArray[np.float32],
    network: Network,
    digest: str,
) -> Card:
    keys, table, split = recipe.data.findings, material.table, material.split
    rows = np.sort(np.concatenate(list(outer.parts.values())))
    findings = calibrate(
        keys,
        held[rows],
        material.targets[rows],
        material.mask[rows],
        f"out-of-fold logits of train and tune, {recipe.folds} folds by patient",
    )
    folded = f"train and tune, out of fold ({recipe.folds} folds by patient)"
    results = measure(
        keys,
        held[rows],
        _reference(material, rows),
        split=folded,
        note="each image judged by a network that saw nothing of its patient; the logits of "
        f"{recipe.folds} networks pooled; 1 seed",
        seed=recipe.seed,
        strata=_strata(recipe),
    )
    for part in [p for p in ("tune", "test") if p in split.parts]:
        at = split.parts[part]
        logits = logits_of(network, _rows(recipe, material, at), recipe.fit.batch)
        note = (
            "the network that ships; these rows chose its checkpoint and, out of fold, had a part "
            "in its calibration, so the number flatters"
            if part == "tune"
            else "the network that ships; these rows were used for nothing else"
        )
        results += measure(
            keys,
            logits,
            _reference(material, at),
            split=part,
            note=note,
            seed=recipe.seed,
            strata=_strata(recipe),
        )
        results += calibration_slopes(
            findings, logits, material.targets[at], material.mask[at], split=part, note=note
        )
    return Card(
        name=recipe.bundle.name,
        version=recipe.bundle.version,
        summary=recipe.bundle.summary,
        intended_use=recipe.bundle.intended_use,
        not_for=recipe.bundle.not_for,
        licence=recipe.bundle.licence,
        network=_network_in_words(recipe, network),
        findings=findings,
        preprocessing=recipe.input,
        graph=Graph(features="features", cams="cams"),
        gate="gate.npz",
        data=tuple(
            TrainingData(
                name=f"{recipe.data.name}: {part} ({role})",
                images=len(split.parts[part]),
                patients=len(np.unique(table.patients[split.parts[part]])),
                licence=recipe.data.licence,
                citation=recipe.data.citation,
                split_digest=split.digest,
            )
            for part, role in (
                ("train", "weights, calibration, gate"),
                ("tune", "choice of checkpoint, calibration, gate"),
            )
        ),
        start=_start(recipe, digest),
        results=tuple(results),
        provenance={
            "recipe": recipe.model_dump_json(),
            "folds_digest": outer.digest,
            "python": platform.python_version(),
            **{name: version(name) for name in ("hilum", "torch", "timm", "lightning", "onnx")},
        },
    )


def _strata(recipe: Recipe) -> str:
    """What the strata are; "" where the recipe names none."""
    return recipe.data.stratum_name if recipe.data.stratum else ""


def _reference(material: Material, rows: NDArray[np.int64]) -> Reference:
    table = material.table
    strata = table.columns.get("stratum")
    return Reference.of(
        material.targets[rows],
        table.patients[rows].tolist(),
        mask=material.mask[rows],
        strata=None if strata is None else strata[rows].tolist(),
        findings=table.findings,
    )


def _start(recipe: Recipe, digest: str) -> tuple[StartingWeights, ...]:
    if not recipe.model.weights:
        return ()
    card = WEIGHTS.resolve(recipe.model.backbone)
    return (
        StartingWeights(
            name=recipe.model.weights, licence=card.licence, origin=card.origin, sha256=digest
        ),
    )


def _network_in_words(recipe: Recipe, network: Network) -> str:
    learnt = sum(p.numel() for p in network.parameters() if p.requires_grad)
    total = sum(p.numel() for p in network.parameters())
    frozen = f", frozen up to {recipe.model.freeze}" if recipe.model.freeze else ""
    return f"{recipe.model.backbone}, {total:,} parameters, {learnt:,} learnt{frozen}"
