"""What the server does: processes, what waits, what was turned away or given up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from hilum.service.process import BEAT_S, Here
from hilum.service.store.tables import Delivery, Instance, Process, TurnedAway
from hilum.service.web.audit import record
from hilum.service.web.listing import counts
from hilum.service.web.people import Person, needs
from hilum.service.web.templating import page

router = APIRouter()

ROLES = ("web", "dicom", "read", "send")
SHOWN = 50
"""Rows of each list."""

_STUCK_BEATS = 5


@dataclass(frozen=True, slots=True)
class _Role:
    """A process: "alive", "silent", "never" or "off"."""

    name: str
    state: str
    row: Process | None


@router.get("/status", include_in_schema=False)
def status(request: Request, person: Annotated[Person, Depends(needs("view"))]) -> Response:
    """The page; its inner part alone where HTMX asks."""
    here: Here = request.app.state.here
    with here.store.reading() as session:
        facts = {
            "roles": _roles(session, dicom=here.settings.dicom.on),
            "counts": counts(session),
            "oldest": session.scalar(
                select(func.min(Instance.arrived_at)).where(
                    Instance.state.in_(("waiting", "reading"))
                )
            ),
            "deliveries": _deliveries(session),
            "dead": session.scalars(
                select(Delivery).where(Delivery.state == "dead")
                .order_by(Delivery.made_at.desc()).limit(SHOWN)
            ).all(),
            "failed": session.scalars(
                select(Instance).where(Instance.state == "failed")
                .order_by(Instance.arrived_at.desc()).limit(SHOWN)
            ).all(),
            "turned_away": session.scalars(
                select(TurnedAway).order_by(TurnedAway.at.desc()).limit(SHOWN)
            ).all(),
        }  # fmt: skip
    part = "hx-request" in request.headers
    return page(
        request, "status-part.html.j2" if part else "status.html.j2", section="status",
        settings=here.settings, free_gb=here.files.free_mb() / 1000, **facts,
    )  # fmt: skip


@router.post("/status/deliveries", include_in_schema=False)
def put_back_all(request: Request, person: Annotated[Person, Depends(needs("admin"))]) -> Response:
    """Try all again that was given up."""
    return _put_back(request, person, None)


@router.post("/status/deliveries/{delivery_id}", include_in_schema=False)
def put_back(
    delivery_id: str, request: Request, person: Annotated[Person, Depends(needs("admin"))]
) -> Response:
    """Try one again that was given up."""
    return _put_back(request, person, delivery_id)


@router.post("/status/radiographs/{instance_id}", include_in_schema=False)
def read_again(
    instance_id: str, request: Request, person: Annotated[Person, Depends(needs("admin"))]
) -> Response:
    """Let a radiograph that was laid aside be read again."""
    here: Here = request.app.state.here
    with here.store.writing() as session:
        row = session.get(Instance, instance_id)
        if row is None or row.state != "failed":
            raise HTTPException(404, "No such radiograph is laid aside.")
        row.state, row.attempts, row.not_before = "waiting", 0, 0.0
        row.why_code = row.why = ""
        record(session, person, "read again", row.study_id)
    return RedirectResponse("/status", 303)


def _put_back(request: Request, person: Person, delivery: str | None) -> Response:
    here: Here = request.app.state.here
    dead = [Delivery.state == "dead", *([Delivery.id == delivery] if delivery else [])]
    with here.store.writing() as session:
        studies = set(session.scalars(select(Delivery.study_id).where(*dead)))
        if delivery and not studies:
            raise HTTPException(404, "No such delivery was given up.")
        session.execute(
            update(Delivery).where(*dead).values(state="due", attempts=0, not_before=0.0, why="")
        )
        for study in sorted(studies):
            record(session, person, "deliver again", study)
    return RedirectResponse("/status", 303)


def _roles(session: Session, *, dicom: bool) -> list[_Role]:
    heard = {row.role: row for row in session.scalars(select(Process))}
    late = time.time() - _STUCK_BEATS * BEAT_S
    found: list[_Role] = []
    for name in ROLES:
        row = heard.get(name)
        if name == "dicom" and not dicom:
            state = "off"
        elif row is None:
            state = "never"
        else:
            state = "alive" if row.heard_at >= late else "silent"
        found.append(_Role(name, state, row))
    return found


def _deliveries(session: Session) -> list[tuple[str, str, dict[str, int]]]:
    """Place and kind with the number of deliveries in each state."""
    rows = session.execute(
        select(Delivery.place, Delivery.kind, Delivery.state, func.count())
        .group_by(Delivery.place, Delivery.kind, Delivery.state)
        .order_by(Delivery.place, Delivery.kind)
    )
    found: dict[tuple[str, str], dict[str, int]] = {}
    for place, kind, state, number in rows:
        found.setdefault((place, kind), {})[state] = number
    return [(place, kind, states) for (place, kind), states in found.items()]
