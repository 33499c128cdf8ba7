"""A run that draws: folds where there are any, the network that ships, its numbers, its bundle."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.bundles import Bundle
from hilum.bundles.card import Card, Graph, Result
from hilum.datasets.split import folds
from hilum.evaluation.resampling import bootstrap
from hilum.export.graph import round_weights
from hilum.export.masks import export_masks
from hilum.models.segmentation import Segmenter
from hilum.models.views import AnyNetwork
from hilum.report.run.page import write_run_page
from hilum.training.card import common, in_words
from hilum.training.networks import Begun, mask_objective
from hilum.training.rows import PLAIN, Item, Served
from hilum.training.segmentation.overlap import METRICS, Overlap
from hilum.training.serving import answers

if TYPE_CHECKING:
    from hilum.training.under_way import Run

Rows = NDArray[np.int64]
Fitted = Callable[[str, tuple[Rows, Rows]], tuple[AnyNetwork, Begun]]
"""(folder of a network, rows to learn from and to choose by) → the network, trained."""

INNER = 8
"""In a fold, one part in so many of the rows that are not held out chooses the checkpoint."""

HELD_OUT = "held-out.npz"
"""How well a fold's masks agree on the rows that it saw nothing of."""

NAMES = {"dice": "Dice", "iou": "IoU"}

HOW = (
    "mean over images, masks cut at one half and compared at half the input's size; interval: "
    "bootstrap by patient, {patients:,} patients, 2,000 draws"
)


def run_masks(run: Run, fitted: Fitted, place: Path) -> Bundle:
    """Train every network of a segmentation, measure, write the bundle and the page.

    Args:
        run: under way.
        fitted: trains a network.
        place: of the bundle.
    """
    held, digest = _out_of_fold(run, fitted)
    parts = run.material.split.parts
    network, begun = fitted("final", (parts["train"], parts["tune"]))
    assert isinstance(network, Segmenter)
    round_weights(network)
    end = run.alone
    return run.machine.on_first(lambda: _finish(end, network, begun, held, digest, place))


def overlap(run: Run, network: Segmenter, rows: Rows) -> tuple[Overlap, Rows]:
    """How well the masks of some rows agree; and the rows that could be read."""
    recipe = run.recipe
    objective = mask_objective(recipe)
    served = run.material.served(recipe, rows)
    network.to(run.machine.fabric.device).eval()
    ask = partial(objective.answer, network)
    found, failed = answers(ask, served, min(recipe.fit.batch, 64), machine=run.machine, exact=True)
    network.cpu()
    good = ~np.isin(rows, failed)
    return objective.overlap(found[good]), rows[good]


def _out_of_fold(run: Run, fitted: Fitted) -> tuple[tuple[Overlap, Rows] | None, str]:
    recipe, material = run.recipe, run.material
    if not recipe.folds:
        return None, ""
    outer = folds(material.table, material.rows, recipe.folds, np.random.default_rng(recipe.seed))
    found: list[tuple[Overlap, Rows]] = []
    for at, (_, held) in enumerate(sorted(outer.parts.items())):
        file = run.out / f"fold-{at}" / HELD_OUT
        if file.exists():  # judged by an earlier run of the same recipe
            run.told.network(f"fold-{at}")
            with np.load(file) as kept:
                one = Overlap(kept["shared"], kept["mine"], kept["theirs"])
                found.append((one, kept["rows"]))
            continue
        rest = np.setdiff1d(material.rows, held)
        inner = folds(material.table, rest, INNER, np.random.default_rng([recipe.seed, at]))
        tune = inner.parts["fold 0"]
        network, _ = fitted(f"fold-{at}", (np.setdiff1d(rest, tune), tune))
        assert isinstance(network, Segmenter)
        round_weights(network)
        found.append(overlap(run, network, held))
        run.machine.on_first(partial(_keep_held_out, file, *found[-1]))
    sizes = (np.concatenate([getattr(one, name) for one, _ in found])
             for name in ("shared", "mine", "theirs"))  # fmt: skip
    return (Overlap(*sizes), np.concatenate([rows for _, rows in found])), outer.digest


def _keep_held_out(file: Path, found: Overlap, rows: Rows) -> None:
    partial_file = file.with_name(f"partial-{file.name}")
    np.savez(partial_file, shared=found.shared, mine=found.mine, theirs=found.theirs, rows=rows)
    partial_file.replace(file)


def _finish(
    run: Run,
    network: Segmenter,
    begun: Begun,
    held: tuple[Overlap, Rows] | None,
    digest: str,
    place: Path,
) -> Bundle:
    recipe, material = run.recipe, run.material
    results: list[Result] = []
    if held:
        split = f"train and tune, out of fold ({recipe.folds} folds by patient)"
        note = "each image drawn by a network that saw nothing of its patient"
        results += measured(run, *held, split=split, note=note)
    for part, words in (
        ("tune", "the network that ships; these rows chose its checkpoint"),
        ("test", "the network that ships; this run used these rows for nothing else"),
    ):
        if part in material.split.parts:
            found = overlap(run, network, material.split.parts[part])
            results += measured(run, *found, split=part, note=words)
    words = in_words(recipe, network, begun.frozen)
    card = Card(
        **common(
            recipe,
            material,
            weights=begun.weights,
            words=f"{words}; feature pyramid of {recipe.task[0].width} channels",
            provenance={"folds_digest": digest} if digest else {},
        ),
        structures=network.structures,
        graph=Graph(masks="masks"),
        results=tuple(results),
    )
    some = _some(material.served(recipe, material.split.parts["tune"]))
    bundle = export_masks(network, card, some, place)
    write_run_page(run.out, pack=material.images.path)
    return bundle


def measured(run: Run, found: Overlap, rows: Rows, *, split: str, note: str) -> list[Result]:
    """Dice and intersection over union of each structure, and their means, with intervals.

    Args:
        run: its recipe names strata, whose numbers follow.
        found: of each row.
        rows: of the table.
        split: which rows, in words.
        note: how they relate to the network.
    """
    recipe, table = run.recipe, run.material.table
    results = _results(run, found, rows, split, note)
    if recipe.data.stratum:
        name = "stratum" if recipe.data.image else recipe.data.stratum
        of = table.columns[name][rows].astype(str)
        for value in sorted(set(of.tolist())):
            chosen = of == value
            place = f"{split}, {recipe.data.stratum_name} {value}"
            results += _results(run, found.rows(chosen), rows[chosen], place, note)
    return results


def _results(run: Run, found: Overlap, rows: Rows, split: str, note: str) -> list[Result]:
    patients = run.material.table.patients[rows].tolist()
    results: list[Result] = []
    for metric, of in METRICS.items():
        each = of(found)
        columns = [*zip(run.recipe.structures, each.T, strict=True)]
        if len(columns) > 1:
            columns.append(("mean of structures", each.mean(1)))
        for name, values in columns:
            one = bootstrap(
                lambda weights, values=values: float((weights * values).sum() / weights.sum()),
                patients,
                rng=np.random.default_rng(run.recipe.seed),
            )
            how = HOW.format(patients=len(set(patients)))
            results.append(
                Result(
                    metric=f"{NAMES[metric]}, {name}",
                    split=split,
                    value=one.value,
                    low=one.low,
                    high=one.high,
                    images=len(rows),
                    note="; ".join(part for part in (note, how, one.reason) if part),
                )
            )
    return results


def _some(served: Served) -> NDArray[np.float32]:
    made = [served[PLAIN, at] for at in range(min(16, len(served)))]
    return np.stack([item.image.numpy() for item in made if isinstance(item, Item)])
