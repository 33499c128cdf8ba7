"""A bundle as a function of grey levels, for audits."""

import numpy as np
import pytest

from hilum.domain import Radiograph, Reading, Source
from hilum.phantoms import draw_chest
from hilum.reading.lungs import LungReader
from hilum.reading.scoring import LungBoxes, Scorer


def radiograph(pixels):
    return Radiograph(pixels, Source("chest.png", "png", pixels.shape))


def test_probabilities_are_those_of_a_reading(tiny_bundle, make_reader):
    chest = draw_chest(np.random.default_rng(3), size=(256, 224))
    read = make_reader()(radiograph(chest.pixels))
    assert isinstance(read, Reading)
    scorer = Scorer.of(tiny_bundle)
    told, features = scorer(chest.pixels)
    np.testing.assert_allclose(told, [p.probability for p in read.predictions], rtol=1e-6)
    assert features is not None
    assert features.shape == (6,)
    assert scorer.thresholds == {p.finding: p.operating_point for p in read.predictions}


@pytest.mark.parametrize("blank", [False, True])
def test_boxes_of_lungs_or_none(blank):
    chest = draw_chest(np.random.default_rng(3), size=(256, 224))
    pixels = np.full((256, 224), 0.5, np.float32) if blank else chest.pixels
    box = LungBoxes(LungReader.of())(radiograph(pixels))
    if blank:
        assert box is None
    else:
        assert box is not None
        left, top, width, height = box
        assert 0 <= left < left + width <= 224
        assert 0 <= top < top + height <= 256
        assert width * height > 0.2 * 224 * 256
