"""Boxes of many models and rounds made one, and suppressed, against the package of the method."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Side, Times, interleave, ratio
from benchmarks.options import Options
from benchmarks.results import Mark, Section, Table
from hilum.reading.boxes.fusion import Fused, fuse, suppress

ROUNDS = 7
BOXES, SOURCES = 10_000, 100
MOST_S = 0.020
THEIRS = "ensemble-boxes"


@dataclass(frozen=True, slots=True)
class Scene:
    """Boxes on one radiograph.

    Attributes:
        name: in words.
        places: around which boxes lie.
        kinds: of boxes.
        shake: standard deviation of corners and log sides, as a share of a box's sides.
    """

    name: str
    places: int
    kinds: int = 1
    shake: float = 0.05


USUAL = Scene("100 places, one kind, sources apart by 5 % of a box", 100)
SCENES = (
    USUAL,
    Scene("100 places, 14 kinds", 100, 14),
    Scene("100 places, apart by 3 %", 100, shake=0.03),
    Scene("100 places, apart by 8 %", 100, shake=0.08),
    Scene("1,000 places", 1000),
    Scene("10,000 places: nothing belongs together", 10_000),
)


def draw(scene: Scene, seed: int = 0) -> tuple[NDArray[Any], ...]:
    """Boxes in [0, 1], scores, kinds and sources."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0.05, 0.8, (scene.places, 2))
    size = rng.uniform(0.03, 0.12, (scene.places, 2))
    kind = rng.integers(0, scene.kinds, scene.places)
    at = rng.integers(0, scene.places, BOXES)
    low = corner[at] + rng.normal(0, scene.shake, (BOXES, 2)) * size[at]
    high = low + size[at] * np.exp(rng.normal(0, scene.shake, (BOXES, 2)))
    boxes = np.clip(np.hstack([low, high]), 0, 1)
    return boxes, rng.uniform(0.01, 1, BOXES), kind[at], rng.integers(0, SOURCES, BOXES)


def run(options: Options) -> Section:
    """Measure."""
    rounds = options.rounds(ROUNDS)
    rows: list[list[str]] = []
    marked: dict[str, Times] = {}
    theirs = find_spec("ensemble_boxes") is not None
    for scene in SCENES:
        given = draw(scene)
        fused = fuse(*given, weights=[1.0] * SOURCES)
        kept = suppress(*given[:3])
        if theirs:
            _agree(fused, given)
        sides = {"fused": _timed(lambda g=given: fuse(*g, weights=[1.0] * SOURCES)),
                 "suppressed": _timed(lambda g=given: suppress(*g[:3]))}  # fmt: skip
        if theirs:
            sides[THEIRS] = _timed(_by_package(given))
        times = interleave(sides, repeat=rounds)
        if scene is USUAL:
            marked = times
        rows.append([
            scene.name,
            f"{len(fused):,}",
            str(times["fused"]),
            str(ratio(times[THEIRS], times["fused"])) if theirs else "not installed",
            f"{len(kept):,}",
            str(times["suppressed"]),
        ])  # fmt: skip
    return Section(
        "fusion",
        "Fusion and suppression of boxes",
        marks=tuple(
            Mark(
                f"{BOXES:,} boxes of {SOURCES} sources on one radiograph {name} in ≤ "
                f"{1000 * MOST_S:.0f} ms",
                f"{taken} ms",
                taken.median <= MOST_S,
                "see the table.",
            )
            for name, taken in marked.items()
            if name != THEIRS
        ),
        tables=(
            Table(
                f"{BOXES:,} boxes on one radiograph, ms ({rounds} rounds in turns, after one to "
                "warm up):",
                (
                    "boxes",
                    "fused into",
                    "fusion",
                    f"times as quick as {THEIRS}",
                    "suppressed to",
                    "suppression",
                ),
                rows,
            ),
        ),
        notes=(
            "Fusion is weighted boxes fusion at an overlap of .55, suppression greedy at .5.",
            "Seconds are those of the processor: all sides work in one thread.",
            f"Where {THEIRS} is installed, the run stops unless both give the same.",
        ),
    )


def _timed(work: Callable[[], object]) -> Side:
    def side() -> float:
        begun = time.process_time()
        work()
        return time.process_time() - begun

    return side


def _by_package(given: tuple[NDArray[Any], ...]) -> Callable[[], tuple[NDArray[Any], ...]]:
    weighted_boxes_fusion = import_module("ensemble_boxes").weighted_boxes_fusion

    *values, sources = given
    of = [np.flatnonzero(sources == t) for t in range(SOURCES)]
    lists = [[value[rows] for rows in of] for value in values]
    return lambda: weighted_boxes_fusion(*lists, iou_thr=0.55)


def _agree(mine: Fused, given: tuple[NDArray[Any], ...]) -> None:
    boxes, scores, _ = _by_package(given)()
    order = np.argsort(-scores, kind="stable")
    same = len(boxes) == len(mine) and np.allclose(mine.scores, scores[order], rtol=1e-5)
    if not (same and np.allclose(mine.boxes, boxes[order], atol=1e-5)):
        raise RuntimeError(f"{THEIRS} gives other boxes")
