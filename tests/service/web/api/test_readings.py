"""Radiographs in over HTTP, and what was said of them out."""

from __future__ import annotations

import io
import tarfile
import zipfile
from threading import Thread

import numpy as np
import pytest
from sqlalchemy import func, select

from hilum.imaging import encode_png
from hilum.phantoms import draw_chest
from hilum.service.reading.process import read_waiting
from hilum.service.store.tables import Instance, Job, JobPart, Seen, TurnedAway
from tests.service.postgres import BOTH

NONE = "0" * 32


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def form(*files: bytes):
    return [("file", (f"WANG-{number}.dcm", data)) for number, data in enumerate(files)]


@pytest.mark.parametrize("sent", [{"content": True}, {"files": True}], ids=["a body", "a form"])
def test_one_radiograph_is_accepted_read_and_told(client, here, drawn, sent):
    program = client("send", bearer=True)
    data = drawn(1)
    given = {"content": data} if "content" in sent else {"files": form(data)}
    answer = program.post("/v1/readings", **given)
    assert answer.status_code == 202
    job = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["state"], job["finished"], job["parts"][0]["state"]) == ("running", 0, "waiting")
    assert read_waiting(here) == 1
    job = program.get(f"/v1/jobs/{job['id']}?records=true").json()
    assert (job["state"], job["finished"]) == ("done", 1)
    reading = job["parts"][0]["reading"]
    assert reading["kind"] == "reading"
    assert [one["finding"] for one in reading["record"]["predictions"]] == [
        "effusion", "pneumonia", "pleural_thickening",
    ]  # fmt: skip
    assert program.get(f"/v1/readings/{reading['id']}").json() == reading
    instance = program.get(f"/v1/instances/{reading['instance']}").json()
    assert (instance["state"], instance["readings"]) == ("read", [reading["id"]])


def test_who_waits_gets_the_reading(client, here, drawn):
    program = client("send", bearer=True)
    reader = Thread(target=lambda: [read_waiting(here) for _ in range(100)], daemon=True)
    sent: list = []
    sender = Thread(
        target=lambda: sent.append(program.post("/v1/readings?wait=20", content=drawn(1)))
    )
    sender.start()
    reader.start()
    sender.join()
    answer = sent[0]
    assert answer.status_code == 200
    assert answer.json()["parts"][0]["reading"]["kind"] == "reading"


@BOTH
def test_who_waited_in_vain_gets_the_job(client, drawn):
    answer = client("send", bearer=True).post("/v1/readings?wait=0.1", content=drawn(1))
    assert (answer.status_code, answer.json()["state"]) == (202, "running")


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_is_many(client, here, drawn, pack):
    data = pack(**{"ward/1.dcm": drawn(1), "ward/2.dcm": drawn(2), "notes.txt": b"no",
                   "3.dcm": b"no radiograph"})  # fmt: skip
    answer = client("send", bearer=True).post("/v1/readings", content=data)
    assert answer.status_code == 202
    parts = {one["name"]: one for one in answer.json()["parts"]}
    assert {name: one["state"] for name, one in parts.items()} == {
        "1/ward/1.dcm": "waiting", "1/ward/2.dcm": "waiting", "1/3.dcm": "not-accepted",
    }  # fmt: skip
    assert parts["1/3.dcm"]["code"] == "not-an-image"
    assert list((here.settings.folder / "coming").iterdir()) == []


def test_the_same_again_changes_nothing(client, here, drawn):
    program = client("send", bearer=True)
    first = program.post("/v1/readings", content=drawn(1)).json()
    read_waiting(here)
    again = program.post("/v1/readings?wait=1", content=drawn(1))
    assert again.status_code == 200
    assert again.json()["parts"][0]["instance"] == first["parts"][0]["instance"]
    assert read_waiting(here) == 0


def test_two_pictures_under_one_uid_are_a_conflict(client, drawn):
    program = client("send", bearer=True)
    one, two = (
        drawn(seed, instance_uid="1.2.3", study_uid="1.2", patient_id="P") for seed in (1, 2)
    )
    assert program.post("/v1/readings", content=one).status_code == 202
    answer = program.post("/v1/readings", content=two)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"content": b""}, 422, "no-file"),
        ({"content": b"Dear doctor"}, 415, "not-an-image"),
        ({"content": zipped()}, 422, "nothing-inside"),
        ({"content": zipped(**{"../../etc/passwd.dcm": b"x"})}, 422, "unsafe-archive"),
        ({"files": form(b"", b"Dear doctor")}, 422, "not-an-image"),
        ({"data": {"taken": "today"}, "files": form(b"x")}, 422, "wrong-field"),
        ({"data": {"patient_id": "x" * 81}, "files": form(b"x")}, 422, "wrong-field"),
        ({"files": {"other": (None, "text")}}, 422, "no-file"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "bad-request"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_accepted_is_told_why(client, here, sent, status, code):
    answer = client("send", bearer=True).post("/v1/readings", **sent)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "passwd" not in answer.text.replace("1/etc/passwd.dcm", "")
    with here.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Instance)) == 0


def test_what_was_turned_away_is_kept_without_the_name_of_its_file(client, here):
    client("send", bearer=True).post("/v1/readings", files=form(b"Dear doctor", b"{}"))
    with here.store.reading() as session:
        rows = session.scalars(select(TurnedAway).order_by(TurnedAway.id)).all()
        parts = session.scalars(select(JobPart)).all()
    assert [row.name for row in rows] == ["1", "2"]
    assert [row.name for row in parts] == ["1", "2"]
    assert {row.origin for row in rows} == {"http:send-1"}


def test_too_large_a_body_gets_413(client, here, drawn):
    object.__setattr__(here.settings.limits, "upload_mb", 0.01)
    program = client("send", bearer=True)
    whole = program.post("/v1/readings", content=b"x" * 2_000_000)
    pieces = program.post("/v1/readings", content=(b"x" * 100_000 for _ in range(20)))
    one = program.post("/v1/readings", content=zipped(**{"1.dcm": drawn(1)}))
    for answer in (whole, pieces, one):
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def test_too_many_files_are_told_to_come_in_parts(client, here, drawn):
    object.__setattr__(here.settings.limits, "files", 2)
    program = client("send", bearer=True)
    many = {f"{number}.dcm": b"x" for number in range(3)}
    assert program.post("/v1/readings", content=zipped(**many)).json()["code"] == "too-many"
    assert program.post("/v1/readings", files=form(b"a", b"b", b"c")).status_code == 400


def test_no_room_is_no_fault_of_the_sender(client, here, drawn):
    object.__setattr__(here.settings.limits, "free_mb", 1e12)
    answer = client("send", bearer=True).post("/v1/readings", content=drawn(1))
    assert (answer.status_code, answer.json()["code"]) == (503, "not-now")
    assert answer.headers["retry-after"] == "10"


def test_a_full_disk_is_no_fault_of_the_sender(client, here, drawn, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hilum.service.web.uploads.shutil.copyfileobj", full)
    answer = client("send", bearer=True).post("/v1/readings", content=drawn(1))
    assert (answer.status_code, answer.json()["code"]) == (503, "not-now")
    assert list((here.settings.folder / "coming").iterdir()) == []


def test_a_picture_without_a_header_may_be_told_whose_it_is(client, here):
    grey = draw_chest(np.random.default_rng(1), size=(256, 240)).pixels
    data = encode_png(np.rint(grey * 255).astype(np.uint8))
    answer = client("send", bearer=True).post(
        "/v1/readings", files=form(data), data={"patient_id": "P7", "taken": "20240131"}
    )
    assert answer.status_code == 202
    study = client("view").get(f"/v1/studies/{answer.json()['parts'][0]['study']}").json()
    assert (study["patient_id"], study["taken"]) == ("P7", "20240131")


@BOTH
def test_a_sender_sees_its_own_alone(client, here, drawn):
    one, other = client("send", bearer=True), client("send", bearer=True)
    job = one.post("/v1/readings", content=drawn(1)).json()
    read_waiting(here)
    instance = job["parts"][0]["instance"]
    reading = one.get(f"/v1/instances/{instance}").json()["readings"][0]
    for path in (f"jobs/{job['id']}", f"instances/{instance}", f"readings/{reading}"):
        assert one.get(f"/v1/{path}").status_code == 200
        assert other.get(f"/v1/{path}").status_code == 404
        assert client("view").get(f"/v1/{path}").status_code == 200
    assert one.get("/v1/studies").status_code == 403


@pytest.mark.parametrize("path", ["jobs", "instances", "readings", "studies"])
@pytest.mark.parametrize(("name", "status"), [(NONE, 404), ("1", 422), ("../../etc/passwd", 404)])
def test_what_is_not_there(client, path, name, status):
    answer = client("admin").get(f"/v1/{path}/{name}")
    assert answer.status_code == status
    assert "passwd" not in answer.text


def test_a_refusal_is_told_as_one(client, here, fixed_bundle, drawn):
    bundle = fixed_bundle("refuses", refuses=True, effusion=0.2, mass=0.2, nodule=0.2)
    object.__setattr__(here.settings.reading, "bundle", str(bundle.location))
    program = client("send", bearer=True)
    program.post("/v1/readings", content=drawn(1))
    read_waiting(here)
    part = program.post("/v1/readings?wait=1", content=drawn(1)).json()["parts"][0]
    assert (part["state"], part["reading"]["kind"]) == ("refused", "refusal")
    assert part["why"]


def test_who_brought_and_saw_is_kept(client, here, drawn):
    program = client("send", bearer=True)
    part = program.post("/v1/readings", content=drawn(1)).json()["parts"][0]
    read_waiting(here)
    reading = program.get(f"/v1/instances/{part['instance']}").json()["readings"][0]
    viewer = client("view")
    viewer.get(f"/v1/readings/{reading}")
    viewer.get(f"/v1/studies/{part['study']}")
    with here.store.reading() as session:
        rows = session.scalars(select(Seen).order_by(Seen.id)).all()
    assert [(row.by, row.action, row.study_id) for row in rows] == [
        ("send-1", "upload", part["study"]),
        ("view-2", "view reading", part["study"]),
        ("view-2", "view study", part["study"]),
    ]


def test_a_deleted_study_leaves_its_jobs_behind(client, here, drawn):
    admin = client("admin")
    job = admin.post("/v1/readings", content=drawn(1)).json()
    study = job["parts"][0]["study"]
    with here.store.writing() as session:
        session.delete(session.scalars(select(Instance)).one())
    part = admin.get(f"/v1/jobs/{job['id']}").json()["parts"][0]
    assert (part["state"], part["instance"]) == ("deleted", None)
    assert study
    with here.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 1
