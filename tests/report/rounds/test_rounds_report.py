"""Tables and text of a sweep and of a search."""

from __future__ import annotations

import csv
import json

import pytest

from hilum.report.rounds import write_search, write_sweep
from hilum.report.rounds.tables import HEADER, brief, csv_rows, shown
from hilum.report.rounds.text import search_text, sweep_text

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'hilum[analyse]'")


def number(value, low=None, high=None):
    return {"value": value, "low": low, "high": high}


def arm(group, name, tune, gain, **more):
    shares = ("accuracy", "precision", "recall", "specificity", "f1", "auroc")
    return {
        "group": group, "name": name, "about": "first settings", "join": "mean", "looks": 1,
        "threshold": 0.5, "tune_auroc": tune, "counts": [1, 2, 3, 4],
        **dict.fromkeys(shares, number(0.75, 0.5, 0.9)), "gain": number(gain, gain - 0.1, gain),
    } | more  # fmt: skip


RUN = {
    "bundle": "tiny 1.2.3", "digest": "0123456789abcdef", "finding": "effusion", "unseen": 1,
    "samples": 100, "seed": 0, "commoner": 0.6,
    "rows": {
        "how": "as the table says",
        "tune": {"images": 40, "patients": 30, "present": 20},
        "test": {"images": 1080, "patients": 90, "present": 35},
    },
}  # fmt: skip
SWEEP = RUN | {
    "arms": [
        arm("plain", "plain", 0.8, 0.0),
        arm("single", "add(by_255 10)", 0.7, -0.25),
        arm("single", "gamma(exponent 2)", 0.9, 0.05),
        arm("pair", "gamma(exponent 2), add(by_255 10)", 0.8, 0.0, precision=number(None)),
        arm("triple", "a, b, c", 0.8, 0.0),
        arm("rounds", "ten, mean", 0.8, 0.0),
    ],
    "weights": {"ten-weighted": [0.25, 0.75]},
    "abstention": [
        {"set": "ten", "by": by, "area": 0.2, "cut": 0.1, "wanted": 0.8, "coverage": 0.75,
         "wrong": wrong, "wrong_all": 0.3}
        for by, wrong in (("spread", 0.1), ("votes", None), ("nearness", 0.2))
    ],
}  # fmt: skip
SIDE = arm("", "one plain look", 0.8, 0.0, seconds=0.0304)
SEARCH = RUN | {
    "generations": [{"fitness": 0.8, "mean": 0.6, "tried": 4, "looks": 1}] * 2,
    "population": 4, "looks": ["plain", "gamma(exponent 2)"], "join": "maximum",
    "sides": [SIDE, SIDE | {"name": "the plan that was found", "looks": 2}], "no_larger": "a graph",
}  # fmt: skip


def test_numbers_are_shown_with_their_intervals():
    assert shown(number(0.5, 0.25, 0.75)) == "0.500 (0.250 to 0.750)"
    assert shown(number(0.5, 0.25, 0.75), signed=True) == "+0.500 (+0.250 to +0.750)"
    assert shown(number(0.5)) == "0.500"
    assert shown(number(None)) == "–"
    long = "gamma(exponent 1.3), gaussian-blur(sigma_px 2.5), sharpen(alpha 0.03, lightness 1.1)"
    assert brief(long) == "γ 1.3, blur 2.5, sharp 1.1"
    assert len(brief(long)) <= 28
    assert brief("ten, mean") == "ten, mean"


def test_the_text_of_a_sweep():
    text = sweep_text(SWEEP, ["singles", "rounds"], "page-{}.svg")
    assert "1,080 images of 90 patients, 35 with it, to report; as the table says" in text
    assert "1 images could not be read" in text
    assert "| One transform | gamma(exponent 2) | 0.900 |" in text
    assert "![AUROC gained, one transform](page-singles.svg)" in text
    assert "stacks" not in text
    assert "| ten | votes | 0.200 | 0.75 | – | 0.300 |" in text
    assert "| ten-weighted | 0.25, 0.75 |" in text


def test_the_text_of_a_search():
    text = search_text(SEARCH, ["search"], "page-{}.svg")
    assert "1: plain; 2: gamma(exponent 2)" in text
    assert "| one plain look | 1 | 30 |" in text
    assert "No larger input to compare with: a graph." in text


def test_folders_hold_tables_figures_and_plans(tmp_path):
    report = write_sweep(SWEEP, {"ten-weighted": 'name = "a"\n'}, tmp_path / "sweep")
    assert report.read_text("utf-8").startswith("# Reading rounds: a sweep")
    rows = list(csv.reader((tmp_path / "sweep/sweep.csv").read_text().splitlines()))
    assert tuple(rows[0]) == HEADER
    assert len(rows) == 1 + len(csv_rows(SWEEP)) == 7
    assert all(len(row) == len(HEADER) for row in rows)
    assert json.loads((tmp_path / "sweep/numbers.json").read_text("utf-8")) == SWEEP
    assert (tmp_path / "sweep/plans/ten-weighted.toml").read_text("utf-8") == 'name = "a"\n'
    drawn = {path.stem for path in (tmp_path / "sweep/figures").glob("*.svg")}
    assert drawn == {"singles", "stacks", "rounds", "abstention"}
    write_search(SEARCH, {}, tmp_path / "search")
    assert (tmp_path / "search/figures/sides.svg").is_file()
