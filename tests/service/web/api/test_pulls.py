"""``POST /v1/pulls``: who may ask for what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hilum.service.process import Here
from hilum.service.sending.pulls import step
from hilum.service.settings import Place

Client = Callable[..., Any]


@pytest.fixture
def here(here: Here) -> Here:
    place = Place(name="archive", ae_title="ARCHIVE", host="127.0.0.1", port=1)
    return replace(here, settings=here.settings.model_copy(update={"places": (place,)}))


def test_a_pull_is_a_job_that_says_why_it_failed(client: Client, here: Here):
    asker = client("read", bearer=True)
    answer = asker.post("/v1/pulls", json={"place": "archive", "query": {"accession": "A1"}})
    assert answer.status_code == 202
    job = answer.json()
    assert (job["kind"], job["state"]) == ("pull", "running")
    assert asker.get(answer.headers["location"]).json()["id"] == job["id"]
    step(here)
    after = asker.get(answer.headers["location"]).json()
    assert after["state"] == "failed"
    assert after["why"] == "archive cannot be reached at 127.0.0.1:1."


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 422),
        ({"patient_id": "*"}, 422),
        ({"patient_id": "A\\B"}, 422),
        ({"patient_id": "A?"}, 422),
        ({"accession": "A" * 65}, 422),
        ({"study_uid": "../1.2"}, 422),
        ({"patient_id": "A", "since": "yesterday"}, 422),
        ({"patient_id": "A", "modalities": []}, 422),
        ({"patient_id": "A", "secret": 1}, 422),
        ({"study_uid": "1.2.3"}, 202),
    ],
)
def test_queries(query: dict[str, object], status: int, client: Client):
    answer = client("read", bearer=True).post(
        "/v1/pulls", json={"place": "archive", "query": query}
    )
    assert answer.status_code == status, answer.text


def test_no_such_place_and_no_such_right(client: Client):
    body = {"place": "elsewhere", "query": {"patient_id": "A"}}
    answer = client("read", bearer=True).post("/v1/pulls", json=body)
    assert answer.status_code == 400
    assert "there are: archive" in answer.json()["detail"]
    body["place"] = "archive"
    assert client("view", bearer=True).post("/v1/pulls", json=body).status_code == 403
    assert client(None).post("/v1/pulls", json=body).status_code == 401
