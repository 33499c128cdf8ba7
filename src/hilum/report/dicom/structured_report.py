"""A reading, or a refusal, as a TID 1500 measurement report (Comprehensive SR)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydicom import Dataset

from hilum.report.dicom import codes
from hilum.report.dicom.codes import concept
from hilum.report.dicom.facts import ResultFacts
from hilum.report.dicom.finishing import (
    CAUTION_LONG,
    device_uid,
    finished,
    identity,
    need_highdicom,
    typed,
)
from hilum.report.dicom.kinds import describe
from hilum.report.dicom.measurement_groups import box_group, finding_group, summary_group
from hilum.report.dicom.source import cleaned, size_of, without_patient
from hilum.report.result_words import in_words, is_refusal, is_whole, plain, reasons, warnings

if TYPE_CHECKING:
    from highdicom.sr import ContentItem, ObservationContext


def structured_report(reading: Mapping[str, Any], source: Dataset, facts: ResultFacts) -> Dataset:
    """The report of one radiograph.

    Every finding stands in a group of its own: a tracking identifier, the decision (the finding's
    code with Present, Absent or Undetermined), the probability and the operating point from 0 to
    1, whether the probability is calibrated, and the algorithm with version and digest. Every box
    is a region of the stored picture with its score. Caution, result and warnings are texts at
    the top. A refusal says in codes and words that the radiograph was not read, and why.

    Args:
        reading: an entry of ``readings.json``, of a reading or a refusal
            (:mod:`hilum.report.record`).
        source: the radiograph's header; pixels are not needed.
        facts: of the reading.

    Returns:
        A Comprehensive SR document, unverified and preliminary; partial for a refusal, and where
        a decision is lacking.

    Raises:
        MissingExtra: highdicom is not installed.
        ResultError: the header does not identify the radiograph, or is of another one.
        UnknownName: a finding that the vocabulary does not have.

    Source:
        PS3.16 TID 1500, 1501, 1410, 1420, 4019; PS3.3 A.35.3.
    """
    need_highdicom()
    from highdicom.sr import ComprehensiveSR, MeasurementReport

    header, kind = cleaned(source), describe("sr")
    if not is_refusal(reading):
        size_of(header, reading)
    groups = [summary_group(reading, header, facts)]
    groups += [finding_group(p, header, facts) for p in reading.get("predictions", ())]
    groups += [box_group(i, box, header, facts) for i, box in enumerate(reading.get("boxes", ()))]
    content = MeasurementReport(
        observation_context=_observer(facts),
        procedure_reported=concept(codes.CHEST_XRAY),
        imaging_measurements=groups,
    )
    items = content[0].ContentSequence
    texts = _texts(reading)
    items[-1:] = [*texts, items[-1]]  # before the measurements: read first
    with typed(header, kind):
        made = ComprehensiveSR(
            evidence=[without_patient(header)],
            content=content[0],
            is_complete=is_whole(reading),
            is_final=False,
            is_verified=False,
            coding_schemes=[codes.own_scheme()],
            **identity(header, facts, kind),
        )
    return finished(made, header, facts)


def _observer(facts: ResultFacts) -> ObservationContext:
    from highdicom.sr import (
        DeviceObserverIdentifyingAttributes,
        ObservationContext,
        ObserverContext,
    )
    from pydicom.sr.codedict import codes as dictionary

    device = DeviceObserverIdentifyingAttributes(
        uid=device_uid(facts),
        name="Hilum",
        manufacturer_name="Hilum",
        model_name=f"Hilum {facts.hilum}; {facts.bundle}",
        serial_number=facts.device,
    )
    return ObservationContext(
        observer_device_context=ObserverContext(dictionary.DCM.Device, device)
    )


def _texts(reading: Mapping[str, Any]) -> list[ContentItem]:
    from highdicom.sr import TextContentItem

    told = [(codes.CAUTION, CAUTION_LONG), (codes.RESULT, in_words(reading))]
    told += [(codes.REASON, reason) for reason in reasons(reading)]
    told += [(codes.WARNING, warning) for warning in warnings(reading)]
    return [
        TextContentItem(name=concept(name), value=plain(text), relationship_type="CONTAINS")
        for name, text in told
        if plain(text)
    ]
