"""A radiograph: grey levels that always mean the same, and the facts that came with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hilum.domain.geometry import Affine

CHEST_WORDS = ("CHEST", "THORA", "TORAX", "LUNG", "HEART", "RIB", "STERNUM", "PULM", "POUMON")
"""Parts of what stands in Body Part Examined where a chest was examined."""

_TURNED = {("L", "H"), ("R", "H"), ("H", "L"), ("H", "R"), ("F", "L"), ("F", "R")}


class View(StrEnum):
    """The direction of projection (PS3.3 C.8.11.5, View Position)."""

    PA = "PA"
    AP = "AP"
    LATERAL = "lateral"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a reader of the result should know.

    Attributes:
        code: stable, lower case with hyphens: ``"no-window"``, ``"rotated"``.
        message: one sentence for people, without patient data.
        warning: whether the result may suffer; otherwise the note only tells what was done.
    """

    code: str
    message: str
    warning: bool = True


@dataclass(frozen=True, slots=True)
class Acquisition:
    """Facts from the header; ``None`` where the file does not say. Never a name or a number.

    Attributes:
        modality: DICOM Modality (0008,0060), such as "DX"; None for PNG, JPEG and TIFF.
        body_part: Body Part Examined (0018,0015), upper case.
        view: projection.
        laterality: "L", "R", "B" or "U", from Image Laterality or Laterality.
        patient_orientation: Patient Orientation (0020,0020), such as ("L", "F").
        age_years: Patient's Age in years; a fraction for days, weeks, months.
        sex: "M", "F" or "O".
        spacing_mm: (between rows, between columns) in mm.
        spacing_at: where the spacing holds: "patient" (Pixel Spacing that was calibrated),
            "detector" (Imager Pixel Spacing, or a Pixel Spacing that repeats it) or "unknown"
            (Pixel Spacing of which nothing tells whether it was calibrated).
        manufacturer: maker of the device.
        model: Manufacturer's Model Name.
        kvp: tube voltage in kV.
        photometric: Photometric Interpretation as stored.
        bits_stored: Bits Stored, or the depth of a PNG, JPEG or TIFF.
        transfer_syntax_uid: how the pixels were encoded.
        grey: how stored values became grey levels, in words: "LINEAR 2048/4096, inverted".
        frames: number of frames in the file; the first is read.
    """

    modality: str | None = None
    body_part: str | None = None
    view: View = View.UNKNOWN
    laterality: str | None = None
    patient_orientation: tuple[str, ...] = ()
    age_years: float | None = None
    sex: str | None = None
    spacing_mm: tuple[float, float] | None = None
    spacing_at: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    kvp: float | None = None
    photometric: str | None = None
    bits_stored: int | None = None
    transfer_syntax_uid: str | None = None
    grey: str = ""
    frames: int = 1

    @property
    def of_chest(self) -> bool | None:
        """Whether Body Part Examined names a chest; None where it is not told."""
        if not self.body_part:
            return None
        return any(word in self.body_part.upper() for word in CHEST_WORDS)

    @property
    def mirrored(self) -> bool:
        """Whether rows lead to the patient's right, columns to the feet (PS3.3 C.7.6.1.1.1)."""
        return self._axes == ("R", "F")

    @property
    def turned(self) -> bool:
        """Whether Patient Orientation says that the head of a frontal view is not at the top."""
        return self._axes in _TURNED

    @property
    def _axes(self) -> tuple[str, ...]:
        """Where rows and columns lead for the most part."""
        return tuple(code[:1] for code in self.patient_orientation)


@dataclass(frozen=True, slots=True)
class Source:
    """The file that a radiograph came from, and the way back to its pixels.

    Attributes:
        name: the name that the caller gave: a path relative to the folder that was read.
        format: "dicom", "png", "jpeg" or "tiff".
        shape: (rows, columns) as stored.
        to_source: maps points of the radiograph to points of the stored picture.
        instance_uid: SOP Instance UID of a DICOM file; empty otherwise. Not for file names.
        pixel_digest: checksum of the stored values of a DICOM file; empty otherwise, and where it
            was decoded at a lower resolution.
    """

    name: str
    format: str
    shape: tuple[int, int]
    to_source: Affine = field(default_factory=Affine)
    instance_uid: str = ""
    pixel_digest: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Radiograph:
    """One picture, ready to be looked at.

    Attributes:
        pixels: float32 [rows, columns] in [0, 1], 0 black: what MONOCHROME2 shows through the
            grey-scale pipeline of PS3.3 C.11 and PS3.4 N.2. Read-only.
        source: the file and the way back to its pixels.
        acquisition: facts from the header.
        notes: what intake did or noticed.
        chroma: share of pixels that are clearly coloured, in [0, 1]; 0 for a grey file.
    """

    pixels: NDArray[np.float32]
    source: Source
    acquisition: Acquisition = field(default_factory=Acquisition)
    notes: tuple[Note, ...] = ()
    chroma: float = 0.0

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.dtype != np.float32 or not self.pixels.size:
            raise ValueError(
                f"pixels must be float32 [rows, columns], got "
                f"{self.pixels.dtype} {list(self.pixels.shape)}"
            )
        low, high = float(self.pixels.min()), float(self.pixels.max())
        if not (low >= 0.0 and high <= 1.0):  # also false for NaN
            raise ValueError(f"pixels must lie in [0, 1], got {low:g} to {high:g}")
        self.pixels.flags.writeable = False

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        rows, columns = self.pixels.shape
        return rows, columns
