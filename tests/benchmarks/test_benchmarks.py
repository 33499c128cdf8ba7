"""The benchmarks' own arithmetic and page; never how fast anything is."""

from __future__ import annotations

import sys

import pytest

from benchmarks.__main__ import SCRIPTS, main
from benchmarks.measure import Times, command, interleave, ratio, worker
from benchmarks.options import Options
from benchmarks.results import Mark, Section, Table, render, write


def test_sides_take_turns_and_the_warm_up_does_not_count():
    calls: list[str] = []
    clock = iter(float(n) for n in range(100))

    def side(name):
        def call():
            calls.append(name)
            return next(clock)

        return call

    times = interleave({"a": side("a"), "b": side("b")}, repeat=3, warm_up=2)

    assert calls == ["a", "b"] * 5
    assert times["a"].seconds == (4.0, 6.0, 8.0)
    assert times["b"].seconds == (5.0, 7.0, 9.0)


def test_no_round_is_refused():
    with pytest.raises(ValueError, match="repeat must be at least 1"):
        interleave({"a": lambda: 0.0}, repeat=0)


def test_a_ratio_is_of_medians_and_of_rounds():
    found = ratio(Times((2.0, 8.0, 12.0)), Times((1.0, 2.0, 6.0)))
    assert found.of_medians == 4.0
    assert found.pairs == (2.0, 4.0, 2.0)
    assert found.median_of_pairs == 2.0
    assert str(found) == "4.00 × (by rounds 2.00, 2.00–4.00)"


def test_times_are_shown_in_milliseconds():
    assert str(Times((0.002, 0.001, 0.0095))) == "2.0 (1.0–9.5)"
    assert str(Times((1.5,))) == "1,500 (1,500–1,500)"


def test_a_command_is_run_anew_and_its_failure_is_told(tmp_path):
    numbers = iter(range(9))
    code = "import sys, pathlib; pathlib.Path(sys.argv[1]).touch()"
    side = command(lambda: [sys.executable, "-c", code, str(tmp_path / str(next(numbers)))])
    assert interleave({"touch": side}, repeat=2, warm_up=1)["touch"].median > 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0", "1", "2"]

    failing = command(lambda: [sys.executable, "-c", "raise SystemExit('no such thing')"])
    with pytest.raises(RuntimeError, match="no such thing"):
        failing()
    assert command(lambda: [sys.executable, "-c", "raise SystemExit(1)"], {0, 1})() > 0


def test_a_worker_answers_and_a_broken_one_is_noticed():
    with worker("operator:attrgetter", "__class__.__name__") as held:
        seconds, answer = held([1, 2])
        assert (answer, seconds >= 0) == ("list", True)
        held.send(1, 2, 3)  # attrgetter takes one object
        with pytest.raises(RuntimeError, match="a side of the benchmark failed"):
            held.receive()


SECTION = Section(
    "cold",
    "Cold",
    marks=(
        Mark("a ≤ 1 s", "0.5 s", True, "not told"),
        Mark("b ≤ 1 s", "2 s", False, "because of c."),
        Mark("d", "no bundle", None),
    ),
    tables=(Table("Times:", ("command", "ms"), [["a | b", "1"]]),),
    notes=("a note",),
)


def test_a_section_tells_marks_tables_and_the_reason_of_what_is_not_met():
    text = render(SECTION, "Measured today.")
    assert "| a ≤ 1 s | 0.5 s | yes |" in text
    assert "| b ≤ 1 s | 2 s | **no** |" in text
    assert "| d | no bundle | not measured |" in text
    assert "Not met – b ≤ 1 s: because of c." in text
    assert "not told" not in text
    assert "| a ∣ b | 1 |" in text  # a bar would end the cell
    assert text.startswith("## Cold\n\nMeasured today.\n\n")
    assert text.endswith("- a note")


def test_a_section_takes_the_place_of_an_earlier_one(tmp_path):
    page = tmp_path / "results.md"
    write(page, "one", "first \\1")
    write(page, "two", "second")
    write(page, "one", "newer \\2")
    text = page.read_text("utf-8")
    assert text.startswith("# Measured\n")
    assert "first" not in text
    assert text.index("newer \\2") < text.index("second")


def test_what_was_measured_stays_when_a_later_run_skips_it(tmp_path):
    page = tmp_path / "results.md"
    skipped = render(Section("one", "One", skipped="no data."), "")
    write(page, "one", skipped, keep=True)
    assert "Not measured: no data." in page.read_text("utf-8")
    write(page, "one", "measured")
    write(page, "one", skipped, keep=True)
    assert "measured" in page.read_text("utf-8")
    assert "no data." not in page.read_text("utf-8")


def test_main_runs_what_is_named_and_refuses_what_is_not_there(tmp_path, monkeypatch, capsys):
    from benchmarks import cold

    def run(options: Options) -> Section:
        assert (options.repeat, options.size) == (2, (64, 80))
        return SECTION

    monkeypatch.setattr(cold, "run", run)
    monkeypatch.setattr("benchmarks.__main__.keep_two_cores", lambda: None)
    page = tmp_path / "page.md"
    main(["cold", "--repeat", "2", "--size", "64", "80", "--out", str(page)])
    assert "| a ≤ 1 s | 0.5 s | yes |" in page.read_text("utf-8")
    with pytest.raises(SystemExit):
        main(["hot", "--out", str(page)])
    assert "no script hot; there are " + ", ".join(SCRIPTS) in capsys.readouterr().err
