"""Points of a thumbnail that stay recognisable when it is cropped, turned over or inverted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.similarity.threads import mapped

PER_PICTURE = 60
"""Points kept of a picture, those of the highest contrast."""

SIDE_PX = 96
"""Side of the square that points are looked for in."""

DIMENSIONS = 32

Thumb = Callable[[int], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Points of many pictures, one picture after the other.

    Attributes:
        points: float32 [features, 3]: x, y and diameter as shares of the picture's sides.
        codes: int8 [features, 32], what lies around each point.
        starts: int64 [pictures + 1], where each picture's features begin.
    """

    points: NDArray[np.float32]
    codes: NDArray[np.int8]
    starts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def of(self, picture: int) -> slice:
        """Where a picture's features lie."""
        return slice(int(self.starts[picture]), int(self.starts[picture + 1]))

    def only(self, pictures: NDArray[np.bool_]) -> Features:
        """The same pictures, of which only some keep their features."""
        sizes = np.diff(self.starts)
        kept = np.repeat(pictures, sizes)
        starts = np.cumsum([0, *np.where(pictures, sizes, 0)], dtype=np.int64)
        return Features(self.points[kept], self.codes[kept], starts)


def describe(
    thumb: Thumb, count: int, *, threads: int, step: Callable[[], None] = lambda: None
) -> Features:
    """Find and describe the points of pictures.

    Args:
        thumb: picture number → its thumbnail.
        count: number of pictures.
        threads: pictures worked on at a time.
        step: called after each.

    Source:
        Lowe: Distinctive image features from scale-invariant keypoints, IJCV 60, 2004, kept
        upright. The eight directions of a gradient are folded to four, so that an inverted picture
        has the same; square roots as Arandjelović & Zisserman, CVPR 2012.
    """
    points, codes, sizes = [np.zeros((0, 3), np.float32)], [np.zeros((0, DIMENSIONS), np.int8)], [0]
    for places, around in mapped(lambda i: _described(thumb(i)), range(count), threads=threads):
        points.append(places)
        codes.append(around)
        sizes.append(len(places))
        step()
    return Features(np.concatenate(points), np.concatenate(codes), np.cumsum(sizes, dtype=np.int64))


def levelled(picture: NDArray[Any], sigma_px: float, floor: float) -> NDArray[np.float32]:
    """Fine structure over its local strength: brightness, contrast and gamma leave it alone.

    Args:
        picture: grey levels 0 to 255 [rows, columns].
        sigma_px: width of the surroundings.
        floor: grey levels added to the local deviation, so that noise in even areas stays small.
    """
    grey = picture.astype(np.float32)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), sigma_px)
    strength = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), sigma_px))
    return np.asarray(fine / (strength + floor + 0.05 * float(strength.mean())), np.float32)


def _described(thumb: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Points [n, 3] and codes [n, 32] of a thumbnail."""
    small = cv2.resize(thumb, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    level = levelled(small, SIDE_PX / 20, 4.0)
    drawn = np.clip(50 * level + 128, 0, 255).astype(np.uint8)
    sift: Any = cv2.SIFT.create(0, 3, 0.005, 20, 1.6, True)
    found = {(*point.pt, point.size): point for point in sift.detect(drawn, None)}
    keep = sorted(found, key=lambda key: (-found[key].response, key))[:PER_PICTURE]
    if not keep:
        return np.zeros((0, 3), np.float32), np.zeros((0, DIMENSIONS), np.int8)
    chosen = [found[key] for key in keep]
    for point in chosen:
        point.angle = 0
    chosen, histograms = sift.compute(drawn, chosen)
    points = [(p.pt[0] + 0.5, p.pt[1] + 0.5, p.size) for p in chosen]
    places = (np.array(points) / SIDE_PX).astype(np.float32)
    return places, _coded(np.asarray(histograms, np.float32))


def _coded(histograms: NDArray[np.float32]) -> NDArray[np.int8]:
    """SIFT's histograms [n, 128] → int8 [n, 32]."""
    folded = histograms.reshape(-1, 16, 2, 4).sum(2)
    share = folded.reshape(-1, 64) / np.maximum(histograms.sum(1, keepdims=True), 1)
    return np.rint(np.clip(64 * np.sqrt(share) @ _BASIS, -127, 127)).astype(np.int8)


def _basis() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Cosines over the 4 × 4 cells times Fourier over the four directions, strongest 32 of 64.

    In this basis turning a picture over or by quarters only swaps numbers and signs. Each is
    divided by the square root of its usual deviation, of which the formula tells the course.
    """
    order = np.arange(4)
    cosine = np.cos(np.pi * (order + 0.5) * order[:, None] / 4)
    cosine /= np.linalg.norm(cosine, axis=1, keepdims=True)
    fourier = np.array([[1, 1, 1, 1], [1, 0, -1, 0], [0, 1, 0, -1], [1, -1, 1, -1]], float)
    fourier /= np.linalg.norm(fourier, axis=1, keepdims=True)
    every = np.einsum("va,ub,ko->vukabo", cosine, cosine, fourier).reshape(64, 64)
    v, u, k = (a.ravel() for a in np.meshgrid(order, order, order, indexing="ij"))
    variance = np.array([0.45, 1.0, 1.0, 0.1])[k] / (1.0 + u**2 + v**2) ** 1.2
    variance[0] = 0  # the same in every picture
    keep = np.argsort(-variance, kind="stable")[:DIMENSIONS]
    weight = (0.04 * variance[keep]) ** -0.25
    return (every[keep] * weight[:, None]).T.astype(np.float32), np.stack([v, u, k], 1)[keep]


_BASIS, ORDERS = _basis()
"""ORDERS [32, 3]: of the cosine down, of the cosine across, and which Fourier term."""
