"""Predictions beside a label table: which rows are tested, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.predictions.attributes import attributes, days_of, event_of
from hilum.datasets.predictions.learnt import learnt_from, not_known
from hilum.datasets.predictions.load import Predictions, Scale
from hilum.datasets.predictions.names import rows_of
from hilum.domain import LabelTable, Policy, State, finding
from hilum.domain.text import coded, first_few, text
from hilum.errors import EvaluationError, LabelError
from hilum.evaluation.appraisal.matched import Matched
from hilum.evaluation.appraisal.results import Input, Task

ATTRIBUTES = ("age_years", "sex", "view", "source", "visit", "days")
"""Columns of a label table that subgroups, baselines and survival may need."""


SUM = 0.02
"""How far probabilities of one of K may sum from 1, being rounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which rows are measured, and against what.

    Attributes:
        test: part of the table's split whose rows are tested; "" for all that are not tuned on.
        tune: part whose rows fix thresholds; "" for none.
        within: column whose values the AUROC within strata keeps apart; "" for none.
        findings: keys to measure; empty for all that table and predictions share.
        attributes: other columns of the table to keep for subgroups.
        task: "one-of" where exactly one finding is present on every image.
        uncertain: target of uncertain cells, 0 or 1; None leaves them out.
        unmentioned: the same of cells that say nothing.
        survival: column of days and finding of the event; ("", "") for none.
        risk: finding whose score is the risk; "" for the event itself, or the only finding.
    """

    test: str = ""
    tune: str = ""
    within: str = ""
    findings: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    task: Task = "multi-label"
    uncertain: float | None = None
    unmentioned: float | None = None
    survival: tuple[str, str] = ("", "")
    risk: str = ""


@dataclass(slots=True)
class _Said:
    """What is told while rows are matched."""

    warnings: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])


def match(
    predictions: Predictions,
    table: LabelTable,
    asked: Asked | None = None,
    *,
    tuned_on: Predictions | None = None,
    other: Predictions | None = None,
    labels: Input | None = None,
) -> Matched:
    """Put predictions beside what they are measured against.

    Images are matched by their names as they are written; where none matches so, by the last part
    of the path, then by that without its ending, as long as no two share it.

    Args:
        predictions: of the model.
        table: of the reference.
        asked: which rows and findings; all without.
        tuned_on: predictions of rows that thresholds are fixed on, where they stand in a file of
            their own; the table holds those images too.
        other: predictions of another model for the same images.
        labels: where the table comes from.

    Returns:
        The rows. Images without a prediction, predictions without an image in the table, cells
        without a number and refused images are counted in warnings and notes.

    Raises:
        LabelError: nothing matches, a column or part that the table has not, an image both tested
            and tuned on by two files. A patient in both is a warning of the appraisal.
    """
    asked, said = asked or Asked(), _Said()
    said.warnings.extend(predictions.warnings)
    said.notes.extend((*predictions.notes, *table.notes))
    check(table, asked)
    keys = _findings(predictions, table, asked, said)
    rows, scores = _placed(predictions, table, keys, said)
    own = _tuned_apart(tuned_on, table, keys, (rows, scores), said)
    tested, tuned, how = _parts(table, asked, rows, own)
    _tell_missing(predictions, table, rows | own, asked, said)
    _tell_names(predictions, table, rows | own, said)
    targets, mask = table.select(keys).targets(Policy(asked.uncertain, asked.unmentioned))
    targets = _whole(targets)
    mask = _known(mask, scores, tested | tuned, keys, said)
    if asked.task == "one-of":
        mask = _one_of(targets, mask, tested, said)
        _tell_sums(scores[tested & mask.all(1)], predictions.scale, said)
    tested, tuned = _with_cells(mask, tested, said), tuned & mask.any(1)
    if not predictions.out_of_fold:
        card = predictions.card
        tuned_on_tune = bool(asked.tune)
        said.warnings.extend(
            learnt_from(card, table, tested, tuned_on_tune=tuned_on_tune, tuned=tuned)
        )
        said.notes.extend(not_known(card, table))
    their = None if other is None else _other(other, table, keys, tested, said)
    keep = np.flatnonzero(tested | tuned)
    wanted = (*ATTRIBUTES, *asked.attributes, asked.within, asked.survival[0])
    columns = attributes(table, wanted, asked.survival[0], keep)
    thresholds = {} if predictions.out_of_fold else predictions.thresholds
    event, risk = event_of(table, asked.survival[1], keys, asked.risk, keep)
    if asked.within:
        unknown = int((columns[asked.within][tested[keep]].astype(str) == "").sum())
        if unknown:
            said.notes.append(
                f"{unknown:,} tested images of unknown {asked.within} are compared with each other "
                f"alone, as one stratum."
            )
    return Matched(
        title=predictions.name,
        images=table.images[keep],
        patients=table.patients[keep],
        findings=keys,
        names=tuple(finding(key).name for key in keys),
        targets=targets[keep] == 1,
        mask=mask[keep],
        scores=scores[keep],
        tested=tested[keep],
        tuned=tuned[keep],
        probabilities=predictions.scale != "scores",
        task=asked.task,
        attributes=columns,
        within=asked.within,
        thresholds={key: value for key, value in thresholds.items() if key in keys},
        training=_training(table, keys),
        how=how,
        other=None if their is None else their[keep],
        other_name="" if other is None else other.name,
        event=event,
        risk=risk,
        warnings=tuple(said.warnings),
        notes=tuple(said.notes),
        inputs=tuple(_inputs(labels, predictions=predictions, tuned_on=tuned_on, other=other)),
    )


def _tuned_apart(
    tuned_on: Predictions | None,
    table: LabelTable,
    keys: Sequence[str],
    placed: tuple[NDArray[np.bool_], NDArray[np.float64]],
    said: _Said,
) -> NDArray[np.bool_]:
    """Rows with predictions in a file of their own, whose scores are put among the others."""
    rows, scores = placed
    if tuned_on is None:
        return np.zeros(len(table), np.bool_)
    told = _Said()
    own, values = _placed(tuned_on, table, keys, told)
    both = np.flatnonzero(own & rows)
    if len(both):
        raise LabelError(
            f"{len(both):,} images stand in the predictions that are tested and in those that "
            f"thresholds are fixed on: {first_few(table.images[both].tolist())}. A threshold that "
            f"was fixed on tested rows flatters."
        )
    scores[own] = values[own]
    said.notes.extend(f"Tune rows: {note}" for note in (*tuned_on.warnings, *told.notes))
    return own


def _parts(
    table: LabelTable, asked: Asked, rows: NDArray[np.bool_], own: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], str]:
    """Rows that are tested, rows that are tuned on, and how they were chosen."""
    tuned = own | (_part(table, asked.tune) & rows) if asked.tune else own
    if asked.tune and not tuned.any():
        raise LabelError(
            f"No image to fix thresholds on: none of the part {asked.tune!r} has a prediction."
        )
    if asked.test:
        tested = rows & ~tuned & _part(table, asked.test)
        how = f"rows of the part {asked.test!r} of the table's split"
    else:
        tested = rows & ~tuned
        how = "all rows that have a prediction" + (", tune rows left out" if asked.tune else "")
    if asked.tune:
        how += f"; thresholds are fixed on rows of the part {asked.tune!r}"
    elif tuned.any():
        how += "; thresholds are fixed on predictions in a file of their own"
    if not tested.any():
        raise LabelError(f"No image with a prediction is left to test ({how}).")
    return tested, tuned, how


def _whole(targets: NDArray[np.float32]) -> NDArray[np.float32]:
    if ((targets > 0) & (targets < 1)).any():
        raise EvaluationError("Uncertain and unmentioned labels are measured as 0, 1, or left out.")
    return targets


def _inputs(
    labels: Input | None, *, predictions: Predictions, **others: Predictions | None
) -> Iterator[Input]:
    yield Input("predictions", predictions.name, predictions.sha256)
    if labels is not None:
        yield labels
    for role, words in (("tuned_on", "tune rows"), ("other", "other model")):
        given = others[role]
        if given is not None:
            yield Input(words, given.name, given.sha256)


def check(table: LabelTable, asked: Asked) -> None:
    """See that the table has what is asked for, before anything is read.

    Raises:
        LabelError: it lacks a column, a part of the split, or the event.
    """
    for name in (asked.within, *asked.attributes, asked.survival[0]):
        if name and name not in table.columns:
            raise LabelError(
                f"The label table has no column {name!r}; it has "
                f"{first_few(sorted(table.columns))}."
            )
    if asked.within and table.columns[asked.within].dtype.kind == "f":
        raise LabelError(
            f"--within takes a column of few values, such as source; {asked.within!r} holds "
            f"numbers."
        )
    for part in filter(None, (asked.test, asked.tune)):
        _part(table, part)
    if asked.test and asked.test == asked.tune:
        raise LabelError("--test and --tune name the same part; thresholds would flatter.")
    if asked.survival[1] and asked.survival[1] not in table.findings:
        raise LabelError(
            f"The event {asked.survival[1]!r} is no finding of the label table; it has "
            f"{first_few(table.findings)}."
        )
    if asked.survival[0]:
        days_of(asked.survival[0], table.columns[asked.survival[0]])


def _findings(
    predictions: Predictions, table: LabelTable, asked: Asked, said: _Said
) -> tuple[str, ...]:
    shared = tuple(key for key in predictions.findings if key in table.findings)
    if not shared:
        raise LabelError(
            f"Predictions and labels share no finding: the predictions tell of "
            f"{first_few(predictions.findings)}, the table of {first_few(table.findings)}."
        )
    lacking = [key for key in asked.findings if key not in shared]
    if lacking:
        raise LabelError(
            f"{first_few(lacking)} cannot be measured: predictions and labels share "
            f"{first_few(shared)}."
        )
    unlabelled = [key for key in predictions.findings if key not in table.findings]
    if unlabelled and not asked.findings:
        said.notes.append(
            f"The label table says nothing of {first_few(unlabelled, quoted=False)}: predicted, "
            f"but not measured."
        )
    return tuple(key for key in shared if not asked.findings or key in asked.findings)


def _placed(
    predictions: Predictions, table: LabelTable, keys: Sequence[str], said: _Said
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which rows of the table have a prediction, and their scores; NaN for the others."""
    row, how = rows_of(predictions.images, table.images)
    unknown = predictions.images[row < 0]
    if len(unknown) == len(row):
        raise LabelError(
            f"None of the {len(row):,} images of {predictions.name} is in the label table: such as "
            f"{first_few(predictions.images[:2].tolist())} against "
            f"{first_few(table.images[:2].tolist())}."
        )
    if how:
        said.notes.append(f"Images were matched by {how}.")
    if len(unknown):
        rows = "1 prediction is" if len(unknown) == 1 else f"{len(unknown):,} predictions are"
        said.notes.append(
            f"{rows} of images that the label table does not know, and left out: "
            f"{first_few(unknown.tolist())}."
        )
    lacking = [key for key in keys if key not in predictions.findings]
    if lacking:
        raise LabelError(f"{predictions.name} does not tell of {first_few(lacking)}.")
    at = [predictions.findings.index(key) for key in keys]
    known = row >= 0
    scores = np.full((len(table), len(keys)), np.nan)
    scores[row[known]] = predictions.values[known][:, at]
    found = np.zeros(len(table), np.bool_)
    found[row[known]] = True
    return found, scores


def _tell_missing(
    predictions: Predictions,
    table: LabelTable,
    rows: NDArray[np.bool_],
    asked: Asked,
    said: _Said,
) -> None:
    """Images of the table that should have been judged and were not."""
    wanted = np.ones(len(table), np.bool_)
    if asked.test:
        wanted = _part(table, asked.test)
    missing = np.flatnonzero(wanted & ~rows)
    refused: dict[str, int] = {}
    if predictions.refused:
        names = text(list(predictions.refused))
        row, _ = rows_of(names, table.images)
        there = {int(r): predictions.refused[n] for r, n in zip(row, names, strict=True) if r >= 0}
        for at in missing.tolist():
            if at in there:
                refused[there[at]] = refused.get(there[at], 0) + 1
        missing = np.array([at for at in missing.tolist() if at not in there], np.int64)
    if refused:
        total, all_ = sum(refused.values()), int(wanted.sum())
        why = ", ".join(f"{n:,} {code}" for code, n in sorted(refused.items(), key=lambda i: -i[1]))
        said.warnings.append(
            f"{total:,} of {all_:,} images ({total / all_:.1%}) were refused by the model and are "
            f"in no number here ({why}): numbers hold for images that it reads."
        )
    if len(missing):
        share = len(missing) / int(wanted.sum())
        line = (
            f"{len(missing):,} of {int(wanted.sum()):,} images of the "
            f"{'part ' + repr(asked.test) if asked.test else 'label table'} ({share:.1%}) have no "
            f"prediction and are in no number here: "
            f"{first_few(table.images[missing].tolist())}."
        )
        # Without a part the table may well hold more than was ever meant to be tested.
        (said.warnings if asked.test else said.notes).append(line)


def _tell_names(
    predictions: Predictions, table: LabelTable, rows: NDArray[np.bool_], said: _Said
) -> None:
    """Predictions and rows that found no partner, on both sides: names may be written otherwise."""
    row, _ = rows_of(predictions.images, table.images)
    astray, alone = predictions.images[row < 0], table.images[~rows]
    if len(astray) and len(alone):
        said.warnings.append(
            f"{len(astray):,} of {len(row):,} predictions found no image in the label table, and "
            f"{len(alone):,} of {len(table):,} images of the table no prediction; names may be "
            f"written in two ways: {first_few([astray[0], alone[0]])}."
        )


def _known(
    mask: NDArray[np.bool_],
    scores: NDArray[np.float64],
    rows: NDArray[np.bool_],
    keys: Sequence[str],
    said: _Said,
) -> NDArray[np.bool_]:
    """Cells with a reference and a number."""
    empty = np.isnan(scores) & rows[:, None]
    lost = empty & mask
    if lost.any():
        counts = [f"{key} {n:,}" for key, n in zip(keys, lost.sum(0).tolist(), strict=True) if n]
        said.warnings.append(
            f"{int(lost.sum()):,} predictions are empty or NaN where the label is known, and left "
            f"out: {first_few(counts, quoted=False)}."
        )
    left = ~mask & ~empty & rows[:, None]
    if left.any():
        counts = [f"{key} {n:,}" for key, n in zip(keys, left.sum(0).tolist(), strict=True) if n]
        said.notes.append(
            f"{int(left.sum()):,} cells whose label is uncertain or not mentioned are left out: "
            f"{first_few(counts, quoted=False)}."
        )
    return mask & ~np.isnan(scores) & rows[:, None]


def _with_cells(
    mask: NDArray[np.bool_], tested: NDArray[np.bool_], said: _Said
) -> NDArray[np.bool_]:
    """Tested rows of which anything is measured."""
    some = tested & mask.any(1)
    lost = int((tested & ~some).sum())
    if not some.any():
        raise LabelError(
            f"None of the {lost:,} tested images has both a known label and a prediction of any "
            f"finding: labels are uncertain or not mentioned (--uncertain, --unmentioned), or "
            f"predictions empty."
        )
    if lost:
        said.notes.append(
            f"{lost:,} images have no finding with both a known label and a prediction, and are "
            f"left out."
        )
    return some


def _one_of(
    targets: NDArray[np.float32],
    mask: NDArray[np.bool_],
    tested: NDArray[np.bool_],
    said: _Said,
) -> NDArray[np.bool_]:
    whole = mask.all(1)
    single = whole & ((targets == 1).sum(1) == 1)
    lost = int((tested & ~single).sum())
    if lost:
        said.warnings.append(
            f"{lost:,} of {int(tested.sum()):,} images are left out: not exactly one of the "
            f"findings is present, or a number is missing (one of K)."
        )
    if not (single & tested).any():
        raise LabelError("No tested image has exactly one of the findings (--task one-of).")
    return np.broadcast_to(single[:, None], mask.shape).copy()


def _tell_sums(scores: NDArray[np.float64], scale: Scale, said: _Said) -> None:
    """Images that no class is the likeliest of, and probabilities that are not of one-of-K."""
    highest = scores.max(1, keepdims=True)
    tied = int(((scores == highest).sum(1) > 1).sum())
    if tied:
        said.warnings.append(
            f"{tied:,} of {len(scores):,} tested images have no single likeliest class: of equals "
            f"the first was taken for the answer."
        )
    sums = scores.sum(1)
    odd = int((np.abs(sums - 1) > SUM).sum())
    if odd and scale == "probabilities":
        said.warnings.append(
            f"The probabilities of {odd:,} of {len(scores):,} tested images do not sum to 1 (from "
            f"{sums.min():.3g} to {sums.max():.3g}): they are not those of one of K classes."
        )


def _other(
    other: Predictions,
    table: LabelTable,
    keys: Sequence[str],
    tested: NDArray[np.bool_],
    said: _Said,
) -> NDArray[np.float64]:
    told = _Said()
    shared = [key for key in keys if key in other.findings]
    if not shared:
        raise LabelError(f"{other.name} tells of none of {first_few(keys)}.")
    rows, values = _placed(other, table, shared, told)
    found = np.full((len(table), len(keys)), np.nan)
    found[:, [keys.index(key) for key in shared]] = values
    if not (rows & tested).any():
        raise LabelError(f"{other.name} has a prediction for none of the tested images.")
    said.warnings.extend(f"{other.name}: {line}" for line in other.warnings)
    said.notes.extend(f"{other.name}: {line}" for line in (*other.notes, *told.notes))
    return found


def _training(table: LabelTable, keys: Sequence[str]) -> dict[str, int]:
    """Finding → images of the part "train" that have it; empty where there are none."""
    split = table.columns.get("split")
    if split is None or not (split == "train").any():
        return {}
    rows = split == "train"
    return {
        key: int((table.states[rows, table.findings.index(key)] == State.PRESENT).sum())
        for key in keys
    }


def _part(table: LabelTable, part: str) -> NDArray[np.bool_]:
    split = table.columns.get("split")
    if split is None:
        raise LabelError(f"The label table has no column 'split', so no part {part!r}.")
    asked = {"val": "tune", "valid": "tune", "validation": "tune"}.get(part, part)
    if not (split == asked).any():
        kinds, row = coded(split)
        there = [f"{k or 'none'} ({n:,})" for k, n in zip(kinds, np.bincount(row), strict=True)]
        raise LabelError(f"No row of the table is of the part {part!r}; it has {', '.join(there)}.")
    return np.asarray(split == asked)
