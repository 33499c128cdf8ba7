import csv

import cv2
import numpy as np
import pytest

from hilum.domain import Refusal
from hilum.errors import Stopped
from hilum.imaging import read
from hilum.phantoms import draw_chest
from hilum.reading.lungs import LungReader
from hilum.studies.running import Bench
from hilum.studies.s3.cohort import load_cohort
from hilum.studies.s3.sights import OUTSIDE, SIGHTS, ranked, sights


@pytest.fixture(scope="module")
def chest(tmp_path_factory):
    file = tmp_path_factory.mktemp("chest") / "a.png"
    grey = draw_chest(np.random.default_rng(1), size=(256, 256)).pixels
    cv2.imwrite(str(file), (grey * 255).astype(np.uint8))
    return file


@pytest.fixture(scope="module")
def lungs(chest):
    found = LungReader.of()(read(chest))
    if isinstance(found, Refusal) or not found.plausible:
        pytest.skip("the lungs of this phantom are not found")
    return found


def test_every_sight_has_the_same_size(lungs):
    found = sights(lungs.radiograph.pixels, lungs, 64)
    assert set(found) == set(SIGHTS)
    for grey in found.values():
        assert (grey.shape, grey.dtype) == ((64, 64), np.float32)
        assert grey.min() >= 0
        assert grey.max() <= 1


def test_hidden_and_masked_show_what_they_say(lungs):
    found = sights(lungs.radiograph.pixels, lungs, 64)
    assert (found["hidden"] == OUTSIDE).mean() > 0.15
    corners = found["masked"][[0, 0, -1, -1], [0, -1, 0, -1]]
    np.testing.assert_allclose(corners, OUTSIDE, atol=1e-6)


def test_ranks_undo_what_keeps_the_order():
    grey = np.random.default_rng(0).random((16, 16)).astype(np.float32)
    mask = np.ones((16, 16), np.bool_)
    np.testing.assert_allclose(ranked(grey, mask), ranked(grey**2, mask), atol=1e-6)


def test_pictures_are_read_once(drawn, chest, monkeypatch):
    pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")
    from hilum.studies.s3.pictures import small_pictures

    with (drawn / "manifest.csv").open() as file:
        names = [row["file"] for row in csv.DictReader(file)]
    for name in names:
        (drawn / name).write_bytes(chest.read_bytes())
    cohort = load_cohort(drawn)
    bench = Bench(drawn, drawn, drawn / "out")
    found = small_pictures(bench, cohort, 32)
    assert (found.shape, found.dtype) == ((len(cohort.table), 32, 32), np.uint8)
    monkeypatch.setattr("hilum.studies.s3.pictures.read", None)
    np.testing.assert_array_equal(small_pictures(bench, cohort, 32), found)
    with pytest.raises(Stopped, match="Enough"):
        small_pictures(Bench(drawn, drawn, drawn / "out", stop=lambda: "Enough."), cohort, 16)


def test_a_look_goes_on_where_it_stopped(drawn, chest, monkeypatch):
    pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")
    from hilum.studies.s3 import looking

    class Means:
        def __init__(self, *_):
            pass

        def __call__(self, grey):
            return grey.reshape(len(grey), 4, -1).mean(2)

    cohort = load_cohort(drawn)
    for name in cohort.table.images.tolist():
        (drawn / name).write_bytes(chest.read_bytes())
    monkeypatch.setattr(looking, "Frozen", Means)
    monkeypatch.setattr(looking, "SIDE", 32)
    monkeypatch.setattr(looking, "PIECE", 60)
    lungs = LungReader.of()(read(chest))
    asked = []

    class Lungs:
        def __call__(self, radiograph):
            asked.append(radiograph)
            return lungs

    monkeypatch.setattr(looking, "LungReader", type("R", (), {"of": staticmethod(Lungs)}))
    answers = iter(["", "Enough."])
    bench = Bench(drawn, drawn, drawn / "out", stop=lambda: next(answers))
    with pytest.raises(Stopped):
        looking.look(bench, cohort)
    assert len(asked) == 60
    found = looking.look(Bench(drawn, drawn, drawn / "out"), cohort)
    assert len(asked) == len(cohort.table)
    assert found.seen.all()
    assert found.features["chest14", "masked"].shape == (len(cohort.table), 4)
