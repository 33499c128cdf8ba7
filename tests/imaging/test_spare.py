"""Memory that is kept for the next picture."""

import threading

import numpy as np
import pytest

from hilum.imaging import spare


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((3, 5), np.uint16), ((7,), np.uint8), ((2, 3, 4), np.float32), ((0, 4), np.uint16)],
)
def test_room_is_of_the_shape_and_type_that_was_asked_for(shape: tuple[int, ...], dtype: type):
    with spare.room(shape, dtype) as room:
        room[...] = 1
        assert (room.shape, room.dtype) == (shape, np.dtype(dtype))
        assert room.flags.c_contiguous


def test_the_same_memory_comes_again():
    with spare.room((5,), np.uint8) as room:
        first = room.ctypes.data
    with spare.room((1000, 1000), np.uint16) as room:
        assert room.ctypes.data == first


def test_it_comes_again_after_an_error():
    with pytest.raises(KeyError, match="one"), spare.room((5,), np.uint8) as room:  # noqa: PT012
        first = room.ctypes.data
        raise KeyError("one")
    with spare.room((5,), np.uint8) as room:
        assert room.ctypes.data == first


def test_two_at_once_share_nothing():
    with spare.room((1000,), np.uint8) as one, spare.room((1000,), np.uint8) as other:
        assert not np.shares_memory(one, other)


def test_more_than_is_kept_is_given_once():
    with spare.room((spare.BYTES + 1,), np.uint8) as room:
        assert room.size == spare.BYTES + 1
        room[-1] = 1


def test_threads_do_not_write_over_each_other():
    wrong: list[int] = []

    def work(value: int) -> None:
        for _ in range(200):
            with spare.room((64, 64), np.uint8) as room:
                room[...] = value
                if not (room == value).all():
                    wrong.append(value)

    threads = [threading.Thread(target=work, args=(value,)) for value in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
