"""What is asked of a recalibration, and what becomes of each finding."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hilum.bundles.card import NAME, VERSION
from hilum.domain import Policy
from hilum.errors import BundleError
from hilum.evaluation import Measure
from hilum.evaluation.calibration import CalibrationChange, Calibrator, Choice, Method

METHODS: tuple[Method, ...] = ("temperature", "platt", "isotonic", "beta", "shift")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How to recalibrate, and what the card is to say of it.

    Attributes:
        method: one of :data:`METHODS`, or "auto" for the one that the sample can carry.
        name: of the new bundle; "" for that of the old one.
        version: of the new bundle; "" for the old one with its second number one higher.
        sample: where the sample comes from, in words.
        policy: what uncertain labels and findings not mentioned become; left out by default.
        seed: of folds and draws.
        samples: draws of patients behind every interval.

    Raises:
        BundleError: a name or a version that a bundle cannot have.
    """

    method: str = "auto"
    name: str = ""
    version: str = ""
    sample: str = ""
    policy: Policy = field(default_factory=Policy)
    seed: int = 0
    samples: int = 2000

    def __post_init__(self) -> None:
        if self.version and not re.match(VERSION, self.version):
            raise BundleError(
                f"A bundle's version is three numbers, such as 1.1.0; got {self.version!r}."
            )
        if self.name and not re.match(NAME, self.name):
            raise BundleError(
                f"A bundle's name is made of a-z, 0-9 and hyphens, at most 64; got {self.name!r}."
            )


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of the operating point.

    Attributes:
        before: threshold on the old scale.
        after: threshold on the new one.
        changed: images of the sample whose decision it changes; more than 0 only where isotonic
            steps tie images on both sides.
        sensitivity: on the sample.
        specificity: on the sample.
    """

    before: float
    after: float
    changed: int
    sensitivity: Measure
    specificity: Measure


@dataclass(frozen=True, slots=True)
class Recalibrated:
    """What became of one finding.

    Attributes:
        finding: key.
        method: that was taken; "none" where the old calibration stays.
        images: of the sample that count.
        patients: of these.
        with_finding: patients with an image that shows it.
        without: patients with an image that does not.
        reason: why the old calibration stays.
        choice: what "auto" tried; None otherwise.
        change: before, and after by cross-fitting; None where the old calibration stays.
        moved: the operating point; None likewise.
        ties: different logits of the sample that share a probability, which only isotonic steps do.
        calibrator: of logits; None likewise.
    """

    finding: str
    method: Method
    images: int
    patients: int
    with_finding: int
    without: int
    reason: str = ""
    choice: Choice | None = None
    change: CalibrationChange | None = None
    moved: Moved | None = None
    ties: int = 0
    calibrator: Calibrator | None = None
