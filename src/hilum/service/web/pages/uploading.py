"""Bringing radiographs by drag and drop; the files go to ``POST /v1/readings``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from hilum.service.process import Here
from hilum.service.web.people import Person, needs
from hilum.service.web.templating import language_of, page, words

router = APIRouter()

_SCRIPT_WORDS = (
    "up_waiting", "up_sending", "up_checking", "up_accepted", "up_refused", "up_lost", "up_open",
    "up_part", "up_more", "up_not_now", "try_again", "up_summary", "being_read", "state_waiting",
    "state_read", "state_refused", "state_failed", "signed_out",
)  # fmt: skip


@router.get("/upload", include_in_schema=False)
def uploading(request: Request, person: Annotated[Person, Depends(needs("send"))]) -> Response:
    """The page to drop files on."""
    here: Here = request.app.state.here
    known = words(language_of(request))
    facts = {
        "words": {key: known[key] for key in _SCRIPT_WORDS},
        "mayView": person.may("view"),
        "limitMb": here.settings.limits.upload_mb,
    }
    return page(
        request, "upload.html.j2", section="upload", script=facts, limits=here.settings.limits
    )
