import pytest

from hilum.cli import progress as module
from hilum.cli.progress import progress


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_lines_elsewhere_than_on_a_terminal(capsys, clock):
    with progress(1000) as advance:
        for _ in range(100):
            clock[0] += 0.5
            advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "30 of 1000 read, 2.0 a second, 8:05 left",
        "60 of 1000 read, 2.0 a second, 7:50 left",
        "90 of 1000 read, 2.0 a second, 7:35 left",
    ]


def test_a_short_run_is_quiet(capsys, clock):
    with progress(3) as advance:
        for _ in range(3):
            clock[0] += 1
            advance()
    assert capsys.readouterr().err == ""


def test_hours_are_written_as_hours(capsys, clock):
    with progress(10_000) as advance:
        clock[0] += 20
        advance()
    assert capsys.readouterr().err == "1 of 10000 read, 0.1 a second, 55:33:00 left\n"


def test_a_bar_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: True, raising=False)
    with progress(4) as advance:
        for _ in range(4):
            advance()
    text = capsys.readouterr().err
    assert "Reading" in text
    assert "4/4" in text
