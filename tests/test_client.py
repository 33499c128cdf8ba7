"""The client of a server, against one that listens."""

from __future__ import annotations

import subprocess
import sys
from threading import Event, Thread

import pytest

pytest.importorskip("sqlalchemy", reason="needs the server: pip install 'hilum[serve]'")

from hilum.client import Client
from hilum.errors import NotAccepted, NotAllowed, NotNow, ServiceError
from hilum.service.reading.process import read_waiting
from hilum.service.web.tokens import make_token
from tests.service.conftest import drawn, here, settings  # noqa: F401  fixtures
from tests.service.web.listening import listening


@pytest.fixture
def reads(here):  # noqa: F811
    """Reads what comes, in a thread."""
    stop = Event()

    def read() -> None:
        while not stop.wait(0.05):
            read_waiting(here)

    thread = Thread(target=read, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(20)


@pytest.fixture
def client(here):  # noqa: F811
    token = make_token(here.store, "client", "admin")
    with listening(here) as url, Client(url, token, patience_s=3) as one:
        yield one


def test_a_radiograph_is_read(client, reads, drawn, tmp_path):  # noqa: F811
    path = tmp_path / "chest.dcm"
    path.write_bytes(drawn(1))
    reading = client.read(path)
    assert reading.kind == "reading"
    assert set(reading.probabilities) == {"effusion", "pneumonia", "pleural_thickening"}
    assert set(reading.present) <= set(reading.probabilities)
    assert client.reading(reading.id) == reading
    assert client.instance(reading.instance)["state"] == "read"
    assert client.read(drawn(1)) == reading


def test_what_is_not_accepted_is_told(client):
    with pytest.raises(NotAccepted, match="text") as told:
        client.read(b"Dear doctor")
    assert told.value.reason_code == "not-an-image"


def test_what_is_not_read_in_time_waits(client, drawn):  # noqa: F811
    with pytest.raises(NotNow, match="still waits"):
        client.read(drawn(1), wait_s=0.2)


def test_many_are_followed(client, reads, drawn):  # noqa: F811
    (job,) = client.upload([drawn(1), b"Dear doctor", drawn(2)])
    done = client.wait(job.id, wait_s=20)
    assert [part.state for part in done.parts] == ["read", "not-accepted", "read"]
    assert done.parts[0].reading is not None
    assert done.parts[1].code == "not-an-image"
    (alone,) = client.upload([b"Dear doctor"])
    (none,) = client.upload([b"Dear doctor", b""])
    for refused in (alone, none):
        assert {part.state for part in refused.parts} == {"not-accepted"}
    assert len(none.parts) == 2


def test_requests_stay_small(client, monkeypatch, drawn):  # noqa: F811
    monkeypatch.setattr("hilum.client.AT_ONCE_BYTES", 1)
    jobs = client.upload(drawn(seed) for seed in range(3))
    assert [len(job.parts) for job in jobs] == [1, 1, 1]


def test_studies_are_found_and_deleted(client, drawn):  # noqa: F811
    for seed in range(3):
        client.upload([drawn(seed)])
    ids = [one["id"] for one in client.studies()]
    assert len(ids) == 3
    assert [one["id"] for one in client.find_studies(patient_id="P1")] == [ids[1]]
    client.delete_study(ids[1])
    assert [one["id"] for one in client.studies()] == [ids[0], ids[2]]
    with pytest.raises(ServiceError, match="no such study"):
        client.study(ids[1])
    assert client.study(ids[0])["instances"][0]["state"] == "waiting"
    assert client.corrections().startswith(b"image")


def test_a_wrong_token_and_a_small_role(here, client):  # noqa: F811
    with pytest.raises(NotAllowed, match="token"):
        next(Client(client._url, "hilum_wrong").studies())
    small = Client(client._url, make_token(here.store, "small", "send"))
    with pytest.raises(NotAllowed, match="needs the role view"):
        next(small.studies())


def test_a_server_that_is_busy_is_asked_again(client, here, drawn):  # noqa: F811
    object.__setattr__(here.settings.limits, "free_mb", 1e12)
    with pytest.raises(NotNow, match="disk"):
        client.upload([drawn(1)])


def test_it_needs_the_base_install_alone():
    code = (
        "import sys, hilum.client; "
        "heavy = {'fastapi', 'sqlalchemy', 'pydantic', 'pydicom', 'onnxruntime', 'torch'}; "
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_server_that_is_away():
    with pytest.raises(ServiceError, match="cannot be reached"):
        Client("http://127.0.0.1:9", "x").job("0" * 32)


@pytest.mark.parametrize(
    "url", ["ward.example", "ftp://ward.example", "http://", "http://a@b", "http://a/?q", ""]
)
def test_an_address_that_is_none(url):
    with pytest.raises(ServiceError, match="address"):
        Client(url, "x")


@pytest.mark.parametrize("name", ["", "../audit", "a/b", "é", "x" * 65])
def test_an_id_that_is_none(name):
    with pytest.raises(ServiceError, match="no id"):
        Client("http://127.0.0.1:9", "x").reading(name)
