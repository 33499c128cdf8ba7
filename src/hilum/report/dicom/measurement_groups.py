"""Measurement groups of the structured report: one a finding, one a box, one for the whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom import Dataset

from hilum.report.dicom import codes
from hilum.report.dicom.codes import concept, of_finding
from hilum.report.dicom.facts import ResultFacts
from hilum.report.dicom.finishing import own_uid
from hilum.report.dicom.source import size_of
from hilum.report.result_words import decided, is_refusal, is_whole, plain

if TYPE_CHECKING:
    from highdicom.sr import (
        AlgorithmIdentification,
        FindingSite,
        Measurement,
        MeasurementsAndQualitativeEvaluations,
        PlanarROIMeasurementsAndQualitativeEvaluations,
        TrackingIdentifier,
    )

Record = Mapping[str, Any]


def summary_group(
    record: Record, header: Dataset, facts: ResultFacts
) -> MeasurementsAndQualitativeEvaluations:
    """Whether the radiograph was read, and whether anything was found, in codes of CID 6047."""
    return _group(
        "Whole radiograph", header, facts, evaluations=[(codes.SUMMARY, _summary(record))]
    )


def _summary(record: Record) -> codes.Code:
    if is_refusal(record):
        return codes.NOT_READ
    found = bool(decided(record, "present") or record.get("boxes"))
    if is_whole(record):
        return codes.WITH_FINDINGS if found else codes.WITHOUT_FINDINGS
    return codes.IN_PART_WITH_FINDINGS if found else codes.IN_PART_WITHOUT


def finding_group(
    prediction: Record, header: Dataset, facts: ResultFacts
) -> MeasurementsAndQualitativeEvaluations:
    """One finding of the whole radiograph."""
    code = of_finding(prediction["finding"])
    numbers = [
        _number(codes.PROBABILITY, prediction["probability"]),
        _number(codes.OPERATING_POINT, prediction["operating_point"]),
        _number(codes.SPREAD, prediction.get("spread")),
    ]
    calibrated = codes.CALIBRATED if prediction["calibrated"] else codes.UNCALIBRATED
    return _group(
        code[2],
        header,
        facts,
        stage=prediction.get("stage"),
        measurements=[number for number in numbers if number is not None],
        evaluations=[
            (code, codes.DECISIONS[prediction["decision"]]),
            (codes.CALIBRATION, calibrated),
        ],
    )


def box_group(
    index: int, box: Record, header: Dataset, facts: ResultFacts
) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    """One box as a region of the stored picture (PS3.3 C.18.6.1.2: its outer corner is 0, 0)."""
    from highdicom.sr import (
        ImageRegion,
        PlanarROIMeasurementsAndQualitativeEvaluations,
        QualitativeEvaluation,
        SourceImageForRegion,
        TextContentItem,
    )

    code = of_finding(box["finding"])
    wide, high = box.get("size_mm") or (None, None)
    numbers = [
        _number(codes.BOX_SCORE, box["score"]),
        _number(codes.WIDTH, wide, unit=codes.MILLIMETRE),
        _number(codes.HEIGHT, high, unit=codes.MILLIMETRE),
    ]
    image = SourceImageForRegion(header.SOPClassUID, header.SOPInstanceUID, _frames(header))
    group = PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracked(f"{code[2]}, box {index + 1}", f"box {index}", header, facts),
        referenced_region=ImageRegion("POLYLINE", outline(box["xywh"], size_of(header)), image),
        finding_type=concept(code),
        algorithm_id=_algorithm(facts, box.get("stage")),
        finding_sites=_sites(box.get("zones", ())),
        measurements=[number for number in numbers if number is not None],
        qualitative_evaluations=[
            QualitativeEvaluation(concept(codes.BOX_ORIGIN), concept(codes.ORIGINS[box["origin"]]))
        ],
    )
    if box.get("zones"):
        group[0].ContentSequence.append(
            TextContentItem(
                name=concept(codes.ZONES_IN_WORDS),
                value=plain(", ".join(box["zones"])),
                relationship_type="CONTAINS",
            )
        )
    return group


def outline(xywh: tuple[float, float, float, float], size: tuple[int, int]) -> np.ndarray:
    """A box as a closed line, cut at the edge of the picture.

    Args:
        xywh: left, top, width, height in stored pixels.
        size: rows and columns.

    Returns:
        float64 [5, 2]: (x, y), the first point again at the end.
    """
    rows, columns = size
    x, y, wide, high = xywh
    left, right = np.clip([x, x + wide], 0, columns).tolist()
    top, bottom = np.clip([y, y + high], 0, rows).tolist()
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])


def _group(
    name: str,
    header: Dataset,
    facts: ResultFacts,
    *,
    evaluations: list[tuple[codes.Code, codes.Code]],
    measurements: list[Measurement] | None = None,
    stage: str | None = None,
) -> MeasurementsAndQualitativeEvaluations:
    from highdicom.sr import (
        MeasurementsAndQualitativeEvaluations,
        QualitativeEvaluation,
        SourceImageForMeasurementGroup,
    )

    image = SourceImageForMeasurementGroup(
        header.SOPClassUID, header.SOPInstanceUID, _frames(header)
    )
    what = name if stage is None else f"{name} ({plain(stage)})"
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracked(what, what, header, facts),
        algorithm_id=_algorithm(facts, stage),
        measurements=measurements,
        qualitative_evaluations=[
            QualitativeEvaluation(concept(one), concept(two)) for one, two in evaluations
        ],
        source_images=[image],
    )


def _tracked(shown: str, key: str, header: Dataset, facts: ResultFacts) -> TrackingIdentifier:
    from highdicom.sr import TrackingIdentifier

    return TrackingIdentifier(uid=own_uid(header, facts, f"tracked {key}"), identifier=shown)


def _algorithm(facts: ResultFacts, stage: str | None) -> AlgorithmIdentification:
    """Name, version and digest of the bundle (TID 4019)."""
    from highdicom.sr import AlgorithmIdentification

    parameters = [f"Digest of the bundle's card (SHA-256): {facts.bundle_digest}"]
    if stage is not None:
        parameters.append(f"Stage of the chain: {plain(stage)}")
    return AlgorithmIdentification(
        name=facts.bundle_name,
        version=facts.bundle_version,
        parameters=parameters,
        family=concept(codes.ARTIFICIAL_INTELLIGENCE),
    )


def _number(
    name: codes.Code, value: float | None, *, unit: codes.Code = codes.NO_UNITS
) -> Measurement | None:
    from highdicom.sr import Measurement

    if value is None:
        return None
    return Measurement(name=concept(name), value=float(value), unit=concept(unit))


def _sites(zones: tuple[str, ...]) -> list[FindingSite] | None:
    """Zones as anatomic locations with their side; those without a code stay words alone."""
    from highdicom.sr import FindingSite

    found: list[FindingSite] = []
    for zone in zones:
        side, _, third = zone.partition(" ")
        if side in codes.SIDES and third in codes.ZONES:
            found.append(
                FindingSite(
                    anatomic_location=concept(codes.ZONES[third]),
                    laterality=concept(codes.SIDES[side]),
                )
            )
    return found or None


def _frames(header: Dataset) -> list[int] | None:
    """The frame that was read, the first, where there are several."""
    return [1] if "NumberOfFrames" in header else None
