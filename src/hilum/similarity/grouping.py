"""Pictures that hang together by pairs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from hilum.similarity.pair import Pair


def groups(count: int, pairs: Iterable[Pair]) -> NDArray[np.int64]:
    """The group of each picture, where a copy of a copy belongs to the same.

    Args:
        count: number of pictures.
        pairs: from :func:`hilum.similarity.near_duplicates`.

    Returns:
        int64 [count]: the least number of a picture in the group; its own for one without a copy.

    Raises:
        ValueError: a pair names a picture that is not there.

    Example:
        >>> from hilum.similarity.pair import equal
        >>> groups(5, [equal(1, 4), equal(4, 2)]).tolist()
        [0, 1, 1, 3, 1]
    """
    parent = list(range(count))

    def root(of: int) -> int:
        while parent[of] != of:
            parent[of] = parent[parent[of]]
            of = parent[of]
        return of

    for pair in pairs:
        if not 0 <= min(pair.first, pair.second) <= max(pair.first, pair.second) < count:
            raise ValueError(f"a pair of {pair.first} and {pair.second} among {count} pictures")
        one, two = sorted((root(pair.first), root(pair.second)))
        parent[two] = one
    return np.array([root(i) for i in range(count)], np.int64)
