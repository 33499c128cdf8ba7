"""Health and Prometheus metrics: numbers of the database and of processes, none of a patient."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import BaseModel
from sqlalchemy import func, select

import hilum
from hilum.errors import NotNow
from hilum.service.process import BEAT_S, Here
from hilum.service.store.tables import Delivery, Instance, Process, Study, TurnedAway
from hilum.service.web.guards.problems import problem
from hilum.service.web.people import Person, needs

router = APIRouter(tags=["health"])

SILENT_S = 5 * BEAT_S
"""A process that was not heard of for so long is taken for stuck."""


class Health(BaseModel):
    """Nothing is wrong."""

    status: str = "ok"


@router.get("/healthz", response_model=Health)
async def healthz() -> Any:
    """Whether this process answers."""
    return Health()


@router.get("/readyz", response_model=Health)
def readyz(request: Request) -> Any:
    """Whether radiographs can come, be read and go: database, disk and every process."""
    wrong = list(_wrong(request.app.state.here))
    if wrong:
        return problem(request, 503, " ".join(wrong), code="not-ready")
    return Health()


@router.get(
    "/metrics", response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "for Prometheus"}},
)  # fmt: skip
def metrics(request: Request, person: Annotated[Person, Depends(needs("send"))]) -> Response:
    """Numbers for Prometheus; any token opens them."""
    registry = CollectorRegistry()
    registry.register(_Numbers(request.app.state.here))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _wrong(here: Here) -> Iterator[str]:
    roles = {"web", "read", "send"} | ({"dicom"} if here.settings.dicom.on else set())
    try:
        with here.store.reading() as session:
            heard = {one.role: one.heard_at for one in session.scalars(select(Process))}
    except NotNow as error:
        yield str(error)
        return
    now = time.time()
    for role in sorted(roles):
        if now - heard.get(role, 0.0) > SILENT_S:
            yield f"The process {role} was not heard of for {SILENT_S:g} s."
    if here.files.free_mb() < here.settings.limits.free_mb:
        yield "The disk is nearly full: nothing is accepted."


class _Numbers(Collector):
    """All numbers, as they are when they are asked for."""

    def __init__(self, here: Here) -> None:
        self._here = here

    def collect(self) -> Iterable[Metric]:
        info = GaugeMetricFamily("hilum_info", "Version of Hilum.", labels=["version"])
        info.add_metric([hilum.__version__], 1)
        yield info
        free = self._here.files.free_mb() * 1e6
        yield GaugeMetricFamily("hilum_disk_free_bytes", "Room for radiographs.", free)
        yield from self._of_database()

    def _of_database(self) -> Iterable[Metric]:
        now = time.time()
        with self._here.store.reading() as session:
            states = session.execute(
                select(Instance.state, func.count()).group_by(Instance.state)
            ).all()
            oldest = session.scalar(
                select(func.min(Instance.arrived_at)).where(
                    Instance.state.in_(("waiting", "reading"))
                )
            )
            studies = session.scalar(select(func.count()).select_from(Study))
            sent = session.execute(
                select(Delivery.place, Delivery.kind, Delivery.state, func.count())
                .group_by(Delivery.place, Delivery.kind, Delivery.state)
            ).all()  # fmt: skip
            away = session.execute(
                select(TurnedAway.code, func.count()).group_by(TurnedAway.code)
            ).all()
            processes = session.scalars(select(Process)).all()
        yield _gauge("hilum_radiographs", "Radiographs here.", ["state"], states)
        yield GaugeMetricFamily(
            "hilum_oldest_waiting_seconds", "How long the first radiograph waits to be read.",
            max(0.0, now - oldest) if oldest else 0.0,
        )  # fmt: skip
        yield GaugeMetricFamily("hilum_studies", "Studies here.", studies or 0)
        yield _gauge("hilum_deliveries", "What has to be sent.", ["place", "kind", "state"], sent)
        yield _gauge("hilum_turned_away", "Files that were not accepted.", ["code"], away)
        heard = [(one.role, now - one.heard_at) for one in processes]
        yield _gauge(
            "hilum_process_silent_seconds", "Since a process was heard of.", ["role"], heard
        )
        facts = [
            (one.role, fact, float(value))
            for one in processes
            for fact, value in sorted(one.facts.items())
        ]
        yield _gauge(
            "hilum_process_fact", "What a process tells since it started.", ["role", "fact"], facts
        )


def _gauge(name: str, what: str, labels: list[str], rows: Iterable[Any]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, what, labels=labels)
    for *values, number in rows:
        family.add_metric([str(value) for value in values], number)
    return family
