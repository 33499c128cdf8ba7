"""Spacings that no detector has (PS3.3 10.7.1.3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from pydicom import Dataset

from hilum.domain import Acquisition, Note
from hilum.errors import InvalidHeader
from hilum.imaging.elements import every
from hilum.imaging.suspicion import Suspicion

LONGEST_MM, LONGEST_BEYOND_DOUBT_MM = 460.0, 600.0
SHORTEST_MM, SHORTEST_BEYOND_DOUBT_MM = 130.0, 100.0
SHORTEST_ADULT_MM = 260.0
"""The longer side of a chest radiograph; detectors and cassettes end at 43 cm (17 inches)."""
SQUARE, SQUARE_BEYOND_DOUBT = 1.02, 1.5
"""Ratio of the two spacings; the pixels of detectors are square."""
MAGNIFIED = (0.95, 1.6)
"""Imager Pixel Spacing over Pixel Spacing: the magnification of what lies before the detector."""
ADULT_YEARS = 16.0
PROJECTION = (None, "CR", "DX", "RG", "RF", "SC", "OT")
"""Modalities whose spacing is held against the size of a chest."""


def examine_spacing(
    dataset: Dataset, shape: tuple[int, int], taken: Acquisition
) -> tuple[Suspicion, ...]:
    """Doubt spacings that no detector has.

    Args:
        dataset: the header.
        shape: rows, columns.
        taken: the facts that were read from it.

    Returns:
        Suspicions with the codes "spacing-invalid", "spacing-doubtful", "spacing-contradiction";
        one with a ``mended`` note asks for :func:`without_spacing`.

    Source:
        PS3.3 10.7.1.3 (the two spacings).
    """
    values = {name: _numbers(dataset, name) for name in ("PixelSpacing", "ImagerPixelSpacing")}
    names = {"PixelSpacing": "Pixel Spacing", "ImagerPixelSpacing": "Imager Pixel Spacing"}
    found = [
        Suspicion(Note("spacing-invalid", f"{names[name]} does not hold two numbers above 0: it "
                       "was left out, and tells no size in mm."))
        for name, pair in values.items() if pair is not None and not _positive(pair)
    ]  # fmt: skip
    other = taken.of_chest is False or taken.modality not in PROJECTION
    if taken.spacing_mm is None or other:
        return tuple(found)
    doubt = doubt_spacing(shape, taken.spacing_mm, taken.age_years)
    if doubt is not None:
        found.append(doubt)
    patient, detector = values["PixelSpacing"], values["ImagerPixelSpacing"]
    if patient and detector and _positive(patient) and _positive(detector):
        ratios = [at / of for at, of in zip(detector, patient, strict=True)]
        if not all(MAGNIFIED[0] <= ratio <= MAGNIFIED[1] for ratio in ratios):
            found.append(Suspicion(Note(
                "spacing-contradiction", f"Imager Pixel Spacing is {ratios[0]:.3g} times Pixel "
                "Spacing; the magnification of a chest is 1 to 1.3. Measures in mm may be wrong."
            )))  # fmt: skip
    return tuple(found)


def doubt_spacing(
    shape: tuple[int, int], spacing_mm: tuple[float, float], age_years: float | None
) -> Suspicion | None:
    """Doubt the spacing of a chest radiograph by the size that it gives to the picture.

    Args:
        shape: rows, columns.
        spacing_mm: between rows, between columns; above 0.
        age_years: of the patient.

    Returns:
        A suspicion "spacing-doubtful", with a ``mended`` note where no radiograph of a chest can
        have that size; None where there is nothing to doubt.
    """
    high, wide = shape[0] * spacing_mm[0], shape[1] * spacing_mm[1]
    longer, ratio = max(high, wide), max(spacing_mm) / min(spacing_mm)
    adult = age_years is not None and age_years >= ADULT_YEARS
    size = f"The spacing makes the picture {_length(wide)} wide and {_length(high)} high"
    if longer > LONGEST_MM:
        why = f"{size}; detectors end at 43 cm"
    elif longer < SHORTEST_MM:
        why = f"{size}; no chest fits in there"
    elif adult and longer < SHORTEST_ADULT_MM:
        why = f"{size}; the chest of an adult hardly fits in there, unless the picture was cropped"
    elif ratio > SQUARE:
        why = (f"The spacings between rows and between columns differ by a factor of {ratio:.3g}; "
               "the pixels of detectors are square, so the picture was stretched or the spacing "
               "is wrong")  # fmt: skip
    else:
        return None
    sure = (
        longer > LONGEST_BEYOND_DOUBT_MM
        or longer < SHORTEST_BEYOND_DOUBT_MM
        or ratio > SQUARE_BEYOND_DOUBT
    )
    mended = Note("mended-spacing", f"{why}. It was dropped: nothing is measured in mm.")
    note = Note("spacing-doubtful", f"{why}. Measures in mm may be wrong.")
    return Suspicion(note, mended if sure else None)


def without_spacing(taken: Acquisition, found: Sequence[Suspicion]) -> Acquisition:
    """Drop a spacing that one of the suspicions of :func:`examine_spacing` would mend."""
    if any(one.mended for one in found):
        return replace(taken, spacing_mm=None, spacing_at=None)
    return taken


def _numbers(dataset: Dataset, keyword: str) -> tuple[float, ...] | None:
    """The numbers of an element; empty where they are none, None where it is absent or empty."""
    try:
        values = every(dataset, keyword)
        return tuple(float(value) for value in values) or None
    except (InvalidHeader, ValueError, TypeError):
        return ()


def _positive(pair: Sequence[float]) -> bool:
    return len(pair) == 2 and all(math.isfinite(value) and value > 0 for value in pair)


def _length(mm: float) -> str:
    return f"{mm / 10:.0f} cm" if mm >= 100 else f"{mm:.2g} mm"
