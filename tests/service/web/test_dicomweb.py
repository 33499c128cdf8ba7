"""STOW-RS: instances one by one, and what is answered to what is not taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from hilum.service.process import Here
from hilum.service.store.tables import Instance, Seen, TurnedAway

Drawn = Callable[..., bytes]
Client = Callable[..., Any]

RELATED = 'multipart/related; type="application/dicom"; boundary="edge"'


def body(*parts: bytes, kind: str = "application/dicom", end: bool = True) -> bytes:
    pieces = [b"--edge\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + part for part in parts]
    return b"\r\n".join([*pieces, b"--edge--\r\n" if end else b""])


def post(client: Client, data: bytes, kind: str = RELATED, study: str = "") -> Any:
    path = f"/dicom-web/studies/{study}" if study else "/dicom-web/studies"
    return client("send", bearer=True).post(path, content=data, headers={"Content-Type": kind})


def kept(here: Here) -> int:
    with here.store.reading() as session:
        return len(session.scalars(select(Instance)).all())


def uids(answer: Any, tag: str) -> list[str]:
    items = answer.json().get(tag, {"Value": []})["Value"]
    return [item["00081155"]["Value"][0] for item in items]


def test_several_instances_of_which_one_is_damaged(client: Client, here: Here, drawn: Drawn):
    whole, cut = drawn(1), drawn(2)[:-4000]
    answer = post(client, body(whole, cut, drawn(3)))
    assert answer.status_code == 202
    assert answer.headers["content-type"] == "application/dicom+json"
    assert (len(uids(answer, "00081199")), len(uids(answer, "00081198"))) == (2, 1)
    (failed,) = answer.json()["00081198"]["Value"]
    assert failed["00081197"] == {"vr": "US", "Value": [0xC002]}
    assert "was cut" in answer.headers["warning"]
    assert kept(here) == 2
    with here.store.reading() as session:
        assert [(row.name, row.code) for row in session.scalars(select(TurnedAway))] == [
            ("2", "damaged")
        ]
        assert session.scalars(select(Seen.action)).all()[-1] == "store 2"


def test_all_are_stored_and_again(client: Client, here: Here, drawn: Drawn):
    for _ in range(2):
        assert post(client, body(drawn(1), drawn(2))).status_code == 200
    assert kept(here) == 2


def test_one_instance_as_it_is(client: Client, here: Here, drawn: Drawn):
    assert post(client, drawn(1), "application/dicom").status_code == 200
    assert kept(here) == 1


def test_instances_of_another_study_than_the_address_fail(client: Client, drawn: Drawn):
    import io

    import pydicom

    uid = str(pydicom.dcmread(io.BytesIO(drawn(1))).StudyInstanceUID)
    answer = post(client, body(drawn(1), drawn(2)), study=uid)
    assert answer.status_code == 202
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA900]


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"x", "application/json", 415),
        (b"x", "multipart/form-data; boundary=edge", 415),
        (b"x", 'multipart/related; type="application/dicom+json"; boundary=edge', 415),
        (b"x", "multipart/related", 400),
        (b"", RELATED, 400),
        (b"--edge--\r\n", RELATED, 400),
        (b"nonsense", RELATED, 400),
        (body(b"x" * 5000, end=False), RELATED, 400),
        (body(b"x" * 5000), RELATED, 409),
        (body(b"{}", kind="application/dicom+json"), RELATED, 409),
        (b"x" * 5000, "application/dicom", 409),
    ],
)
def test_what_is_no_instance(data: bytes, kind: str, status: int, client: Client, here: Here):
    answer = post(client, data, kind)
    assert answer.status_code == status, answer.text
    assert kept(here) == 0
    assert not list((here.files.folder / "coming").iterdir())


def test_who_may_not(client: Client, here: Here, drawn: Drawn):
    answer = client(None).post(
        "/dicom-web/studies", content=body(drawn(1)), headers={"Content-Type": RELATED}
    )
    assert answer.status_code == 401
    assert kept(here) == 0


def test_not_now_is_503(client: Client, here: Here, drawn: Drawn, monkeypatch: pytest.MonkeyPatch):
    from hilum.errors import NotNow
    from hilum.service.accepting import Door

    def full(*_: object, **__: object) -> None:
        raise NotNow("The disk of the server is nearly full; come again later.")

    monkeypatch.setattr(Door, "accept", full)
    answer = post(client, body(drawn(1)))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA700]


def test_a_large_body_in_small_pieces(client: Client, here: Here, drawn: Drawn):
    data = body(drawn(1, size=(1200, 1000)))
    pieces = (data[at : at + 7001] for at in range(0, len(data), 7001))
    answer = client("send", bearer=True).post(
        "/dicom-web/studies", content=pieces, headers={"Content-Type": RELATED}
    )
    assert answer.status_code == 200
    assert kept(here) == 1
