"""Run the command line in this process."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from hilum.cli import main


@dataclass
class Done:
    status: int
    out: str
    err: str


@pytest.fixture
def hilum(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        capsys.readouterr()
        try:
            main([str(a) for a in arguments])
        except SystemExit as end:
            captured = capsys.readouterr()
            return Done(int(end.code or 0), captured.out, captured.err)

    return run
