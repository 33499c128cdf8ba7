import pytest

from hilum.cli import downloads as module
from hilum.cli.downloads import downloads
from hilum.datasets.fetch import Step


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_lines_elsewhere_than_on_a_terminal(capsys, clock):
    with downloads() as (watch, say):
        watch(Step("a.zip", 2_000_000, 10_000_000))  # from an earlier run: no part of the rate
        watch(Step("b.zip", 0, 2_000_000))
        clock[0] = 10.0
        watch(Step("b.zip", 2_000_000, 2_000_000))
        watch(Step("a.zip", -1, 10_000_000, "the connection was broken off"))
        clock[0] = 20.0
        watch(Step("a.zip", 4_000_000, 10_000_000))
        say("a line")
    assert capsys.readouterr().err.splitlines() == [
        "a.zip: the connection was broken off",
        "6.0 MB here, 0.2 MB/s, of 12.0 MB, 0:30 left; 1 of 2 files",
        "a line",
    ]


def test_where_a_size_is_unknown_no_time_is_promised(capsys, clock):
    with downloads() as (watch, _):
        watch(Step("a.zip", 0, None))
        clock[0] = 20.0
        watch(Step("a.zip", 4_000_000, None))
    assert capsys.readouterr().err == "4.0 MB here, 0.2 MB/s\n"


def test_bars_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    with downloads() as (watch, say):
        watch(Step("[a].zip", 0, 10_000_000))
        watch(Step("b.zip", 0, None))
        watch(Step("[a].zip", 5_000_000, 10_000_000))
        watch(Step("[a].zip", -1, 10_000_000, "starting [bold]anew"))
        say("[red]a line")
    text = capsys.readouterr().err
    assert "[a].zip: starting [bold]anew" in text
    assert "[red]a line" in text
    assert "5.0/10.0 MB" in text
    assert "all" in text
