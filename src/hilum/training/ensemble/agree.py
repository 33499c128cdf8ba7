"""Whether runs can be one ensemble, and whether it could be measured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from hilum.domain.text import first_few
from hilum.errors import RunError
from hilum.training.ensemble.members import Member
from hilum.training.metrics import UNCHOSEN

PICTURES = 16
"""Pictures that are compared between runs."""
BUILT_OF = ("backbone", "cut", "normalisation", "head", "batch_norm")
"""Keys of [model] in which networks must agree for their weights to be averaged."""
LEVELS = 2.0
"""Mean difference in grey levels of 256 up to which two pictures are the same, decoded twice."""


def check_together(members: Sequence[Member], *, same_findings: bool) -> None:
    """See that runs learnt from, and keep back, the same radiographs, shown in the same way.

    Args:
        members: at least one.
        same_findings: they must also ask the same findings, with the same labels.

    Raises:
        RunError: the message says what differs, and what to do.
    """
    first, *others = members
    twice = [a.name for a, b in combinations(members, 2) if a.folder.samefile(b.folder)]
    if twice:
        raise RunError(f"{twice[0]} is named twice; name each run once.")
    for other in others:
        _check_input(first, other)
        _check_rows(first, other)
        _check_pictures(first, other)
        if same_findings:
            _check_labels(first, other)


def check_one_start(members: Sequence[Member]) -> None:
    """See that networks began alike, so that their weights can be averaged.

    Raises:
        RunError: their models differ, or the weights or the seed that they began with.
    """
    first, *others = members
    for other in others:
        mine, theirs = (one.recipe.model.model_dump() for one in (first, other))
        wrong = [key for key in BUILT_OF if mine[key] != theirs[key]]
        if wrong:
            said = "; ".join(f"{key} {mine[key]!r} and {theirs[key]!r}" for key in wrong[:3])
            raise RunError(
                f"{first.name} and {other.name} are no networks of one kind ([model] {said}): "
                "their weights cannot be averaged. Average their outputs: --how mean."
            )
        began = [[s.sha256 or s.name for s in one.bundle.card.start] for one in (first, other)]
        if began[0] != began[1]:
            raise RunError(
                f"{first.name} and {other.name} began with other weights. Only networks from one "
                "start can be averaged; average their outputs: --how mean."
            )
        drawn = not first.recipe.model.weights or first.recipe.model.head != "linear"
        if drawn and first.recipe.seed != other.recipe.seed:
            what = "head" if first.recipe.model.weights else "network"
            raise RunError(
                f"{first.name} and {other.name} have seeds of their own, so each {what} began with "
                "random weights of its own, and their means are none of either. Average their "
                "outputs: --how mean."
            )


def check_one_each(members: Sequence[Member]) -> None:
    """See that no finding is read by two runs.

    Raises:
        RunError: some are.
    """
    asked = [key for member in members for key in member.material.table.findings]
    twice = sorted({key for key in asked if asked.count(key) > 1})
    if twice:
        raise RunError(
            f"{len(twice)} findings are read by more than one run ({first_few(twice)}), so nobody "
            "knows whose word counts. Average their outputs: --how mean; or leave runs out."
        )


def tuned_in_all(members: Sequence[Member]) -> NDArray[np.int64]:
    """Rows that chose the checkpoints of all runs, so that no run has learnt from them.

    Runs may divide train and tune in ways of their own: what lies in the tune part of one alone,
    the others have learnt.

    Raises:
        RunError: there are none, a run learnt from them, or a finding is present, or absent, on all
            of them.
    """
    learnt = [member.name for member in members if member.recipe.fit.best == UNCHOSEN]
    if learnt:
        raise RunError(
            f"{first_few(learnt)} chose no checkpoint and learnt from the tuning rows too, and not "
            "every run has folds: nothing is left that could calibrate them together."
        )
    rows = members[0].material.split.parts["tune"]
    for member in members[1:]:
        rows = np.intersect1d(rows, member.material.split.parts["tune"])
    told = [(member.material.table.findings, member.material.labelled) for member in members]
    one_class = {
        key
        for keys, known in told
        for at, key in enumerate(keys)
        if len(np.unique(known.targets[rows, at][known.mask[rows, at]])) < 2
    }
    if not one_class:
        return rows
    lacking = [member.name for member in members if member.held is None]
    if len(rows):
        few = f"only {len(rows)} radiographs lie in the tune part of all runs, and "
        few += f"on all of them the same is said of {first_few(sorted(one_class))}"
    else:
        few = "no radiograph lies in the tune part of all runs: what one was chosen by, another "
        few += "has learnt"
    raise RunError(
        f"There are no out-of-fold predictions of {first_few(lacking)} (no folds), and {few}. The "
        "ensemble could be neither calibrated nor measured. Train all runs with folds, or give "
        "them one split (data.split)."
    )


def check_folds(member: Member) -> None:
    """See that a run has folds.

    Raises:
        RunError: it has none.
    """
    if member.held is None:
        raise RunError(f"{member.name} has no folds (folds = 0 in its recipe).")


def _check_input(first: Member, other: Member) -> None:
    mine, theirs = (one.recipe.input.model_dump() for one in (first, other))
    wrong = [key for key in mine if mine[key] != theirs[key]]
    if wrong:
        said = "; ".join(f"{key} {mine[key]} and {theirs[key]}" for key in wrong)
        raise RunError(
            f"{first.name} and {other.name} are shown radiographs in two ways ([input] {said}); a "
            "bundle shows its network one. Train them with one [input]."
        )


def _check_rows(first: Member, other: Member) -> None:
    one, two = first.material, other.material
    both = f"{first.name} and {other.name}"
    if one.table.images.tolist() != two.table.images.tolist():
        lacking = sorted(set(one.table.images.tolist()) ^ set(two.table.images.tolist()))
        raise RunError(
            f"{both} have other tables: {len(lacking)} radiographs stand in one alone"
            f"{f' ({first_few(lacking)})' if lacking else ', but all in another order'}. "
            "Train them on one table."
        )
    differ = int((one.table.patients != two.table.patients).sum())
    if differ:
        raise RunError(
            f"{both} take {differ} radiographs to be of other patients, so nobody knows whom a "
            "network has seen. Train them on one table."
        )
    used, tests = ([set(m.rows.tolist()) for m in (one, two)], [_test(first), _test(other)])
    how = (
        "Give all runs one split: name its column with data.split, or copy the folder "
        f"{first.name}/split into the folder of each new run before it begins."
    )
    for (who, rows), (whose, test) in (
        ((first.name, used[0]), (other.name, tests[1])),
        ((other.name, used[1]), (first.name, tests[0])),
    ):
        seen = sorted(rows & test)
        if seen:
            raise RunError(
                f"{who} learnt from {len(seen)} radiographs that {whose} keeps for its test "
                f"({first_few(one.table.images[seen].tolist())}): together they could not be "
                f"measured. {how}"
            )
    if used[0] != used[1] or tests[0] != tests[1]:
        apart = len(used[0] ^ used[1]) or len(tests[0] ^ tests[1])
        raise RunError(
            f"{both} differ in {apart} radiographs that they learn from or test on. {how}"
        )


def _test(member: Member) -> set[int]:
    return set(member.material.split.parts.get("test", np.zeros(0, np.int64)).tolist())


def _check_pictures(first: Member, other: Member) -> None:
    one, two = first.material.images, other.material.images
    for row in np.unique(np.linspace(0, len(one) - 1, PICTURES).astype(int)).tolist():
        a, b = one[row].astype(np.float32), two[row].astype(np.float32)
        if a.shape != b.shape or np.abs(a - b).mean() > LEVELS:
            raise RunError(
                f"{first.name} and {other.name} have other pictures under one name "
                f"({first.material.table.images[row]}); train them on the same."
            )


def _check_labels(first: Member, other: Member) -> None:
    mine, theirs = first.material, other.material
    if mine.table.findings != theirs.table.findings:
        raise RunError(
            f"{first.name} reads {first_few(mine.table.findings)}, {other.name} "
            f"{first_few(theirs.table.findings)}; networks that read other findings stand side by "
            "side: --how one-each."
        )
    a, b = mine.labelled, theirs.labelled
    counted = a.mask & b.mask
    differ = int((a.mask != b.mask).sum() + (a.targets[counted] != b.targets[counted]).sum())
    if differ:
        raise RunError(
            f"{first.name} and {other.name} differ in {differ} labels; train them on one table."
        )
