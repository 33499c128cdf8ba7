"""Where a box lies: in which zones of the lungs, how much of it in them, and its size in mm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hilum.domain import FoundBox, Radiograph
from hilum.domain.zones import ZONES
from hilum.reading.lung_shape import Mask, box_of
from hilum.reading.lungs import LungFields

LEAST_SHARE = 0.1
"""A zone is named where it holds so much of what a box covers of the lungs."""


def placed(
    boxes: Sequence[FoundBox], radiograph: Radiograph, lungs: LungFields | None
) -> tuple[FoundBox, ...]:
    """Say of each box in which zones it lies, how much of it in the lungs, and its size.

    Args:
        boxes: on the pixels of the radiograph's stored picture.
        radiograph: that they were found on.
        lungs: of the same radiograph; None where they are not known. Those that are not plausible
            count as not known: those of a picture that is turned among them. Their sides are the
            patient's, as :class:`hilum.reading.lungs.LungReader` names them.

    Returns:
        The boxes in their order. ``zones`` name every zone that holds at least
        :data:`LEAST_SHARE` of what the box covers of the lungs, the largest share first; a box
        outside the lungs has none, and ``in_lungs`` 0. Where the lungs are not known there are no
        zones and no share. A size is in the plane that the spacing holds in, which is the
        detector's, where everything is larger, unless the header was calibrated
        (:attr:`hilum.domain.Acquisition.spacing_at`).

    Raises:
        ValueError: the lungs are of a radiograph of another shape.
    """
    if lungs is not None and lungs.masks.shape[1:] != radiograph.shape:
        raise ValueError(
            f"lungs on {list(lungs.masks.shape[1:])} px, a radiograph of {list(radiograph.shape)}"
        )
    parts = zone_masks(lungs.masks) if lungs is not None and lungs.plausible else None
    spacing = radiograph.acquisition.spacing_mm
    to_radiograph = radiograph.source.to_source.inverse()
    found: list[FoundBox] = []
    for box in boxes:
        x, y, wide, high = box.xywh
        size = None if spacing is None else (wide * spacing[1], high * spacing[0])
        zones: tuple[str, ...] = ()
        share = None
        if parts is not None:
            corners = to_radiograph([(x, y), (x + wide, y + high)])
            first, last = corners.min(0), corners.max(0)
            zones, share = _named(_areas(parts, first, last), float(np.prod(last - first)))
        found.append(replace(box, zones=zones, in_lungs=share, size_mm=size))
    return tuple(found)


def zone_masks(lungs: Mask) -> Mask:
    """The six zones of :data:`hilum.domain.zones.ZONES`, a third of each lung's height each.

    Args:
        lungs: bool [2, rows, columns], the right and the left lung.

    Returns:
        bool [6, rows, columns]. A row of pixels belongs to one zone alone, so that zones add up to
        the lungs.
    """
    zones: list[Mask] = []
    for lung in lungs:
        _, top, _, high = box_of(lung)
        cuts = [top + round(high * third / 3) for third in range(4)]
        for above, below in pairwise(cuts):
            zone = np.zeros_like(lung)
            zone[above:below] = lung[above:below]
            zones.append(zone)
    return np.stack(zones)


def _areas(zones: Mask, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a box between two corners (x, y) covers of each zone, in pixels and parts of them."""
    _, rows, columns = zones.shape
    left, top = (max(0, math.floor(v)) for v in low.tolist())
    right, bottom = min(columns, math.ceil(high[0])), min(rows, math.ceil(high[1]))
    if right <= left or bottom <= top:
        return np.zeros(len(zones))
    x, y = np.arange(left, right), np.arange(top, bottom)
    across = np.minimum(high[0], x + 1) - np.maximum(low[0], x)
    down = np.minimum(high[1], y + 1) - np.maximum(low[1], y)
    part = zones[:, top:bottom, left:right].astype(np.float64)
    return np.einsum("zyx,y,x->z", part, down, across, optimize=True)


def _named(inside: NDArray[np.float64], whole: float) -> tuple[tuple[str, ...], float]:
    total = float(inside.sum())
    if total <= 1e-9 * whole:
        return (), 0.0
    names = tuple(ZONES)
    order = sorted(range(len(names)), key=lambda at: -inside[at])
    named = tuple(names[at] for at in order if inside[at] >= LEAST_SHARE * total)
    return named, min(1.0, total / whole)
