"""DICOMweb of other systems (PS3.18), through dicomweb-client."""

from __future__ import annotations

import logging
from typing import Any

import requests
from dicomweb_client.web import DICOMwebClient

from hilum.errors import ServiceError
from hilum.service.settings import Place

TIMES_S = (10.0, 60.0)
"""How long the other side may take to connect, and between two pieces of an answer."""

ANSWER_BYTES = 64_000_000
"""Longest answer to a search; instances are taken as they come, with a limit of their own."""

_PIECE = 64 * 1024

for _noisy in ("dicomweb_client", "urllib3", "requests"):
    logging.getLogger(_noisy).setLevel(logging.CRITICAL)  # their lines name studies


class AnswerTooLong(requests.RequestException):
    """The other side sends more than any search finds."""


class _Session(requests.Session):
    """Reads no answer without end, and none of a redirection."""

    def send(self, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        """Send a request; an answer that is not taken as it comes has a longest length.

        Raises:
            AnswerTooLong: it is longer than :data:`ANSWER_BYTES`.
            TooManyRedirects: it leads elsewhere.
        """
        as_it_comes = more.pop("stream", False)
        answer = super().send(request, **more | {"stream": True, "allow_redirects": False})
        if answer.is_redirect:
            answer.close()
            raise requests.TooManyRedirects
        if not as_it_comes:
            content = bytearray()
            for piece in answer.iter_content(_PIECE):
                content += piece
                if len(content) > ANSWER_BYTES:
                    answer.close()
                    raise AnswerTooLong
            answer._content, answer._content_consumed = bytes(content), True  # type: ignore[attr-defined]
        return answer


def client(place: Place) -> DICOMwebClient:
    """A client of a place.

    Redirections are not followed, and neither proxies nor credentials of the environment are used:
    what is sent goes to the address of the settings, or nowhere.

    Raises:
        ServiceError: the header of the settings is none.
    """
    session = _Session()
    session.trust_env = False
    if place.tls is not None:
        session.cert = (str(place.tls.certificate), str(place.tls.key))
        if place.tls.authority is not None:
            session.verify = str(place.tls.authority)
    made = DICOMwebClient(
        place.url.rstrip("/"), session=session, headers=_headers(place), timeout=TIMES_S
    )
    made.set_http_retry_params(retry=False)
    return made


def session_of(made: DICOMwebClient) -> requests.Session:
    """Its session, for answers that are taken as they are."""
    session: Any = made._session
    return session


def _headers(place: Place) -> dict[str, str]:
    if not place.header:
        return {}
    name, colon, value = place.header.partition(":")
    if not colon or not name.strip() or not value.strip():
        raise ServiceError(
            f"The header of the place {place.name} should read 'Name: value', such as "
            f"'Authorization: Bearer ...'."
        )
    return {name.strip(): value.strip()}
