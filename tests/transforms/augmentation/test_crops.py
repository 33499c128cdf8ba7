import numpy as np
import pytest
from pydantic import ValidationError

from hilum.errors import RecipeError, RunError
from hilum.transforms.augmentation import (
    CentreCrop,
    LungCrop,
    Picture,
    RandomCrop,
    Rotate,
    Sequential,
    apply,
    augmented,
)
from hilum.transforms.augmentation.policies import Drawn


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    return np.random.default_rng(0).random((102, 80), np.float32)


def cropped(picture, step, seed=0):
    return augmented(picture, Sequential((step,)), np.random.default_rng(seed))


def test_a_centre_crop_of_pixels_copies_them_at_any_aspect(grey):
    boxes = np.array([[20.0, 30, 10, 10]])
    done = cropped(Picture(grey, boxes), CentreCrop(size_px=(60, 79)))
    assert done.grey.tobytes() == grey[21:81, :79].tobytes()
    assert done.boxes.tolist() == [[20, 9, 10, 10]]


def test_s1_crops_600_by_800_from_1024():
    grey = np.zeros((1024, 1024), np.float32)
    assert cropped(Picture(grey), CentreCrop(size_px=(600, 800))).shape == (600, 800)


def test_a_random_crop_takes_every_place(grey):
    places = set()
    for seed in range(300):
        done = cropped(Picture(grey[:12, :11]), RandomCrop(size_px=(10, 10)), seed).grey
        found = [
            (r, c) for r in range(3) for c in range(2)
            if np.array_equal(done, grey[r : r + 10, c : c + 10])
        ]  # fmt: skip
        assert len(found) == 1
        places.update(found)
    assert len(places) == 6


def test_a_share_is_enlarged_to_the_same_size(grey):
    ramp = np.broadcast_to(np.linspace(0, 1, 100, dtype=np.float32), (80, 100)).copy()
    boxes = np.array([[25.0, 20, 50, 40]])
    done = cropped(Picture(ramp, boxes), CentreCrop(share=0.5))
    assert done.shape == (80, 100)
    assert done.boxes == pytest.approx(np.array([[0, 0, 100, 80]]))
    assert done.grey[40, 0] == pytest.approx(ramp[40, 25], abs=0.01)
    assert done.grey[40, -1] == pytest.approx(ramp[40, 74], abs=0.01)


@pytest.mark.parametrize(("aspect", "width", "height"), [(4.0, 100, 20), (0.25, 25, 80)])
def test_the_aspect_widens_or_narrows_a_share(aspect, width, height):
    grey = np.zeros((80, 100), np.float32)
    move = CentreCrop(share=0.5, aspect=aspect)
    everything = np.array([[0.0, 0, 100, 80]])
    seen = cropped(Picture(grey, everything), move)
    # What was the whole picture reaches this far beyond the crop's edges.
    hull = np.array([[50 - width / 2, 40 - height / 2, width, height]])
    done = cropped(Picture(grey, hull), move)
    assert done.boxes == pytest.approx(np.array([[0, 0, 100, 80]]))
    assert len(seen.boxes) == (0 if width * height < 0.25 * 8000 - 1e-6 else 1)


def test_a_whole_crop_changes_nothing(grey):
    assert cropped(Picture(grey), RandomCrop(share=1.0)).grey.tobytes() == grey.tobytes()


def test_nothing_black_comes_in_at_the_edge_of_a_crop():
    white = np.ones((50, 50), np.float32)
    for seed in range(20):
        assert (cropped(Picture(white), RandomCrop(share=(0.3, 1)), seed).grey == 1).all()


def test_a_lung_crop_shows_the_box():
    grey = np.zeros((100, 100), np.float32)
    lungs = np.array([20.0, 30, 60, 40])
    grey[30:70, 20:80] = 1
    step = LungCrop(margin_share=0.0, keep_aspect=False)
    done = cropped(Picture(grey, lungs=lungs), step)
    assert done.grey.mean() > 0.97
    assert done.lungs == pytest.approx(np.array([0, 0, 100, 100]))
    kept = cropped(Picture(grey, lungs=lungs), LungCrop(margin_share=0.0))
    assert kept.lungs == pytest.approx(np.array([0, 100 / 6, 100, 200 / 3]))


def test_a_lung_crop_follows_the_lungs_through_a_rotation():
    lungs = np.array([60.0, 10, 20, 30])
    drawn = [
        Drawn(Rotate(), {"degrees": 90.0}),
        Drawn(LungCrop(keep_aspect=False), {"margin": 0.0}),
    ]
    grey = np.zeros((100, 100), np.float32)
    grey[10:40, 60:80] = 1
    done = apply(Picture(grey, lungs=lungs), drawn)
    assert done.grey.mean() > 0.97


def test_a_lung_crop_stays_in_the_picture():
    white = np.ones((100, 80), np.float32)
    lungs = np.array([0.0, 60, 70, 40])
    for seed in range(10):
        done = cropped(Picture(white, lungs=lungs), LungCrop(margin_share=(0.0, 1.0)), seed)
        assert (done.grey == 1).all()
        assert done.shape == (100, 80)


def test_a_lung_crop_without_a_box_is_an_error(grey):
    with pytest.raises(RunError, match="no box of the lungs"):
        cropped(Picture(grey), LungCrop())
    with pytest.raises(RunError, match="outside this radiograph"):
        cropped(Picture(grey, lungs=np.array([200.0, 200, 10, 10])), LungCrop())


def test_a_crop_larger_than_the_picture_is_an_error(grey):
    with pytest.raises(RecipeError, match=r"600 × 800 px does not fit in a picture of 102 × 80"):
        cropped(Picture(grey), CentreCrop(size_px=(600, 800)))


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "either size_px or share"),
        ({"size_px": (5, 5), "share": 0.5}, "not both"),
        ({"size_px": (5, 5), "aspect": 2}, "aspect goes with share"),
        ({"size_px": (0, 5)}, "greater than or equal to 1"),
    ],
)
@pytest.mark.parametrize("kind", [CentreCrop, RandomCrop])
def test_a_crop_needs_one_size(kind, settings, why):
    with pytest.raises(ValidationError, match=why):
        kind(**settings)
