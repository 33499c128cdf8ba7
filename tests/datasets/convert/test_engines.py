"""Engines: a file that ends its process costs one row; Ray leaves the same bytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hilum.datasets.convert import Options, convert, plan, processes, run, start
from hilum.errors import MissingExtra, RunError
from tests.datasets.convert.conftest import chest_file, contents, rows
from tests.datasets.convert.spoilt import spoil


@pytest.mark.parametrize("workers", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_a_file_that_ends_its_process_costs_one_row(tmp_path, monkeypatch, workers):
    monkeypatch.setattr(processes, "SECONDS", 1.0)
    monkeypatch.setattr(processes, "SECONDS_APART", 1.0)
    study = tmp_path / "study"
    study.mkdir()
    for seed, name in enumerate(["a", "crash", "b", "once", "hang", "c"]):
        chest_file(study / f"{name}.dcm", seed)
    planned = plan([study], tmp_path / "out", Options(size=64))
    seen = []
    with start(workers=workers, work=spoil) as engine:
        summary = run(planned, engine, advance=lambda: seen.append(1))
    assert len(seen) == summary.done == 6
    assert (summary.converted, summary.codes) == (4, {"crashed": 2})
    refused = rows(tmp_path / "out" / "private" / "refused.csv")
    assert [row["source"].rpartition("/")[2] for row in refused] == ["crash.dcm", "hang.dcm"]
    again = plan([study], tmp_path / "out", Options(size=64))
    assert len(again.todo) == 2  # they get another chance


def test_nothing_is_imported_from_the_working_folder(tmp_path):
    chest_file(tmp_path / "a.dcm")
    for name in ("numpy", "struct", "dl"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')")
    line = [Path(sys.executable).with_name("hilum"), "convert", "a.dcm", "out"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(rows(tmp_path / "out" / "manifest.csv")) == 1


def test_the_local_engine_has_no_address():
    with pytest.raises(RunError, match="--engine ray"):
        start(workers=1, address="10.0.0.1:1").__enter__()


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"hilum\[cluster\]"):
        start("ray", workers=1).__enter__()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_ray_leaves_the_same_bytes(collection, tmp_path):
    pytest.importorskip("ray", reason="needs ray: pip install 'hilum[cluster]'")
    options = Options(size=200, layout="tree")
    one = convert([collection], tmp_path / "local", options, workers=2)
    other = convert([collection], tmp_path / "ray", options, workers=2, engine="ray")
    assert one.codes == other.codes
    assert contents(tmp_path / "local") == contents(tmp_path / "ray")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_file_that_ends_a_ray_worker_costs_one_row(tmp_path):
    pytest.importorskip("ray", reason="needs ray: pip install 'hilum[cluster]'")
    study = tmp_path / "study"
    study.mkdir()
    for seed, name in enumerate(["a", "crash", "b"]):
        chest_file(study / f"{name}.dcm", seed)
    planned = plan([study], tmp_path / "out", Options(size=64))
    with start("ray", workers=2, work=spoil) as engine:
        summary = run(planned, engine)
    assert (summary.converted, summary.codes) == (2, {"crashed": 1})
