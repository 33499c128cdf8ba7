"""The servers' benchmarks count rightly, and their small forms run."""

from __future__ import annotations

import importlib

import pytest

pytest.importorskip("sqlalchemy", reason="needs the server: pip install 'hilum[serve]'")

from benchmarks.options import Options
from benchmarks.serve_sender import Radiographs, Task, as_json, uid
from benchmarks.serving import Watch, kept, quantile, toml
from hilum.service.settings import read_settings
from hilum.service.store.tables import Instance
from tests.service.rows import add_reading, add_study


def test_a_quantile_is_one_of_the_values():
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile(list(range(1, 101)), 0.95) == 95
    assert quantile([7.0], 0.95) == 7.0


def test_growth_compares_the_end_with_what_followed_the_start():
    flat = Watch(memory_mb=[(0.0, 10.0), (1.0, 500.0), (2.0, 500.0), (3.0, 500.0)])
    assert flat.growth() == 1.0
    grows = Watch(memory_mb=[(float(i), float(i + 1)) for i in range(8)])
    assert grows.growth() == pytest.approx(7.5 / 3.5)


def test_each_number_is_a_radiograph_of_its_own(tmp_path):
    some = Radiographs(tmp_path, (128, 96))
    made = [some[number] for number in range(12)]
    assert [one.SOPInstanceUID for one in made] == [uid(number) for number in range(12)]
    assert len({one.PatientID for one in made}) == 12
    assert len({one.file_meta.TransferSyntaxUID for one in made}) == 5
    assert made[0].PixelData == made[5].PixelData


def test_what_is_lost_or_read_twice_is_seen(here, drawn):
    one = here.door.accept(drawn(1, instance_uid="1.2.1"), origin="test:x")
    two = here.door.accept(drawn(2, instance_uid="1.2.2"), origin="test:x")
    add_reading(here.store, one.instance)
    found = kept(here.settings, ["1.2.1", "1.2.2", "1.2.3"])
    assert (found.lost, found.twice, found.states) == (1, 0, {"read": 1, "waiting": 1})
    add_reading(here.store, one.instance, reader="s" * 64)
    with here.store.reading() as session:
        here.files.radiograph(session.get_one(Instance, two.instance).digest).unlink()
    add_study(here.store, 9)
    found = kept(here.settings, ["1.2.1", "1.2.2"])
    assert (found.lost, found.twice, found.open) == (1, 1, 2)


def test_settings_and_tasks_are_understood(tmp_path):
    options = Options(folder=tmp_path, bundle="chest14")
    path = tmp_path / "a.toml"
    path.write_text(toml(options))
    assert read_settings(path).limits.requests_a_minute == 1_000_000
    assert '"size": [1, 2]' in as_json(Task(1, 0, 1, 1, "", (1, 2)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["serve_load", "serve_kill", "serve_latency", "serve_page"])
def test_a_small_form_runs(tmp_path, tiny_bundle, name):
    options = Options(
        folder=tmp_path, size=(320, 300), served=8, kills=2, repeat=2,
        bundle=str(tiny_bundle.location),
    )  # fmt: skip
    section = importlib.import_module(f"benchmarks.{name}").run(options)
    if section.skipped:
        pytest.skip(section.skipped)
    measured = [mark for mark in section.marks if "lost" in mark.what]
    assert all(mark.met is not False for mark in measured), measured
    assert section.marks
