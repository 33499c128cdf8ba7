"""What has changed from an earlier radiograph to a later one, finding by finding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from hilum.domain import Note, Prediction, View
from hilum.reading.visits.spread import Limit, Spread
from hilum.reading.visits.visit import NotCompared, Visit, days_between


class Kind(StrEnum):
    """What became of a finding.

    Worse and better mean that the network is surer, or less sure: a probability is no size.
    """

    NEW = "new"
    GONE = "gone"
    WORSE = "worse"
    BETTER = "better"
    UNCHANGED = "unchanged"
    UNDECIDED = "undecided"


WHYS = {
    "abstained": "No decision was made on one of the two.",
    "other-point": "The operating points differ: another prevalence was set.",
    "not-measured": "How much this varies between visits was not measured.",
    "within-limit": "The decision changed, but by no more than between visits with the same label.",
}
"""Why a finding is undecided."""


@dataclass(frozen=True, slots=True)
class Change:
    """One finding on two visits.

    Attributes:
        finding: key.
        kind: what became of it.
        before: what was said of the earlier radiograph.
        after: of the later one.
        log_odds: how much the log-odds of the probability rose; negative where they fell.
        limit: what a change has to exceed; None where it was never measured.
        why: of what is undecided, a key of :data:`WHYS`; empty otherwise.
    """

    finding: str
    kind: Kind
    before: Prediction
    after: Prediction
    log_odds: float
    limit: float | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two visits, finding by finding.

    Attributes:
        changes: one a finding, in the order of the later visit.
        days: calendar days between; None where a date is not known.
        notes: what makes the comparison less certain.
    """

    changes: tuple[Change, ...]
    days: int | None
    notes: tuple[Note, ...]

    def of(self, kind: Kind) -> tuple[Change, ...]:
        """The findings of which that is said."""
        return tuple(change for change in self.changes if change.kind is kind)


def compare(earlier: Visit, later: Visit, spread: Spread | None) -> Comparison | NotCompared:
    """Say of each finding what became of it.

    A finding has changed only where its log-odds moved by more than they do, in 19 of 20, between
    two radiographs of one patient with the same label. It is *new* or *gone* where the decision
    changed as well, *worse* or *better* where it was and is present. Where the decision changed by
    less than that, nothing is decided; what was and is absent is unchanged.

    Args:
        earlier: of the patient.
        later: of the same patient.
        spread: of the bundle that read both; None leaves every change undecided.

    Returns:
        The comparison; or why there is none: another bundle, version or way of reading, or the
        wrong order in time.
    """
    reasons = _reasons(earlier, later)
    if reasons:
        return NotCompared(reasons)
    limits = _limits(earlier, later, spread)
    changes = [
        _change(before, after, limits.get(after.finding))
        for after in later.predictions
        if (before := earlier.get(after.finding)) is not None
    ]
    days = days_between(earlier.taken, later.taken)
    return Comparison(tuple(changes), days, _notes(earlier, later, days, spread))


def log_odds(probability: float) -> float:
    """ln(p / (1 − p)), of a probability moved away from 0 and 1 by 10⁻⁶."""
    inside = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(inside) - math.log1p(-inside)


def same_view(first: View, second: View) -> bool:
    """Whether both are known to be taken in one direction."""
    return first is second and first in {View.PA, View.AP}


def _reasons(earlier: Visit, later: Visit) -> tuple[Note, ...]:
    if earlier.bundle != later.bundle or earlier.bundle_digest != later.bundle_digest:
        message = (
            f"The earlier radiograph was read by {earlier.bundle}, this one by {later.bundle}: "
            f"what two bundles say is not compared."
        )
        if earlier.bundle == later.bundle:
            message = f"Both were read by a {later.bundle}, but not by the same one."
        return (Note("other-bundle", message),)
    if earlier.reader != later.reader:
        message = "Both were read by the same bundle with other options; that is not compared."
        return (Note("other-options", message),)
    days = days_between(earlier.taken, later.taken)
    if days is not None and days < 0:
        return (Note("order", "The radiograph named as the earlier one was taken later."),)
    return ()


def _limits(earlier: Visit, later: Visit, spread: Spread | None) -> Mapping[str, Limit]:
    if spread is None:
        return {}
    return spread.same_view if same_view(earlier.view, later.view) else spread.other_views


def _change(before: Prediction, after: Prediction, limit: Limit | None) -> Change:
    rise = log_odds(after.probability) - log_odds(before.probability)
    most = None if limit is None else limit.log_odds
    kind, why = _decided(before, after, rise, most)
    return Change(after.finding, kind, before, after, rise, most, why)


def _decided(
    before: Prediction, after: Prediction, rise: float, limit: float | None
) -> tuple[Kind, str]:
    crossed = before.present != after.present
    doubt = ""
    if before.abstained or after.abstained:
        doubt = "abstained"
    elif not math.isclose(before.operating_point, after.operating_point, rel_tol=1e-6):
        doubt = "other-point"
    elif limit is None and (before.present or after.present):
        doubt = "not-measured"
    elif limit is not None and crossed and abs(rise) <= limit:
        doubt = "within-limit"
    if doubt:
        return Kind.UNDECIDED, doubt
    if limit is None or abs(rise) <= limit or not (before.present or after.present):
        return Kind.UNCHANGED, ""
    if crossed:
        return (Kind.NEW if after.present else Kind.GONE), ""
    return (Kind.WORSE if rise > 0 else Kind.BETTER), ""


def _notes(
    earlier: Visit, later: Visit, days: int | None, spread: Spread | None
) -> tuple[Note, ...]:
    notes: list[Note] = []
    views = {earlier.view, later.view}
    if not views <= {View.PA, View.AP}:
        message = "Not both are known to be PA or AP; limits are those of unlike views."
        notes.append(Note("views-untold", message))
    elif len(views) == 2:
        message = (
            f"{earlier.view} before, {later.view} now: the heart and much else look larger on AP. "
            f"Limits are those of unlike views."
        )
        notes.append(Note("other-view", message))
    if days is None:
        notes.append(Note("date-unknown", "When they were taken is not known of both."))
    if spread is None:
        message = (
            f"How much {later.bundle} varies between visits was not measured: whether a finding "
            f"that is present has changed is left undecided."
        )
        notes.append(Note("no-spread", message))
    return tuple(notes)
