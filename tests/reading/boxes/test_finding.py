"""Boxes in readings: of one look, of rounds, with and without lungs."""

import numpy as np
import pytest

from hilum.bundles import load
from hilum.domain import Prediction, Radiograph, Reading, Source
from hilum.errors import BundleError
from hilum.phantoms import draw_blank, draw_chest
from hilum.reading import Reader
from hilum.reading.boxes.finding import boxed
from hilum.reading.lungs import LungReader
from hilum.reading.rounds import plan

SIDE = 64
ROWS = [
    [16, 16, 32, 32, 0.9, 0],
    [4, 4, 8, 8, 0.45, 0],  # below the threshold of its kind
    [40, 20, 50, 40, 0.4, 1],
    [0, 0, 0, 0, 0, 0],
]


@pytest.fixture(scope="module")
def chest():
    pixels = draw_chest(np.random.default_rng(7), size=(256, 256)).pixels
    return Radiograph(pixels, Source("chest.png", "png", pixels.shape))


def test_a_reading_holds_boxes_with_their_place(boxed_bundle, chest):
    reader = Reader.of(boxed_bundle(ROWS), boxes=True)
    reading = reader(chest)
    assert isinstance(reading, Reading)
    assert reading.boxed == ("opacity", "nodule")
    assert [(b.finding, b.origin) for b in reading.boxes] == [
        ("opacity", "detector"), ("nodule", "detector")
    ]  # fmt: skip
    opacity, nodule = reading.boxes
    assert opacity.xywh == pytest.approx((64, 64, 64, 64))
    assert opacity.score == pytest.approx(0.9)
    assert nodule.xywh == pytest.approx((160, 80, 40, 80))
    assert all(zone.startswith("right") for zone in opacity.zones)
    assert all(zone.startswith("left") for zone in nodule.zones)
    assert all(0.3 < box.in_lungs <= 1 for box in reading.boxes)
    assert {note.code for note in reading.notes}.isdisjoint({"no-zones", "lungs-not-cropped"})


def test_boxes_are_looked_for_only_when_asked(boxed_bundle, chest):
    reading = Reader.of(boxed_bundle(ROWS))(chest)
    assert (reading.boxed, reading.boxes) == ((), ())


def test_without_lungs_boxes_have_no_zones_and_a_note_says_so(boxed_bundle):
    pixels = 0.3 + 0.3 * draw_blank(np.random.default_rng(3), size=(256, 256)).pixels
    pixels[:, 100:156] = 0.9
    film = Radiograph(np.asarray(pixels, np.float32), Source("x", "png", (256, 256)))
    reading = Reader.of(boxed_bundle(ROWS), boxes=True)(film)
    assert isinstance(reading, Reading)
    assert [(b.zones, b.in_lungs) for b in reading.boxes] == [((), None)] * 2
    (note,) = [note for note in reading.notes if note.code == "no-zones"]
    assert note.warning
    assert note.message.startswith("The lungs were not found, so boxes have no zones. ")


def test_rounds_are_fused_before_thresholds(boxed_bundle, chest):
    """Every round draws the same box on its own input: a flip mirrors where that is."""
    centred = [[16, 16, 48, 48, 0.9, 0], [8, 20, 16, 28, 0.8, 1]]
    reading = Reader.of(boxed_bundle(centred), boxes=True, rounds="flip")(chest)
    assert isinstance(reading, Reading)
    found = {(b.finding, tuple(np.round(b.xywh, 3))): b.score for b in reading.boxes}
    assert found == {
        ("opacity", (64, 64, 128, 128)): pytest.approx(0.9),
        ("nodule", (32, 80, 32, 32)): pytest.approx(0.4),  # one of two rounds saw each
        ("nodule", (192, 80, 32, 32)): pytest.approx(0.4),
    }


def test_what_rounds_leave_undecided_was_not_looked_for_by_its_heatmap(chest):
    looks = plan("flip")
    decided = Reader.of("chest14", boxes=True, rounds=looks)(chest)
    spreads = {p.finding: p.spread for p in decided.predictions}
    limit = float(np.median([spreads[key] for key in decided.boxed]))
    reading = Reader.of("chest14", boxes=True, rounds=plan(looks, abstain_above=limit))(chest)
    open_ = {p.finding for p in reading.abstained}
    assert 0 < len(open_ & set(decided.boxed)) < len(decided.boxed)
    assert reading.boxed == tuple(key for key in decided.boxed if key not in open_)


def test_what_the_graph_draws_was_looked_for_though_its_finding_is_undecided(boxed_bundle):
    card = boxed_bundle(ROWS).card
    undecided = [Prediction("nodule", 0.0, 0.5, 0.5, abstained=True)]
    assert boxed(card, undecided) == ("opacity", "nodule")


def test_a_bundle_of_boxes_alone_reads_with_boxes(boxed_bundle, chest):
    bundle = boxed_bundle(ROWS, findings=False)
    reading = Reader.of(bundle, boxes=True)(chest)
    assert reading.predictions == ()
    assert len(reading.boxes) == 2
    with pytest.raises(BundleError, match="draws boxes alone \\(opacity, nodule\\)"):
        Reader.of(bundle)


def test_a_bundle_without_boxes_says_so():
    with pytest.raises(BundleError, match=r"covid.* draws no boxes: its card names none"):
        Reader.of(load("covid"), boxes=True)
    with pytest.raises(BundleError, match="has no findings to read"):
        Reader.of("lungs", boxes=True)


def test_crops_to_the_lungs_come_back(boxed_bundle, chest):
    """The network sees the lungs alone; its box is told where it lies on the whole picture."""
    whole = [[0, 0, SIDE, SIDE, 0.9, 0]]
    finder = LungReader.of("lungs")
    bundle = boxed_bundle(whole, crop="lungs", crop_margin=0.1, crop_by=finder.bundle.digest)
    reading = Reader.of(bundle, boxes=True)(chest)
    (box,) = reading.boxes
    assert box.xywh == pytest.approx(finder(chest).crop(0.1))
    assert len(box.zones) == 6
    logit = reading["pneumonia"].logit  # the mean of what the network is shown
    left, top, wide, high = finder(chest).crop(0.1)
    shown = chest.pixels[top : top + high, left : left + wide]
    assert logit == pytest.approx(float(shown.mean()), abs=2e-3)
    assert abs(logit - float(chest.pixels.mean())) > 1e-2


def test_rounds_look_at_the_crop(boxed_bundle, chest):
    """A box on the left of the input, and what a flip shows there: both lie within the lungs."""
    finder = LungReader.of("lungs")
    left, top, wide, high = finder(chest).crop(0.05)
    bundle = boxed_bundle([[0, 0, 16, SIDE, 0.9, 1]], crop="lungs", crop_by=finder.bundle.digest)
    reading = Reader.of(bundle, boxes=True, rounds="flip")(chest)
    found = sorted(box.xywh for box in reading.boxes)
    assert found == [
        pytest.approx((left, top, wide / 4, high)),
        pytest.approx((left + 3 * wide / 4, top, wide / 4, high)),
    ]
    assert [{zone.split()[0] for zone in box.zones} for box in reading.boxes] in (
        [{"right"}, {"left"}], [{"left"}, {"right"}]
    )  # fmt: skip


def test_a_crop_by_another_bundle_is_refused(boxed_bundle):
    bundle = boxed_bundle(ROWS, crop="lungs", crop_by="0" * 64)
    with pytest.raises(BundleError, match="of the digest 000000000000"):
        Reader.of(bundle)
