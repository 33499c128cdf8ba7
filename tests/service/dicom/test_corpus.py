"""The bad files of the intake table over C-STORE: a failure status with its reason, or stored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from hilum.service.dicom.process import listen
from hilum.service.files import Files
from hilum.service.process import Here
from hilum.service.process import here as made_here
from hilum.service.settings import Dicom, Limits, Settings
from hilum.service.store.migrating import migrate
from hilum.service.store.tables import Study, TurnedAway
from tests.imaging.corpus import CASES, TELLING, Case
from tests.service.dicom.sender import associate, parts, store

SYNTAX = re.compile(r"[0-9.]{1,64}")
FIRST = {case.number: case for case in reversed(CASES)}
"""One of each number; the others run with the slow tests."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    settings = Settings(
        folder=tmp_path_factory.mktemp("server") / "server", dicom=Dicom(port=0),
        limits=Limits(free_mb=0),
    )  # fmt: skip
    Files(settings.folder).prepare()
    migrate(settings)
    here = made_here("dicom", settings)
    listener = listen(here)
    yield here
    listener.end()
    here.store.close()


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=() if FIRST[case.number] is case else pytest.mark.slow)
        for case in CASES
    ],
    ids=str,
)
def test_a_file_gets_a_status(case: Case, server: Here, tmp_path: Path):
    data = case.build(tmp_path).read_bytes()
    before = set(server.settings.folder.rglob("*.bin"))
    with server.store.writing() as session:  # some share a UID
        session.execute(delete(Study))
    body, syntax, uid = parts(data)
    association = associate(
        int(server.facts["port"]), syntax if SYNTAX.fullmatch(syntax) else "1.2"
    )
    if not association.is_established:
        assert case.either or case.number in {30, 31}, "the transfer syntax was refused"
        return
    status, why = store(association, body or bytes(2), uid if SYNTAX.fullmatch(uid) else "1.2.3")
    association.release()
    assert status != -1, "no answer"
    if case.error is not None or case.name == "paths in UIDs and numbers":
        assert status != 0
    elif not case.either and data[128:132] == b"DICM":
        assert status == 0, why
    assert (status == 0) is (not why)
    assert len(why) <= 64
    assert not [word for word in TELLING if word in why.upper()]
    if status != 0:
        assert set(server.settings.folder.rglob("*.bin")) == before
        with server.store.reading() as session:
            told = session.scalars(select(TurnedAway).order_by(TurnedAway.id.desc())).first()
            assert told is not None
            assert not [word for word in TELLING if word in told.why.upper()]
