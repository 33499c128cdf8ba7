"""Health and metrics."""

from __future__ import annotations

import time

from prometheus_client.parser import text_string_to_metric_families

from hilum.service.reading.process import read_waiting
from hilum.service.store.tables import Process


def test_a_server_is_ready_when_all_its_processes_beat(client, here):
    nobody = client(None)
    assert nobody.get("/healthz").json() == {"status": "ok"}
    answer = nobody.get("/readyz")
    assert answer.status_code == 503
    assert all(role in answer.json()["detail"] for role in ("dicom", "read", "send", "web"))
    now = time.time()
    with here.store.writing() as session:
        for role in ("dicom", "read", "send", "web"):
            session.add(Process(role=role, pid=1, started_at=now, heard_at=now))
    assert nobody.get("/readyz").json() == {"status": "ok"}


def test_metrics_count_and_name_nobody(client, here, drawn):
    here.door.accept(drawn(1, patient_id="WANG-7"), origin="test")
    read_waiting(here)
    now = time.time()
    with here.store.writing() as session:
        facts = {"read": 1, "seconds": 0.5}
        session.add(Process(role="read", pid=1, started_at=now, heard_at=now, facts=facts))
    assert client(None).get("/metrics").status_code == 401
    text = client("send", bearer=True).get("/metrics").text
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["hilum_radiographs", "read"] == 1
    assert found["hilum_studies",] == 1
    assert found["hilum_process_fact", "read", "seconds"] == 0.5
    assert "WANG" not in text


def test_without_a_database_it_says_so(client, here, monkeypatch):
    from hilum.errors import NotNow
    from hilum.service.store import Store

    program = client("view", bearer=True)

    def away(_):
        raise NotNow("The database does not answer; come again later.")

    monkeypatch.setattr(Store, "reading", away)
    assert program.get("/healthz").status_code == 200
    assert program.get("/readyz").status_code == 503
    answer = program.get("/v1/studies")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
