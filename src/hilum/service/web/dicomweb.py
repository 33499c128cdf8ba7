"""STOW-RS: radiographs over DICOMweb (PS3.18 10.5).

``POST /dicom-web/studies`` and ``/dicom-web/studies/{study}`` take multipart/related of
application/dicom, or one object as application/dicom. Instances are taken one by one, as they come.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from threading import BoundedSemaphore
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, HTTPException, Path, Request
from fastapi.responses import JSONResponse, Response

from hilum.errors import IntakeError, NotAccepted, NotNow
from hilum.service.dicom.multipart import DICOM, NotMultipart, Part, Parts, media_type
from hilum.service.dicom.receiving import CANNOT_UNDERSTAND, NO_ROOM, STATUSES
from hilum.service.headers import Identity, identity
from hilum.service.process import Here
from hilum.service.web.audit import record
from hilum.service.web.people import Person, needs

router = APIRouter(prefix="/dicom-web", tags=["dicomweb"])

Sender = Annotated[Person, Depends(needs("send"))]
Uid = Annotated[str, Path(pattern=r"^[0-9.]{1,64}$")]

_IN_MEMORY = BoundedSemaphore(2)
"""Instances that are held in memory at once."""

_ANSWER = "application/dicom+json"
_BYTES = {"type": "string", "format": "binary"}
_TAKES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            f'multipart/related; type="{DICOM}"': {"schema": _BYTES},
            DICOM: {"schema": _BYTES},
        },
    },
    "responses": {
        "200": {"description": "all instances are stored", "content": {_ANSWER: {}}},
        "202": {"description": "some are, some failed", "content": {_ANSWER: {}}},
        "409": {"description": "none is", "content": {_ANSWER: {}}},
        "415": {"description": "another kind of body"},
        "503": {"description": "not now: come again"},
    },
}


@dataclass(slots=True)
class _Outcome:
    """What became of the instances of one request.

    Attributes:
        stored: items of Referenced SOP Sequence.
        failed: items of Failed SOP Sequence.
        others: items of Other Failures Sequence: those that do not say what they are.
        whys: reasons in words, each once.
        not_now: how many may come again.
    """

    stored: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    others: list[dict[str, Any]] = field(default_factory=list)
    whys: list[str] = field(default_factory=list)
    not_now: int = 0

    def fail(self, reason: int, why: str, facts: Identity | None) -> None:
        told = {} if facts is None else _reference(facts)
        item = told | {"00081197": {"vr": "US", "Value": [reason]}}
        (self.failed if told else self.others).append(item)
        if why not in self.whys:
            self.whys.append(why)
        self.not_now += reason == NO_ROOM


@router.post("/studies", openapi_extra=_TAKES)
async def store(request: Request, person: Sender) -> Response:
    """Store instances of any studies (STOW-RS)."""
    return await _store(request, person, "")


@router.post("/studies/{study}", openapi_extra=_TAKES)
async def store_in_study(request: Request, person: Sender, study: Uid) -> Response:
    """Store instances of one study; those of others fail (STOW-RS)."""
    return await _store(request, person, study)


async def _store(request: Request, person: Person, study: str) -> Response:
    here: Here = request.app.state.here
    outcome = _Outcome()
    async for part in _parts(request, here):
        await run_sync(_take, here, person, part, study, outcome)
    if not (outcome.stored or outcome.failed or outcome.others):
        raise HTTPException(400, "The body holds no instance.")
    await run_sync(_note, here, person, outcome)
    return _answer(outcome)


async def _parts(request: Request, here: Here) -> AsyncIterator[Part]:
    limits = here.settings.limits
    content_type = request.headers.get("content-type", "")
    kind, told = media_type(content_type)
    if kind != DICOM and (kind != "multipart/related" or told.get("type", DICOM).lower() != DICOM):
        raise HTTPException(
            415, f'Send multipart/related; type="{DICOM}", or one instance as {DICOM}.'
        )
    most = int(limits.upload_mb * 1e6)
    one = secrets.token_hex(16)
    if kind == DICOM:  # one instance: as a body with one part
        content_type = f'multipart/related; boundary="{one}"'
    try:
        parts = Parts(content_type, here.files.folder / "coming", most, limits.files)
        try:
            if kind == DICOM:
                for part in parts.feed(f"--{one}\r\nContent-Type: {DICOM}\r\n\r\n".encode("ascii")):
                    yield part
            async for piece in request.stream():
                for part in await run_sync(lambda data=piece: list(parts.feed(data))):
                    yield part
            if kind == DICOM:
                for part in parts.feed(f"\r\n--{one}--\r\n".encode("ascii")):
                    yield part
            parts.end()
        finally:
            parts.close()
    except NotMultipart as error:
        raise HTTPException(400, str(error)) from None


def _take(here: Here, person: Person, part: Part, study: str, outcome: _Outcome) -> None:
    """Accept one instance, or say why not."""
    with _IN_MEMORY:
        _take_now(here, person, part, study, outcome)


def _take_now(here: Here, person: Person, part: Part, study: str, outcome: _Outcome) -> None:
    facts: Identity | None = None
    origin, name = (
        f"http:{person.name}",
        str(1 + len(outcome.stored) + len(outcome.failed) + len(outcome.others)),
    )
    try:
        if part.over:
            raise NotAccepted(
                "too-large",
                f"It is larger than {here.settings.limits.upload_mb:g} MB, the limit here.",
            )
        if part.kind not in (DICOM, ""):
            raise NotAccepted("unsupported", f"A part is {part.kind[:60]!r}, not {DICOM}.")
        data = part.take()
        facts = _identity(data)
        if facts is not None and facts.format != "dicom":
            raise NotAccepted("not-an-image", "A part is no DICOM file; upload pictures instead.")
        if study and facts is not None and facts.study_uid != study:
            raise NotAccepted("other-than-said", "An instance is of another study than told.")
    except NotAccepted as error:
        part.drop()
        here.door.turn_away(error, origin=origin, name=name)
        outcome.fail(STATUSES.get(error.reason_code, CANNOT_UNDERSTAND), str(error), facts)
        return
    try:
        here.door.accept(data, origin=origin, name=name)
    except NotAccepted as error:
        outcome.fail(STATUSES.get(error.reason_code, CANNOT_UNDERSTAND), str(error), facts)
    except NotNow as error:
        outcome.fail(NO_ROOM, str(error), facts)
    else:
        assert facts is not None, "what is accepted says what it is"
        outcome.stored.append(_reference(facts))


def _identity(data: bytes) -> Identity | None:
    """What a file is; None where it does not say, for which it is turned away later."""
    try:
        return identity(data)
    except (IntakeError, NotAccepted):
        return None


def _reference(facts: Identity) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [facts.sop_class]},
        "00081155": {"vr": "UI", "Value": [facts.uid]},
    }


def _note(here: Here, person: Person, outcome: _Outcome) -> None:
    with here.store.writing() as session:
        done = "done" if outcome.stored else "refused"
        record(session, person, f"store {len(outcome.stored)}", outcome=done)


def _answer(outcome: _Outcome) -> Response:
    body: dict[str, Any] = {}
    for tag, items in (
        ("00081199", outcome.stored), ("00081198", outcome.failed), ("0008119A", outcome.others),
    ):  # fmt: skip
        if items:
            body[tag] = {"vr": "SQ", "Value": items}
    failures = len(outcome.failed) + len(outcome.others)
    headers: dict[str, str] = {}
    if outcome.whys:
        plain = outcome.whys[0].encode("ascii", "replace").decode().replace('"', "'")
        headers["Warning"] = f'299 hilum "{" ".join(plain.split())[:400]}"'
    if not failures:
        status = 200
    elif outcome.stored:
        status = 202
    elif outcome.not_now == failures:
        status, headers["Retry-After"] = 503, "30"
    else:
        status = 409
    return JSONResponse(body, status, headers=headers, media_type=_ANSWER)
