"""Near-duplicates within a set of pictures, and between two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hilum.similarity.candidates import Found, candidates
from hilum.similarity.confirmation import confirm
from hilum.similarity.described import Described, Thumbnails, described
from hilum.similarity.neighbours import build
from hilum.similarity.options import Options
from hilum.similarity.pair import Pair, equal
from hilum.similarity.threads import mapped, one_thread_each


def near_duplicates(thumbnails: Thumbnails, options: Options | None = None) -> list[Pair]:
    """Find the pictures of a set that show the same exposure.

    Equal thumbnails are each paired with the first of them only, and of many copies of a picture
    not every two are named: :func:`hilum.similarity.groups` brings all of them together.

    Args:
        thumbnails: of the pictures, from :func:`hilum.similarity.thumbnail`, all of one size.
        options: how to search.

    Returns:
        Pairs with ``first < second``, by number.

    Raises:
        ValueError: thumbnails that are not uint8 squares of one size of at least 64 pixels.

    Example:
        >>> from hilum.phantoms import draw_chest
        >>> chest = draw_chest(np.random.default_rng(1), size=(256, 256)).pixels
        >>> other = draw_chest(np.random.default_rng(2), size=(256, 256)).pixels
        >>> from hilum.similarity import thumbnail
        >>> pictures = [chest, other, 1 - chest[20:, :230]]
        >>> [pair] = near_duplicates(np.stack([thumbnail(x) for x in pictures]))
        >>> pair.first, pair.second, pair.relations[0]
        (0, 2, 'inverted')
    """
    options = options or Options()
    with one_thread_each():
        part = described(thumbnails, options, None)
        index = build(part.features, threads=options.workers)
        found, step = Found(), options.steps("search", len(part))
        candidates(index, part.features, options.turnings, found,
                   swapped=None, threads=options.workers, step=step)  # fmt: skip
        found.ordered()
        pairs = _confirmed(part, part, found, options)
    pairs += [equal(int(first), number) for number, first in enumerate(part.like) if first < number]
    return sorted(pairs, key=lambda pair: (pair.first, pair.second))


def between(first: Thumbnails, second: Thumbnails, options: Options | None = None) -> list[Pair]:
    """Find the pictures of one set that show the same exposure as one of another set.

    Pairs within a set are not looked for.

    Args:
        first: thumbnails of one set, such as what is trained on.
        second: of the other, such as what is tested on.
        options: how to search.

    Returns:
        Pairs of a number in ``first`` and a number in ``second``, by number. Where a set has equal
        thumbnails, each of them is paired with the first of its like in the other set.

    Raises:
        ValueError: thumbnails that are not uint8 squares of one size of at least 64 pixels.
    """
    options = options or Options()
    with one_thread_each():
        one = described(first, options, None)
        two = described(second, options, one.side)
        found, step = Found(), options.steps("search", len(one) + len(two))
        for held, asked, swapped in ((two, one, False), (one, two, True)):
            index = build(held.features, threads=options.workers)
            candidates(index, asked.features, options.turnings, found,
                       swapped=swapped, threads=options.workers, step=step)  # fmt: skip
        pairs = _confirmed(one, two, found, options)
    pairs += [
        replace(pair, first=int(i), second=int(j))
        for pair in pairs
        for i, j in [
            *((i, pair.second) for i in np.flatnonzero(one.like == pair.first)[1:]),
            *((pair.first, j) for j in np.flatnonzero(two.like == pair.second)[1:]),
        ]
    ]
    where = {digest: number for number, digest in reversed(list(enumerate(one.digests)))}
    there = {digest: number for number, digest in reversed(list(enumerate(two.digests)))}
    same = {(where[digest], j) for j, digest in enumerate(two.digests) if digest in where}
    same |= {(i, there[digest]) for i, digest in enumerate(one.digests) if digest in there}
    pairs += [equal(i, j) for i, j in same]
    return sorted(pairs, key=lambda pair: (pair.first, pair.second))


def _confirmed(one: Described, two: Described, found: Found, options: Options) -> list[Pair]:
    best = found.best()
    step = options.steps("align", len(best))

    def aligned(number: int) -> Pair | None:
        i, j = int(best.first[number]), int(best.second[number])
        if one.digests[i] == two.digests[j]:
            return None
        thumbnails = one.thumb(i), two.thumb(j)
        return confirm((i, j), thumbnails, best.affines[number], options.threshold)

    pairs: list[Pair] = []
    for pair in mapped(aligned, range(len(best)), threads=options.workers):
        if pair is not None:
            pairs.append(pair)
        step(1)
    return pairs
