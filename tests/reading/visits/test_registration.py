"""Radiographs laid on each other: drawn pairs whose map is known, and what cannot be laid."""

import cv2
import numpy as np
import pytest

from hilum.domain import Acquisition, Affine, Radiograph, Source
from hilum.errors import VisitError
from hilum.phantoms import Lesion, draw_chest
from hilum.reading.lungs import LungFields, LungReader
from hilum.reading.visits import NotCompared, Registration, VisitPicture, register

SIDE = 384


@pytest.fixture(scope="module")
def lungs():
    return LungReader.of("lungs")


def picture(lungs, pixels, **facts):
    found = lungs(Radiograph(pixels, Source("x", "png", pixels.shape), Acquisition(**facts)))
    assert isinstance(found, LungFields)
    return VisitPicture.of(found)


def moved(pixels, affine, rng, shape=(SIDE, SIDE)):
    """The picture elsewhere, otherwise exposed."""
    half = Affine.shift(0.5, 0.5)
    matrix = np.asarray(half.then(affine).then(half.inverse()).matrix)
    there = cv2.warpAffine(pixels, matrix, shape[::-1], flags=cv2.INTER_LINEAR)
    noisy = there ** rng.uniform(0.8, 1.25) + rng.normal(0, 0.02, shape)
    return np.clip(noisy, 0, 1).astype(np.float32)


def about(degrees, zoom, x, y):
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), degrees, zoom)
    (a, b, c), (d, e, f) = turn.tolist()
    return Affine(((a, b, c + x), (d, e, f + y)))


def error_px(found, true, phantom):
    lung = phantom.masks["lung_right"] | phantom.masks["lung_left"]
    points = np.argwhere(lung)[::50, ::-1] + 0.5
    return float(np.sqrt(((found(points) - true(points)) ** 2).sum(1).mean()))


@pytest.mark.parametrize(
    ("seed", "true"),
    [
        (0, about(0, 1, 12, -9)),
        (1, about(7, 0.92, -10, 4)),
        (2, about(-6, 1.1, 8, 8)),
        (3, about(4, 1, 0, 0).then(Affine.scale(1.06, 0.96))),
        (4, Affine()),
    ],
)
def test_a_known_map_is_found(lungs, seed, true):
    rng = np.random.default_rng(seed)
    phantom = draw_chest(rng, size=(SIDE, SIDE))
    earlier = picture(lungs, phantom.pixels)
    later = picture(lungs, moved(phantom.pixels, true, rng))
    found = register(earlier, later)
    assert isinstance(found, Registration)
    assert error_px(found.affine, true, phantom) < 0.006 * SIDE
    assert found.lungs > 0.95
    assert found.lungs >= found.lungs_before - 0.02
    assert found.likeness > 0.9


def test_sizes_of_the_files_do_not_matter(lungs):
    rng = np.random.default_rng(5)
    phantom = draw_chest(rng, size=(SIDE, SIDE))
    true = about(3, 1, 5, 5).then(Affine.scale(1.5, 1.25))
    later = moved(phantom.pixels, true, rng, (int(1.25 * SIDE), int(1.5 * SIDE)))
    found = register(picture(lungs, phantom.pixels), picture(lungs, later))
    assert isinstance(found, Registration)
    assert error_px(found.affine, true, phantom) < 0.01 * SIDE


def test_two_exposures_of_one_person_are_laid_and_not_taken_for_one(lungs):
    """The same anatomy drawn with other noise, dose and an effusion."""
    first = draw_chest(np.random.default_rng(6), size=(SIDE, SIDE))
    second = draw_chest(np.random.default_rng(6), size=(SIDE, SIDE), lesions=[Lesion("effusion")])
    rng, true = np.random.default_rng(0), about(-4, 1.05, 6, -6)
    found = register(picture(lungs, first.pixels), picture(lungs, moved(second.pixels, true, rng)))
    assert isinstance(found, Registration)
    assert error_px(found.affine, true, first) < 0.02 * SIDE


def test_a_mirrored_file_is_laid_with_right_on_right(lungs):
    phantom = draw_chest(np.random.default_rng(7), size=(SIDE, SIDE))
    turned = np.ascontiguousarray(phantom.pixels[:, ::-1])
    later = picture(lungs, turned, patient_orientation=("R", "F"))
    found = register(picture(lungs, phantom.pixels), later)
    assert isinstance(found, Registration)
    true = Affine(((-1, 0, SIDE), (0, 1, 0)))
    assert error_px(found.affine, true, phantom) < 0.01 * SIDE


def test_the_same_exposure_is_told(lungs):
    phantom = draw_chest(np.random.default_rng(8), size=(SIDE, SIDE))
    one = picture(lungs, phantom.pixels)
    found = register(one, one)
    assert isinstance(found, Registration)
    assert [note.code for note in found.notes] == ["same-exposure"]
    assert np.allclose(np.asarray(found.affine.matrix), np.eye(2, 3), atol=0.05)


def lying(centres, size=(50, 140)):
    """A picture of two ellipses for lungs, without structure."""
    masks = np.zeros((2, 256, 256), np.uint8)
    for mask, centre in zip(masks, centres, strict=True):
        cv2.ellipse(mask, centre, (size[0] // 2, size[1] // 2), 0, 0, 360, 1, -1)
    grey = np.random.default_rng(centres[0][0]).integers(0, 255, (128, 128)).astype(np.uint8)
    return VisitPicture(grey, masks > 0, (512, 512))


UPRIGHT = ((90, 128), (166, 128))


@pytest.mark.parametrize(
    ("earlier", "later", "code"),
    [
        (lying(UPRIGHT), lying(UPRIGHT, (90, 60)), "stretched"),
        (lying(UPRIGHT), lying(((90, 70), (166, 186))), "stretched"),
        (lying(UPRIGHT), lying(((110, 110), (130, 110)), (14, 40)), "scale"),
        (lying(UPRIGHT), lying(((91, 128), (167, 128))), "unlike"),
        (lying(UPRIGHT), VisitPicture(np.zeros((128, 128), np.uint8),
                                      np.zeros((2, 256, 256), bool), (9, 9)), "lungs-doubtful"),
    ],
)  # fmt: skip
def test_what_is_not_plausible_is_not_laid(earlier, later, code):
    found = register(earlier, later)
    assert isinstance(found, NotCompared)
    assert code in {note.code for note in found.reasons}


def test_doubtful_lungs_are_named_with_the_radiograph():
    sound = lying(UPRIGHT)
    doubtful = VisitPicture(sound.grey, sound.lungs, sound.shape, "The lungs were not found: …")
    found = register(doubtful, sound)
    assert isinstance(found, NotCompared)
    assert "earlier" in found.reasons[0].message


def test_a_picture_survives_the_disk():
    kept = lying(UPRIGHT)
    back = VisitPicture.from_bytes(kept.to_bytes())
    assert (back.lungs == kept.lungs).all()
    assert (back.grey == kept.grey).all()
    assert (back.shape, back.doubt) == (kept.shape, kept.doubt)


@pytest.mark.parametrize("cut", [0, 1, 40, -1, -200])
def test_a_damaged_picture_is_refused(cut):
    with pytest.raises(VisitError, match="damaged"):
        VisitPicture.from_bytes(lying(UPRIGHT).to_bytes()[:cut])


def test_real_visits_lie_better_than_stretched_ones(lungs, shared):
    """Eight patients of ChestX-ray14: the lungs' overlap rises, and hardly any is refused."""
    files = sorted((shared / "radiographs" / "nih14").glob("*.jpg"))
    visits = {}
    for path in files:
        visits.setdefault(path.stem.split("_")[1], []).append(path)
    several = [paths for paths in visits.values() if len(paths) > 1][:8]
    laid = []
    for first, second, *_ in several:
        both = [lungs.read(path) for path in (first, second)]
        if all(isinstance(one, LungFields) and one.plausible for one in both):
            laid.append(register(*(VisitPicture.of(one) for one in both)))
    found = [one for one in laid if isinstance(one, Registration)]
    assert len(found) >= len(laid) - 1
    assert np.mean([one.lungs for one in found]) > 0.88
    assert np.mean([one.lungs - one.lungs_before for one in found]) > 0.05
