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
from hilum.evaluation.resampling import bootstrap
from hilum.export.graph import round_weights
from hilum.export.masks import export_masks
from hilum.models.segmentation import Segmenter
from hilum.models.views import AnyNetwork
from hilum.report.run.page import write_run_page
from hilum.training.card import common, in_words
from hilum.training.held_out import folds_of, keep_held_out
from hilum.training.measuring import began_in_words, some_of
from hilum.training.networks import Begun, mask_objective
from hilum.training.segmentation.overlap import FALSE, METRICS, Overlap
from hilum.training.serving import answers

if TYPE_CHECKING:
    from hilum.training.under_way import Run

Rows = NDArray[np.int64]
Fitted = Callable[[str, tuple[Rows, Rows]], tuple[AnyNetwork, Begun]]
"""(folder of a network, rows to learn from and to choose by) → the network, trained."""

SIZES = ("shared", "mine", "theirs")

NAMES = {"dice": "Dice", "iou": "IoU", FALSE: "drawn where there is nothing"}

COUNTED = {"dice": "on which there is something to draw", FALSE: "on which there is nothing"}
COUNTED["iou"] = COUNTED["dice"]

HOW = (
    "{what} over the {some:,} of {images:,} images {which}; masks cut at one half and compared at "
    "half the input's size; interval: bootstrap by patient, {patients:,} patients, 2,000 draws"
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
    each, digest = folds_of(run.recipe, run.material.table, run.material.rows)
    if not each:
        return None, ""
    found: list[tuple[Overlap, Rows]] = []
    for fold in each:
        file = fold.file(run.out)
        if file.exists():  # judged by an earlier run of the same recipe
            run.told.network(fold.name)
            with np.load(file) as said:
                found.append((Overlap(*(said[name] for name in SIZES)), said["rows"]))
            continue
        network, _ = fitted(fold.name, (fold.train, fold.tune))
        assert isinstance(network, Segmenter)
        round_weights(network)
        one, rows = overlap(run, network, fold.held)
        found.append((one, rows))
        kept = {name: getattr(one, name) for name in SIZES} | {"rows": rows}
        run.machine.on_first(partial(keep_held_out, file, kept))
    pooled = (np.concatenate([getattr(one, name) for one, _ in found]) for name in SIZES)
    return (Overlap(*pooled), np.concatenate([rows for _, rows in found])), digest


def _finish(
    run: Run,
    network: Segmenter,
    begun: Begun,
    held: tuple[Overlap, Rows] | None,
    digest: str,
    place: Path,
) -> Bundle:
    recipe, material = run.recipe, run.material
    began = began_in_words(recipe, begun.weights)
    results: list[Result] = []
    if held:
        split = f"train and tune, out of fold ({recipe.folds} folds by patient)"
        note = "each image drawn by a network that saw nothing of its patient in this run"
        note += began
        results += measured(run, *held, split=split, note=note)
    for part, words in (
        ("tune", "the network that ships; these rows chose its checkpoint"),
        ("test", "the network that ships; this run used these rows for nothing else"),
    ):
        if part in material.split.parts:
            found = overlap(run, network, material.split.parts[part])
            results += measured(run, *found, split=part, note=words + began)
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
    some = some_of(material.served(recipe, material.split.parts["tune"]))
    bundle = export_masks(network, card, some, place)
    write_run_page(run.out, pack=material.images.path)
    return bundle


def measured(run: Run, found: Overlap, rows: Rows, *, split: str, note: str) -> list[Result]:
    """Dice and intersection over union of each structure, and their means, with intervals.

    Both are means over the images on which the reference has the structure. Of the others, where
    there are any, follows the share on which the network drew it all the same.

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
    for metric, of in {**METRICS, FALSE: Overlap.false}.items():
        each = of(found)
        columns = [*zip(run.recipe.structures, np.hsplit(each, each.shape[1]), strict=True)]
        if len(columns) > 1 and metric != FALSE:
            columns.append(("mean of structures", each))
        for name, values in columns:
            there = np.isfinite(values)
            if metric == FALSE and not there.any():
                continue
            one = bootstrap(
                partial(_weighted, values=np.where(there, values, 0), there=there),
                patients,
                rng=np.random.default_rng(run.recipe.seed),
            )
            some = there.any(1)
            how = HOW.format(
                what="share" if metric == FALSE else "mean",
                some=int(some.sum()),
                images=len(rows),
                which=COUNTED[metric],
                patients=len(set(patients)),
            )
            results.append(
                Result(
                    metric=f"{NAMES[metric]}, {name}",
                    split=split,
                    value=one.value,
                    low=one.low,
                    high=one.high,
                    images=int(some.sum()),
                    note="; ".join(part for part in (note, how, one.reason) if part),
                )
            )
    return results


def _weighted(
    weights: NDArray[np.int32], *, values: NDArray[np.float64], there: NDArray[np.bool_]
) -> float | None:
    """Mean over structures of their means over images; None where none is drawn of one.

    A structure that no image has is left out.

    Args:
        weights: how often each image counts, [images].
        values: [images, structures], 0 where they do not count.
        there: where they do.
    """
    some = there.any(0)
    counts = (weights @ there)[some]
    if not some.any() or not counts.all():
        return None
    return float(((weights @ values)[some] / counts).mean())
