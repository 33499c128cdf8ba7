"""Grey levels as PNG and JPEG bytes."""

import cv2
import numpy as np
import pytest

from hilum.imaging import encode_jpeg, encode_png
from hilum.imaging.encode import to_bytes
from hilum.phantoms import draw_chest

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def chest() -> np.ndarray:
    drawn = draw_chest(np.random.default_rng(0), size=(512, 420)).pixels
    grain = 0.004 * np.random.default_rng(1).standard_normal(drawn.shape)
    return np.clip(drawn + grain, 0, 1).astype(np.float32)


def decoded(data: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    return picture[..., ::-1] if picture.ndim == 3 else picture


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (40, 50), (41, 53, 3), (1, 1, 3)])
@pytest.mark.parametrize("turned", [False, True])
def test_a_png_holds_every_byte(shape: tuple[int, ...], turned: bool):
    picture = RNG.integers(0, 256, shape, np.uint8)
    if turned:  # its rows do not lie one behind the other
        picture = picture[::-1, ::-1]
    assert np.array_equal(decoded(encode_png(picture)), picture)


def test_grey_levels_are_rounded():
    levels = np.array([[0.0, 0.499 / 255, 0.501 / 255, 0.25, 254.6 / 255, 1.0]], np.float32)
    assert decoded(encode_png(levels)).tolist() == [[0, 0, 1, 64, 255, 255]]


def test_the_same_picture_gives_the_same_bytes(chest: np.ndarray):
    assert encode_png(chest) == encode_png(to_bytes(chest))


@pytest.mark.parametrize("border", [0, 200])
def test_a_png_is_not_larger_than_opencv_writes_it(chest: np.ndarray, border: int):
    picture = np.pad(to_bytes(chest), border)
    done, theirs = cv2.imencode(".png", picture)
    assert done
    assert len(encode_png(picture)) <= 1.03 * len(theirs)


def test_a_blank_png_is_small():
    assert len(encode_png(np.zeros((1024, 1024), np.uint8))) < 5_000


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (4,), (2, 2, 2, 2)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match="shape"):
        encode_png(np.zeros(shape, np.uint8))


def test_a_jpeg_keeps_the_order_of_colours():
    picture = np.zeros((32, 32, 3), np.float32)
    picture[..., 0] = 1.0
    red, green, blue = decoded(encode_jpeg(picture, quality=95)).reshape(-1, 3).mean(axis=0)
    assert red > 250
    assert max(green, blue) < 5
