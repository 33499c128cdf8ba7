"""What networks say of rows, and what an ensemble is worth beside its members."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.bundles.card import Result
from hilum.evaluation import Measure, Metric, Reference, auroc_each, compare, mean_of
from hilum.export.graph import round_weights
from hilum.models.classifier import Classifier
from hilum.models.ensemble import average_weights
from hilum.models.network import Network
from hilum.models.views import freeze_all
from hilum.training.averaging import renew_statistics
from hilum.training.ensemble.members import Held, Member, frozen_in, network_of
from hilum.training.machine import Machine
from hilum.training.numbers import NAMES, as_result
from hilum.training.rows import PLAIN, Served
from hilum.training.serving import batches, outputs_of

RENEWED = 512
"""Training radiographs over which statistics of batch normalisation are measured anew."""
BATCH = 32


@dataclass(frozen=True, slots=True)
class Judged:
    """What a network says of rows that could be read.

    Attributes:
        rows: of the table, int64 [rows].
        odds: log-odds, float32 [rows, findings].
        features: what the gate measures, float32 [rows, width].
    """

    rows: NDArray[np.int64]
    odds: NDArray[np.float32]
    features: NDArray[np.float32]


def judge(network: Classifier, served: Served) -> Judged:
    """Let a network read rows, in single precision, as its bundle will.

    Raises:
        RunError: none can be read.
    """
    machine = Machine.here(alone=True)
    device = machine.fabric.device
    network.to(device).eval()

    def both(image: Tensor) -> Tensor:
        found = network.everything(image)
        return torch.cat([found.logits, found.features], 1)

    try:
        found, failed = outputs_of(both, served, BATCH, machine=machine, exact=True)
    finally:
        network.cpu()
    good = ~np.isin(served.rows, failed)
    k = len(network.findings)
    return Judged(served.rows[good], found[good, :k], found[good, k:])


def averaged(members: Sequence[Member], which: Sequence[str], rows: NDArray[np.int64]) -> Network:
    """One network of a run each, with the mean of their weights.

    Args:
        members: runs that began alike.
        which: network of each: "final", or "fold-0" and so on.
        rows: radiographs that all of them may have seen; statistics of batch normalisation are
            measured anew over up to 512 of them, unless the runs kept those of their start; a
            part that was frozen in all runs keeps them.

    Returns:
        On the processor, in evaluation mode, rounded.

    Source:
        Wortsman et al. 2022, Model soups; Izmailov et al. 2018, section 3.2 (statistics).
    """
    first = members[0]
    mean = average_weights([network_of(m, one) for m, one in zip(members, which, strict=True)])
    if first.recipe.model.batch_norm == "train":
        _freeze(mean, [frozen_in(m, one) for m, one in zip(members, which, strict=True)])
        some = np.random.default_rng(first.recipe.seed).permutation(rows)[:RENEWED]
        renew_statistics(mean, _images(first, np.sort(some)))
    round_weights(mean)
    return mean.requires_grad_(False).eval()


def _freeze(network: Network, each: Sequence[str]) -> None:
    """Freeze what lies within all of some places up to which a backbone can be frozen."""
    freeze_all(network, min(each, key=lambda upto: len(freeze_all(network, upto))))


def out_of_fold(members: Sequence[Member], tell: Callable[[str], None]) -> Held:
    """What averaged weights say of rows that no averaged network has seen.

    Rows that the same folds of all runs held out are judged by the average of those folds'
    networks: as many averages as folds where runs share folds, and up to folds to the power of
    runs where they do not.

    Args:
        members: runs with folds.
        tell: takes what is going on.
    """
    first = members[0]
    rows = first.material.rows
    fold = np.stack([m.fold_of[rows] for m in members], 1)
    groups, group = np.unique(fold, axis=0, return_inverse=True)
    tell(f"Averaging {len(groups)} combinations of folds, for out-of-fold numbers …")
    parts: list[Judged] = []
    for at, folds in enumerate(groups.tolist()):
        seen_by_all = rows[(fold != np.array(folds)).all(1)]
        names = [f"fold-{one}" for one in folds]
        network = averaged(members, names, seen_by_all)
        held = rows[group.ravel() == at]
        parts.append(judge(network, first.material.served(first.recipe, held)))
    found = np.concatenate([part.rows for part in parts])
    order = np.argsort(found)
    return Held(found[order], np.concatenate([part.odds for part in parts])[order])


def gains(
    reference: Reference,
    odds: NDArray[np.float32],
    members: Mapping[str, NDArray[np.float32]],
    *,
    split: str,
    seed: int,
    strata: str,
) -> list[Result]:
    """How far an ensemble lies above the best of its members, paired by patient.

    Args:
        reference: what all are measured against.
        odds: of the ensemble, [rows, findings].
        members: name → its log-odds of the same rows.
        split: which rows, in words.
        seed: of the bootstrap.
        strata: what the strata are; "" where there are none.

    Returns:
        A row of the card for AUROC, and one within strata where there are any. The best member is
        picked on the very rows, which favours it.
    """
    metrics: list[Metric] = ["auroc", *(["auroc within strata"] if strata else [])]  # type: ignore[list-item]
    results: list[Result] = []
    for metric in metrics:
        inside = reference.strata if metric == "auroc within strata" else None
        means = {name: _mean(reference, scores, inside) for name, scores in members.items()}
        best = max(means, key=lambda name: means[name].value or 0.0)
        found = compare(
            reference, odds, members[best], rng=np.random.default_rng(seed), metric=metric
        ).mean
        each = ", ".join(
            f"{name} {'undefined' if one.value is None else f'{one.value:.3f}'}"
            for name, one in means.items()
        )
        p = "" if found.p_value is None else f"; p {found.p_value:.3g}"
        note = (
            f"mean over findings of the ensemble less that of {best}, the best of its members on "
            f"these very rows, which favours it; paired by patient{p}; members: {each}"
        )
        metric_name = NAMES[metric].replace("stratum", strata)
        name = f"{metric_name} above the best member"
        results.append(as_result(name, None, found.difference, split, note))
    return results


def _mean(
    reference: Reference, odds: NDArray[np.float32], strata: NDArray[np.int64] | None
) -> Measure:
    each = auroc_each(reference.targets, odds, reference.mask, strata=strata)
    return mean_of(each, reference.findings)


def _images(member: Member, rows: NDArray[np.int64]) -> Iterator[Tensor]:
    served = member.material.served(member.recipe, rows)
    positions = np.arange(len(rows))
    keys = [[(PLAIN, int(at)) for at in part] for part in _parts(positions)]
    with torch.inference_mode():
        for batch in batches(served, keys, 0):
            if batch.items is not None:
                yield batch.items.image


def _parts(positions: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Batches of like size; statistics of a batch of one or two would be poor."""
    return np.array_split(positions, max(1, round(len(positions) / BATCH)))
