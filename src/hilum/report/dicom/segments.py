"""How a segmentation describes its segments, and how it is put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from hilum.report.dicom import codes
from hilum.report.dicom.codes import concept
from hilum.report.dicom.facts import ResultFacts
from hilum.report.dicom.finishing import CAUTION, finished, identity, own_uid, typed
from hilum.report.dicom.frames import as_single_frame, name_first_frame
from hilum.report.dicom.kinds import Kind
from hilum.report.dicom.source import without_patient

if TYPE_CHECKING:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentDescription


def segment(
    number: int,
    label: str,
    what: tuple[codes.Code, codes.Code, codes.Code],
    facts: ResultFacts,
    tracking_uid: str,
    colour: tuple[int, int, int],
) -> SegmentDescription:
    """One segment, drawn by an algorithm.

    Args:
        number: from 1.
        label: shown.
        what: category, type, and what modifies the type.
        facts: of the bundle that drew it.
        tracking_uid: of the segment.
        colour: red, green, blue.
    """
    from highdicom.color import CIELabColor
    from highdicom.seg import SegmentDescription

    category, kind, modifier = map(concept, what)
    made = SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=category,
        segmented_property_type=kind,
        algorithm_type="AUTOMATIC",
        algorithm_identification=_algorithm(facts),
        tracking_uid=tracking_uid,
        tracking_id=label,
        display_color=CIELabColor.from_rgb(*colour),
    )
    item = made.SegmentedPropertyTypeCodeSequence[0]
    item.SegmentedPropertyTypeModifierCodeSequence = [modifier]
    return made


def _algorithm(facts: ResultFacts) -> AlgorithmIdentificationSequence:
    from highdicom import AlgorithmIdentificationSequence

    return AlgorithmIdentificationSequence(
        name=facts.bundle_name[:64],
        family=concept(codes.ARTIFICIAL_INTELLIGENCE),
        version=facts.bundle_version[:64],
        source="Hilum",
        parameters={"digest": facts.bundle_digest},
    )


def assembled(
    planes: Sequence[NDArray[np.bool_]] | Sequence[NDArray[np.uint8]],
    segments: list[SegmentDescription],
    of: tuple[Dataset, ResultFacts, Kind],
) -> Dataset:
    """The object: binary for planes of bool, fractional for uint8 in steps of 1/255.

    Args:
        planes: [rows, columns], one a segment.
        segments: of each plane.
        of: cleaned header of the radiograph, facts of the reading, kind of object.
    """
    from highdicom.seg import Segmentation

    header, facts, kind = of
    given = as_single_frame(without_patient(header))
    fractional = planes[0].dtype == np.uint8
    # highdicom takes seconds and a gigabyte for large planes of numbers: it is given the size alone
    given_planes = np.zeros(planes[0].shape, np.uint8) if fractional else np.stack(planes, -1)[None]
    with typed(header, kind):
        made = Segmentation(
            source_images=[given],
            pixel_array=given_planes,
            segmentation_type="FRACTIONAL" if fractional else "BINARY",
            segment_descriptions=segments,
            content_label="HILUM_AI",
            content_description=CAUTION,
            omit_empty_frames=False,
            coding_schemes=[codes.own_scheme()],
            **identity(header, facts, kind),
        )
    if fractional:
        made.PixelData = b"".join(plane.tobytes() for plane in planes)
        made.PixelData += b"\0" * (len(made.PixelData) % 2)
        made.SegmentsOverlap = "YES" if len(planes) > 1 else "NO"
    organization = own_uid(header, facts, f"{kind.key} dimensions")
    for row in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        row.DimensionOrganizationUID = organization
    name_first_frame(made, header)
    return finished(made, header, facts)
