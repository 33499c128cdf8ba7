"""The shipped bundle ``lungs`` on drawn chests, on what is no chest, and on real radiographs."""

import numpy as np
import pytest

from hilum.bundles import load
from hilum.domain import Affine, Radiograph, Refusal, Source
from hilum.errors import BundleError
from hilum.evaluation.localisation.overlap import dice, region_iou
from hilum.phantoms import Lesion, draw_blank, draw_chest, draw_hand, draw_lateral
from hilum.reading import Reader
from hilum.reading.lungs import STRUCTURES, LungFields, LungReader


@pytest.fixture(scope="module")
def lungs():
    return LungReader.of("lungs")


def radiograph(pixels, to_source=None):
    source = Source("drawn.png", "png", pixels.shape, to_source or Affine())
    return Radiograph(pixels, source)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "options", [{}, {"view": "AP"}, {"size": (400, 640)}, {"lesions": [Lesion("effusion")]}]
)
def test_drawn_lungs_are_found(lungs, seed, options):
    said = {"size": (384, 384)} | options
    phantom = draw_chest(np.random.default_rng(1000 + seed), **said)
    found = lungs(radiograph(phantom.pixels))
    assert isinstance(found, LungFields)
    assert found.plausible, found.concerns
    assert found.masks.shape == (2, *phantom.pixels.shape)
    for name, mask in zip(STRUCTURES, found.masks, strict=True):
        agreement = dice(mask, phantom.masks[name])
        assert agreement is not None
        assert agreement > 0.9
        assert region_iou([found.boxes[name]], [phantom.boxes[name]]) > 0.8


def test_a_crop_holds_both_lungs_and_one_margin(lungs):
    phantom = draw_chest(np.random.default_rng(7), size=(512, 512))
    found = lungs(radiograph(phantom.pixels))
    assert isinstance(found, LungFields)
    x, y, w, h = found.box
    left, top, wide, high = found.crop(0.04)
    margin = 0.04 * max(w, h)
    assert left == max(0, round(x - margin))
    assert top == max(0, round(y - margin))
    assert left + wide == min(512, round(x + w + margin))
    assert top + high == min(512, round(y + h + margin))
    assert found.crop(5.0) == (0, 0, 512, 512)
    tight = found.crop(0)
    assert tight == tuple(round(value) for value in found.box)


def test_boxes_lead_back_to_the_file(lungs):
    phantom = draw_chest(np.random.default_rng(7), size=(256, 256))
    found = lungs(radiograph(phantom.pixels, Affine.scale(4, 4).then(Affine.shift(10, 20))))
    assert isinstance(found, LungFields)
    x, y, w, h = found.box
    assert found.in_file(found.box) == pytest.approx((4 * x + 10, 4 * y + 20, 4 * w, 4 * h))


@pytest.mark.parametrize("draw", [draw_hand, draw_lateral])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_no_frontal_chest_is_not_used(lungs, draw, seed):
    found = lungs(radiograph(draw(np.random.default_rng(seed), size=(384, 384)).pixels))
    if isinstance(found, LungFields):
        assert not found.plausible
        with pytest.raises(ValueError, match="no crop by masks that are not plausible"):
            found.crop()


def test_a_blank_picture_is_refused(lungs):
    found = lungs(radiograph(draw_blank(np.random.default_rng(0), size=(256, 256)).pixels))
    assert isinstance(found, Refusal)


def test_a_file_that_is_no_image_is_refused(lungs, tmp_path):
    (tmp_path / "x.png").write_bytes(b"text")
    found = lungs.read(tmp_path / "x.png")
    assert isinstance(found, Refusal)
    assert found.stage == "intake"


def test_each_bundle_for_its_own_use():
    with pytest.raises(
        BundleError, match=r"chest14 .* draws nothing, not lung_right and lung_left"
    ):
        LungReader.of("chest14")
    with pytest.raises(BundleError, match=r"lungs .* has no findings to read.*use `hilum lungs`"):
        Reader.of("lungs")


def test_the_bundle_is_small_and_says_how_it_was_measured():
    bundle = load("lungs")
    assert sum(file.stat().st_size for file in bundle.location.iterdir()) < 5_000_000
    metrics = {result.metric: result for result in bundle.card.results}
    around = metrics["IoU of the box around both lungs"]
    assert around.value is not None
    assert around.low is not None
    assert around.low < around.value
    assert not any("ieee8023" in data.name for data in bundle.card.data)


def test_the_page_states_the_numbers_of_the_card(repository):
    page = (repository / "docs" / "lungs.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| IoU")]
    results = [r for r in load("lungs").card.results if r.metric.startswith("IoU")]
    assert len(rows) == len(results) == 2
    for row, result in zip(rows, results, strict=True):
        for number in (result.value, result.low, result.high):
            assert f"{number:.3f}".lstrip("0") in row


@pytest.mark.slow
def test_boxes_of_readers(shared):
    pytest.importorskip("torch", reason="needs the extra train: pip install 'hilum[train]'")
    from hilum.training.lungs.measure import box_results, compare, read_lung_boxes

    folder = shared / "radiographs"
    reference = read_lung_boxes(
        shared / "labels" / "ieee8023_lung_bounding_boxes.json.gz", folder / "manifest.csv"
    )
    assert len(reference.image) == 103
    around, union, _ = box_results(
        compare(load("lungs"), reference, folder), split="readers' boxes", seed=0
    )
    assert around.value is not None
    assert around.value >= 0.85
    on_card = {result.metric: result.value for result in load("lungs").card.results}
    assert around.value == pytest.approx(on_card[around.metric], abs=2e-3)
    assert union.value == pytest.approx(on_card[union.metric], abs=2e-3)
