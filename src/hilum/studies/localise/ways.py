"""Ways to put a box on a radiograph: blind ones, and those that look at a map."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.bundles.card import HeatmapBox
from hilum.evaluation.localisation import iobb, iou
from hilum.export.heatmap_boxes import Drawn, learn_trust
from hilum.reading.boxes.from_heatmap import likeliest

OVERLAPS = (0.1, 0.25, 0.5)
"""IoBB from which a box counts as found."""
MEASURES = ("hit", *(f"IoBB ≥ {one:g}" for one in OVERLAPS), "IoU")
"""What is told of a box: whether its point lies in the reader's, overlaps, mean overlap."""
ZHOU = 0.2
"""Share of a map's maximum from which Zhou et al. 2016 (§ 3.2) draw their box."""
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""That are tried where the share is learnt."""
FINE = 160
"""Cells of a side that a map is enlarged to before it is cut at a threshold."""
THROWS = 200
"""Boxes thrown blindly on each radiograph."""
FOLDS = 5

Box = NDArray[np.float64]
"""Left, top, width, height as shares of the picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Where a way says that a finding lies.

    Attributes:
        xywh: the box.
        point: x and y of the surest place.
    """

    xywh: Box
    point: NDArray[np.float64]


def told(found: Found, reference: Box) -> NDArray[np.float64]:
    """What :data:`MEASURES` name of one box, float64 [measures]."""
    inside = (found.point >= reference[:2]) & (found.point <= reference[:2] + reference[2:])
    part = float(iobb(found.xywh, reference)[0, 0])
    whole = float(iou(found.xywh, reference)[0, 0])
    return np.array([bool(inside.all()), *(part >= one for one in OVERLAPS), whole])


def around_middle(xywh: Box) -> Found:
    """A box whose surest place is its middle."""
    return Found(xywh, xywh[:2] + xywh[2:] / 2)


def central(others: Mapping[str, NDArray[np.float64]]) -> Found:
    """Always the same: in the middle, of the median size of readers' boxes of other patients."""
    size = np.median(np.concatenate(list(others.values()))[:, 2:], axis=0)
    return around_middle(np.concatenate([0.5 - size / 2, size]))


def thrown(size: NDArray[np.float64], reference: Box, rng: np.random.Generator) -> Box:
    """Mean of :func:`told` over boxes of a size that are thrown anywhere on the picture."""
    places = rng.random((THROWS, 2)) * (1 - size)
    return np.mean(
        [told(around_middle(np.concatenate([at, size])), reference) for at in places], axis=0
    )


def above(values: NDArray[np.float32], share: float) -> Found:
    """Around the largest part of a map that reaches a share of its maximum."""
    fine = cv2.resize(values, (FINE, FINE), interpolation=cv2.INTER_LINEAR)
    high = (fine >= share * fine.max()).astype(np.uint8)
    _, _, parts, _ = cv2.connectedComponentsWithStats(high)
    largest = parts[1:][parts[1:, cv2.CC_STAT_AREA].argmax()]
    down, across = np.unravel_index(int(fine.argmax()), fine.shape)
    point = (np.array([across, down], np.float64) + 0.5) / FINE
    return Found(largest[:4].astype(np.float64) / FINE, point)


def from_map(one: Drawn, likely: Mapping[str, HeatmapBox], trust: float) -> Found:
    """The likely box that the map speaks for; at trust 0 the same on every radiograph."""
    ltrb, _ = likeliest(one.values, likely[one.finding], trust)
    return around_middle(np.concatenate([ltrb[:2], ltrb[2:] - ltrb[:2]]))


def learn_share(drawn: Sequence[Drawn]) -> float:
    """The share of the maximum with the greatest mean overlap (IoU)."""
    overlap = [
        np.mean([told(above(one.values, share), one.xywh)[-1] for one in drawn]) for share in SHARES
    ]
    return SHARES[int(np.argmax(overlap))]


def out_of_fold(
    drawn: Sequence[Drawn],
    fold: NDArray[np.int64],
    learn: Callable[[Sequence[Drawn]], float],
    draw: Callable[[Drawn, float], Found],
) -> tuple[list[Found], list[float]]:
    """Boxes with a number that was learnt on the other folds, and that number by fold."""
    found: list[Found | None] = [None] * len(drawn)
    learnt: list[float] = []
    for one in np.unique(fold).tolist():
        rest = [drawn[at] for at in np.flatnonzero(fold != one).tolist()]
        learnt.append(learn(rest))
        for at in np.flatnonzero(fold == one).tolist():
            found[at] = draw(drawn[at], learnt[-1])
    return [one for one in found if one is not None], learnt


def folds(patients: Sequence[str], seed: int) -> NDArray[np.int64]:
    """A fold for each box, all of a patient in one, int64 [boxes]."""
    people, who = np.unique(np.array(patients), return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(people))
    return np.asarray(order % FOLDS)[who]


def with_threshold(
    drawn: Sequence[Drawn], fold: NDArray[np.int64]
) -> tuple[list[Found], list[float]]:
    """A map cut at a share of its maximum that was learnt on other folds."""
    return out_of_fold(drawn, fold, learn_share, lambda one, share: above(one.values, share))


def with_trust(
    drawn: Sequence[Drawn], fold: NDArray[np.int64], likely: Mapping[str, HeatmapBox]
) -> tuple[list[Found], list[float]]:
    """Likely boxes and a map, believed as far as was learnt on other folds."""
    learn = partial(learn_trust, likely=likely)
    return out_of_fold(drawn, fold, learn, lambda one, trust: from_map(one, likely, trust))
