"""Boxes and words over the radiograph, in the window that the radiograph was read with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.valuerep import DS

from hilum.domain import finding
from hilum.errors import ResultError
from hilum.imaging.dicomfile import quiet
from hilum.imaging.grey import GreyFacts, LookUp, Window
from hilum.imaging.header import GREY, grey_facts, pixel_header
from hilum.report.dicom.facts import ResultFacts
from hilum.report.dicom.finishing import CAUTION, finished, identity, need_highdicom, typed
from hilum.report.dicom.frames import as_single_frame, name_first_frame
from hilum.report.dicom.kinds import describe
from hilum.report.dicom.measurement_groups import outline
from hilum.report.dicom.source import cleaned, size_of, without_patient
from hilum.report.result_words import (
    NOT_WHOLE,
    decided,
    in_words,
    is_refusal,
    is_whole,
    plain,
    probability,
    reasons,
)

if TYPE_CHECKING:
    from highdicom.pr import GraphicAnnotation, GraphicLayer, TextObject

_LONGEST = 1024
"""Of Unformatted Text Value, an ST (PS3.5 6.2): characters there; bytes here, which some count."""


def presentation_state(reading: Mapping[str, Any], source: Dataset, facts: ResultFacts) -> Dataset:
    """Boxes, each with its finding and score, and the result in words at the top left.

    Modality and VOI transformation and polarity are the radiograph's own, as Hilum reads them.

    Args:
        reading: an entry of ``readings.json``, of a reading or a refusal.
        source: the radiograph's header, with its look-up tables; pixels are not needed.
        facts: of the reading.

    Raises:
        MissingExtra: highdicom is not installed.
        ResultError: the header does not identify the radiograph, is of another one, or of a
            picture in colour, for which a capture can be made.
        InvalidHeader, UnsupportedImage: its grey levels are undefined, or of a kind not read.

    Source:
        PS3.3 A.33.1, C.10.5, C.11.6, C.11.8.
    """
    need_highdicom()
    from highdicom import pr

    header, kind = cleaned(source), describe("gsps")
    size_of(header, None if is_refusal(reading) else reading)
    with quiet():
        pixel = pixel_header(source)
        if pixel.photometric not in GREY:
            raise ResultError(
                f"The radiograph is in colour ({pixel.photometric}); presentation states are made "
                "for grey levels alone. A secondary capture can be made of it."
            )
        grey = grey_facts(source, pixel)[0]
    # highdicom would take tables as they stand; they come below
    given = as_single_frame(without_patient(header))
    given.SamplesPerPixel = pixel.samples
    given.PhotometricInterpretation = pixel.photometric
    given.BitsAllocated = pixel.allocated
    layer = pr.GraphicLayer(
        layer_name="HILUM", order=1, description=CAUTION, display_color=_amber()
    )
    with typed(header, kind):
        made = pr.GrayscaleSoftcopyPresentationState(
            referenced_images=[given],
            content_label="HILUM_AI",
            content_description=CAUTION,
            graphic_annotations=[_annotation(reading, given, layer)],
            graphic_layers=[layer],
            **identity(header, facts, kind),
        )
    _set_grey(made, source, grey)
    name_first_frame(made, header)
    if "PixelAspectRatio" in header:  # highdicom takes all pixels for square
        for area in made.DisplayedAreaSelectionSequence:
            area.PresentationPixelAspectRatio = header.PixelAspectRatio
    return finished(made, header, facts)


def _amber() -> Any:
    from highdicom.color import CIELabColor

    return CIELabColor(78.0, 12.0, 74.0)


def _annotation(
    reading: Mapping[str, Any], header: Dataset, layer: GraphicLayer
) -> GraphicAnnotation:
    from highdicom.pr import GraphicAnnotation, GraphicObject

    size = size_of(header)
    boxes = reading.get("boxes", ())
    return GraphicAnnotation(
        referenced_images=[header],
        graphic_layer=layer,
        graphic_objects=[
            GraphicObject("POLYLINE", outline(box["xywh"], size), units="PIXEL") for box in boxes
        ]
        or None,
        text_objects=[_words(reading), *(_name(box, size) for box in boxes)],
    )


def _words(reading: Mapping[str, Any]) -> TextObject:
    """Caution and result, at the top left of what is displayed."""
    from highdicom.pr import TextObject

    lines = [CAUTION]
    if is_refusal(reading):
        lines += ["NOT READ", *reasons(reading)]
    else:
        for decision, mark in (("present", ""), ("abstained", "no decision: ")):
            lines += [
                f"{mark}{finding(p['finding']).name} {probability(p['probability'])}"
                f"{'' if p['calibrated'] else ' (not calibrated)'}"
                for p in decided(reading, decision)
            ]
        if len(lines) == 1:
            lines.append(in_words(reading))
        elif not decided(reading, "abstained") and not is_whole(reading):
            lines.insert(1, NOT_WHOLE)
    text = plain("\n".join(lines)).replace("\n", "\r\n")
    text = text.encode()[:_LONGEST].decode(errors="ignore").rstrip()
    return TextObject(
        text, units="DISPLAY", bounding_box=(0.01, 0.01, 0.6, 0.25), text_justification="LEFT"
    )


def _name(box: Mapping[str, Any], size: tuple[int, int]) -> TextObject:
    from highdicom.pr import TextObject

    corner = outline(box["xywh"], size)[0]
    return TextObject(
        f"{finding(box['finding']).name} {probability(box['score'])}",
        units="PIXEL",
        anchor_point=(float(corner[0]), float(corner[1])),
        anchor_point_visible=False,
    )


def _set_grey(made: Dataset, source: Dataset, grey: GreyFacts) -> None:
    """Modality LUT, Softcopy VOI LUT and Softcopy Presentation LUT as Hilum applies them."""
    voi = grey.voi
    if grey.modality is not None:
        voi = _set_modality_table(made, grey.modality, voi, signed=grey.signed)
    elif "RescaleSlope" in source or "RescaleIntercept" in source:
        made.RescaleIntercept = DS(grey.intercept, auto_format=True)
        made.RescaleSlope = DS(grey.slope, auto_format=True)
        made.RescaleType = "US"
    item = Dataset()
    if isinstance(voi, LookUp):
        top = (1 << voi.bits) - 1
        item.VOILUTSequence = DicomSequence([_table(voi, 65535 / top, signed=voi.first < 0)])
    elif voi is not None and voi.valid:
        item.WindowCenter = DS(voi.centre, auto_format=True)
        item.WindowWidth = DS(voi.width, auto_format=True)
        if voi.function != "LINEAR":
            item.VOILUTFunction = voi.function
    if len(item):
        made.SoftcopyVOILUTSequence = DicomSequence([item])
    made.PresentationLUTShape = "INVERSE" if grey.inverted else "IDENTITY"


def _set_modality_table(
    made: Dataset, table: LookUp, voi: LookUp | Window | None, *, signed: bool
) -> Window:
    """Set a Modality LUT whose entries fill 16 bits; returns the window that goes with them.

    Presentation states know tables of 8 and 16 bits alone, and a viewer takes the bits for the
    range of values. So entries are stretched, and the window with them; a VOI LUT behind the table
    becomes part of it.
    """
    values, top = table.values, float((1 << table.bits) - 1)
    if isinstance(voi, LookUp):
        values, top, voi = voi(values), float((1 << voi.bits) - 1), None
    by = 65535 / max(1.0, float(values.max()))
    item = _table(LookUp(table.first, values, table.bits), by, signed=signed)
    item.ModalityLUTType = "US"
    made.ModalityLUTSequence = DicomSequence([item])
    if voi is None or not voi.valid:
        voi = Window((top + 1) / 2, top + 1)  # all that the table may give
    if voi.function == "LINEAR":  # C.11.2.1.2.1: half a value and a whole one less
        return Window((voi.centre - 0.5) * by + 0.5, (voi.width - 1) * by + 1)
    return Window(voi.centre * by, voi.width * by, voi.function)


def _table(table: LookUp, by: float, *, signed: bool) -> Dataset:
    """A look-up table as an item, its entries multiplied; 65,536 entries are written as 0.

    Source:
        PS3.3 C.11.1.1.1, C.11.2.1.1.
    """
    item = Dataset()
    entries = len(table.values) % 65536
    if signed and entries > 32767:
        entries -= 65536  # the same 16 bits
    item.add_new("LUTDescriptor", "SS" if signed else "US", [entries, table.first, 16])
    item.add_new("LUTData", "OW", np.rint(table.values * by).astype("<u2").tobytes())
    return item
