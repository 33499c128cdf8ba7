"""The same network on a larger input, where its graph lets itself be loosened."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hilum.errors import InvalidCard, MissingExtra
from hilum.reading.rounds.measuring.seeing import Eye
from hilum.runtime import RUNTIMES, Graph
from hilum.runtime.graph import output_names

MULTIPLE_PX = 32
"""Sides of larger inputs are multiples of what most networks shrink by."""
TOLERANCE = 1e-4


def side_for(size: tuple[int, int], times: float) -> tuple[int, int]:
    """(rows, columns) whose area is about ``times`` that of ``size``."""
    root = times**0.5
    rows, columns = (max(1, round(side * root / MULTIPLE_PX)) * MULTIPLE_PX for side in size)
    return rows, columns


def enlarged(eye: Eye, size: tuple[int, int]) -> Eye:
    """A bundle whose input has another size; weights, calibration and findings are as they were.

    Convolutions take any size, and most exported graphs merely declare theirs. The declaration is
    taken off, and the loosened graph must give the logits of the bundle at the bundle's own size.
    It has not learnt at the new size: what it sees there is larger than in training.

    Args:
        eye: a bundle with findings, and what runs it.
        size: (rows, columns) of the input.

    Raises:
        InvalidCard: the graph holds its size elsewhere too, so that it does not run, or gives
            other logits at its own.
        MissingExtra: onnx is not installed.
    """
    try:
        import onnx
    except ImportError:
        raise MissingExtra(
            "A larger input needs onnx to loosen the graph: pip install 'hilum[train]'."
        ) from None
    bundle, card = eye.bundle, eye.bundle.card
    model = onnx.load_from_string(bundle.read_bytes(card.graph.file))
    for end in (*model.graph.input, *model.graph.output):
        for at, side in enumerate(end.type.tensor_type.shape.dim[2:]):
            side.ClearField("dim_value")
            side.dim_param = f"{end.name}_{at}"
    del model.graph.value_info[:]
    outputs = output_names(card)
    compile_graph = RUNTIMES.resolve(eye.runtime)
    run = compile_graph(model.SerializeToString(), card.graph.input, outputs, threads=1)
    spec = card.preprocessing
    shape = (1, spec.channels, *spec.size)
    probe = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    apart = float(np.abs(Graph(bundle, run)(probe).logits - eye.graph(probe).logits).max())
    if not apart <= TOLERANCE:
        raise InvalidCard(f"bundle {bundle}: the graph without a fixed size differs by {apart:g}")
    larger = replace(
        bundle,
        card=card.model_copy(update={"preprocessing": spec.model_copy(update={"size": size})}),
    )
    graph = Graph(larger, run)
    graph(np.zeros((1, spec.channels, *size), np.float32))
    return Eye(larger, graph, eye.scale, eye.runtime, eye.lungs)
