"""A server's folder and database without its processes, and radiographs to hand in."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sqlalchemy", reason="needs the server: pip install 'hilum[serve]'")

from hilum.bundles import Bundle
from hilum.imaging import write_dicom
from hilum.phantoms import draw_chest
from hilum.service.files import Files
from hilum.service.process import Here
from hilum.service.process import here as made_here
from hilum.service.settings import Limits, Reading, Settings
from hilum.service.store.migrating import migrate
from tests.service.postgres import Postgres, postgres

Drawn = Callable[..., bytes]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A running PostgreSQL; tests skip where there is none."""
    with postgres() as made:
        yield made


@pytest.fixture
def settings(tmp_path: Path, tiny_bundle: Bundle, request: pytest.FixtureRequest) -> Settings:
    """Settings of a server in an empty folder, that reads with the tiny bundle.

    SQLite in the folder, or an empty database of PostgreSQL where a test is marked with
    :data:`tests.service.postgres.BOTH`.
    """
    database = ""
    if getattr(request, "param", "sqlite") == "postgresql":
        server: Postgres = request.getfixturevalue("postgres_server")
        database = server.database(f"test_{secrets.token_hex(6)}")
    return Settings(
        folder=tmp_path / "server",
        database=database,
        reading=Reading(bundle=str(tiny_bundle.location), quiet_s=0.2),
        limits=Limits(free_mb=0),
    )


@pytest.fixture
def here(settings: Settings) -> Iterator[Here]:
    """What a process of that server has at hand; its folder and tables are made."""
    Files(settings.folder).prepare()
    migrate(settings)
    mine = made_here("test", settings)
    yield mine
    mine.store.close()


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """Makes DICOM files of drawn chests, as bytes.

    ``drawn(3)``: 256 x 240 pixels, with a patient and UIDs of its own; the same seed and facts give
    the same bytes. Facts of :func:`hilum.imaging.write_dicom` may follow.
    """
    folder = tmp_path_factory.mktemp("drawn")

    def draw(seed: int, *, size: tuple[int, int] = (256, 240), **facts: Any) -> bytes:
        chest = draw_chest(np.random.default_rng(seed), size=size)
        known: dict[str, Any] = {"patient_id": f"P{seed}", "bits_stored": 12}
        path = folder / "drawn.dcm"
        write_dicom(path, np.rint(chest.pixels * 4095).astype(np.uint16), **(known | facts))
        return path.read_bytes()

    return draw


@pytest.fixture
def client(here: Here) -> Iterator[Callable[..., Any]]:
    """Makes clients of the page and the API, without a server.

    ``client("view")``: a browser that is signed in with that role, whose requests carry what pages
    send (``X-CSRF-Token``, Origin); ``client("send", bearer=True)``: a program with a token;
    ``client(None)``: somebody. Its ``.person`` is the name in the audit log.
    """
    from starlette.testclient import TestClient

    from hilum.service.web.app import application
    from hilum.service.web.guards.crossing import csrf_token, key_of
    from hilum.service.web.signed_in import cookie_name, sign_in
    from hilum.service.web.tokens import living_token, make_token

    app = application(here)
    made: list[TestClient] = []

    def make(role: str | None = "admin", *, bearer: bool = False) -> TestClient:
        one = TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False)
        made.append(one)
        one.person = f"{role}-{len(made)}"
        if role is None:
            return one
        token = make_token(here.store, one.person, role)
        if bearer:
            one.headers["Authorization"] = f"Bearer {token}"
            return one
        with here.store.writing() as session:
            cookie = sign_in(session, living_token(session, token), 1)
        one.cookies.set(cookie_name(secure=False), cookie)
        one.headers["Origin"] = "http://127.0.0.1:8080"
        one.headers["X-CSRF-Token"] = csrf_token(key_of(here), cookie)
        return one

    yield make
    for one in made:
        one.close()
