"""What evaluations and audits say, written onto a bundle's card; its other files stay as they are.

``appraisal.json`` is what `hilum evaluate` writes, ``audit.json`` what `hilum audit` writes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hilum.bundles.card import Result, Verdict
from hilum.bundles.store import Bundle, card_faults, recarded
from hilum.domain.text import first_few
from hilum.errors import RunError

NOTED = "noted_on_cards"
"""In the provenance: digests that the card had before something was noted."""
NOTED_UNDER = "noted_under"
"""In the provenance: words under which numbers of evaluations were noted, a list in JSON."""
FITTED_THERE = "The calibration was fitted on these very rows"
"""How an evaluation's warning begins that makes its calibration slope worthless."""
OUT_OF_FOLD = ", out of fold"
"""What the name of a run's own predictions ends in."""
PROBE = "a probe on the features of "
"""What the name of an audit's own model begins with, which stands in for absent predictions."""


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class _Measure(_Said):
    value: float | None
    reason: str = ""
    low: float | None = None
    high: float | None = None
    level: float = 0.95


class _Point(_Said):
    threshold: float | None
    fixed_on: str
    shares: Mapping[str, _Measure] = {}


class _Line(_Said):
    slope: _Measure


class _Finding(_Said):
    finding: str
    positives: int
    negatives: int
    auroc: _Measure
    auroc_within: _Measure | None = None
    average_precision: _Measure
    confounded: str = ""
    line: _Line | None = None
    points: tuple[_Point, ...] = ()


class _GroupFinding(_Said):
    finding: str
    positives: int
    negatives: int
    auroc: _Measure
    sensitivity: _Measure | None = None
    specificity: _Measure | None = None


class _Group(_Said):
    name: str
    images: int
    patients: int
    findings: tuple[_GroupFinding, ...]
    mean: _Measure


class _Subgroups(_Said):
    attribute: str
    groups: tuple[_Group, ...]
    point: str = ""


class _Average(_Said):
    macro: _Measure


class _Means(_Said):
    auroc: _Average
    average_precision: _Average
    auroc_within: _Measure | None = None


class _Input(_Said):
    role: str
    name: str
    sha256: str = ""


class _Appraisal(_Said):
    schema_: Literal["hilum.appraisal/1"] = Field(alias="schema")
    title: str
    images: int
    patients: int
    findings: tuple[_Finding, ...]
    means: _Means
    strata_name: str = ""
    subgroups: tuple[_Subgroups, ...] = ()
    inputs: tuple[_Input, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class _Verdict(_Said):
    code: str
    title: str
    outcome: Literal["passes", "warns", "fails", "not asked"]
    words: str
    number: _Measure | None = None
    unit: str = ""


class _Audit(_Said):
    schema_: Literal["hilum.audit/1"] = Field(alias="schema")
    title: str
    model: str | None = None
    images: int
    patients: int
    verdicts: tuple[_Verdict, ...]


_RECORD: TypeAdapter[_Appraisal | _Audit] = TypeAdapter(_Appraisal | _Audit)


@dataclass(frozen=True, slots=True)
class Noted:
    """What was written onto a card.

    Attributes:
        bundle: with its new card.
        results: numbers that were added.
        verdicts: of an audit, that were added.
        replaced: numbers and verdicts of the same images that stood there before.
        undefined: numbers of groups that are undefined, and were left out.
        left_out: what else was left out, and why, in sentences.
    """

    bundle: Bundle
    results: int
    verdicts: int
    replaced: int
    undefined: int
    left_out: tuple[str, ...] = ()


def note_all(
    bundle: Bundle, records: Sequence[tuple[str, bytes]], of: str, *, elsewhere: bool = False
) -> tuple[Noted, ...]:
    """Write several records of the same images, after all of them were checked; see ``note``.

    Args:
        bundle: its card is written anew where it lies.
        records: name, for messages, and content of each: one evaluation, one audit, or both.
        of: in words: which images, and what the network had seen of them.
        elsewhere: whether they come from where nothing was learnt.

    Returns:
        What was written, a record; the last has the bundle with all of it.

    Raises:
        RunError: as ``note`` does, or there are two evaluations or two audits, of which the second
            would replace the first. Nothing was written.
        BundleError: the card cannot be written.
    """
    kinds: dict[type, str] = {}
    for name, record in records:
        kind = type(_checked(bundle, record, of))
        if kind in kinds:
            what = "audits" if kind is _Audit else "evaluations"
            raise RunError(
                f"{kinds[kind]} and {name} are both {what}, and under the same words the second "
                "would replace the first. Note each in its own command, under words of its own. "
                "Nothing was written."
            )
        kinds[kind] = name
    done: list[Noted] = []
    for _, record in records:
        done.append(note(done[-1].bundle if done else bundle, record, of, elsewhere=elsewhere))
    return tuple(done)


def note(bundle: Bundle, record: bytes, of: str, *, elsewhere: bool = False) -> Noted:
    """Write what an evaluation or an audit found onto a bundle's card, in its place.

    Of an evaluation: AUROC, within strata too, average precision, calibration slope, sensitivity
    and specificity at the card's own operating points, each of all images and of every group. Of an
    audit: its verdicts. What was noted under the same words before is replaced. The graph, the
    calibration and the operating points stay; the digest of the card, which names the bundle,
    changes, and the earlier one is kept in the provenance. The calibration slope is left out where
    the evaluation says that the calibration was fitted on the very rows.

    Args:
        bundle: its card is written anew where it lies.
        record: ``appraisal.json`` or ``audit.json``.
        of: in words: which images, and what the network had seen of them.
        elsewhere: whether they come from where nothing was learnt.

    Raises:
        RunError: the record is no such file, does not say that it is of this bundle, is of other
            findings or operating points, or the card holds numbers under these words that were
            not noted.
        BundleError: the card cannot be written.
    """
    said, card = _checked(bundle, record, of), bundle.card
    provenance = dict(card.provenance)
    left_out: tuple[str, ...] = ()
    if isinstance(said, _Audit):
        verdicts = tuple(_verdicts(said, of))
        kept = tuple(row for row in card.verdicts if not _is_of(row, of))
        changed: dict[str, Any] = {"verdicts": (*kept, *verdicts)}
        counted = (0, len(verdicts), len(card.verdicts) - len(kept), 0)
    else:
        every = list(_results(said, of, elsewhere))
        found = tuple(row for row in every if not row.group or row.value is not None)
        left = tuple(row for row in card.results if row.split != of)
        changed = {"results": (*left, *found)}
        counted = (len(found), 0, len(card.results) - len(left), len(every) - len(found))
        provenance[NOTED_UNDER] = json.dumps(list(dict.fromkeys((*_noted_under(bundle), of))))
        if _fitted_there(said) and any(row.line for row in said.findings):
            left_out = (f"Calibration slopes are left out: {FITTED_THERE.lower()}.",)
    earlier = (*provenance.get(NOTED, "").split(), bundle.digest)
    provenance[NOTED] = " ".join(dict.fromkeys(earlier))
    new = card.model_copy(update={**changed, "provenance": provenance})
    return Noted(recarded(bundle, new), *counted, left_out)


def _checked(bundle: Bundle, record: bytes, of: str) -> _Appraisal | _Audit:
    """What a record says, after every check that is made before the card is written."""
    if not of.strip():
        raise RunError("Say which images the numbers are of, and what the network had seen of them")
    try:
        said = _RECORD.validate_json(record)
    except ValidationError as error:
        what = "the record is no appraisal.json of hilum evaluate and no audit.json of hilum audit"
        raise RunError(card_faults(error, what)) from error
    if isinstance(said, _Audit):
        _check_audit(bundle, said)
    else:
        _check_appraisal(bundle, said)
        _check_words(bundle, of)
    return said


def _names(bundle: Bundle) -> tuple[str, str]:
    return str(bundle), f"{bundle}{OUT_OF_FOLD}"


def _check_appraisal(bundle: Bundle, said: _Appraisal) -> None:
    own, held_out = _names(bundle)
    known = {bundle.digest, *bundle.card.provenance.get(NOTED, "").split()}
    predictions = [one for one in said.inputs if one.role == "predictions"]
    if not predictions:
        raise RunError(f"The evaluation does not say what gave its predictions. {_advice(own)}")
    for one in predictions:
        if one.name not in (own, held_out):
            raise RunError(
                f"The evaluation is of predictions named {one.name[:80]!r}, and nothing in it says "
                f"that {own} gave them. {_advice(own)}"
            )
        if one.name == own and one.sha256 not in known:
            raise RunError(
                f"The evaluation names {own}, but its predictions have the digest "
                f"{one.sha256[:12]}…, which this card ({bundle.digest[:12]}…) never had: they are "
                f"of another {own}, or were read from a folder of hilum read, whose digest is that "
                f"of its findings.csv and names no card. {_advice(own)}"
            )
    foreign = [row.finding for row in said.findings if row.finding not in bundle.card.keys]
    if foreign:
        raise RunError(f"{bundle} does not read {first_few(foreign)}, which was evaluated.")
    cuts = {row.key: row.operating_point.threshold for row in bundle.card.findings}
    moved = [
        f"{row.finding} {point.threshold:.4g} (card: {cuts[row.finding]:.4g})"
        for row in said.findings
        for point in row.points
        if point.fixed_on == "bundle card" and point.threshold is not None
        if not math.isclose(point.threshold, cuts[row.finding], rel_tol=1e-6)
    ]
    if moved:
        raise RunError(
            f"The evaluation's operating points are not those on the card of {own}: "
            f"{first_few(moved, quoted=False)}. {_advice(own)}"
        )


def _advice(own: str) -> str:
    return (
        f"Evaluate {own} itself, hilum evaluate --bundle with --data, or the folder of its run: "
        "such an evaluation can be told to be of it."
    )


def _check_words(bundle: Bundle, of: str) -> None:
    stands = sum(row.split == of for row in bundle.card.results)
    if stands and of not in _noted_under(bundle):
        raise RunError(
            f"The card of {bundle} holds {stands:,} numbers under {of!r} that were not noted, or "
            "noted by a version of Hilum that did not record it; they would be lost. Choose other "
            "words."
        )


def _noted_under(bundle: Bundle) -> list[str]:
    try:
        said: object = json.loads(bundle.card.provenance.get(NOTED_UNDER, "[]"))
    except ValueError as error:
        raise RunError(
            f"{NOTED_UNDER} in the provenance of {bundle} is no list in JSON."
        ) from error
    return [str(one) for one in said] if isinstance(said, list) else []


def _check_audit(bundle: Bundle, said: _Audit) -> None:
    if not said.verdicts:
        raise RunError("The audit holds no verdict.")
    name, _, version = said.title.partition(" ")
    other = name == bundle.card.name and version and said.title not in _names(bundle)
    scored = said.title if not said.model or said.model.startswith(PROBE) else said.model
    if other or scored not in _names(bundle):
        of = said.title if other else scored
        raise RunError(
            f"The audit is of {of[:80]}, and this is {bundle}: nothing in it says that this bundle "
            "was asked. Audit this one: hilum audit --bundle."
        )


def _is_of(row: Verdict, of: str) -> bool:
    size = r": [\d,]+ images of [\d,]+ patients(, scored by .+)?"
    return re.fullmatch(re.escape(of) + size, row.asked_of, re.DOTALL) is not None


def _fitted_there(said: _Appraisal) -> bool:
    told = any(FITTED_THERE in words for words in (*said.warnings, *said.notes))
    return told or any(
        one.role == "predictions" and one.name.endswith(OUT_OF_FOLD) for one in said.inputs
    )


def _verdicts(said: _Audit, of: str) -> Iterator[Verdict]:
    by = f", scored by {said.model}" if said.model else ""
    asked_of = f"{of}: {said.images:,} images of {said.patients:,} patients{by}"
    for row in said.verdicts:
        number = row.number or _Measure(value=None)
        yield Verdict(
            code=row.code, title=row.title, outcome=row.outcome, words=row.words, asked_of=asked_of,
            unit=row.unit, value=number.value, low=number.low, high=number.high,
            level=number.level,
        )  # fmt: skip


def _results(said: _Appraisal, of: str, elsewhere: bool) -> Iterator[Result]:
    several, fitted = len(said.findings) > 1, _fitted_there(said)
    whole = _Images(of, elsewhere, f"{said.images:,} images of {said.patients:,} patients")
    within = f"AUROC within {said.strata_name or 'stratum'}"
    if several:
        means = said.means
        yield from whole.results(
            None,
            {
                "AUROC": means.auroc.macro,
                within: means.auroc_within,
                "average precision": means.average_precision.macro,
            },
        )
    for row in said.findings:
        numbers = {
            "AUROC": row.auroc,
            within: row.auroc_within,
            "average precision": row.average_precision,
            "calibration slope": row.line.slope if row.line and not fitted else None,
        }
        for point in row.points:
            if point.fixed_on == "bundle card":
                numbers |= {name: point.shares.get(name) for name in ("sensitivity", "specificity")}
        yield from whole.results(row, numbers, row.confounded)
    for subgroups in said.subgroups:
        own = subgroups.point == "card"
        for group in subgroups.groups:
            size = f"{group.images:,} images of {group.patients:,} patients"
            some = _Images(of, elsewhere, size, f"{subgroups.attribute}: {group.name}")
            if several:
                yield from some.results(None, {"AUROC": group.mean})
            for row in group.findings:
                decided = {"sensitivity": row.sensitivity, "specificity": row.specificity}
                yield from some.results(row, {"AUROC": row.auroc, **(decided if own else {})})


@dataclass(frozen=True, slots=True)
class _Images:
    """Images that numbers are of."""

    of: str
    elsewhere: bool
    size: str
    group: str = ""

    def results(
        self,
        row: _Finding | _GroupFinding | None,
        numbers: Mapping[str, _Measure | None],
        words: str = "",
    ) -> Iterator[Result]:
        """Rows of the card for one finding, or for the mean of all."""
        for metric, number in numbers.items():
            if number is not None:
                said = (self.size if metric == "AUROC" else "", words, number.reason)
                yield Result(
                    metric=metric, finding=row and row.finding, split=self.of, value=number.value,
                    low=number.low, high=number.high, level=number.level, group=self.group,
                    elsewhere=self.elsewhere, positives=row and row.positives,
                    images=row and row.positives + row.negatives,
                    note="; ".join(part for part in said if part),
                )  # fmt: skip
                words = ""
