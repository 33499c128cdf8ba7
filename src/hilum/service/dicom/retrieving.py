"""C-FIND, C-GET and C-MOVE: what another system has, and bringing it here (PS3.4 C)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from pydicom import Dataset
from pydicom.tag import Tag
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.presentation import PresentationContext, build_context, build_role

from hilum.service.accepting import Accepted
from hilum.service.dicom.calling import Unreachable, call, release
from hilum.service.dicom.contexts import PLAIN, RADIOGRAPHS, SYNTAXES
from hilum.service.dicom.found import Found, check, wanted
from hilum.service.dicom.receiving import SUCCESS, answer, taken
from hilum.service.process import Here
from hilum.service.pulling import Query
from hilum.service.settings import Place

FIND, MOVE, GET = (f"1.2.840.10008.5.1.4.1.2.2.{number}" for number in (1, 2, 3))
"""Study Root Query/Retrieve."""

_PENDING = (0xFF00, 0xFF01)
_MOST_EACH = tuple(RADIOGRAPHS)[:4]
"""Classes for which every transfer syntax is a context of its own, so that nothing need be
transcoded; an association has room for 128."""


@dataclass(slots=True)
class Retrieval:
    """An association with a place, to find and to bring.

    Attributes:
        outcomes: SOP Instance UID → what was accepted, or why it was not, of what came by C-GET.
    """

    here: Here
    place: Place
    association: Association
    outcomes: dict[str, Accepted | str] = field(default_factory=dict)

    @property
    def gets(self) -> bool:
        """Whether it brings by C-GET; otherwise C-MOVE has it sent to our listener."""
        return any(one.abstract_syntax == GET for one in self.association.accepted_contexts)

    def find(self, query: Query, most: int) -> list[Found]:
        """Instances that a query finds.

        Raises:
            Unreachable: the other system failed.
            TooMany: more than ``most``.
        """
        found: list[Found] = []
        for study in self._find(
            "STUDY", {"StudyInstanceUID": query.study_uid, "AccessionNumber": query.accession,
                      "PatientID": query.patient_id, "StudyDate": query.days},
        ):  # fmt: skip
            for series in self._find(
                "SERIES", {"StudyInstanceUID": study, "SeriesInstanceUID": "", "Modality": ""}
            ):
                found += self._images(study, series, query)
                check(len(found), most)
        return found

    def bring(self, one: Found) -> None:
        """Have one instance sent: over this association, or to our listener.

        Raises:
            Unreachable: the other system failed.
        """
        ask = _identifier(
            "IMAGE", {"StudyInstanceUID": one.study, "SeriesInstanceUID": one.series,
                      "SOPInstanceUID": one.uid},
        )  # fmt: skip
        if not self.association.is_established:
            raise Unreachable(f"{self.place.name} ended the association.")
        if self.gets:
            answers = self.association.send_c_get(ask, GET)
        else:
            title = self.here.settings.dicom.ae_title
            answers = self.association.send_c_move(ask, title, MOVE)
        for status, _ in answers:
            code = status.get("Status")
            if code is None:
                raise Unreachable(f"{self.place.name} ended the association, or did not answer.")
            if code not in _PENDING and one.uid not in self.outcomes and code != SUCCESS:
                self.outcomes[one.uid] = _why(code, self.place, self.here, moves=not self.gets)

    def close(self) -> None:
        """End the association."""
        release(self.association)

    def _images(self, study: str, series: tuple[str, str], query: Query) -> Iterator[Found]:
        uid, modality = series
        if modality and modality not in query.modalities:
            return
        asked = {"StudyInstanceUID": study, "SeriesInstanceUID": uid, "SOPInstanceUID": "",
                 "SOPClassUID": "", "ViewPosition": ""}  # fmt: skip
        for row in self._rows("IMAGE", asked):
            one = Found(
                study, uid, _text(row, "SOPInstanceUID"), _text(row, "SOPClassUID"),
                _text(row, "ViewPosition"),
            )  # fmt: skip
            if one.uid and wanted(one, query):
                yield one

    def _find(self, level: str, asked: dict[str, str]) -> list[Any]:
        rows = list(self._rows(level, asked))
        if level == "STUDY":
            return [uid for row in rows if (uid := _text(row, "StudyInstanceUID"))]
        return [
            (uid, _text(row, "Modality"))
            for row in rows
            if (uid := _text(row, "SeriesInstanceUID"))
        ]

    def _rows(self, level: str, asked: dict[str, str]) -> list[Dataset]:
        rows: list[Dataset] = []
        if not self.association.is_established:
            raise Unreachable(f"{self.place.name} ended the association.")
        for status, row in self.association.send_c_find(_identifier(level, asked), FIND):
            code = status.get("Status")
            if code is None:
                raise Unreachable(f"{self.place.name} ended the association, or did not answer.")
            if code in _PENDING and row is not None:
                rows.append(row)
            elif code not in (*_PENDING, SUCCESS):
                raise Unreachable(f"{self.place.name} cannot search (status {code:04X}).")
        return rows


def retrieval(here: Here, place: Place) -> Retrieval:
    """An association with a place.

    Raises:
        Unreachable: there is none to be had, or it does not let us search.
    """
    outcomes: dict[str, Accepted | str] = {}

    def came(event: evt.Event) -> Dataset:
        status, why, accepted = taken(event, here, f"pull:{place.name}")
        outcomes[str(cast("C_STORE", event.request).AffectedSOPInstanceUID)] = (
            why if accepted is None else accepted
        )
        return answer(status, why)

    association = call(
        here, place, _contexts(), evt_handlers=[(evt.EVT_C_STORE, came)],
        ext_neg=[build_role(uid, scp_role=True) for uid in RADIOGRAPHS],
    )  # fmt: skip
    if not any(one.abstract_syntax == FIND for one in association.accepted_contexts):
        release(association)
        raise Unreachable(
            f"{place.name} does not let {here.settings.dicom.ae_title} search (C-FIND, Study Root)."
        )
    return Retrieval(here, place, association, outcomes)


def _contexts() -> list[PresentationContext]:
    each = [build_context(uid, [syntax]) for uid in _MOST_EACH for syntax in SYNTAXES]
    rest = [build_context(uid, list(SYNTAXES)) for uid in RADIOGRAPHS if uid not in _MOST_EACH]
    return [*(build_context(model, list(PLAIN)) for model in (FIND, GET, MOVE)), *each, *rest]


def _identifier(level: str, asked: dict[str, str]) -> Dataset:
    made = Dataset()
    made.QueryRetrieveLevel = level
    if not all(value.isascii() for value in asked.values()):
        made.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in asked.items():
        setattr(made, keyword, value)
    return made


def _text(row: Dataset, keyword: str) -> str:
    value = row.get(Tag(keyword)) if keyword in row else None
    return "" if value is None or value.value is None else str(value.value).strip()


def _why(code: int, place: Place, here: Here, *, moves: bool) -> str:
    if moves and code == 0xA801:
        return (
            f"{place.name} does not know where {here.settings.dicom.ae_title} is: enter our AE "
            f"title, host and port there."
        )
    return f"{place.name} did not send it (status {code:04X})."
