"""An archive and a Hilum that know each other, in a network of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import select

from hilum.bundles import Bundle
from hilum.service.dicom.process import listen
from hilum.service.files import Files
from hilum.service.process import Here
from hilum.service.process import here as made_here
from hilum.service.sending import results
from hilum.service.settings import Dicom, Limits, Place, Reading, Settings
from hilum.service.store.migrating import migrate
from hilum.service.store.tables import Delivery
from tests.service.orthanc import Orthanc, free_port, running

ALL = ("sr", "gsps", "seg", "sc")


@pytest.fixture
def ports() -> dict[str, int]:
    return {"hilum": free_port(), "dicom": free_port(), "http": free_port()}


@pytest.fixture
def archive(tmp_path: Path, ports: dict[str, int]) -> Iterator[Orthanc]:
    with running(
        tmp_path / "archive",
        modalities={"HILUM": ("HILUM", ports["hilum"])},
        ports=(ports["dicom"], ports["http"]),
    ) as orthanc:
        yield orthanc


@dataclass(frozen=True, slots=True)
class Hilum:
    """The processes ``dicom`` and ``send`` of a server as threads of this one."""

    here: Here

    def deliveries(self) -> list[tuple[str, str, int, str]]:
        """Kind, state, attempts and reason of each."""
        with self.here.store.reading() as session:
            rows = session.scalars(select(Delivery).order_by(Delivery.kind))
            return [(row.kind, row.state, row.attempts, row.why) for row in rows]

    def wait(self, states: set[str], seconds: float = 30) -> list[tuple[str, str, int, str]]:
        """Until all deliveries are in these states."""
        until = time.monotonic() + seconds
        while True:
            found = self.deliveries()
            if found and {state for _, state, _, _ in found} <= states:
                return found
            assert time.monotonic() < until, found
            time.sleep(0.02)


@pytest.fixture
def hilum(tmp_path: Path, ports: dict[str, int], bundle: Bundle) -> Iterator[Callable[..., Hilum]]:
    """Starts a Hilum: ``hilum("dimse")`` or ``hilum("web")`` sends results by that way."""
    ends: list[Callable[[], object]] = []

    def start(way: str, *, kinds: tuple[str, ...] = ALL) -> Hilum:
        address = (
            {"ae_title": "ORTHANC", "host": "127.0.0.1", "port": ports["dicom"]}
            if way == "dimse"
            else {"url": f"http://127.0.0.1:{ports['http']}/dicom-web"}
        )
        settings = Settings(
            folder=tmp_path / "hilum",
            dicom=Dicom(port=ports["hilum"], allowed=("ORTHANC", "STORESCU")),
            reading=Reading(bundle=str(bundle.location)),
            limits=Limits(free_mb=0),
            places=(Place.model_validate({"name": "archive", "send": kinds} | address),),
        )
        Files(settings.folder).prepare()
        migrate(settings)
        mine = made_here("test", settings)
        ends.append(listen(mine).end)
        sender = threading.Thread(target=results.step, args=(replace(mine, role="send"),))
        sender.start()
        ends.extend((sender.join, mine.stop.set))
        return Hilum(mine)

    yield start
    for end in reversed(ends):
        end()


@pytest.fixture(scope="session")
def bundle(fixed_bundle: Callable[..., Bundle]) -> Bundle:
    """One finding present, one absent."""
    return fixed_bundle("fixed", effusion=0.9, pneumonia=0.1, pneumothorax=0.2)
