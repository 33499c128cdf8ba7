"""Every bad file of the intake table over HTTP: its reason, and a server that stays up."""

from __future__ import annotations

import pytest

from tests.imaging.corpus import CASES, TELLING

BY_THE_STUDY = {"conflict", "no-uid"}
"""Why a file that can be read may not be filed: it shares its UIDs with one before it."""


@pytest.mark.parametrize("door", ["a body", pytest.param("a form", marks=pytest.mark.slow)])
def test_every_file_gets_its_reason(client, here, tmp_path, capfd, door):
    object.__setattr__(here.settings.limits, "requests_a_minute", 100_000)
    program, wrong, told = client("send", bearer=True), [], ""
    for number, case in enumerate(CASES):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = case.build(folder)
        data = path.read_bytes() if path.is_file() else b""
        sent = {"content": data} if door == "a body" else {"files": {"file": (path.name, data)}}
        answer = program.post("/v1/readings", **sent)
        told += answer.text
        if not right(case, data, answer):
            wrong.append((str(case), answer.status_code, answer.text[:200]))
    assert not wrong, "\n".join(map(str, wrong))
    out, err = capfd.readouterr()
    told += out + err + program.get("/metrics").text
    assert not [word for word in TELLING if word in told.upper()]
    assert program.get("/healthz").status_code == 200
    assert list((here.settings.folder / "coming").iterdir()) == []


def right(case, data, answer) -> bool:
    """Whether an answer is what the table asks for."""
    body = answer.json()
    if answer.status_code == 202:
        return case.error is None or case.either
    told = {body["code"], *(part["code"] for part in body.get("parts", ()))}
    return 400 <= answer.status_code < 500 and (case.either or bool(told & expected(case, data)))


def expected(case, data) -> set[str]:
    """Codes of which one must be told."""
    if not data:
        return {"no-file", "not-an-image"}
    if case.name == "a cut archive":  # which is no image as a whole, and damaged within
        return {"damaged"}
    kinds = [case.error, *case.error.__subclasses__()] if case.error else []
    return {kind.code for kind in kinds} | {"nothing-inside"} | BY_THE_STUDY
