"""What evaluations and audits say, written onto a bundle's card; its other files stay as they are.

``appraisal.json`` is what `hilum evaluate` writes, ``audit.json`` what `hilum audit` writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from hilum.bundles.card import Result, Verdict
from hilum.bundles.store import Bundle, card_faults, recarded
from hilum.domain.text import first_few
from hilum.errors import RunError

NOTED = "noted_on_cards"
"""In the provenance: digests that the card had before something was noted."""


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
    """

    bundle: Bundle
    results: int
    verdicts: int
    replaced: int
    undefined: int


def note(bundle: Bundle, record: bytes, of: str, *, elsewhere: bool = False) -> Noted:
    """Write what an evaluation or an audit found onto a bundle's card, in its place.

    Of an evaluation: AUROC, within strata too, average precision, calibration slope, sensitivity
    and specificity at the card's own operating points, each of all images and of every group. Of an
    audit: its verdicts. What was noted of the same images before is replaced. The graph, the
    calibration and the operating points stay; the digest of the card, which names the bundle,
    changes, and the earlier one is kept in the provenance.

    Args:
        bundle: its card is written anew where it lies.
        record: ``appraisal.json`` or ``audit.json``.
        of: in words: which images, and what the network had seen of them.
        elsewhere: whether they come from where nothing was learnt.

    Raises:
        RunError: the record is no such file, is of another bundle, or of other findings.
        BundleError: the card cannot be written.
    """
    if not of.strip():
        raise RunError("Say which images the numbers are of, and what the network had seen of them")
    try:
        said = _RECORD.validate_json(record)
    except ValidationError as error:
        what = "the record is no appraisal.json of hilum evaluate and no audit.json of hilum audit"
        raise RunError(card_faults(error, what)) from error
    card = bundle.card
    if isinstance(said, _Audit):
        _check_title(bundle, said)
        verdicts = tuple(_verdicts(said, of))
        kept = tuple(row for row in card.verdicts if not row.asked_of.startswith(f"{of}: "))
        replaced = len(card.verdicts) - len(kept)
        changed: dict[str, Any] = {"verdicts": (*kept, *verdicts)}
        counted = (0, len(verdicts), replaced, 0)
    else:
        _check_appraisal(bundle, said)
        every = list(_results(said, of, elsewhere))
        found = tuple(row for row in every if not row.group or row.value is not None)
        left = tuple(row for row in card.results if row.split != of)
        changed = {"results": (*left, *found)}
        counted = (len(found), 0, len(card.results) - len(left), len(every) - len(found))
    earlier = (*card.provenance.get(NOTED, "").split(), bundle.digest)
    changed["provenance"] = {**card.provenance, NOTED: " ".join(dict.fromkeys(earlier))}
    return Noted(recarded(bundle, card.model_copy(update=changed)), *counted)


def _check_appraisal(bundle: Bundle, said: _Appraisal) -> None:
    known = {bundle.digest, *bundle.card.provenance.get(NOTED, "").split()}
    for one in said.inputs:
        if one.role == "predictions" and one.name == str(bundle) and one.sha256 not in known:
            raise RunError(
                f"The evaluation is of another {one.name}: the card that it read had the digest "
                f"{one.sha256[:12]}…, and this one has {bundle.digest[:12]}…. Evaluate this one."
            )
    foreign = [row.finding for row in said.findings if row.finding not in bundle.card.keys]
    if foreign:
        raise RunError(f"{bundle} does not read {first_few(foreign)}, which was evaluated.")


def _check_title(bundle: Bundle, said: _Audit) -> None:
    if not said.verdicts:
        raise RunError("The audit holds no verdict.")
    name, _, version = said.title.partition(" ")
    if name == bundle.card.name and version and said.title != str(bundle):
        raise RunError(f"The audit is of {said.title}, and this is {bundle}. Audit this one.")


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
    several = len(said.findings) > 1
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
            "calibration slope": row.line and row.line.slope,
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
