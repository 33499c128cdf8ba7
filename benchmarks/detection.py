"""What boxes cost beside findings: the same backbone with and without a head that draws them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import Side, Times, Worker, interleave, ratio, worker
from benchmarks.options import Options
from benchmarks.results import Mark, Section, Table

ROUNDS = 31
MOST_MS = 60.0
"""Milliseconds an image that boxes may add on two cores."""
BACKBONE = "mobilenet_edgetpu_100"
SIZES = (320, 512)
MARKED = "small"
FINDINGS = tuple(f"finding_{number}" for number in range(14))
KINDS = ("opacity", "nodule")
ALONE = "findings alone"
DOES = (
    f"Graphs of {BACKBONE} with {len(FINDINGS)} findings, one image a call, two threads, ONNX "
    f"Runtime. A head adds boxes of {len(KINDS)} kinds, 64 channels wide; suppression is part of "
    f"its graph. What it adds is the median of the differences within each round; processor ms "
    "are the work of both threads, which does not depend on what else the machine does."
)
UNTRAINED = (
    "The weights are random: speed does not depend on them. Every candidate passes the floor of "
    "scores, so that suppression has all its work; a network that has learnt leaves it less."
)


def run(options: Options) -> Section:
    """Measure."""
    graphs = _graphs(options.folder)
    rounds = options.rounds(ROUNDS)
    with worker("benchmarks.detection:sides", {n: str(p) for n, p in graphs.items()}, 2) as held:
        busy: dict[str, list[float]] = {name: [] for name in graphs}
        times = interleave({name: _side(held, name, busy[name]) for name in graphs}, repeat=rounds)
    rows = [
        [
            f"{size} × {size}",
            head,
            str(times[_named(size, head)]),
            "" if head == ALONE else f"{_added(times, size, head):.1f}",
            str(ratio(times[_named(size, head)], times[_named(size, ALONE)])),
            f"{1000 * median(busy[_named(size, head)]):.1f}",
        ]
        for size in SIZES
        for head in _heads()
    ]
    marks = tuple(
        Mark(
            f"boxes of the head `{MARKED}` add ≤ {MOST_MS:g} ms an image of {size} × {size} on two "
            f"cores",
            f"{_added(times, size, MARKED):.1f} ms",
            _added(times, size, MARKED) <= MOST_MS,
            "see the table.",
        )
        for size in SIZES
    )
    header = ("input", "head", "ms", "added", f"times {ALONE}", "processor ms")
    caption = f"One image, ms ({rounds} rounds in turns, after one to warm up):"
    return Section(
        "detection",
        "Detection: what boxes add to findings",
        marks=marks,
        tables=(Table(caption, header, rows),),
        notes=(DOES, UNTRAINED),
    )


def sides(graphs: dict[str, str], threads: int) -> Callable[[str], float]:
    """``call(name)`` runs a graph on one drawn radiograph; seconds of both processors' work."""
    import numpy as np

    from hilum.phantoms import draw_chest
    from hilum.runtime.onnx import compile_graph

    drawn = draw_chest(np.random.default_rng(0), size=(max(SIZES), max(SIZES))).pixels
    held: dict[str, tuple[Any, Any]] = {}
    for name, path in graphs.items():
        outputs = ["logits"] if name.endswith(ALONE) else ["logits", "boxes"]
        size = int(name.split()[0])
        image = np.ascontiguousarray(drawn[None, None, :size, :size])
        model = Path(path).read_bytes()
        held[name] = compile_graph(model, "image", outputs, threads=threads), image

    def call(name: str) -> float:
        graph, image = held[name]
        begun = time.process_time()
        graph(image)
        return time.process_time() - begun

    return call


def _side(held: Worker, name: str, busy: list[float]) -> Side:
    def side() -> float:
        seconds, work = held(name)
        busy.append(work)
        return seconds

    return side


def _heads() -> tuple[str, ...]:
    from hilum.models.detection import HEADS

    return (ALONE, *HEADS)


def _named(size: int, head: str) -> str:
    return f"{size} {head}"


def _added(times: dict[str, Times], size: int, head: str) -> float:
    """Median of what a head adds within the rounds, ms."""
    import numpy as np

    with_boxes, alone = times[_named(size, head)].seconds, times[_named(size, ALONE)].seconds
    return 1000 * float(np.median(np.subtract(with_boxes, alone)))


def _graphs(folder: Path) -> dict[str, Path]:
    """Each head's graph at each size, and that of findings alone."""
    import torch

    from hilum.bundles.card import Graph
    from hilum.export.detection import operators
    from hilum.export.graph import module_to_onnx, round_weights, to_onnx
    from hilum.models.backbones import build_backbone
    from hilum.models.detection import build_detector
    from hilum.models.network import Network
    from hilum.models.tasks import Task

    folder = folder / "detection"
    folder.mkdir()
    task = Task("multi-label", FINDINGS)
    made: dict[str, Path] = {}
    for size in SIZES:
        for head in _heads():
            torch.manual_seed(0)
            backbone = build_backbone(BACKBONE)
            if head == ALONE:
                alone = Network(backbone, [task])
                round_weights(alone)
                model = to_onnx(alone.eval(), (size, size), Graph())
            else:
                found = build_detector(backbone, head, KINDS, size=(size, size), task=task)
                round_weights(found)
                model = module_to_onnx(
                    found,
                    (size, size),
                    source="image",
                    outputs=["logits", "boxes"],
                    operators=operators(),
                )
            path = folder / f"{size}-{head.replace(' ', '-')}.onnx"
            path.write_bytes(model)
            made[_named(size, head)] = path
    return made
