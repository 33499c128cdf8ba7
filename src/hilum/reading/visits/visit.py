"""One radiograph of a patient among others of the same patient."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from hilum.domain import Note, Prediction, View


@dataclass(frozen=True, slots=True)
class Visit:
    """What was said of one radiograph, and when and how it was taken.

    Attributes:
        reader: names all that changes what is said: bundle, its version, options. Visits with
            another one are not compared.
        bundle: "name version" of the bundle, for words.
        bundle_digest: of its card; empty where several bundles spoke.
        predictions: one a finding.
        view: projection.
        taken: YYYYMMDDHHMMSS, as much as is known.
    """

    reader: str
    bundle: str
    bundle_digest: str
    predictions: tuple[Prediction, ...]
    view: View = View.UNKNOWN
    taken: str = ""

    def get(self, finding: str) -> Prediction | None:
        """What was said of a finding; None where it was not asked about."""
        return next((p for p in self.predictions if p.finding == finding), None)


@dataclass(frozen=True, slots=True)
class NotCompared:
    """Two radiographs that were not compared, and why.

    Attributes:
        reasons: one or more.
    """

    reasons: tuple[Note, ...]

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError("not to be compared needs a reason")


def days_between(earlier: str, later: str) -> int | None:
    """Calendar days from one time to another, both as YYYYMMDD…; None where one is not known.

    Example:
        >>> days_between("20240228", "20240301093000")
        2
    """
    first, second = _day(earlier), _day(later)
    return None if first is None or second is None else (second - first).days


def _day(taken: str) -> date | None:
    digits = taken[:8]
    if len(digits) < 8 or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
