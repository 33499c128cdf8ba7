"""What Hilum says of one radiograph."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hilum.domain.found import FoundBox
from hilum.domain.geometry import Affine
from hilum.domain.radiograph import Acquisition, Note, Radiograph, Source


@dataclass(frozen=True, slots=True)
class Prediction:
    """One finding on one radiograph.

    Attributes:
        finding: key in :mod:`hilum.domain.findings`.
        logit: the network's output, before calibration.
        probability: calibrated probability in [0, 1], at the prevalence that the reading names.
        operating_point: the probability from which the finding is called present, in (0, 1), at
            the same prevalence.
        calibrated: False where too few positives stood behind the calibration to trust it.
        spread: standard deviation of the probability over the reading's rounds; None where it was
            read once.
        abstained: whether no decision is made, for it would be too unsure: neither present nor
            absent.
    """

    finding: str
    logit: float
    probability: float
    operating_point: float
    calibrated: bool = True
    spread: float | None = None
    abstained: bool = False

    def __post_init__(self) -> None:
        if not (0.0 <= self.probability <= 1.0 and 0.0 < self.operating_point < 1.0):
            raise ValueError(
                f"{self.finding}: probability {self.probability!r} and operating point "
                f"{self.operating_point!r} must lie in [0, 1] and (0, 1)"
            )

    @property
    def present(self) -> bool:
        """The decision: probability at or above the operating point, and no abstention."""
        return not self.abstained and self.probability >= self.operating_point


@dataclass(frozen=True, slots=True, eq=False)
class Heatmap:
    """Where the network found evidence for one finding.

    Attributes:
        finding: key of the finding.
        values: float32 [h, w]; positive speaks for the finding. Their mean plus a constant is the
            logit, so a place adds value / (h·w) to it. A coarse grid
            (7 × 7 for 224 px), to be enlarged for display.
        to_radiograph: maps points of the grid to points of the radiograph.
    """

    finding: str
    values: NDArray[np.float32]
    to_radiograph: Affine


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """Is this a frontal chest radiograph that the bundle can judge?

    Attributes:
        reasons: why not; empty when the radiograph is accepted.
        flags: what makes the result less certain, for an accepted one.
        distance: distance from the bundle's training radiographs in feature space; None where
            the picture was refused before, or the bundle holds no feature statistics.
        limit: the distance beyond which a picture is refused.
    """

    reasons: tuple[Note, ...] = ()
    flags: tuple[Note, ...] = ()
    distance: float | None = None
    limit: float | None = None

    @property
    def accepted(self) -> bool:
        """True when nothing speaks against reading it."""
        return not self.reasons


@dataclass(frozen=True, slots=True, eq=False)
class Rounds:
    """One radiograph read several times, changed a little each time.

    Attributes:
        name: of the set of rounds.
        join: how they were put together: "mean", "vote", "maximum", "trimmed", "weighted".
        names: of the rounds.
        probabilities: float64 [rounds, findings], at the prevalence that the reading names.
    """

    name: str
    join: str
    names: tuple[str, ...]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Findings of one radiograph that passed the gate.

    Attributes:
        source: the file.
        acquisition: facts from its header.
        bundle: "name version" of the bundle that read it.
        bundle_digest: SHA-256 of its card.
        predictions: one a finding, in the bundle's order.
        gate: the verdict; always accepted here.
        heatmaps: one a finding where the bundle has class activation maps.
        notes: warnings from intake and gate together.
        prevalence: "training", or the prevalence that the probabilities were restated for.
        radiograph: the picture, kept only when asked for.
        rounds: what each reading round said; None where it was read once.
        boxed: keys of the findings that boxes were looked for; one of them without a box was not
            found anywhere, any other was not looked for, or left undecided.
        boxes: what was found, the surest first.
    """

    source: Source
    acquisition: Acquisition
    bundle: str
    bundle_digest: str
    predictions: tuple[Prediction, ...]
    gate: GateVerdict
    heatmaps: tuple[Heatmap, ...] = ()
    notes: tuple[Note, ...] = ()
    prevalence: str = "training"
    radiograph: Radiograph | None = None
    rounds: Rounds | None = None
    boxed: tuple[str, ...] = ()
    boxes: tuple[FoundBox, ...] = ()

    def __post_init__(self) -> None:
        stray = sorted({box.finding for box in self.boxes} - set(self.boxed))
        if stray:
            raise ValueError(f"boxes of {stray}, which were not looked for")

    @property
    def present(self) -> tuple[Prediction, ...]:
        """The findings at or above their operating points, in the bundle's order."""
        return tuple(p for p in self.predictions if p.present)

    @property
    def abstained(self) -> tuple[Prediction, ...]:
        """The findings that no decision is made about, in the bundle's order."""
        return tuple(p for p in self.predictions if p.abstained)

    def __getitem__(self, finding: str) -> Prediction:
        """The prediction of one finding; KeyError names those that the bundle has."""
        for prediction in self.predictions:
            if prediction.finding == finding:
                return prediction
        raise KeyError(f"{finding!r}; this bundle has {[p.finding for p in self.predictions]}")

    def heatmap(self, finding: str) -> Heatmap | None:
        """The heatmap of one finding; None where the bundle draws none."""
        return next((h for h in self.heatmaps if h.finding == finding), None)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not read, and why. Never to be taken for a normal chest.

    Attributes:
        name: the file's name relative to the folder that was read.
        stage: "intake" (no picture could be had) or "gate" (the picture is not fit to be read).
        reasons: one or more.
        acquisition: facts from the header, where it could be read.
        gate: the verdict, when the gate refused.
        radiograph: the picture, where there is one and it was asked for.
    """

    name: str
    stage: str
    reasons: tuple[Note, ...]
    acquisition: Acquisition | None = None
    gate: GateVerdict | None = None
    radiograph: Radiograph | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not self.reasons:
            raise ValueError("a refusal needs a reason")
