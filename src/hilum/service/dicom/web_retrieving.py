"""QIDO-RS and WADO-RS: what another system has, and bringing it here (PS3.18 10.4, 10.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from dicomweb_client.web import DICOMwebClient

from hilum.errors import NotAccepted, NotNow
from hilum.service.accepting import Accepted
from hilum.service.dicom.calling import Unreachable
from hilum.service.dicom.found import Found, check, wanted
from hilum.service.dicom.multipart import DICOM, NotMultipart, Parts
from hilum.service.dicom.web_calling import TIMES_S, client, session_of
from hilum.service.process import Here
from hilum.service.pulling import Query
from hilum.service.settings import Place

_PIECE = 256 * 1024
_ACCEPT = f'multipart/related; type="{DICOM}"; transfer-syntax=*'


@dataclass(slots=True)
class WebRetrieval:
    """A DICOMweb server, to find and to bring; see :class:`hilum.service.dicom.retrieving`.

    Attributes:
        outcomes: SOP Instance UID → what was accepted, or why it was not.
    """

    here: Here
    place: Place
    _client: DICOMwebClient
    outcomes: dict[str, Accepted | str] = field(default_factory=dict)

    @property
    def gets(self) -> bool:
        """What is brought comes over this connection."""
        return True

    def find(self, query: Query, most: int) -> list[Found]:
        """Instances that a query finds.

        Raises:
            Unreachable: the other system failed.
            TooMany: more than ``most``.
        """
        asked = {"StudyInstanceUID": query.study_uid, "AccessionNumber": query.accession,
                 "PatientID": query.patient_id, "StudyDate": query.days}  # fmt: skip
        filters = {key: value for key, value in asked.items() if value}
        try:
            found: list[Found] = []
            for row in self._client.search_for_studies(search_filters=filters):
                study = _value(row, "0020000D")
                for series in self._client.search_for_series(study):
                    found += self._instances(study, series, query)
                    check(len(found), most)
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            raise Unreachable(f"{self.place.name} cannot search (HTTP {status}).") from None
        except (requests.RequestException, ValueError) as error:
            raise _away(self.place, error) from None
        return found

    def _instances(self, study: str, series: Mapping[str, Any], query: Query) -> list[Found]:
        uid, modality = _value(series, "0020000E"), _value(series, "00080060")
        if modality and modality not in query.modalities:
            return []
        rows = self._client.search_for_instances(study, uid, fields=["SOPClassUID", "ViewPosition"])
        found = [
            Found(study, uid, _value(row, "00080018"), _value(row, "00080016"),
                  _value(row, "00185101"))
            for row in rows
        ]  # fmt: skip
        return [one for one in found if one.uid and wanted(one, query)]

    def bring(self, one: Found) -> None:
        """Fetch one instance, as it is kept there.

        Raises:
            Unreachable: the other system is away.
        """
        root = self.place.url.rstrip("/")
        url = f"{root}/studies/{one.study}/series/{one.series}/instances/{one.uid}"
        try:
            with session_of(self._client).get(
                url, headers={"Accept": _ACCEPT}, stream=True, timeout=TIMES_S
            ) as reply:
                if reply.status_code != 200:
                    self.outcomes[one.uid] = (
                        f"{self.place.name} did not send it (HTTP {reply.status_code})."
                    )
                    return
                self.outcomes[one.uid] = self._taken(reply)
        except requests.RequestException as error:
            raise _away(self.place, error) from None

    def _taken(self, reply: requests.Response) -> Accepted | str:
        limits = self.here.settings.limits
        most, folder = int(limits.upload_mb * 1e6), self.here.files.folder / "coming"
        outcome: Accepted | str = f"{self.place.name} sent no instance."
        try:
            parts = Parts(reply.headers.get("Content-Type", ""), folder, most, 1)
            try:
                for piece in reply.iter_content(_PIECE):
                    for part in parts.feed(piece):
                        if part.over:
                            return f"It is larger than {limits.upload_mb:g} MB, the limit here."
                        outcome = self.here.door.accept(
                            part.take(), origin=f"pull:{self.place.name}"
                        )
                parts.end()
            finally:
                parts.close()
        except (NotAccepted, NotNow, NotMultipart) as error:
            return str(error)
        return outcome

    def close(self) -> None:
        """Let go of connections."""
        session_of(self._client).close()


def web_retrieval(here: Here, place: Place) -> WebRetrieval:
    """A DICOMweb server to pull from."""
    return WebRetrieval(here, place, client(place))


def _value(row: Mapping[str, Any], tag: str) -> str:
    values = row.get(tag, {}).get("Value") or [""]
    return str(values[0])


def _away(place: Place, error: Exception) -> Unreachable:
    return Unreachable(f"{place.name} cannot be reached ({type(error).__name__}).")
