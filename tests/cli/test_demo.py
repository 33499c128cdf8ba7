"""The demonstration."""

from __future__ import annotations

import csv
import json

import pytest

from hilum.cli.demo import BANNER, TITLE


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return tmp_path_factory.mktemp("demo") / "out"


@pytest.fixture
def drawn_small(monkeypatch):
    """The example study in small, which draws and encodes quickly."""
    import hilum.phantoms

    full = hilum.phantoms.demo_study
    monkeypatch.setattr(hilum.phantoms, "demo_study", lambda rng: full(rng, size=(256, 256)))


@pytest.mark.usefixtures("drawn_small")
def test_the_demonstration_says_what_it_is_and_accounts_for_every_file(hilum, small, tiny_bundle):
    done = hilum("demo", "--out", small, "--bundle", tiny_bundle.location)
    assert done.status == 0, done.err
    page = (small / "report.html").read_text("utf-8")
    assert TITLE in page
    assert BANNER in page
    assert f"Page: {small / 'report.html'}" in done.out
    assert "hilum read FOLDER -o RESULTS" in done.out
    study = {p.name for p in (small / "study").iterdir()}
    assert len(study) == 11
    result = json.loads((small / "readings.json").read_text("utf-8"))
    assert result["counts"]["read"] + result["counts"]["refused"] == 11
    rows = csv.DictReader((small / "refused.csv").read_text("utf-8").splitlines())
    assert {"09-hand.dcm", "10-lateral.dcm", "11-cut-short.dcm"} <= {row["image"] for row in rows}
    for name in study:
        assert name in done.out


@pytest.mark.usefixtures("drawn_small")
def test_a_second_demonstration_replaces_the_first(hilum, small, tiny_bundle):
    for _ in range(2):
        assert hilum("demo", "--out", small, "--bundle", tiny_bundle.location).status == 0
        assert len(list((small / "study").iterdir())) == 11


@pytest.mark.parametrize("place", ["study/mine.dcm", "study/mine/notes.txt", "previews/mine.jpg"])
@pytest.mark.usefixtures("drawn_small")
def test_files_that_somebody_put_into_it_stay(hilum, tmp_path, tiny_bundle, place):
    arguments = ("demo", "--out", tmp_path / "out", "--bundle", tiny_bundle.location)
    assert hilum(*arguments).status == 0
    before = sorted((tmp_path / "out").rglob("*"))
    mine = tmp_path / "out" / place
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    done = hilum(*arguments)
    assert done.status == 2
    assert "not of the demonstration" in done.err
    assert mine.read_text() == "mine"
    assert set(before) <= set((tmp_path / "out").rglob("*"))


def test_other_files_are_left_alone(hilum, tmp_path, tiny_bundle):
    mine = tmp_path / "thesis.txt"
    mine.write_text("mine")
    done = hilum("demo", "--out", tmp_path, "--bundle", tiny_bundle.location)
    assert done.status == 2
    assert "holds files that are not results" in done.err
    assert mine.read_text() == "mine"


def test_results_of_a_reading_are_left_alone(hilum, tmp_path, tiny_bundle):
    (tmp_path / ".hilum").mkdir()
    (tmp_path / ".hilum" / "run.json").write_text('{"title": null}')
    done = hilum("demo", "--out", tmp_path, "--bundle", tiny_bundle.location)
    assert done.status == 2
    assert "results of an earlier reading" in done.err
    assert (tmp_path / ".hilum" / "run.json").exists()
