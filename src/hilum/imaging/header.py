"""Header → how to decode the pixels, and what their values mean; checked before memory is taken."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom import Dataset

from hilum.domain import Note
from hilum.errors import InvalidHeader, UnsupportedImage
from hilum.imaging.elements import EXPORT_AGAIN, code, every, first, integer, number
from hilum.imaging.grey import GreyFacts, LookUp, Window
from hilum.imaging.limits import check_size
from hilum.imaging.tables import look_up

GREY = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_ICT", "YBR_RCT")
PALETTE = "PALETTE COLOR"
MAX_FRAMES = 100_000

TAGS = (
    0x00080016,  # SOP Class UID
    0x00080018,  # SOP Instance UID
    0x00280002,  # Samples per Pixel
    0x00280004,  # Photometric Interpretation
    0x00280006,  # Planar Configuration
    0x00280008,  # Number of Frames
    0x00280010,  # Rows
    0x00280011,  # Columns
    0x00280100,  # Bits Allocated
    0x00280101,  # Bits Stored
    0x00280102,  # High Bit
    0x00280103,  # Pixel Representation
    0x00280120,  # Pixel Padding Value
    0x00280121,  # Pixel Padding Range Limit
    0x00281040,  # Pixel Intensity Relationship
    0x00281050,  # Window Center
    0x00281051,  # Window Width
    0x00281052,  # Rescale Intercept
    0x00281053,  # Rescale Slope
    0x00281056,  # VOI LUT Function
    0x00283000,  # Modality LUT Sequence
    0x00283010,  # VOI LUT Sequence
    0x20500020,  # Presentation LUT Shape
    0x00281101,  # Red Palette Color Lookup Table Descriptor
    0x00281102,
    0x00281103,
    0x00281201,  # Red Palette Color Lookup Table Data
    0x00281202,
    0x00281203,
    0x00281221,  # Segmented Red Palette Color Lookup Table Data
)


@dataclass(frozen=True, slots=True)
class PixelHeader:
    """The Image Pixel Module (PS3.3 C.7.6.3), checked.

    Attributes:
        rows: height, 32 or more.
        columns: width, 32 or more.
        samples: 1 or 3.
        photometric: Photometric Interpretation.
        allocated: Bits Allocated, 8 or 16.
        stored: Bits Stored.
        high_bit: High Bit.
        signed: Pixel Representation 1.
        planar: samples lie plane by plane.
        frames: Number of Frames, 1 or more.
    """

    rows: int
    columns: int
    samples: int
    photometric: str
    allocated: int
    stored: int
    high_bit: int
    signed: bool
    planar: bool
    frames: int

    @property
    def frame_bytes(self) -> int:
        """Size of one frame that is not compressed."""
        pixels = self.rows * self.columns * (self.allocated // 8)
        if self.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422"):
            return pixels * 2  # C.7.6.3.1.2: two samples of colour for two pixels
        return pixels * self.samples


def pixel_header(dataset: Dataset) -> PixelHeader:
    """Read and check the Image Pixel Module.

    Raises:
        InvalidHeader: an element is missing or contradicts another.
        UnsupportedImage: a photometric interpretation, depth or size that is not read.
    """
    rows, columns = _required(dataset, "Rows"), _required(dataset, "Columns")
    check_size(rows, columns)
    photometric = code(dataset, "PhotometricInterpretation")
    if photometric is None:
        raise InvalidHeader(
            "Photometric Interpretation (0028,0004) is missing or no code, so polarity is "
            f"undefined (PS3.3 C.7.6.3.1.2). {EXPORT_AGAIN}"
        )
    if photometric not in (*GREY, *COLOUR, PALETTE):
        raise UnsupportedImage(
            f"Photometric Interpretation {photometric[:16]!r} is not read; expected MONOCHROME1 "
            "or MONOCHROME2 (PS3.3 C.7.6.3.1.2). Export the image as grey."
        )
    samples = integer(dataset, "SamplesPerPixel") or 1
    if samples != (3 if photometric in COLOUR else 1):
        raise InvalidHeader(
            f"Samples per Pixel {samples} does not go with {photometric} (PS3.3 C.7.6.3.1.1). "
            f"{EXPORT_AGAIN}"
        )
    allocated, stored = _required(dataset, "BitsAllocated"), _required(dataset, "BitsStored")
    if allocated in (1, 32, 64):
        raise UnsupportedImage(
            f"Bits Allocated {allocated} is not read; radiographs have 8 or 16 (PS3.3 C.8.11.3). "
            "Export the image with 16 bits."
        )
    if allocated not in (8, 16):
        raise InvalidHeader(
            f"Bits Allocated {allocated}: expected 8 or 16 (PS3.3 C.8.11.3). {EXPORT_AGAIN}"
        )
    high_bit = integer(dataset, "HighBit")
    high_bit = stored - 1 if high_bit is None else high_bit
    if not (1 <= stored <= allocated and stored - 1 <= high_bit < allocated):
        raise InvalidHeader(
            f"Bits Stored {stored}, High Bit {high_bit}, Bits Allocated {allocated} contradict "
            f"each other (PS3.5 8.1.1). {EXPORT_AGAIN}"
        )
    frames = integer(dataset, "NumberOfFrames")
    frames = 1 if frames is None else frames
    if not 1 <= frames <= MAX_FRAMES:
        raise InvalidHeader(
            f"Number of Frames {frames}: expected 1 for a radiograph (PS3.3 C.7.6.6). "
            f"{EXPORT_AGAIN}"
        )
    return PixelHeader(
        rows=rows,
        columns=columns,
        samples=samples,
        photometric=photometric,
        allocated=allocated,
        stored=stored,
        high_bit=high_bit,
        signed=integer(dataset, "PixelRepresentation") == 1,
        planar=integer(dataset, "PlanarConfiguration") == 1,
        frames=frames,
    )


def grey_facts(dataset: Dataset, pixel: PixelHeader) -> tuple[GreyFacts, tuple[Note, ...]]:
    """Read what stored values mean.

    Raises:
        InvalidHeader: a slope or a table that leaves grey levels undefined.
    """
    notes: list[Note] = []
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    table = look_up(dataset, "ModalityLUTSequence", signed=pixel.signed)
    if table is not None and slope not in (None, 1.0):
        notes.append(
            Note("two-modality-transforms", "Both a Modality LUT and a Rescale Slope are present "
                 "(PS3.3 C.11.1 allows one); the table is used.")
        )  # fmt: skip
    if code(dataset, "PixelIntensityRelationship") == "LOG":
        notes.append(
            Note("log-intensity", "Pixel values are logarithmic in intensity; no correction is "
                 "made beyond the header's own.", warning=False)
        )  # fmt: skip
    facts = GreyFacts(
        bits=pixel.stored,
        shift=pixel.high_bit + 1 - pixel.stored,
        signed=pixel.signed,
        padding=_padding(dataset, pixel),
        slope=1.0 if slope is None else slope,
        intercept=0.0 if intercept is None else intercept,
        modality=table,
        voi=_voi(dataset, table is None and _below_zero(pixel, slope, intercept), notes),
        inverted=_inverted(dataset, pixel.photometric, notes),
    )
    return facts, tuple(notes)


def _required(dataset: Dataset, keyword: str) -> int:
    value = integer(dataset, keyword)
    if value is None:
        raise InvalidHeader(
            f"{keyword} is missing, so the picture cannot be laid out (PS3.3 C.7.6.3). "
            f"{EXPORT_AGAIN}"
        )
    return value


def _padding(dataset: Dataset, pixel: PixelHeader) -> tuple[int, int] | None:
    """Pixel Padding Value and Range Limit (PS3.3 C.7.5.1.1.2), read by Pixel Representation."""
    value = integer(dataset, "PixelPaddingValue")
    if value is None:
        return None
    limit = integer(dataset, "PixelPaddingRangeLimit")
    ends = [_by_sign(end, pixel) for end in (value, value if limit is None else limit)]
    return min(ends), max(ends)


def _by_sign(value: int, pixel: PixelHeader) -> int:
    top = 1 << pixel.allocated
    value &= top - 1
    return value - top if pixel.signed and value >= top // 2 else value


def _below_zero(pixel: PixelHeader, slope: float | None, intercept: float | None) -> bool:
    """Whether modality values may be negative (PS3.3 C.11.2.1.1)."""
    half = 1 << (pixel.stored - 1)
    ends = (-half, half - 1) if pixel.signed else (0, 2 * half - 1)
    slope, intercept = 1.0 if slope is None else slope, intercept or 0.0
    return any(end * slope + intercept < 0 for end in ends)


def _voi(dataset: Dataset, signed: bool, notes: list[Note]) -> LookUp | Window | None:
    """The VOI LUT where there is one, else the first window (PS3.3 C.11.2 leaves the choice)."""
    table = look_up(dataset, "VOILUTSequence", signed=signed)
    centres, widths = every(dataset, "WindowCenter"), every(dataset, "WindowWidth")
    if table is not None:
        if centres and widths:
            notes.append(
                Note("voi-lut-preferred", "The header offers a VOI LUT and a window; the table is "
                     "used.", warning=False)
            )  # fmt: skip
        return table
    if not centres and not widths:
        return None
    centre, width = number(dataset, "WindowCenter"), number(dataset, "WindowWidth")
    if centre is None or width is None:  # absent, or the first of several is empty
        notes.append(Note("window-incomplete", "Window Center and Window Width do not come in "
                          "pairs; the window is left out."))  # fmt: skip
        return None
    if len(centres) > 1 or len(widths) > 1:
        notes.append(
            Note("several-windows", "The header offers several windows; the first is used.",
                 warning=False)
        )  # fmt: skip
    named = code(dataset, "VOILUTFunction")
    if named is None and first(dataset, "VOILUTFunction") is None:
        named = "LINEAR"
    if named not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        notes.append(Note("voi-function-unknown", "VOI LUT Function is none that PS3.3 C.11.2.1.3 "
                          "knows; LINEAR is used."))  # fmt: skip
        named = "LINEAR"
    return Window(centre, width, named)


def _inverted(dataset: Dataset, photometric: str, notes: list[Note]) -> bool:
    """Whether low values are shown white; one inversion at most.

    MONOCHROME1 means that the lowest value is white after the VOI transformation (PS3.3
    C.7.6.3.1.2). Presentation LUT Shape INVERSE says the same thing again: DX demands it of every
    MONOCHROME1 picture and IDENTITY of every MONOCHROME2 picture (C.8.11.3.1.2, C.11.6). Where
    MONOCHROME1 comes with IDENTITY, viewers disagree (dcmtk follows the shape, most others the
    photometric interpretation); the photometric interpretation is followed, with a warning.
    """
    shape = code(dataset, "PresentationLUTShape")
    dark_high = photometric == "MONOCHROME1"
    if (
        photometric in GREY
        and shape in ("IDENTITY", "INVERSE")
        and (shape == "INVERSE") != (dark_high)
    ):
        notes.append(
            Note("polarity-contradiction", f"Presentation LUT Shape {shape} contradicts "
                 f"{photometric} (PS3.3 C.8.11.3.1.2); the picture is shown inverted.")
        )  # fmt: skip
    return dark_high or (photometric == "MONOCHROME2" and shape == "INVERSE")
