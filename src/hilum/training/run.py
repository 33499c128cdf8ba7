"""A whole run: folds, the network that ships, calibration, numbers, bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hilum.bundles import Bundle, load
from hilum.errors import LabelError, RecipeError
from hilum.export.bundle import export_bundle
from hilum.export.graph import round_weights
from hilum.models.backbones import reestimate
from hilum.models.detection import Detector
from hilum.models.network import Network
from hilum.models.segmentation import Segmenter
from hilum.models.views import (
    AnyNetwork,
    Classifying,
    backbones_of,
    freeze_all,
    reader_of,
)
from hilum.reading.gate import Statistics
from hilum.report.run.page import write_run_page
from hilum.training.card import (
    in_words,
    make_card,
)
from hilum.training.claiming import claim, claim_folder
from hilum.training.cropping import shown_whole
from hilum.training.detection.finishing import run_boxes
from hilum.training.distillation.teaching import Trained, taught
from hilum.training.estimate import Estimate, estimate, not_counted
from hilum.training.held_out import INNER, Division, folds_of, keep_held_out, shipped_rows
from hilum.training.journal import without_tensorboard
from hilum.training.loop import fit_network, load_best
from hilum.training.lung_boxes import lung_boxes
from hilum.training.machine import Machine, arithmetic
from hilum.training.material import Material, gather, labels_and_tasks
from hilum.training.measuring import (
    TOGETHER,
    check_gate,
    features_of,
    gate_of,
    numbers_of,
    odds_of,
    odds_of_all_views,
    some_of,
)
from hilum.training.metrics import UNCHOSEN
from hilum.training.networks import (
    Begun,
    begin,
    check_sampling,
    plan_of,
    second_plan,
    with_backbone,
)
from hilum.training.plan import Plan, Setting, never
from hilum.training.progress import Told
from hilum.training.recipe import Recipe
from hilum.training.rows import PLAIN, Rows, Served
from hilum.training.segmentation.finishing import run_masks
from hilum.training.self_supervision.learning import learn_from_pictures
from hilum.training.serving import batches
from hilum.training.under_way import Run
from hilum.training.views import Views, pooled_backbone, remember
from hilum.training.watch import before, stopping
from hilum.transforms.augmentation import concerns, needs_lungs, size_after

MEASURED = 256
"""Pictures that statistics of batch normalisation are measured on, where the recipe asks for it."""

FEW_STEPS, FEW_TUNED = 50, 30
"""Steps and tuning rows below which a user is warned."""

WHOLE = Division()
"""Folds as the recipe says."""

SECOND = "second"
"""Folder of the second stage, inside that of its network."""


def train(
    recipe: Recipe,
    *,
    data: Path,
    weights: Path,
    out: Path,
    stop: Callable[[], str] = never,
) -> Bundle:
    """Run a recipe to its bundle, going on where an earlier run of it stopped.

    Args:
        recipe: what to do.
        data: folder that the recipe's table and images are relative to, or a pack.
        weights: folder of the weights to start from.
        out: the run's folder: resolved recipe, decoded images, a folder a network, the bundle.
        stop: asked after every step; why the run should stop, or "".

    Returns:
        The bundle, in ``out/<name>``; as it is, where an earlier run has made it.

    Raises:
        Stopped: it was asked to; the same call goes on.
        RunError: ``out`` holds a run of another recipe, or the run cannot go on.
        LabelError, IntakeError, RecipeError: the data or the weights are not what the recipe says.
    """
    recipe = with_backbone(recipe)
    machine = Machine.here(
        arithmetic=arithmetic(recipe.fit.precision, mostly_frozen=bool(recipe.fit.views)),
        workers=recipe.fit.workers,
    )
    place = out / recipe.bundle.name
    _, tasks = labels_and_tasks(recipe, data)
    begin(recipe, tasks, weights)  # what cannot be built is refused before anything is decoded
    machine.on_first(lambda: claim_folder(recipe, out))
    material = gather(recipe, data, out, machine)
    if place.exists():  # done by an earlier run of the same recipe on the same data
        return load(place)
    setting, material = _prepare(recipe, out, (data, weights), machine, material)
    run = Run(recipe, out, data, weights, replace(setting, stop=stop), material)
    with run.told:
        if recipe.structures:
            return run_masks(run, partial(_fitted, run), place)
        if recipe.detection is not None:
            return run_boxes(run, partial(_fitted, run), place)
        held, note, digest = out_of_fold(run)
        network, begun = _shipped(run)
        end = run.alone
        return machine.on_first(lambda: _finish(end, network, begun, held, note, digest, place))


def names_of(recipe: Recipe) -> tuple[str, ...]:
    """Folders of the networks of a run, in the order in which they learn."""
    return (*(f"fold-{at}" for at in range(recipe.folds)), "final")


def _prepare(
    recipe: Recipe, out: Path, folders: tuple[Path, Path], machine: Machine, material: Material
) -> tuple[Setting, Material]:
    """See that everything can be done before the first step, and say what it will take."""
    data, weights = folders
    begun = begin(recipe, material.tasks, weights)
    train_rows, _ = shipped_rows(recipe, material.split)
    policy = recipe.augmentation.build()
    size_after(policy, recipe.input.size)
    if needs_lungs(policy):
        if recipe.input.crop:
            raise RecipeError(
                "augmentation: lung-crop looks for lungs on whole pictures, and input.crop has "
                "cut them to the lungs already; leave out one of the two."
            )
        if material.views is not None or material.masks is not None:
            raise RecipeError(
                "augmentation: lung-crop goes with tasks on single radiographs; for others crop "
                "them beforehand with `hilum lungs --crop`."
            )
        file = out / "lungs.npz"
        machine.on_first(lambda: lung_boxes(material.images, file) is None)
        boxes, whole = lung_boxes(material.images, file)
        said = f"lung-crop: no lungs on {whole:,} of {len(boxes):,} pictures, which stay whole."
        material = replace(material, lungs=boxes, notes=(*material.notes, said))
    if recipe.input.crop:
        material = replace(material, notes=(*material.notes, shown_whole(material.images)))
    plan = plan_of(recipe, material, train_rows)
    served = material.served(recipe, train_rows, policy)
    check_gate(recipe, data, material.table.rows(material.rows))
    start = begun.weights.model_dump_json(indent=1) if begun.weights else "from scratch"
    machine.on_first(lambda: claim(out / "start.json", start, "other starting weights"))
    check_sampling(plan, served)
    if recipe.second_stage:
        check_sampling(second_plan(recipe, plan), served)
    expected = estimate(
        begun.network,
        served,
        plan,
        machine,
        networks=len(names_of(recipe)),
        rows=len(material.rows),
    )
    told = Told(names_of(recipe), expected.steps, quiet=not machine.first)
    if recipe.model.batch_norm == "frozen" and not recipe.model.weights:
        told.note(
            'model.batch_norm = "frozen" without weights keeps statistics that nobody measured: '
            'mean 0 and variance 1. Take "train", or another normalisation.'
        )
    for note in _small(recipe, material, expected):
        told.note(note)
    told_once = (*material.notes, without_tensorboard(), not_counted(recipe))
    for note in (*told_once, *concerns(recipe.augmentation.build())):
        if note:
            told.note(note)
    _say(told, expected, out)
    if recipe.fit.views and isinstance(begun.network, Network):
        material = _remembered(recipe, material, begun.network, machine, out)
    return Setting(machine, told), material


def _small(recipe: Recipe, material: Material, expected: Estimate) -> Iterator[str]:
    """What few radiographs make doubtful."""
    learnt = len(shipped_rows(recipe, material.split)[0])
    tuned = len(material.split.parts["tune"])
    if recipe.fit.batch > learnt:
        yield (
            f"fit.batch is {recipe.fit.batch} and there are {learnt} training rows: an epoch is "
            "one step. Take a smaller batch."
        )
    if expected.steps < FEW_STEPS:
        yield (
            f"{expected.steps} steps are few: a network from scratch hardly moves in them. Take "
            "smaller batches or more epochs."
        )
    smallest = min(tuned, len(material.rows) // (INNER + 1)) if recipe.folds else tuned
    chosen = recipe.fit.best not in ("loss", UNCHOSEN) and not recipe.structures
    if smallest < FEW_TUNED and chosen:
        yield (
            f"Checkpoints are chosen on as few as {smallest} images by {recipe.fit.best}, hence "
            'largely by chance; fit.best = "loss" is steadier.'
        )


def _say(told: Told, expected: Estimate, out: Path) -> None:
    told.note(str(expected))
    expected.check_disk(out)


def _remembered(
    recipe: Recipe, material: Material, network: Network, machine: Machine, out: Path
) -> Material:
    rows = material.rows
    served = material.served(recipe, rows, recipe.augmentation.build())
    options: dict[str, Any] = {
        "cut": recipe.model.freeze,
        "views": recipe.fit.views,
        "cache": out / "views.npy",
        "device": machine.fabric.device,
    }
    machine.on_first(lambda: remember(network, served, **options) is None)
    kept = remember(network, served, **options)
    others = material.others
    if others is not None:
        further, options = others.rows(recipe), options | {"cache": out / "views-of-others.npy"}
        machine.on_first(lambda: remember(network, further, **options) is None)
        others = replace(others, kept=remember(network, further, **options))
    place = {int(row): at for at, row in enumerate(rows)}
    return replace(material, kept=kept, place=place, others=others)


def _served(run: Run, rows: NDArray[np.int64], *, learnt: bool) -> Served:
    recipe, material = run.recipe, run.material
    policy = recipe.augmentation.build() if learnt else None
    served = material.served(recipe, rows, policy)
    if material.kept is None:
        return served
    return Views(material.kept, material.place, served, pooled=run.pooled)


def _fitted(
    run: Run, name: str, parts: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> tuple[AnyNetwork, Begun]:
    """One network, trained; a folder that is done is loaded."""
    begun = _begun(run)
    network, folder = begun.network, run.out / name
    run.told.network(name)
    first, second = folder / "done", folder / SECOND / "done"
    _heed_labels(run, parts, name)
    plan = _plan(run, parts[0])
    learnt = not first.exists()
    student = _taught(run, name, parts, plan.cut) if learnt and run.recipe.distil else run
    rows = (_served(student, parts[0], learnt=True), _served(run, parts[1], learnt=False))
    if not learnt:
        load_best(network, folder)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        if run.recipe.model.batch_norm == "reestimated":
            _reestimate(run, network, parts[0])
        if run.recipe.self_supervision:
            assert isinstance(network, Network)
            learn_from_pictures(run, network, rows[0], folder)
        fit_network(network, rows, plan, run.setting, folder=folder)
        run.machine.on_first(first.touch)
    if run.recipe.second_stage:
        _second_stage(run, network, rows, second)
    if learnt and run.page:
        run.machine.on_first(lambda: _page(run))
    return network.cpu().eval(), begun


def _taught(
    run: Run, name: str, parts: tuple[NDArray[np.int64], NDArray[np.int64]], cut: str
) -> Run:
    """The run with targets that teachers of a network have had a say in."""

    def fit(own: Run, folder: str, some: tuple[NDArray[np.int64], NDArray[np.int64]]) -> Network:
        return _only_findings(_fitted(own, folder, some)[0])

    def start(own: Run) -> Network:
        return _only_findings(_begun(own).network)

    trained = Trained(fit, start, partial(_served, learnt=False), cut)
    return taught(run, name, parts, trained)


def _only_findings(network: AnyNetwork) -> Network:
    assert isinstance(network, Network)  # a recipe that distils asks for nothing else
    return network


def _begun(run: Run) -> Begun:
    """A network before its first step; where a frozen backbone is remembered, its head alone."""
    if not run.pooled:
        return begin(run.recipe, run.material.tasks, run.weights)
    torch.manual_seed(run.recipe.seed)
    assert run.material.kept is not None
    backbone, model = pooled_backbone(run.material.kept.shape[2]), run.recipe.model
    network = Network(backbone, run.material.tasks, head=model.head, dropout=model.dropout)
    return Begun(network, None, ())


def _plan(run: Run, rows: NDArray[np.int64]) -> Plan:
    plan = plan_of(run.recipe, run.material, rows)
    return replace(plan, cut="") if run.pooled else plan


def _reestimate(run: Run, network: AnyNetwork, rows: NDArray[np.int64]) -> None:
    """Measure statistics of batch normalisation on some training pictures, plain."""
    some = np.random.default_rng(run.recipe.seed).permutation(rows)[:MEASURED]
    served = Rows(run.material.images, run.material.labelled, some, spec=run.recipe.input)
    keys = [[(PLAIN, int(at)) for at in part] for part in np.array_split(range(len(some)), 8)]
    device = run.machine.fabric.device
    for backbone in backbones_of(network):
        backbone.to(device)
        made = batches(served, [part for part in keys if part], 0)
        reestimate(backbone, (b.items.image.to(device) for b in made if b.items is not None))


def _heed_labels(run: Run, parts: tuple[NDArray[np.int64], NDArray[np.int64]], name: str) -> None:
    """Tell what the labels of a split let go wrong, and stop where nothing can be learnt."""
    targets, mask = run.material.said
    found = before(
        run.recipe.watch,
        run.material.tasks,
        targets=targets,
        mask=mask,
        train=parts[0],
        tune=parts[1],
        where=name,
    )
    for one in found:
        run.told.note(f"  {one.code}: {one.message} {one.advice}")
    fatal = stopping(run.recipe.watch, found)
    if fatal:
        raise LabelError(f"{fatal[0].code}: {fatal[0].message} {fatal[0].advice}")


def _second_stage(run: Run, network: AnyNetwork, rows: tuple[Served, Served], done: Path) -> None:
    stage = run.recipe.second_stage
    assert stage is not None
    folder = done.parent
    freeze_all(network, "all")
    if done.exists():
        load_best(network, folder)
        return
    folder.mkdir(parents=True, exist_ok=True)
    plan = second_plan(run.recipe, _plan(run, rows[0].rows))
    fit_network(
        network,
        rows,
        plan,
        run.setting,
        folder=folder,
        new_head=stage.reset_head,
    )
    run.machine.on_first(done.touch)


def out_of_fold(run: Run, division: Division = WHOLE) -> tuple[dict[str, NDArray], str, str]:
    """Log-odds of rows by networks that saw nothing of their patients.

    Args:
        run: under way; it keeps each fold's log-odds, and ``out-of-fold.npz``.
        division: of the folds.

    Returns:
        Rows with their log-odds, targets and mask; how they came about, in words; and the digest
        of the folds.
    """
    recipe, material = run.recipe, run.material
    rows = material.rows
    if not recipe.folds:
        return {}, "", ""
    each, digest = folds_of(recipe, division.among or material.table, rows, inner=division.inner)
    odds = np.zeros((len(material.table), len(material.table.findings)), np.float32)
    good = np.zeros(len(material.table), np.bool_)
    every = np.full_like(odds, np.nan)
    for fold in each:
        held, file = fold.held, fold.file(run.out)
        if file.exists():  # judged by an earlier run of the same recipe
            run.told.network(fold.name)
            with np.load(file) as found:
                odds[held], good[held], every[held] = (found[n] for n in ("odds", "good", "every"))
            continue
        network, _ = _fitted(run, fold.name, (fold.train, fold.tune))
        assert not isinstance(network, Segmenter | Detector)
        round_weights(network)
        odds[held], good[held] = odds_of(run, network, held)
        every[held] = odds_of_all_views(run, network, held)
        found = {"odds": odds[held], "good": good[held], "every": every[held]}
        run.machine.on_first(partial(keep_held_out, file, found))
    kept = rows[good[rows]]
    found = {
        "rows": kept,
        "logits": odds[kept],
        "targets": material.labelled.targets[kept],
        "mask": material.labelled.mask[kept],
        "images": material.table.images[kept].astype(str),
    }
    if material.views is not None:
        found[TOGETHER] = every[kept]
    run.machine.on_first(lambda: np.savez(run.out / "out-of-fold.npz", **found))
    note = (
        "each image judged by a network that saw nothing of its patient in this run; the logits "
        f"of {recipe.folds} networks pooled; 1 seed"
    )
    return found, note, digest


def _shipped(run: Run) -> tuple[Classifying, Begun]:
    if run.recipe.fit.best == UNCHOSEN:
        run.told.note(
            "The network that ships learns from the tuning rows too: its numbers on them, in this "
            "journal, say how well it fits and nothing more."
        )
    network, begun = _fitted(run, "final", shipped_rows(run.recipe, run.material.split))
    assert not isinstance(network, Segmenter | Detector)
    round_weights(network)
    return network, begun


def _finish(
    run: Run,
    network: Classifying,
    begun: Begun,
    held: dict[str, NDArray],
    note: str,
    digest: str,
    place: Path,
) -> Bundle:
    """Calibrate, measure, write the bundle and the page."""
    recipe, material = run.recipe, run.material
    findings, results = numbers_of(run, network, held, note, weights=begun.weights)
    reader = reader_of(network)
    statistics = Statistics.fit(
        features_of(run, reader, material.read(recipe, material.rows))[0],
        np.random.default_rng(recipe.seed),
    )
    results += gate_of(run, reader, statistics)
    card = make_card(
        recipe,
        material,
        reader,
        (findings, results),
        weights=begun.weights,
        words=in_words(recipe, network, begun.frozen),
        provenance={"folds_digest": digest} if digest else {},
    )
    some = some_of(material.read(recipe, material.split.parts["tune"]))
    bundle = export_bundle(reader, card, statistics.to_bytes(), some, place)
    _page(run)
    return bundle


def _page(run: Run) -> None:
    write_run_page(run.out, pack=run.material.images.path)
