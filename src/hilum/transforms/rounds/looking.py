"""What a network is shown in each round: from one decoded radiograph to several inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from hilum.bundles.card import Preprocessing
from hilum.domain import Affine
from hilum.transforms.preprocess import Part, fit
from hilum.transforms.rounds.steps import Chain, once, shapes
from hilum.transforms.rounds.transform import Grey, Shape

_Kept = dict[tuple[tuple[Shape, ...], Chain], tuple[Grey, Affine]]


def look(
    pixels: Grey, chains: Iterable[Chain], spec: Preprocessing, part: Part | None = None
) -> Iterator[tuple[Grey, Affine]]:
    """Show one picture in several ways.

    The picture is fitted to the network's input once, and once more at each larger size that crops
    ask for; steps that chains begin with alike are done once. Lengths in pixels are those of the
    network's input.

    Args:
        pixels: grey levels of the radiograph, float32 [rows, columns] in [0, 1].
        chains: what to do.
        spec: the bundle's preprocessing.
        part: what is cropped to, as :func:`hilum.transforms.preprocess.fit` takes it.

    Yields:
        For each chain grey levels float32 of the input's size in [0, 1], not yet normalised, and
        the map from their points to points of ``pixels``.
    """
    kept: _Kept = {}

    def fitted(size: Shape) -> tuple[Grey, Affine]:
        return fit(pixels, spec.model_copy(update={"size": size}), part)

    for chain in chains:
        needed = shapes(chain, spec.size)
        yield _made(chain, tuple(needed), fitted, kept)


def _made(
    chain: Chain,
    needed: tuple[Shape, ...],
    fitted: Callable[[Shape], tuple[Grey, Affine]],
    kept: _Kept,
) -> tuple[Grey, Affine]:
    at = len(chain)
    while at and (needed[: at + 1], chain[:at]) not in kept:
        at -= 1
    for end in range(at, len(chain) + 1):
        key = needed[: end + 1], chain[:end]
        if key in kept:
            continue
        if end:
            grey, place = kept[needed[:end], chain[: end - 1]]
            kept[key] = once(chain[end - 1], grey, needed[end], place)
        else:
            kept[key] = fitted(needed[0])
    return kept[needed, chain]
