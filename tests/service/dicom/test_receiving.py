"""C-STORE and C-ECHO: what is taken, and what is answered to what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from hilum.imaging.write import TRANSFER_SYNTAXES
from hilum.service.accepting import Door
from hilum.service.process import Here
from hilum.service.store.tables import Instance, Study, TurnedAway
from tests.service.dicom.conftest import Run
from tests.service.dicom.sender import associate, parts, send, store

Listening = Callable[..., Here]
Drawn = Callable[..., bytes]

OPTIONS = {
    "explicit": "-xe", "implicit": "-xi", "big-endian": "-xb", "deflated": "-xd", "rle": "-xr",
    "jpeg": "-xy", "jpeg-extended": "-xx", "jpeg-lossless": "-xs", "jpeg-ls": "-xt",
    "jpeg-2000": "-xv",
}  # fmt: skip
"""Transfer syntax → storescu's option that proposes it."""


def stored(here: Here) -> list[Instance]:
    with here.store.reading() as session:
        rows = list(session.scalars(select(Instance).order_by(Instance.arrived_at)))
        session.expunge_all()
        return rows


@pytest.mark.parametrize(("syntax", "option"), OPTIONS.items(), ids=OPTIONS)
def test_storescu_sends_every_transfer_syntax_that_it_knows(
    syntax: str, option: str, listening: Listening, drawn: Drawn, program: Run, tmp_path: Path
):
    here = listening()
    facts = {"bits_stored": 8} if syntax == "jpeg" else {}
    data = eight_bits(drawn) if syntax == "jpeg" else drawn(1, transfer_syntax=syntax, **facts)
    (tmp_path / "x.dcm").write_bytes(data)
    port = int(here.facts["port"])
    done = program("storescu", option, "-aec", "HILUM", "127.0.0.1", port, tmp_path / "x.dcm")
    assert done.returncode == 0, done.stderr
    (row,) = stored(here)
    assert (row.syntax, row.origin) == (TRANSFER_SYNTAXES[syntax], "dimse:STORESCU")
    assert parts(here.files.radiograph(row.digest).read_bytes())[0] == parts(data)[0]


def eight_bits(drawn: Drawn) -> bytes:
    import tempfile

    import numpy as np

    from hilum.imaging import write_dicom
    from hilum.phantoms import draw_chest

    pixels = draw_chest(np.random.default_rng(1), size=(256, 240)).pixels
    with tempfile.TemporaryDirectory() as folder:
        path = write_dicom(
            f"{folder}/x.dcm", np.rint(pixels * 255).astype(np.uint8), transfer_syntax="jpeg"
        )
        return path.read_bytes()


def test_htj2k_which_storescu_does_not_know(listening: Listening, drawn: Drawn):
    here = listening()
    assert send(int(here.facts["port"]), drawn(1, transfer_syntax="htj2k")) == (0, "")
    assert stored(here)[0].syntax == TRANSFER_SYNTAXES["htj2k"]


def test_an_echo(listening: Listening, program: Run):
    port = int(listening().facts["port"])
    assert program("echoscu", "-aec", "HILUM", "127.0.0.1", port).returncode == 0


def test_a_study_sent_twice_changes_nothing(listening: Listening, drawn: Drawn):
    here = listening()
    port = int(here.facts["port"])
    assert [send(port, drawn(1)) for _ in range(3)] == [(0, "")] * 3
    assert len(stored(here)) == 1
    assert (here.facts["accepted"], here.facts["again"]) == (1, 2)


def test_two_pictures_under_one_uid_keep_the_first(listening: Listening, drawn: Drawn):
    here = listening()
    port = int(here.facts["port"])
    first = drawn(1)
    uid = parts(first)[2]
    assert send(port, first)[0] == 0
    status, why = send(port, drawn(2, overrides={"SOPInstanceUID": uid}), announced=uid)
    assert status == 0x0111
    assert why.startswith("Another picture under the same SOP Instance UID")
    assert [row.digest for row in stored(here)] == [row.digest for row in stored(here)[:1]]
    with here.store.reading() as session:
        (away,) = session.scalars(select(TurnedAway))
        session.expunge_all()
    assert (away.code, away.origin, away.name) == ("conflict", "dimse:TEST", "")


def test_a_uid_other_than_announced(listening: Listening, drawn: Drawn):
    here = listening()
    status, why = send(int(here.facts["port"]), drawn(1), announced="1.2.3.4")
    assert (status, stored(here)) == (0xA900, [])
    assert why == "Its SOP Instance UID is not the one that the request announced."


def test_a_path_as_a_uid_and_as_a_patient(listening: Listening, drawn: Drawn):
    here = listening()
    port = int(here.facts["port"])
    good = drawn(1, overrides={"StudyInstanceUID": "1.22.333.4444"})
    assert send(port, good.replace(b"1.22.333.4444", b"../etc/passwd"))[0] == 0xC005
    assert send(port, drawn(1, patient_id="../../etc/passwd"))[0] == 0
    with here.store.reading() as session:
        assert session.scalar(select(Study.patient_id)) == "../../etc/passwd"
    names = [path.relative_to(here.settings.folder) for path in here.settings.folder.rglob("*")]
    assert not [name for name in names if "passwd" in str(name)]


def test_what_hilum_made_is_not_read_again(listening: Listening, drawn: Drawn):
    here = listening()
    own = drawn(1, overrides={"Manufacturer": "Hilum", "ManufacturerModelName": "Hilum"})
    assert send(int(here.facts["port"]), own)[0] == 0xC007
    assert stored(here) == []


@pytest.mark.parametrize(
    ("calling", "called", "allowed", "taken"),
    [
        ("XRAY1", "HILUM", (), True),
        ("XRAY1", "HILUM", ("XRAY1", "XRAY2"), True),
        ("XRAY3", "HILUM", ("XRAY1", "XRAY2"), False),
        ("XRAY1", "OTHER", (), False),
    ],
)
def test_ae_titles(
    calling: str, called: str, allowed: tuple[str, ...], taken: bool, listening: Listening
):
    here = listening(allowed=allowed)
    association = associate(int(here.facts["port"]), calling=calling, called=called)
    assert association.is_established is taken
    assert association.is_rejected is not taken
    assert here.facts.get("refused_associations", 0) == (0 if taken else 1)
    if taken:
        association.release()


def test_nothing_is_taken_while_too_much_waits(
    listening: Listening, drawn: Drawn, monkeypatch: pytest.MonkeyPatch
):
    here = listening()
    limits = here.settings.limits.model_copy(update={"waiting": 1})
    crowded = here.settings.model_copy(update={"limits": limits})
    monkeypatch.setattr(Here, "door", property(lambda me: Door(crowded, me.store, me.files)))
    port = int(here.facts["port"])
    assert send(port, drawn(1))[0] == 0
    assert send(port, drawn(2)) == (0xA700, "1 radiographs wait to be read; come again later.")


def test_a_data_set_over_the_limit_is_refused_and_the_next_taken(here: Here, drawn: Drawn):
    from hilum.service.dicom.process import listen

    limits = here.settings.limits.model_copy(update={"upload_mb": 0.3})
    dicom = here.settings.dicom.model_copy(update={"port": 0})
    changed = here.settings.model_copy(update={"limits": limits, "dicom": dicom})
    small = replace(here, settings=changed)
    server = listen(small)
    try:
        association = associate(int(small.facts["port"]))
        body, _, uid = parts(drawn(1))
        assert store(association, bytes(400_000), "1.2.3") == (
            0xC006, "It is larger than 0.3 MB, the limit here.",
        )  # fmt: skip
        assert store(association, body, uid) == (0, "")
        assert store(association, bytes(700_000), "1.2.3")[0] == -1  # goes on and on: aborted
    finally:
        server.end()


def test_an_unexpected_error_is_an_answer_and_tells_no_header(
    listening: Listening, drawn: Drawn, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):  # fmt: skip
    here = listening()

    def broken(*_: object, **__: object) -> None:
        raise KeyError("Roesler^Jadwiga")

    monkeypatch.setattr(Door, "accept", broken)
    port = int(here.facts["port"])
    assert send(port, drawn(1)) == (0x0110, "Hilum failed on it; its log says where.")
    assert "KeyError" in caplog.text
    assert "Roesler" not in caplog.text


def test_many_at_once(listening: Listening, drawn: Drawn):
    from concurrent.futures import ThreadPoolExecutor

    here = listening(associations=8)
    port = int(here.facts["port"])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda seed: send(port, drawn_here(drawn, seed)), range(24)))
    assert answers == [(0, "")] * 24
    with here.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(Instance)) == 24


def drawn_here(drawn: Drawn, seed: int) -> bytes:
    from threading import Lock

    lock = drawn.__dict__.setdefault("lock", Lock())
    with lock:  # it writes one file after the other
        return drawn(seed)
