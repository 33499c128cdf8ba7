"""A run that draws boxes: folds, the network that ships, thresholds, numbers, bundle."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from hilum.bundles import Bundle
from hilum.bundles.card import Card, CardFinding, Graph, Result
from hilum.export.detection import export_detector
from hilum.export.graph import round_weights
from hilum.models.detection import Detector
from hilum.models.views import AnyNetwork
from hilum.reading.gate import Statistics
from hilum.report.run.page import write_run_page
from hilum.training.card import common, in_words, measured, reference_of, slopes
from hilum.training.detection.judged import Agreement
from hilum.training.detection.numbers import results, shown
from hilum.training.detection.objective import BoxObjective
from hilum.training.detection.thresholds import thresholds
from hilum.training.held_out import folds_of, keep_held_out, shipped_rows
from hilum.training.loop import Passed
from hilum.training.measuring import began_in_words, some_of
from hilum.training.metrics import UNCHOSEN
from hilum.training.networks import Begun, box_objective
from hilum.training.numbers import calibrate, cross_fitted_slopes
from hilum.training.serving import answers, outputs_of

if TYPE_CHECKING:
    from hilum.training.material import Material
    from hilum.training.under_way import Run

Rows = NDArray[np.int64]
Fitted = Callable[[str, tuple[Rows, Rows]], tuple[AnyNetwork, Begun]]
"""(folder of a network, rows to learn from and to choose by) → the network, trained."""

CURVES = "froc.json"
"""In the run's folder: split → kind → how many boxes are found for how many false ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """What networks say of some rows.

    Attributes:
        rows: of the table, those that could be read.
        boxes: theirs and those of readers.
        odds: log-odds of the class task, [rows, findings]; no columns without one.
    """

    rows: Rows
    boxes: Agreement
    odds: NDArray[np.float32]


def run_boxes(run: Run, fitted: Fitted, place: Path) -> Bundle:
    """Train every network of a detection, measure, write the bundle and the page.

    Args:
        run: under way.
        fitted: trains a network.
        place: of the bundle.
    """
    held, digest = _out_of_fold(run, fitted)
    network, begun = fitted("final", shipped_rows(run.recipe, run.material.split))
    assert isinstance(network, Detector)
    round_weights(network)
    end = run.alone
    return run.machine.on_first(lambda: _finish(end, network, begun, held, digest, place))


def asked(run: Run, network: Detector, rows: Rows) -> NDArray[np.float32]:
    """What :meth:`BoxObjective.answer` keeps of some rows; NaN where one cannot be read."""
    objective = box_objective(run.recipe, run.material, rows)
    served = run.material.served(run.recipe, rows)
    network.to(run.machine.fabric.device).eval()
    ask = partial(objective.answer, Passed(network, ""))
    batch = min(run.recipe.fit.batch, 64)
    found, _ = answers(ask, served, batch, machine=run.machine, exact=True)
    network.cpu()
    return found


def answered(objective: BoxObjective, rows: Rows, raw: NDArray[np.float32]) -> Answered:
    """What networks say, of what :func:`asked` gave; rows that could not be read are left out."""
    good = np.isfinite(raw).all(1)
    raw = raw[good]
    odds = np.zeros((len(raw), 0), np.float32)
    if objective.classes is not None:
        outputs = torch.from_numpy(np.ascontiguousarray(raw[:, objective.layout.raw]))
        odds = objective.classes.log_odds(outputs).numpy()
    return Answered(rows[good], objective.agreement(raw), odds)


def _out_of_fold(run: Run, fitted: Fitted) -> tuple[Answered | None, str]:
    each, digest = folds_of(run.recipe, run.material.table, run.material.rows)
    if not each:
        return None, ""
    found: list[NDArray[np.float32]] = []
    for fold in each:
        file = fold.file(run.out)
        if file.exists():  # judged by an earlier run of the same recipe
            run.told.network(fold.name)
            with np.load(file) as said:
                found.append(said["answers"])
            continue
        network, _ = fitted(fold.name, (fold.train, fold.tune))
        assert isinstance(network, Detector)
        round_weights(network)
        found.append(asked(run, network, fold.held))
        kept = {"answers": found[-1], "rows": fold.held}
        run.machine.on_first(partial(keep_held_out, file, kept))
    objective = box_objective(run.recipe, run.material, run.material.rows)
    rows = np.concatenate([fold.held for fold in each])
    held = answered(objective, rows, np.concatenate(found))
    if objective.classes is not None:
        known, table = run.material.labelled, run.material.table
        count = len(table.findings)
        kept = {
            "rows": held.rows,
            "logits": held.odds,
            "targets": known.targets[held.rows][:, :count],
            "mask": known.mask[held.rows][:, :count],
            "images": table.images[held.rows].astype(str),
        }
        run.machine.on_first(lambda: np.savez(run.out / "out-of-fold.npz", **kept))
    return held, digest


def _finish(
    run: Run,
    network: Detector,
    begun: Begun,
    held: Answered | None,
    digest: str,
    place: Path,
) -> Bundle:
    recipe, material = run.recipe, run.material
    said = recipe.detection
    assert said is not None
    parts = _measured_parts(run, network, held, began_in_words(recipe, begun.weights))
    by = held or parts["tune"][0]
    where = "out of fold" if held else "on tune, whose rows chose the checkpoint too"
    chosen = tuple(one.kind for one in thresholds(by.boxes, where))
    told: list[Result] = []
    curves: dict[str, Any] = {}
    findings = _findings(run, by, held is not None)
    plain = _of_findings(material)
    for split, (one, note) in parts.items():
        patients = material.table.patients[one.rows].tolist()
        options = {"split": split, "note": note}
        rows, curves[split] = results(one.boxes, patients, seed=recipe.seed, **options)
        told += rows + shown(one.boxes, chosen, **options)
        if findings:
            told += measured(recipe, plain, one.rows, one.odds, **options)
            told += _slopes(run, plain, (one, findings), folded=one is held, **options)
    boxes = ", ".join(said.boxes)
    words = in_words(recipe, network, begun.frozen)
    words += f"; boxes around {boxes} by the head {said.head} of {said.width} channels"
    card = Card(
        **common(
            recipe,
            material,
            weights=begun.weights,
            words=words,
            provenance={"folds_digest": digest} if digest else {},
        ),
        findings=findings,
        structures=network.structures,
        boxes=chosen,
        graph=ends(network),
        gate="gate.npz",
        results=tuple(told),
    )
    some = some_of(material.read(recipe, material.split.parts["tune"]))
    bundle = export_detector(network, card, some, place, gate=_gate(run, network))
    (run.out / CURVES).write_text(json.dumps(curves) + "\n", encoding="utf-8")
    write_run_page(run.out, pack=material.images.path)
    return bundle


def ends(network: Detector) -> Graph:
    """The ends of a network's graph, for its card."""
    return Graph(
        features="features",
        cams="cams" if network.heatmaps else None,
        heatmaps=network.heatmaps or "none: this network says no findings of whole images",
        masks="masks" if network.structures else None,
        boxes="boxes",
    )


def _gate(run: Run, network: Detector) -> bytes:
    """What features of radiographs like those of the run look like."""
    served = run.material.read(run.recipe, run.material.rows)
    network.to(run.machine.fabric.device).eval()

    def features(image: torch.Tensor) -> torch.Tensor:
        return network.everything(image).features

    batch = min(run.recipe.fit.batch, 64)
    found, failed = outputs_of(features, served, batch, machine=run.machine, exact=True)
    network.cpu()
    good = found[~np.isin(served.rows, failed)]
    return Statistics.fit(good, np.random.default_rng(run.recipe.seed)).to_bytes()


def _measured_parts(
    run: Run, network: Detector, held: Answered | None, began: str
) -> dict[str, tuple[Answered, str]]:
    """Split → what is said of its rows, and how they relate to the network."""
    recipe, parts = run.recipe, run.material.split.parts
    found: dict[str, tuple[Answered, str]] = {}
    if held:
        note = "each image judged by a network that saw nothing of its patient in this run" + began
        found[f"train and tune, out of fold ({recipe.folds} folds by patient)"] = held, note
    flatters = "these rows chose its checkpoint, so the number flatters"
    for part, words in (
        ("tune", f"the network that ships; {flatters}"),
        ("test", "the network that ships; this run used these rows for nothing else"),
    ):
        if part not in parts or (part == "tune" and recipe.fit.best == UNCHOSEN):
            continue  # rows that were learnt from measure nothing
        objective = box_objective(recipe, run.material, parts[part])
        said = answered(objective, parts[part], asked(run, network, parts[part]))
        found[part] = said, words + began
    return found


def _of_findings(material: Material) -> Material:
    """The material with the targets of findings alone."""
    known, count = material.labelled, len(material.table.findings)
    few = replace(known, targets=known.targets[:, :count], mask=known.mask[:, :count])
    return replace(material, labelled=few)


def _findings(run: Run, by: Answered, folded: bool) -> tuple[CardFinding, ...]:
    """Calibrations and operating points of the class task; none without one."""
    material = _of_findings(run.material)
    if not material.table.findings:
        return ()
    known, rows = material.labelled, by.rows
    fitted_on = "logits of tune, whose rows chose the checkpoint too: take it with care"
    if folded:
        fitted_on = f"out-of-fold logits of train and tune, {run.recipe.folds} folds by patient"
    patients = known.patients[rows]
    keys = material.table.findings
    return calibrate(keys, by.odds, known.targets[rows], known.mask[rows], fitted_on, patients)


def _slopes(
    run: Run,
    material: Material,
    said: tuple[Answered, tuple[CardFinding, ...]],
    *,
    folded: bool,
    split: str,
    note: str,
) -> list[Result]:
    one, findings = said
    if not folded:
        return slopes(findings, material, one.rows, one.odds, split=split, note=note)
    each, _ = folds_of(run.recipe, material.table, material.rows)
    return cross_fitted_slopes(
        reference_of(material, one.rows),
        one.odds,
        [np.flatnonzero(np.isin(one.rows, fold.held)) for fold in each],
        split=split,
        note="each image's probability calibrated on the other folds",
    )
