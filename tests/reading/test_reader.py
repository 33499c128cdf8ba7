import dataclasses

import cv2
import numpy as np
import pytest

from hilum.domain import GateVerdict, Note, Radiograph, Reading, Refusal, Source
from hilum.transforms.preprocess import prepare


@pytest.fixture
def radiograph():
    pixels = np.random.default_rng(3).random((60, 40), np.float32)
    return Radiograph(pixels, Source("a.png", "png", (60, 40)), notes=(Note("no-window", "…"),))


def test_a_reading_holds_what_the_network_said(make_reader, radiograph):
    reader = make_reader()
    reading = reader(radiograph)
    assert isinstance(reading, Reading)
    pixels, _ = prepare(radiograph.pixels, reader.bundle.card.preprocessing)
    logits = reader.graph(pixels[None]).logits[0]
    assert [p.finding for p in reading.predictions] == list(reader.bundle.card.keys)
    np.testing.assert_allclose([p.logit for p in reading.predictions], logits, rtol=1e-6)
    slope, intercept = np.array([0.5, 1.5, 1.0]), np.array([-1.0, 0.25, 0.0])
    expected = 1 / (1 + np.exp(-(slope * logits + intercept)))
    np.testing.assert_allclose([p.probability for p in reading.predictions], expected, rtol=1e-6)
    assert [p.operating_point for p in reading.predictions] == [0.3, 0.6, 0.5]
    assert [p.calibrated for p in reading.predictions] == [True, False, False]
    assert (reading.bundle, reading.bundle_digest) == ("tiny 1.2.3", reader.bundle.digest)
    assert [note.code for note in reading.notes] == ["no-window", "rotated"]
    assert reading.prevalence == "training"
    assert reading.radiograph is None


def test_the_gate_is_shown_the_features(make_reader, fake_gate, radiograph):
    gate = fake_gate()
    reading = make_reader(gate, keep_radiograph=True)(radiograph)
    assert [features.shape for features in gate.seen] == [(6,)]
    assert reading.gate is gate.second
    assert reading.radiograph is radiograph


def test_a_heatmap_lies_where_the_picture_lies(make_reader, radiograph):
    """The tiny card fits 60 × 40 into 32 × 32 by letterbox: 21 columns, 5 and 6 of padding."""
    heatmap = make_reader()(radiograph).heatmap("pneumonia")
    assert heatmap.values.shape == (4, 4)
    corners = heatmap.to_radiograph([(0, 0), (4, 4), (2, 2)])
    scale_x, scale_y = 40 / 21, 60 / 32
    np.testing.assert_allclose(
        corners, [(-5 * scale_x, 0), (27 * scale_x, 60), (11 * scale_x, 32 / 2 * scale_y)]
    )


def test_a_bright_spot_lights_the_heatmap_at_its_place(make_reader, fake_gate):
    """Away from the spot, at the places that the reader says, maps equal an empty picture's."""
    reader = make_reader()
    empty = np.zeros((320, 320), np.float32)
    spot = empty.copy()
    spot[170:230, 90:150] = 1.0  # rows 2, columns 1 of the 4 × 4 grid, 80 px a cell

    def maps(pixels):
        return reader(Radiograph(pixels, Source("x", "png", (320, 320)))).heatmaps

    for before, after in zip(maps(empty), maps(spot), strict=True):
        changed = np.argwhere(np.abs(after.values - before.values) > 1e-4)
        centres = after.to_radiograph(changed[:, ::-1] + 0.5)
        assert centres.tolist() == [[120.0, 200.0]]


def test_heatmaps_may_be_left_out(make_reader, radiograph):
    reading = make_reader(heatmaps=False)(radiograph)
    assert reading.heatmaps == ()
    assert reading.heatmap("effusion") is None


def test_the_first_look_of_the_gate_spares_the_network(make_reader, fake_gate, radiograph):
    gate = fake_gate(first=GateVerdict(reasons=(Note("lateral", "A lateral view."),)))
    refusal = make_reader(gate)(radiograph)
    assert isinstance(refusal, Refusal)
    assert (refusal.name, refusal.stage, refusal.reasons[0].code) == ("a.png", "gate", "lateral")
    assert refusal.radiograph is None
    assert gate.seen == []


def test_the_gate_may_refuse_by_features(make_reader, fake_gate, radiograph):
    far = GateVerdict(reasons=(Note("unlike", "Unlike."),), distance=9.0, limit=2.0)
    refusal = make_reader(fake_gate(second=far), keep_radiograph=True)(radiograph)
    assert refusal.gate is far
    assert refusal.radiograph is radiograph


@pytest.mark.parametrize("at", [0, 1, 2], ids=["logits", "features", "maps"])
def test_a_number_that_is_not_finite_is_a_refusal(make_reader, radiograph, at):
    reader = make_reader()

    def spoilt(batch):
        return [end * np.nan if i == at else end for i, end in enumerate(reader.graph.run(batch))]

    graph = dataclasses.replace(reader.graph, run=spoilt)
    refusal = dataclasses.replace(reader, graph=graph)(radiograph)
    assert refusal.reasons[0].code == "not-finite"


def test_a_file_is_read_under_the_name_it_is_given(make_reader, tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (80, 80), np.uint8)
    cv2.imwrite(str(tmp_path / "p.png"), picture)
    assert make_reader().read(tmp_path / "p.png").source.name == "p.png"
    assert make_reader().read(tmp_path / "p.png", name="ward/p.png").source.name == "ward/p.png"


def test_a_file_that_is_no_picture_is_a_refusal(make_reader, tmp_path):
    (tmp_path / "p.dcm").write_text("not a picture")
    refusal = make_reader().read(tmp_path / "p.dcm", name="ward/p.dcm")
    assert (refusal.name, refusal.stage) == ("ward/p.dcm", "intake")
    assert refusal.reasons[0].code == "not-an-image"
    assert refusal.reasons[0].message
