"""Is this a frontal chest radiograph that the bundle can judge?

Three looks, the cheap ones first: at the header, at the picture alone, and at how far its features
lie from those of the radiographs that the bundle was trained on.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.bundles import Bundle
from hilum.domain import Acquisition, GateVerdict, Note, Radiograph, View
from hilum.errors import InvalidCard
from hilum.imaging import checks

PROJECTION = frozenset({"CR", "DX", "RG", "RF", "SC", "OT", "XC"})
"""Modalities that can hold a chest radiograph (PS3.3 C.7.3.1.1.1); SC and OT say little."""

OTHER_PARTS = (
    "ABDOMEN", "ANKLE", "ARM", "BREAST", "CALCANEUS", "CALF", "CERVIX", "CLAVICLE", "COCCYX",
    "CSPINE", "ELBOW", "EXTREMITY", "EYE", "FACE", "FEMUR", "FINGER", "FOOT", "FOREARM", "HAND",
    "HEAD", "HIP", "HUMERUS", "JAW", "KNEE", "LEG", "LSPINE", "MANDIBLE", "MAXILLA", "NECK",
    "NOSE", "ORBIT", "PATELLA", "PELVIS", "RADIUS", "SCAPULA", "SHOULDER", "SINUS", "SKULL",
    "SPINE", "TEETH", "TIBIA", "TOE", "ULNA", "WRIST", "ZYGOMA",
)  # fmt: skip
"""Defined terms of Body Part Examined (PS3.16 Annex L) that name something else."""

ADULT_YEARS = 16.0
SMALLEST_PX = 128
COLOURED = 0.1
"""From so large a share of coloured pixels a picture is a photograph or a screenshot."""
COLOURED_MARKS = 0.002

CALIBRATED_AT = 0.99
"""A distance of 1 is this quantile of radiographs that the statistics were not fitted on."""
LIMIT = 1.4
"""Refused beyond, when the picture looks like a chest, upright or turned or inverted.

Chosen with one network and two sources that its statistics never saw, against hands, photographs,
textures and noise. What a shipped bundle refuses of such sources is measured anew, on its card.
"""
LIMIT_UNLIKE = 1.15
"""Refused beyond, when the picture does not look like a chest either; flagged beyond otherwise."""
UNLIKE = 0.5
"""Correlation with the mean chest below which an upright picture does not look like one."""
UNLIKE_TURNED = 0.65
"""The same for one taken for a chest turned or inverted, which many things resemble."""

AXES = 128
"""Directions in feature space that are whitened one by one; the rest share one variance."""


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Where the features of frontal chest radiographs lie.

    Features are scaled to length 1. The squared distance is Mahalanobis' in the directions of
    largest variance, plus the rest over its mean variance (Lee et al. 2018, § 2.1, with a
    probabilistic principal component model of the covariance, Tipping & Bishop 1999).

    Attributes:
        mean: float32 [width].
        axes: float32 [directions, width], orthonormal.
        variance: float32 [directions].
        rest: mean variance outside the directions.
        unit: squared distance that counts as 1.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    variance: NDArray[np.float32]
    rest: float
    unit: float

    @classmethod
    def fit(cls, features: NDArray[np.float32], rng: np.random.Generator) -> Statistics:
        """Fit on 70 % of the rows, and set the unit on the others.

        Args:
            features: [radiographs, width], at least 20.
            rng: divides them.
        """
        rows = rng.permutation(len(features))
        cut = int(0.7 * len(rows))
        unit_length = _to_length_one(features)
        inside = unit_length[rows[:cut]]
        mean = inside.mean(0)
        _, singular, axes = np.linalg.svd(inside - mean, full_matrices=False)
        variance = singular**2 / len(inside)
        kept = min(AXES, len(variance) // 2)
        fitted = cls(
            mean=mean.astype(np.float32),
            axes=axes[:kept].astype(np.float32),
            variance=variance[:kept].astype(np.float32),
            rest=float(variance[kept:].sum() / max(1, features.shape[1] - kept)),
            unit=1.0,
        )
        squared = fitted.distance(features[rows[cut:]]) ** 2
        return replace(fitted, unit=float(np.quantile(squared, CALIBRATED_AT)))

    def distance(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Distances [radiographs] of features [radiographs, width], in units of 1."""
        centred = _to_length_one(features).astype(np.float64) - self.mean
        along = centred @ self.axes.T.astype(np.float64)
        rest = (centred**2).sum(1) - (along**2).sum(1)
        squared = (along**2 / self.variance).sum(1) + np.maximum(rest, 0) / self.rest
        return np.sqrt(squared / self.unit)

    def to_bytes(self) -> bytes:
        """An .npz without pickles."""
        buffer = io.BytesIO()
        np.savez(
            buffer,
            mean=self.mean,
            axes=self.axes.astype(np.float16),
            variance=self.variance,
            scalars=np.array([self.rest, self.unit]),
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Statistics:
        """Read what :meth:`to_bytes` wrote; pickles are refused.

        Raises:
            InvalidCard: an array is missing or of another shape, or a number is not finite, or a
                variance or the unit not above 0.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                mean, axes, variance, scalars = (
                    np.asarray(file[name], np.float32)
                    for name in ("mean", "axes", "variance", "scalars")
                )
        except (KeyError, TypeError, ValueError, OSError, zipfile.BadZipFile) as error:
            raise InvalidCard(f"The gate's statistics cannot be read ({error}).") from error
        fits = (mean.ndim, variance.ndim, scalars.shape) == (1, 1, (2,))
        if not fits or axes.shape != (len(variance), len(mean)):
            raise InvalidCard("The gate's statistics have arrays of shapes that do not agree.")
        if not all(np.isfinite(part).all() for part in (mean, axes, variance, scalars)):
            raise InvalidCard("The gate's statistics hold numbers that are not finite.")
        if min(float(variance.min(initial=np.inf)), float(scalars.min())) <= 0.0:
            raise InvalidCard(
                "The gate's statistics hold a variance or a unit that is not above 0."
            )
        rest, unit = (float(v) for v in scalars)
        return cls(mean, axes, variance, rest, unit)


def likeness(facts: checks.PictureFacts) -> tuple[float, bool]:
    """How much a picture looks like a chest in its pose, and whether that is turned or inverted."""
    turn, inverted = facts.pose
    score = facts.likeness[turn // 90]
    return (-score if inverted else score), bool(turn or inverted)


def limit(likeness: float, turned: bool) -> float:
    """The distance beyond which a picture is refused.

    Args:
        likeness: correlation with the mean chest in its best pose, in [-1, 1].
        turned: whether that pose is not upright and positive.
    """
    return LIMIT if likeness >= (UNLIKE_TURNED if turned else UNLIKE) else LIMIT_UNLIKE


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """The quality gate of one bundle.

    Attributes:
        statistics: of its training radiographs' features; None for a bundle without.
    """

    statistics: Statistics | None

    @classmethod
    def of(cls, bundle: Bundle) -> Gate:
        """Load the bundle's feature statistics; without them only header and picture are checked.

        Raises:
            InvalidCard: they cannot be read.
        """
        file = bundle.card.gate
        return cls(Statistics.from_bytes(bundle.read_bytes(file)) if file else None)

    def look(self, radiograph: Radiograph) -> GateVerdict:
        """Judge by header and picture alone, before the network runs."""
        facts = checks.measure(radiograph.pixels)
        said = checks.flags(facts)
        reasons, flags = _header(radiograph.acquisition, radiograph.source.format == "dicom")
        for note in said:
            (reasons if note.code in {"blank", "noise-only"} else flags).append(note)
        _frame(radiograph, reasons, flags)
        return GateVerdict(
            reasons=tuple(reasons), flags=tuple(flags), limit=limit(*likeness(facts))
        )

    def judge(self, verdict: GateVerdict, features: NDArray[np.float32] | None) -> GateVerdict:
        """Complete the verdict of :meth:`look` by the features [width] of one picture.

        Raises:
            InvalidCard: the graph gives another number of features than the statistics hold.
        """
        if self.statistics is None or features is None or verdict.limit is None:
            note = Note(
                "no-feature-gate",
                "This bundle holds no feature statistics: only header and picture were checked.",
            )
            return replace(verdict, flags=(*verdict.flags, note), limit=None)
        known = self.statistics.mean.shape
        if features.shape != known:
            raise InvalidCard(
                f"The gate's statistics are of {known[0]} features, the graph gives "
                f"{list(features.shape)}: they belong to another network."
            )
        distance = float(self.statistics.distance(features[None])[0])
        if not distance <= verdict.limit:  # refused as well when it is no number
            reason = Note(
                "not-a-frontal-chest",
                f"Nothing like the frontal chest radiographs that the bundle knows (distance "
                f"{distance:.2f}, at most {verdict.limit:g} is read).",
            )
            return replace(verdict, reasons=(*verdict.reasons, reason), distance=distance)
        if distance > LIMIT_UNLIKE:
            flag = Note(
                "unusual",
                f"Unlike most radiographs that the bundle knows (distance {distance:.2f}, read up "
                f"to {verdict.limit:g}).",
            )
            return replace(verdict, flags=(*verdict.flags, flag), distance=distance)
        return replace(verdict, distance=distance)


def _header(acquisition: Acquisition, dicom: bool) -> tuple[list[Note], list[Note]]:
    reasons: list[Note] = []
    flags: list[Note] = []
    modality, part = acquisition.modality, (acquisition.body_part or "").upper()
    if modality and modality not in PROJECTION:
        reasons.append(Note("modality", f"Modality {modality} is no plain radiograph."))
    if acquisition.of_chest is False:
        squeezed = "".join(c for c in part if c.isalpha())
        if any(squeezed.startswith(other) or squeezed.endswith(other) for other in OTHER_PARTS):
            reasons.append(Note("body-part", f"Body part {part[:32]}, not a chest."))
        else:
            flags.append(Note("body-part", f"Body part {part[:32]!r} is not known to be a chest."))
    if acquisition.view is View.LATERAL:
        reasons.append(Note("lateral", "A lateral view; only frontal views are read."))
    elif acquisition.view is View.OTHER:
        flags.append(Note("view", "The header names a view that is neither PA nor AP."))
    age = acquisition.age_years
    if age is not None and age < ADULT_YEARS:
        flags.append(Note("child", f"A patient of {age:.0f} years; the bundle knows adults."))
    elif age is None and dicom:
        flags.append(Note("age-unknown", "The header does not say whether this is an adult."))
    return reasons, flags


def _frame(radiograph: Radiograph, reasons: list[Note], flags: list[Note]) -> None:
    rows, columns = radiograph.source.shape  # the picture itself may have been made smaller
    if min(rows, columns) < SMALLEST_PX:
        reasons.append(
            Note("too-small", f"{rows} × {columns} px; at least {SMALLEST_PX} px are needed.")
        )
    if not 0.5 <= rows / columns <= 2.0:
        reasons.append(Note("aspect", f"{rows} × {columns} px is too long for a frontal chest."))
    if radiograph.chroma >= COLOURED:
        share = f"{radiograph.chroma:.0%} of its pixels are coloured"
        reasons.append(Note("coloured", f"A photograph or a screenshot: {share}."))
    elif radiograph.chroma >= COLOURED_MARKS:
        flags.append(Note("coloured-marks", "Coloured marks lie on the picture."))


def _to_length_one(features: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(length, np.float32(1e-12))
