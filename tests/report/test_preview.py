import cv2
import numpy as np
import pytest

from hilum.errors import RunError
from hilum.phantoms import draw_chest
from hilum.report.preview import Example, preview, sheet
from hilum.report.preview.tiles import PAPER, RED, SIDE_PX
from hilum.report.preview.words import described, faults, told
from hilum.transforms.augmentation import (
    Add,
    CentreCrop,
    Choices,
    Cutout,
    FlipLeftRight,
    GaussianNoise,
    Grain,
    Multiply,
    Nothing,
    OneOf,
    Picture,
    Rotate,
    Sequential,
    Shift,
    SomeOf,
    Sometimes,
    augmented,
)


def example(row: int = 0) -> Example:
    chest = draw_chest(np.random.default_rng(row), size=(96, 80))
    masks = np.stack([chest.masks["lung_left"], chest.masks["lung_right"]]).astype(np.uint8)
    boxes = np.array([[10.0, 10, 20, 30]])
    return Example(f"chest-{row}.png", row, Picture(chest.pixels, boxes, masks))


def test_a_sheet_has_a_row_a_radiograph_and_a_column_an_epoch():
    one = sheet(Sequential((Rotate(),)), [example()], seed=0, epochs=2)
    two = sheet(Sequential((Rotate(),)), [example(), example(1)], seed=0, epochs=4)
    assert one.concerns == two.concerns == ()
    assert one.image.dtype == np.uint8
    assert two.image.shape[1] - one.image.shape[1] == 2 * (SIDE_PX + 12)
    assert two.image.shape[0] > one.image.shape[0] + SIDE_PX
    assert not (one.image == RED).all(-1).any()


def test_a_sheet_shows_what_training_would_see():
    grey = draw_chest(np.random.default_rng(1), size=(SIDE_PX, SIDE_PX)).pixels
    policy = SomeOf((Rotate(), Add(), GaussianNoise()), 2)
    image = sheet(policy, [Example("chest.png", 7, Picture(grey))], seed=5, epochs=2).image
    levels = [grey] + [
        augmented(Picture(grey), policy, np.random.default_rng([5, epoch, 7])).grey
        for epoch in range(2)
    ]
    for at, expected in enumerate(levels):
        left = 12 + at * (SIDE_PX + 12)
        shown = cv2.convertScaleAbs(expected, alpha=255.0)
        tops = [
            top
            for top in range(image.shape[0] - SIDE_PX)
            if np.array_equal(image[top, left : left + SIDE_PX, 0], shown[0])
        ]
        assert any(
            np.array_equal(image[top : top + SIDE_PX, left : left + SIDE_PX, 1], shown)
            for top in tops
        )


def test_a_flip_is_told_in_red_and_carries_the_mask_and_the_box():
    plain = sheet(Sequential((FlipLeftRight(0.0),)), [example()], seed=0, epochs=1)
    done = sheet(Sequential((FlipLeftRight(1.0),)), [example()], seed=0, epochs=1)
    assert len(done.concerns) == 1
    assert (done.image == RED).all(-1).any()
    top = plain.image.shape[0] - 400
    left = slice(24 + SIDE_PX, 24 + 2 * SIDE_PX)
    assert plain.image.shape == done.image.shape
    assert not np.array_equal(plain.image[top:, left], done.image[top:, left])
    assert np.array_equal(plain.image[top:, :SIDE_PX], done.image[top:, :SIDE_PX])


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        (Multiply(by=0.05), ["nearly black"]),
        (Add(by_255=150), ["of grey levels clipped"]),
        (Shift(0.5, 0.0), ["50% from outside"]),
        (Shift(1.0, 0.0), ["100% from outside"]),
        (Cutout(0.9), []),
        (Rotate(), []),
    ],
)
def test_pictures_out_of_hand_are_told(step, fault):
    picture = Picture(draw_chest(np.random.default_rng(0), size=(96, 96)).pixels * 0.9 + 0.05)
    found = faults(picture, Sequential((step,)).draw(np.random.default_rng(0)))
    assert len(found) >= len(fault)
    assert all(any(word in one for one in found) for word in fault)
    assert fault or not found


def test_faults_are_named_with_the_radiograph_and_the_epoch():
    done = sheet(Sequential((Multiply(by=0.0),)), [example(2)], seed=0, epochs=1)
    assert done.concerns[0].startswith("chest-2.png, epoch 1: ")


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (Sequential((Rotate(), Nothing())), "sequential { rotate (degrees -10 to 10); nothing }"),
        (
            SomeOf((Add(), Multiply(each="pixel")), (1, 2), "random"),
            (
                "some of 1 to 2, random order { add (by_255 -15 to 15); "
                "multiply (by 0.8 to 1.2, each pixel) }"
            ),
        ),
        (
            OneOf((GaussianNoise(Choices((2.5, 5.0))), CentreCrop(size_px=(3, 4)))),
            "one of { gaussian-noise (sigma_255 2.5 or 5); centre-crop (size_px 3 × 4, aspect 1) }",
        ),
        (SomeOf((Nothing(),), 1), "some of 1 { nothing }"),
        (Sometimes((Nothing(),), 0.25), "sometimes (0.25) { nothing }"),
    ],
)
def test_a_policy_in_words(policy, words):
    assert described(policy) == words


def test_what_was_done_in_words():
    policy = Sequential(
        (FlipLeftRight(1.0), Add(5.0), Multiply(each="pixel"), Nothing(), Grain(0.0))
    )
    assert told(policy.draw(np.random.default_rng(0))) == [
        "flip-left-right yes",
        "add by 5",
        "multiply each pixel",
        "nothing",
        "grain blur 0, noise 0",
    ]


def test_a_sheet_is_saved_and_its_concerns_are_returned(tmp_path):
    out = tmp_path / "deep" / "sheet.png"
    said = preview(Sequential((FlipLeftRight(),)), [example()], seed=0, out=out, epochs=2)
    assert len(said) == 1
    image = cv2.imread(str(out))
    assert image is not None
    assert image.shape[1] == 12 + 3 * (SIDE_PX + 12)
    assert (image[0, 0] == PAPER).all()


def test_a_sheet_that_cannot_be_saved_is_an_error(tmp_path):
    with pytest.raises(RunError, match=r"end its name in \.png or \.jpg"):
        preview(Sequential((Add(),)), [example()], seed=0, out=tmp_path / "sheet.bmp")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        preview(Sequential((Add(),)), [example()], seed=0, out=tmp_path / "file" / "sheet.png")
