"""The log says what happened, never to whom."""

from __future__ import annotations

import json
import logging

import pytest

from hilum.service.log import begin, failed, log


@pytest.fixture(autouse=True)
def _as_before():
    handlers, level = list(log.handlers), log.level
    yield
    log.handlers[:], log.propagate = handlers, True
    log.setLevel(level)


def test_an_error_is_its_kind_and_place(capsys):
    begin("read")
    try:
        raise ValueError("DOE^JANE")
    except ValueError as error:
        failed("reading", error)
    line = capsys.readouterr().err
    assert "read ERROR reading failed: ValueError at test_log.py:" in line
    assert "DOE" not in line


def test_lines_may_be_json(capsys):
    begin("web", "json")
    log.warning("%d wait\nnow", 3)
    facts = json.loads(capsys.readouterr().err)
    assert facts.pop("at").endswith("Z")
    assert facts == {"role": "web", "level": "warning", "message": "3 wait\nnow"}


@pytest.mark.parametrize("noisy", ["pynetdicom", "pydicom", "sqlalchemy.engine"])
def test_libraries_that_quote_headers_are_quiet(capsys, noisy):
    begin("web")
    logging.getLogger(noisy).error("DOE^JANE")
    assert "DOE" not in capsys.readouterr().err
