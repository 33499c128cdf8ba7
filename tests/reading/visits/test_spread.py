"""Measuring how much predictions differ, writing it down, and reading it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hilum.bundles import load
from hilum.domain import Prediction
from hilum.errors import VisitError
from hilum.reading.visits.measuring import Judged, as_toml, measure, pairs_of, visit_of
from hilum.reading.visits.spread import SHIPPED, read_spread, scores_digest, spread_of
from scripts.visits_tables import spread_rows, within

REPOSITORY = Path(__file__).parents[3]


def judged(rng, people=200, sigma=0.5, jump=3.0):
    """Two visits each; the log-odds differ by noise, and by a jump where the label appears."""
    visits, patients, states = [], [], []
    for person in range(people):
        base, appears = rng.normal(-2.0, 0.3), person % 10 == 0
        for number in (0, 1):
            rise = base + number * (rng.normal(0, sigma) + jump * appears)
            chance = float(1 / (1 + np.exp(-rise)))
            mass = Prediction("mass", rise, chance, 0.4)
            visits.append(visit_of(("b 1.0.0", "d"), (mass,), "PA"))
            patients.append(f"p{person}")
            states.append([int(appears and number)])
    return Judged(visits, patients, np.array(states, np.uint8))


def test_the_limit_is_the_noise_and_real_changes_are_seen():
    found = measure(judged(np.random.default_rng(0)), "s", source="drawn", seed=0)
    limit = found.same_view["mass"]
    assert limit.log_odds == pytest.approx(1.96 * 0.5, rel=0.2)
    assert limit.low < limit.log_odds < limit.high
    assert (limit.patients, limit.pairs) == (180, 180)
    assert not found.other_views  # no such pair
    table = found.checked["said"]
    assert table["absent, present"]["new"] >= 15
    assert table["absent, absent"]["new"] <= 4
    assert found.checked["pairs_of_equal_labels"] == 180


def test_pairs_follow_each_other():
    assert pairs_of(["a", "b", "a", "a", "b"]).tolist() == [[0, 2], [2, 3], [1, 4]]


def test_it_survives_the_file(tmp_path):
    bundle = load("chest14")
    scores = scores_digest(bundle) + "x"
    found = measure(judged(np.random.default_rng(1)), scores, source="drawn", seed=0)
    (tmp_path / "b.toml").write_text(as_toml(found), "utf-8")
    assert read_spread(tmp_path / "b.toml") == found
    other = replace(bundle, card=bundle.card.model_copy(update={"findings": ()}))
    assert spread_of(other, tmp_path) is None
    (tmp_path / "b.toml").write_text(as_toml(replace(found, scores=scores_digest(other))), "utf-8")
    assert spread_of(other, tmp_path) is not None
    noted = replace(bundle, digest="e", card=bundle.card.model_copy(update={"summary": "…"}))
    assert spread_of(noted) == spread_of(bundle)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "no spread"),
        ("bundle = 3", "no spread"),
        ("=", "no spread"),
        ("{limit = -1}", "no number above 0"),
        ("{limit = nan}", "no number above 0"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, text, match):
    path = tmp_path / "b.toml"
    if text.startswith("{"):
        value = text.strip("{}").partition("= ")[2]
        row = f"mass = {{ log_odds = {value}, low = 1, high = 1, patients = 1, pairs = 1 }}"
        text = (
            f'bundle = "b"\nscores = "d"\nshare = 0.9\nsource = ""\n[same_view]\n{row}\n'
            f"[other_views]\n[checked]\n"
        )
    path.write_text(text, "utf-8")
    with pytest.raises(VisitError, match=match):
        read_spread(path)


def test_nobody_came_twice():
    once = judged(np.random.default_rng(0), people=2)
    alone = Judged(once.visits, ["a", "b", "c", "d"], once.states)
    with pytest.raises(VisitError, match="more than once"):
        measure(alone, "s", source="", seed=0)
    with pytest.raises(VisitError, match="do not fit"):
        Judged(once.visits, ["a"], once.states)


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_the_page_has_the_numbers_of_the_files(path):
    page = (REPOSITORY / "docs" / "visits.md").read_text("utf-8")
    assert within(page, path.stem, spread_rows(read_spread(path))) == page
