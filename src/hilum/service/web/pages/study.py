"""A study: its radiographs, findings, heatmaps and boxes; downloads."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import FileResponse, RedirectResponse, Response
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from hilum.report.pictures import ENLARGE, RAMP
from hilum.service.process import Here
from hilum.service.store.tables import Instance, Reading, Study
from hilum.service.web import downloads
from hilum.service.web.audit import record
from hilum.service.web.listing import following, latest
from hilum.service.web.naming import age_years, day, person_name
from hilum.service.web.people import Person, needs
from hilum.service.web.reads_with import reads_with
from hilum.service.web.shown import for_script, shown
from hilum.service.web.templating import finding_name, language_of, page, words

router = APIRouter()

Viewer = Annotated[Person, Depends(needs("view"))]

PICTURES = {
    "preview.jpg": "image/jpeg", "display.png": "image/png", "grids.json": "application/json",
}  # fmt: skip
"""Files of a reading that pages load."""

_SCRIPT_WORDS = ("no_heatmap", "no_evidence", "pick_heatmap", "picture_missing")


@dataclass(frozen=True, slots=True)
class _Radiograph:
    instance: Instance
    reading: Reading | None


@router.get("/studies/{study_id}", include_in_schema=False)
def study_page(study_id: str, request: Request, person: Viewer, image: str = "") -> Response:
    """The study with one of its radiographs open: the most urgent, or ``image``."""
    here: Here = request.app.state.here
    study, radiographs = _study(here, study_id)
    with here.store.writing() as session:
        record(session, person, "view study", study.id)
    opened = next((one for one in radiographs if one.instance.id == image), None)
    opened = opened or max(radiographs, key=_rank, default=None)
    language = language_of(request)
    reading = opened.reading if opened else None
    facts = None
    if reading is not None and reading.kind == "reading":
        keys = [p["finding"] for p in reading.record["predictions"]]
        keys += [box["finding"] for box in reading.record.get("boxes", ())]
        names = {key: finding_name(key, language) for key in keys}
        facts = {
            "reading": reading.id, **for_script(reading.record, names),
            "ramp": RAMP, "enlarge": ENLARGE,
            "words": {key: words(language)[key] for key in _SCRIPT_WORDS},
        }  # fmt: skip
    bundle = next(
        (one for one in reads_with(here.settings.reading)
         if reading is not None and one.digest == reading.bundle_digest), None,
    )  # fmt: skip
    return page(
        request, "study.html.j2", study=study, radiographs=radiographs, opened=opened,
        reading=reading, shown=_shown(reading, language), script=facts, section="worklist",
        has_picture=reading is not None and _file(here, reading.id, "display.png").is_file(),
        measured=bundle.measured if bundle else {}, stamp=_stamp(radiographs),
        downloads=downloads.there(here, reading, opened.instance.format)
        if opened and reading else (),
        person_name=person_name, day=day, age_years=age_years,
    )  # fmt: skip


@router.get("/studies/{study_id}/stamp", include_in_schema=False)
def stamp(
    study_id: str, request: Request, person: Viewer, seen: str = "", expected: bool = False
) -> Response:
    """Whether a study is as it was when its page was loaded.

    A page that waits for its reading loads itself again; others say so, and leave alone what
    somebody may be writing.
    """
    _, radiographs = _study(request.app.state.here, study_id)
    if _stamp(radiographs) == seen:
        return Response(status_code=204)
    if expected:
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    return page(request, "study-changed.html.j2", study_id=study_id)


@router.get("/studies/{study_id}/next", include_in_schema=False)
def next_study(study_id: str, request: Request, person: Viewer) -> Response:
    """On to the study that stands next in the worklist and nobody has reviewed."""
    here: Here = request.app.state.here
    with here.store.reading() as session:
        study = session.get(Study, study_id)
        onward = following(session, study) if study else None
    return RedirectResponse(f"/studies/{onward}" if onward else "/", 303)


@router.post("/studies/{study_id}/reviewed", include_in_schema=False)
def reviewed(
    study_id: str, request: Request, person: Annotated[Person, Depends(needs("read"))]
) -> Response:
    """A reader has looked at a study, refused radiographs too; on to the next."""
    here: Here = request.app.state.here
    with here.store.writing() as session:
        study = session.get(Study, study_id)
        if study is None:
            raise HTTPException(404, "There is no such study; it may have been deleted.")
        study.reviewed_at, study.reviewed_by = max(time.time(), study.last_at), person.name
        record(session, person, "review study", study.id)
        onward = following(session, study)
    return RedirectResponse(f"/studies/{onward}" if onward else "/", 303)


@router.get("/readings/{reading_id}/preview.jpg", include_in_schema=False)
@router.get("/readings/{reading_id}/display.png", include_in_schema=False)
@router.get("/readings/{reading_id}/grids.json", include_in_schema=False)
def picture(reading_id: str, request: Request, person: Viewer) -> Response:
    """A picture of a reading, or where its heatmaps and boxes lie."""
    here: Here = request.app.state.here
    file = request.url.path.rpartition("/")[2]
    study = _study_of(here, reading_id)
    path = _file(here, reading_id, file)
    if not path.is_file():
        raise HTTPException(404, "There is no picture of this radiograph.")
    if file == "display.png":  # small ones stand in lists, which are recorded as a whole
        with here.store.writing() as session:
            record(session, person, "picture", study)
    # who signs out, and another one in, is not shown what the browser kept of the first
    kept = {"Cache-Control": "private, max-age=3600", "Vary": "Cookie"}
    return FileResponse(path, media_type=PICTURES[file], headers=kept)


@router.get("/readings/{reading_id}/download/{kind}", include_in_schema=False)
def download(reading_id: str, kind: str, request: Request, person: Viewer) -> Response:
    """A result as a file: for people, programs, or a PACS."""
    here: Here = request.app.state.here
    if kind not in downloads.KINDS:
        raise HTTPException(404, "There is no such download.")
    study = _study_of(here, reading_id)
    answer = downloads.download(here, reading_id, kind, language_of(request))
    with here.store.writing() as session:
        record(session, person, f"download {kind}", study)
    return answer


def _study(here: Here, study_id: str) -> tuple[Study, list[_Radiograph]]:
    with here.store.reading() as session:
        study = session.scalar(
            select(Study).where(Study.id == study_id).options(selectinload(Study.instances))
        )
        if study is None:
            raise HTTPException(404, "There is no such study; it may have been deleted.")
        instances = sorted(study.instances, key=lambda one: (one.arrived_at, one.id))
        said = latest(session, [one.id for one in instances])
    return study, [_Radiograph(one, said.get(one.id)) for one in instances]


def _study_of(here: Here, reading_id: str) -> str:
    with here.store.reading() as session:
        found = session.scalar(
            select(Instance.study_id).join(Reading).where(Reading.id == reading_id)
        )
    if found is None:
        raise HTTPException(404, "There is no such reading; it may have been deleted.")
    return found


def _file(here: Here, reading_id: str, name: str) -> Path:
    return here.files.reading(reading_id) / name


def _rank(one: _Radiograph) -> float:
    return one.reading.urgency if one.reading else 0.0


def _shown(reading: Reading | None, language: str) -> object:
    if reading is None or reading.kind != "reading":
        return None
    return shown(reading.record, chinese=language == "zh-Hant")


def _stamp(radiographs: list[_Radiograph]) -> str:
    """Changes when a radiograph comes or is read."""
    parts = [f"{one.instance.id}{one.instance.state}{one.reading is None}" for one in radiographs]
    return hashlib.sha256("".join(parts).encode("ascii")).hexdigest()[:16]
