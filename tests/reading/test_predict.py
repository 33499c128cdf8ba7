"""What a bundle says of labelled images."""

import cv2
import numpy as np
import pytest

from hilum.domain import LabelTable, Reading
from hilum.errors import RunError
from hilum.reading.predict import predict


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(6):
        cv2.imwrite(str(tmp_path / f"{i}.png"), rng.integers(0, 255, (64, 64), np.uint8))
    (tmp_path / "4.png").write_bytes(b"not a picture")
    return tmp_path


def table(names):
    return LabelTable(
        images=names,
        findings=("effusion",),
        states=np.zeros((len(names), 1), np.uint8),
        patients=names,
    )


def test_probabilities_are_those_of_the_reader_and_refused_images_are_named(make_reader, folder):
    reader, told = make_reader(), []
    labels = table(["sub/9.png", "3.png", "0.png", "4.png"])
    found = predict(reader, labels, folder, workers=2, tell=lambda *step: told.append(step))
    assert found.images.tolist() == ["3.png", "0.png"]
    assert dict(found.refused) == {"sub/9.png": "no-file", "4.png": "not-an-image"}
    reading = reader.read(folder / "0.png")
    assert isinstance(reading, Reading)
    assert found.values[1].tolist() == [p.probability for p in reading.predictions]
    assert found.findings == tuple(p.finding for p in reading.predictions)
    assert found.thresholds["effusion"] == reading["effusion"].operating_point
    assert "too few positives to be trusted" in found.warnings[0]
    assert told[-1] == (3, 3)


def test_nothing_that_could_be_read_is_an_error(make_reader, folder):
    with pytest.raises(RunError, match="read none of the 1 images: not-an-image"):
        predict(make_reader(), table(["4.png"]), folder, workers=1)
