"""The ways in which networks become one: what ships, and what it says of rows it never saw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.errors import RunError
from hilum.models.classifier import Classifier
from hilum.models.ensemble import Averaged, OneEach
from hilum.training.ensemble.agree import (
    check_folds,
    check_one_each,
    check_one_start,
    check_together,
    tuned_in_all,
)
from hilum.training.ensemble.judge import averaged, judge, out_of_fold
from hilum.training.ensemble.members import Held, Member, check_final, check_fold, network_of
from hilum.training.material import Material

How = Literal["mean", "weights", "one-each", "folds"]
Odds = NDArray[np.float32]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Joined:
    """Networks as one.

    Attributes:
        network: that ships.
        material: labels of all its findings, split and pictures.
        words: what it is, for the card.
        judge: its log-odds of rows that can be read, and by name those of its members; the latter
            empty where nothing is to be compared. Takes rows of the table.
        held: out-of-fold predictions; None where a run has no folds.
        tuned: where there are none: rows of the tune parts of all runs.
        single: these are of its members one by one, not of the ensemble.
        rivals: name of a member → its log-odds of the rows of ``held``; empty likewise.
    """

    network: Classifier
    material: Material
    words: str
    judge: Callable[[NDArray[np.int64]], tuple[NDArray[np.int64], Odds, Mapping[str, Odds]]]
    held: Held | None = None
    tuned: NDArray[np.int64] | None = None
    single: bool = False
    rivals: Mapping[str, Odds] = field(default_factory=dict[str, Odds])


def join(how: How, members: Sequence[Member], tell: Tell) -> Joined:
    """Make one network of those of some runs.

    Raises:
        RunError: they cannot be one, or could not be measured; the message says why.
    """
    if how == "folds":
        return _folds(members)
    if len(members) < 2:
        raise RunError("An ensemble needs two runs or more; for the fold networks of one: --folds.")
    check_together(members, same_findings=how != "one-each")
    if how == "weights":
        return _weights(members, tell)
    return _side_by_side(how, members)


def _side_by_side(how: How, members: Sequence[Member]) -> Joined:
    if how == "one-each":
        check_one_each(members)
    held, tuned = _known(members)
    networks = [_final(member) for member in members]
    first = members[0]
    if how == "mean":
        network: Classifier = Averaged(networks)
        material, combine = first.material, _mean
        words = f"the mean of the log-odds of {len(networks)} networks"
    else:
        network = OneEach(networks, [key for one in networks for key in one.findings])
        material, combine = _all_findings(members), _columns
        words = f"{len(networks)} networks side by side, each for findings of its own"

    def judged(
        rows: NDArray[np.int64],
    ) -> tuple[NDArray[np.int64], Odds, Mapping[str, Odds]]:
        found = [
            judge(one, member.material.served(member.recipe, rows))
            for one, member in zip(networks, members, strict=True)
        ]
        kept = _in_all([one.rows for one in found])
        each = [_of(Held(one.rows, one.odds), kept) for one in found]
        return kept, combine(each), _named(members, each) if how == "mean" else {}

    joined = Joined(network.eval(), material, words, judged)
    if len(held) < len(members):
        return replace(joined, tuned=tuned)
    kept = _in_all([one.rows for one in held])
    each = [_of(one, kept) for one in held]
    rivals = _named(members, each) if how == "mean" else {}
    return replace(joined, held=Held(kept, combine(each)), rivals=rivals)


def _weights(members: Sequence[Member], tell: Tell) -> Joined:
    check_one_start(members)
    held, tuned = _known(members)
    first = members[0]
    networks = [_final(member) for member in members]
    train = first.material.split.parts["train"]
    mean = averaged(members, ["final"] * len(members), train)
    words = f"one network with the mean of the weights of {len(members)}"

    def judged(
        rows: NDArray[np.int64],
    ) -> tuple[NDArray[np.int64], Odds, Mapping[str, Odds]]:
        own, *found = [
            judge(one, first.material.served(first.recipe, rows)) for one in (mean, *networks)
        ]
        return own.rows, own.odds, _named(members, [one.odds for one in found])

    joined = Joined(mean, first.material, words, judged)
    if len(held) < len(members):
        return replace(joined, tuned=tuned)
    own = out_of_fold(members, tell)
    kept = _in_all([own.rows, *(one.rows for one in held)])
    rivals = _named(members, [_of(one, kept) for one in held])
    return replace(joined, held=Held(kept, _of(own, kept)), rivals=rivals)


def _known(members: Sequence[Member]) -> tuple[list[Held], NDArray[np.int64] | None]:
    """Out-of-fold predictions of those that have any; where not all do, rows to measure on."""
    held = [member.held for member in members if member.held is not None]
    return held, tuned_in_all(members) if len(held) < len(members) else None


def _folds(members: Sequence[Member]) -> Joined:
    if len(members) != 1:
        raise RunError("--folds makes an ensemble of the fold networks of one run; name one.")
    member = members[0]
    check_folds(member)
    networks = [network_of(member, f"fold-{at}") for at in range(member.recipe.folds)]
    for at, one in enumerate(networks):
        check_fold(member, one, at)
    final = _final(member)
    names = [*(f"fold-{at}" for at in range(len(networks))), "final (no member)"]

    def judged(
        rows: NDArray[np.int64],
    ) -> tuple[NDArray[np.int64], Odds, Mapping[str, Odds]]:
        found = [
            judge(one, member.material.served(member.recipe, rows)) for one in (*networks, final)
        ]
        each = [one.odds for one in found]
        return found[0].rows, _mean(each[:-1]), dict(zip(names, each, strict=True))

    words = f"the mean of the log-odds of the {len(networks)} networks of a run's folds"
    network = Averaged(networks).eval()
    return Joined(network, member.material, words, judged, held=member.held, single=True)


def _final(member: Member) -> Classifier:
    network = network_of(member, "final")
    check_final(member, network)
    return network


def _all_findings(members: Sequence[Member]) -> Material:
    """The material of the first run with the findings of all."""
    each = [member.material for member in members]
    table = each[0].table.with_states(
        tuple(key for one in each for key in one.table.findings),
        np.hstack([one.table.states for one in each]),
    )
    labelled = replace(
        each[0].labelled,
        targets=np.hstack([one.labelled.targets for one in each]),
        mask=np.hstack([one.labelled.mask for one in each]),
    )
    return replace(
        each[0],
        table=table,
        tasks=tuple(task for one in each for task in one.tasks),
        labelled=labelled,
        said=(labelled.targets, labelled.mask),
    )


def _mean(each: Sequence[Odds]) -> Odds:
    return np.stack(each).mean(0, dtype=np.float64).astype(np.float32)


def _columns(each: Sequence[Odds]) -> Odds:
    return np.hstack(each)


def _named(members: Sequence[Member], each: Sequence[Odds]) -> dict[str, Odds]:
    names = [member.name for member in members]
    if len(set(names)) < len(names):  # folders of one name in two places
        names = [f"{name} ({at + 1})" for at, name in enumerate(names)]
    return dict(zip(names, each, strict=True))


def _in_all(rows: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    kept = rows[0]
    for one in rows[1:]:
        kept = np.intersect1d(kept, one)
    return np.sort(kept)


def _of(held: Held, rows: NDArray[np.int64]) -> Odds:
    """The log-odds of some of the rows."""
    order = np.argsort(held.rows)
    return held.odds[order[np.searchsorted(held.rows, rows, sorter=order)]]
