"""Nothing but pages, bodies of the API and the database tells who a patient is."""

from __future__ import annotations

import io
import logging
import zipfile
from dataclasses import replace

import pytest

from hilum.service.log import log
from hilum.service.reading import way
from hilum.service.reading.process import read_waiting
from hilum.service.sending import webhooks
from hilum.service.settings import Webhook

PLANTED = {
    "patient_name": "KOWALSKA^ZDZISLAWA",
    "patient_id": "MRN-90817263",
    "study_uid": "1.2.826.55501",
    "series_uid": "1.2.826.55502",
    "instance_uid": "1.2.826.55503",
}
OVERRIDES = {
    "AccessionNumber": "ACC-5550417",
    "PatientBirthDate": "19310517",
    "StudyDescription": "CHEST FOR DR PRZYBYLSKI",
    "InstitutionName": "SZPITAL WOLSKI",
}
SECRETS = ("KOWALSKA", "ZDZISLAWA", "90817263", "1.2.826.555", "5550417", "19310517",
           "PRZYBYLSKI", "WOLSKI", "a secret of the ward")  # fmt: skip


def told(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret.lower() in text.lower()]


@pytest.fixture
def planted(drawn) -> bytes:
    data = drawn(1, **PLANTED, overrides=OVERRIDES)
    for secret in ("KOWALSKA", "90817263", "5550417", "PRZYBYLSKI"):
        assert secret.encode() in data, "it is in the file, so it could come out"
    return data


@pytest.fixture
def server(here):
    """A server that tells a program which is away."""
    hook = Webhook(name="ris", url="http://127.0.0.1:9/", secret="a secret of the ward")
    return replace(here, settings=here.settings.model_copy(update={"webhooks": (hook,)}))


def zipped(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, data)
    return out.getvalue()


def test_logs_answers_metrics_and_names_of_files_tell_nobody(
    server, planted, client, monkeypatch, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    log.addHandler(caplog.handler)
    log.setLevel(logging.DEBUG)
    said = []
    admin, sender = client("admin"), client("send", bearer=True)

    def note(answer):
        said.append(answer.text + repr(dict(answer.headers)))
        return answer

    broken = planted[: len(planted) // 2]
    twin = planted.replace(b"KOWALSKA", b"KOWALSKI")[:-2] + b"\x7f\x01"
    other = planted.replace(b"MRN-90817263", b"MRN-90817264").replace(b"55503", b"55504")
    for data in (
        broken,
        zipped("KOWALSKA/90817263.dcm", broken),
        planted,
        twin,
        other,
        b"KOWALSKA",
    ):
        note(sender.post("/v1/readings", content=data))
        note(sender.post("/v1/readings", files={"file": ("KOWALSKA-90817263.dcm", data)}))

    def fails(*_, **__):
        raise ValueError("KOWALSKA^ZDZISLAWA 90817263")

    with monkeypatch.context() as patched:
        patched.setattr(way.Way, "read", fails)
        read_waiting(server)
    with server.store.writing() as session:
        session.connection().exec_driver_sql("UPDATE instances SET not_before = 0")
    read_waiting(server)
    (hook,) = server.settings.webhooks
    webhooks.tell_due(server, hook)

    for path in ("/v1/jobs/KOWALSKA", "/v1/studies?after=KOWALSKA", "/v1/readings/90817263",
                 "/KOWALSKA", "/studies/KOWALSKA", "/v1/studies?most=KOWALSKA"):  # fmt: skip
        note(admin.get(path))
    note(admin.post("/v1/studies/search", json={"patient_id": ["90817263"]}))
    note(sender.get("/metrics"))
    note(client(None).get("/readyz"))
    note(admin.get("/audit.csv"))

    study = admin.get("/v1/studies").json()["studies"][0]
    assert study["patient_name"] == PLANTED["patient_name"], "the API tells who may see"
    note(admin.delete(f"/v1/studies/{study['id']}"))
    log.removeHandler(caplog.handler)

    names = "\n".join(str(path) for path in server.settings.folder.rglob("*"))
    out, err = capfd.readouterr()
    logged = "\n".join(
        logging.Formatter().format(line)
        for line in caplog.records
        if not line.name.startswith("httpx")  # of this test's own client
    )
    assert "ValueError" in logged, "the failure was logged"
    for text in (*said, logged, out, err, names):
        assert told(text) == [], text[:2000]


def test_settings_do_not_show_their_secrets(server):
    settings = server.settings.model_copy(
        update={"database": "postgresql://u:a secret of the ward@h/d"}
    )
    assert told(repr(settings)) == []
    assert told(str(settings)) == []
