"""Studies over the API."""

from __future__ import annotations

import pytest

from hilum.service.reading.process import read_waiting
from tests.service.postgres import BOTH


def accept(here, drawn, seed, **facts):
    return here.door.accept(drawn(seed, **facts), origin="test")


@BOTH
def test_studies_come_page_by_page(client, here, drawn):
    ids = [accept(here, drawn, seed).study for seed in range(5)]
    viewer, found, after = client("view", bearer=True), [], ""
    while after is not None:
        page = viewer.get("/v1/studies", params={"most": 2, "after": after}).json()
        found += [one["id"] for one in page["studies"]]
        after = page["after"]
    assert found == ids


def test_studies_since_a_time(client, here, drawn):
    accept(here, drawn, 1)
    late = accept(here, drawn, 2).study
    viewer = client("view", bearer=True)
    last = viewer.get("/v1/studies").json()["studies"][-1]["last_at"]
    page = viewer.get("/v1/studies", params={"since": repr(last)}).json()
    assert [one["id"] for one in page["studies"]] == [late]


@pytest.mark.parametrize(
    ("wanted", "seeds"),
    [
        ({"patient_id": "P1"}, [1, 3]),
        ({"accession": "A2"}, [2]),
        ({"uid": "1.2.3"}, [3]),
        ({"uid": "1.2.3", "patient_id": "P2"}, []),
    ],
)
def test_a_study_is_found_by_what_names_it(client, here, drawn, wanted, seeds):
    ids = {
        1: accept(here, drawn, 1, patient_id="P1").study,
        2: accept(here, drawn, 2, patient_id="P2", overrides={"AccessionNumber": "A2"}).study,
        3: accept(here, drawn, 3, patient_id="P1", study_uid="1.2.3").study,
    }
    found = client("view").post("/v1/studies/search", json=wanted).json()["studies"]
    assert [one["id"] for one in found] == [ids[seed] for seed in seeds]


@BOTH
def test_what_cannot_be_looked_for(client):
    viewer = client("view")
    for wanted in (
        {}, {"WANG": "WANG"}, {"uid": "1" * 65}, {"uid": "WANG"}, {"accession": "\x00"}, [], "x",
    ):  # fmt: skip
        answer = viewer.post("/v1/studies/search", json=wanted)
        assert (answer.status_code, "WANG" in answer.text) == (422, False), wanted


@BOTH
def test_a_study_and_its_radiographs(client, here, drawn):
    first = accept(here, drawn, 1, study_uid="1.2.3", patient_id="P")
    accept(here, drawn, 2, study_uid="1.2.3", patient_id="P")
    read_waiting(here)
    study = client("view").get(f"/v1/studies/{first.study}").json()
    assert study["uid"] == "1.2.3"
    assert [len(one["readings"]) for one in study["instances"]] == [1, 1]


def test_only_an_administrator_deletes(client, here, drawn):
    study = accept(here, drawn, 1).study
    read_waiting(here)
    assert client("read").delete(f"/v1/studies/{study}").status_code == 403
    admin = client("admin")
    assert admin.delete(f"/v1/studies/{study}").json() == {"deleted": study}
    assert admin.get(f"/v1/studies/{study}").status_code == 404
    assert admin.delete(f"/v1/studies/{study}").status_code == 404
    assert f"delete study,{study},done" in admin.get("/audit.csv").text


def test_corrections_are_a_table(client, here, drawn):
    accept(here, drawn, 1)
    read_waiting(here)
    answer = client("view").get("/v1/corrections.csv")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/csv")
    assert client("send").get("/v1/corrections.csv").status_code == 403
