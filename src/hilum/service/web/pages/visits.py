"""Prior beside current, and findings over visits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse
from sqlalchemy import select

from hilum.domain import Note
from hilum.errors import ServiceError
from hilum.reading.visits import Comparison, Course, Kind, NotCompared, Visit, courses
from hilum.service.comparing import Came, earlier, lay, spread_for, visits
from hilum.service.comparing import compared as between
from hilum.service.process import Here
from hilum.service.store.tables import Instance, Reading
from hilum.service.web.audit import record
from hilum.service.web.listing import latest
from hilum.service.web.naming import day
from hilum.service.web.people import Person, needs
from hilum.service.web.templating import language_of, page, words
from hilum.service.web.visits_lines import HEIGHT, WIDTH, Drawing, drawing

router = APIRouter()

Viewer = Annotated[Person, Depends(needs("view"))]

TOLD = (Kind.NEW, Kind.WORSE, Kind.GONE, Kind.BETTER)
"""What is told first, in this order."""

_SCRIPT_WORDS = (
    "visits_laying", "visits_laid", "visits_outlines", "visits_not_laid", "visits_no_answer",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table.

    Attributes:
        kind: what became of the finding; empty where nothing is compared.
        why: code of a word that says why nothing is decided; empty otherwise.
    """

    course: Course
    drawing: Drawing
    kind: str
    why: str

    @property
    def tells(self) -> bool:
        """Whether the finding was present on any visit, or left undecided."""
        said = [point.prediction for point in self.course.points if point.prediction]
        return any(one.present or one.abstained for one in said)


@router.get("/studies/{study_id}/visits", include_in_schema=False)
def visits_part(
    study_id: str, request: Request, person: Viewer, reading: str = "", prior: str = ""
) -> HTMLResponse:
    """Earlier radiographs of the patient beside one of a study: ``reading``, or the most urgent."""
    here: Here = request.app.state.here
    with here.store.reading() as session:
        known = _reading(session, study_id, reading)
        found = visits(session, known) if known else ()
    if not found:
        return HTMLResponse("")
    *before, now = found
    one = earlier(found, prior)
    if one is not None:
        with here.store.writing() as session:
            record(session, person, "view visits", study_id)
    spread = spread_for(here, now.visit)
    both = between(one, now, spread) if one else None
    compared = both if isinstance(both, Comparison) else None
    shown = [_on_line(came) for came in before if _not_after(came, one)] if one else []
    lines = [_line(course, compared) for course in courses([*shown, now.visit], spread)]
    lines.sort(key=_rank)
    language = language_of(request)
    return page(
        request, "visits.html.j2", study_id=study_id, now=now, prior=one, before=before[::-1],
        notes=_notes(both), compared=compared, day=day,
        telling=[line for line in lines if line.tells], quiet=[x for x in lines if not x.tells],
        told=[(kind, compared.of(kind)) for kind in TOLD] if compared else [],
        measured=bool(compared and any(change.limit is not None for change in compared.changes)),
        undecided=compared.of(Kind.UNDECIDED) if compared else (),
        checked=_checked(spread.checked) if spread and spread.checked and compared else None,
        of_no_patient=not now.study.patient, width=WIDTH, height=HEIGHT,
        script={key: words(language)[key] for key in _SCRIPT_WORDS},
    )  # fmt: skip


@router.get("/readings/{later}/laid/{prior}", include_in_schema=False)
def laid(later: str, prior: str, request: Request, person: Viewer) -> JSONResponse:
    """Where the picture of an earlier reading lies on that of a later one."""
    here: Here = request.app.state.here
    try:
        found = lay(here, prior, later)
    except ServiceError as error:
        raise HTTPException(404, str(error)) from None
    told = words(language_of(request))
    if isinstance(found, NotCompared):
        facts: dict[str, Any] = {"reasons": [_word(told, note) for note in found.reasons]}
    else:
        facts = {
            "matrix": found.affine.matrix,
            "lungs": round(found.lungs, 3),
            "likeness": round(found.likeness, 3),
            "refined": found.refined,
            "notes": [_word(told, note) for note in found.notes],
        }
    kept = {"Cache-Control": "private, max-age=3600", "Vary": "Cookie, Accept-Language"}
    return JSONResponse(facts, headers=kept)


def _reading(session: Any, study_id: str, wanted: str) -> str:
    """Id of a reading of a study; empty where nothing of it was read."""
    instances = session.scalars(select(Instance.id).where(Instance.study_id == study_id)).all()
    if not instances:
        raise HTTPException(404, "There is no such study; it may have been deleted.")
    if wanted:
        there = session.scalar(
            select(Reading).where(Reading.id == wanted, Reading.instance_id.in_(instances))
        )
        if there is None:
            raise HTTPException(404, "There is no such reading; it may have been deleted.")
        return there.id if there.kind == "reading" else ""
    read = [one for one in latest(session, list(instances)).values() if one.kind == "reading"]
    return max(read, key=lambda one: (one.urgency, one.id)).id if read else ""


def _on_line(came: Came) -> Visit:
    """A visit on the line; one that may be another person's is crossed, as read otherwise."""
    return replace(came.visit, reader="") if came.other_person else came.visit


def _not_after(came: Came, one: Came) -> bool:
    """Whether a visit is the chosen one, or before it: the line ends with what is compared."""
    return (came.when, came.study.arrived_at) <= (one.when, one.study.arrived_at)


def _line(course: Course, compared: Comparison | None) -> Line:
    change = None
    if compared is not None:
        change = next((c for c in compared.changes if c.finding == course.finding), None)
    kind = str(change.kind) if change else ""
    course = replace(course, change=change)
    return Line(course, drawing(course), kind, change.why if change else "")


def _rank(line: Line) -> tuple[int, float]:
    order = {str(kind): at for at, kind in enumerate((*TOLD, Kind.UNDECIDED, Kind.UNCHANGED))}
    said = line.course.points[-1].prediction
    above = said.probability / said.operating_point if said else 0.0
    return (order.get(line.kind, len(order)), -above)


def _notes(both: Comparison | NotCompared | None) -> tuple[Note, ...]:
    if both is None:
        return ()
    return both.reasons if isinstance(both, NotCompared) else both.notes


def _word(told: dict[str, str], note: Note) -> str:
    """A note in the page's language; as it was written where there is no word for it."""
    return told.get(f"visits_{note.code.replace('-', '_')}", note.message)


def _checked(checked: Any) -> dict[str, int]:
    """What the rule said of pairs whose labels are known."""
    said = checked["said"]
    return {
        "pairs": checked["pairs"],
        "patients": checked["patients"],
        "equal": checked["pairs_of_equal_labels"],
        "moved": checked["of_these_with_a_change"],
        "new": sum(row["new"] for row in said.values()),
        "newly": said["absent, present"]["new"],
        "appeared": sum(said["absent, present"].values()),
    }
