"""A set of pictures, ready to be searched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from hilum.similarity.features import Features, Thumb, describe
from hilum.similarity.options import Options
from hilum.similarity.thumbnails import LEAST_PX, OnDemand

Thumbnails = NDArray[np.uint8] | Sequence[NDArray[np.uint8]] | OnDemand
"""uint8 [pictures, side, side], in memory or mapped from a file; or anything with a length that
gives thumbnails by number, from several threads at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """A set of pictures.

    Attributes:
        thumb: number → thumbnail.
        features: of each picture; of equal ones the first alone has some.
        digests: of the thumbnails.
        like: int64 [pictures], the first picture with an equal thumbnail.
        side: of the thumbnails, pixels.
    """

    thumb: Thumb
    features: Features
    digests: list[bytes]
    like: NDArray[np.int64]
    side: int | None

    def __len__(self) -> int:
        return len(self.digests)


def described(thumbnails: Thumbnails, options: Options, side: int | None) -> Described:
    """Look at every picture once.

    Args:
        thumbnails: of the set.
        options: how to search.
        side: that the thumbnails must have, pixels; None for that of the first.

    Raises:
        ValueError: thumbnails that are not uint8 squares of one size of at least 64 pixels.
    """
    count = len(thumbnails)
    digests = [b""] * count
    if side is None and count:
        side = len(thumbnails[0])

    def thumb(number: int) -> NDArray[np.uint8]:
        picture = np.asarray(thumbnails[number])
        if picture.dtype != np.uint8 or picture.shape != (side, side) or len(picture) < LEAST_PX:
            raise ValueError(
                f"thumbnails are squares of uint8, of one size of at least {LEAST_PX} pixels; "
                f"number {number} is {picture.dtype} {list(picture.shape)}, the first has {side}"
            )
        return np.ascontiguousarray(picture)

    def digested(number: int) -> NDArray[np.uint8]:
        picture = thumb(number)
        digests[number] = blake2b(picture.tobytes(), digest_size=16).digest()
        return picture

    step = options.steps("describe", count)
    features = describe(digested, count, threads=options.workers, step=lambda: step(1))
    first: dict[bytes, int] = {}
    like = np.array([first.setdefault(d, i) for i, d in enumerate(digests)], np.int64)
    return Described(thumb, features.only(like == np.arange(count)), digests, like, side)
