"""Lungs first: crops in reading, and what becomes of pictures without lungs."""

import numpy as np
import pytest

from hilum.bundles.card import Card, Preprocessing
from hilum.domain import Note, Radiograph, Refusal, Source
from hilum.phantoms import draw_chest
from hilum.reading.cropping import WHOLE, part_of
from hilum.reading.lungs import LungReader
from hilum.reading.scoring import Scorer
from hilum.transforms.preprocess import fit, prepare


@pytest.fixture(scope="module")
def lungs():
    return LungReader.of("lungs")


def radiograph(pixels):
    return Radiograph(np.ascontiguousarray(pixels, np.float32), Source("a", "png", pixels.shape))


@pytest.fixture(scope="module")
def chest():
    return radiograph(draw_chest(np.random.default_rng(5), size=(256, 224)).pixels)


def of_lungs(lungs, **options):
    said = {"size": (64, 64), "crop": "lungs", "crop_by": lungs.bundle.digest} | options
    return Preprocessing.model_validate(said)


@pytest.mark.parametrize("margin", [0.0, 0.05, 0.3])
def test_the_part_is_the_lungs_and_the_margin(lungs, chest, margin):
    part, notes = part_of(chest, lungs(chest), of_lungs(lungs, crop_margin=margin))
    assert part == lungs(chest).crop(margin)
    assert notes == ()


def test_a_picture_without_lungs_is_shown_whole_and_that_is_told(lungs, chest):
    level = radiograph(np.full((100, 80), 0.4) + 0.1 * np.eye(100, 80))
    doubted = lungs(level)
    refused = Refusal("a", "gate", (Note("not-finite", "No finite number."),))
    for found in (doubted, refused):
        part, (note,) = part_of(level, found, of_lungs(lungs))
        assert part == (0, 0, 80, 100)
        assert note.code == WHOLE
        assert note.warning
        assert "was shown the whole picture. " in note.message


def test_what_looks_at_lungs_is_never_shown_anything_by_chance(lungs, chest):
    spec = of_lungs(lungs)
    with pytest.raises(ValueError, match="a part None of the picture, and a crop to lungs"):
        fit(chest.pixels, spec)
    with pytest.raises(ValueError, match="and a crop to nothing"):
        fit(chest.pixels, spec.of_crop, (0, 0, 10, 10))
    for part in ((-1, 0, 10, 10), (0, 0, 225, 10), (5, 5, 0, 10), (220, 0, 10, 10)):
        with pytest.raises(ValueError, match="the part"):
            fit(chest.pixels, spec, part)


def test_a_card_that_crops_names_what_finds_the_lungs(lungs, tiny_card):
    facts = tiny_card.model_dump(by_alias=True)
    facts["preprocessing"] |= {"crop": "lungs"}
    with pytest.raises(ValueError, match="crop_by: name the bundle that finds the lungs"):
        Card.model_validate(facts)
    facts["preprocessing"] |= {"crop": "", "crop_by": lungs.bundle.digest}
    with pytest.raises(ValueError, match="nothing is cropped to them"):
        Card.model_validate(facts)


def test_a_score_is_that_of_the_crop(lungs, chest, tiny_card, tiny_model, tmp_path):
    from hilum.bundles import save

    facts = tiny_card.model_dump(by_alias=True)
    facts["preprocessing"] |= {"crop": "lungs", "crop_by": lungs.bundle.digest}
    facts["gate"] = None
    bundle = save(Card.model_validate(facts), {"model.onnx": tiny_model}, tmp_path / "tiny")
    scorer = Scorer.of(bundle)
    said, _ = scorer(chest.pixels)
    spec = bundle.card.preprocessing
    shown, _ = prepare(chest.pixels, spec, lungs(chest).crop(spec.crop_margin))
    logits = scorer.graph(shown[None]).logits[0]
    wanted = [p.probability for p in scorer.scale.predictions(logits)]
    np.testing.assert_allclose(said, wanted, rtol=1e-6)
