"""Graphs that draw: what they give, and what contradicts their card."""

import numpy as np
import pytest

from hilum.bundles import Card, save
from hilum.errors import InvalidCard
from hilum.runtime import Graph
from hilum.runtime.check import graph_faults


def model(structures=2, rank=4):
    helper = pytest.importorskip("onnx.helper", reason="needs onnx: pip install 'hilum[train]'")
    from onnx import TensorProto, numpy_helper

    kernel = np.random.default_rng(0).normal(0, 0.1, (structures, 1, 2, 2)).astype(np.float32)
    nodes = [helper.make_node("Conv", ["image", "kernel"], ["drawn"], strides=[2, 2])]
    nodes.append(
        helper.make_node("Identity", ["drawn"], ["masks"])
        if rank == 4
        else helper.make_node("Flatten", ["drawn"], ["masks"])
    )
    end = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "drawing",
        [end("image", TensorProto.FLOAT, ["batch", 1, 32, 32])],
        [end("masks", TensorProto.FLOAT, ["batch"] + [None] * (rank - 1))],
        [numpy_helper.from_array(kernel, "kernel")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return made.SerializeToString()


CARD = Card.model_validate(
    {
        "name": "drawing",
        "version": "1.0.0",
        "summary": "s",
        "intended_use": "u",
        "licence": "l",
        "structures": ["lung_right", "lung_left"],
        "preprocessing": {"size": [32, 32]},
        "graph": {"masks": "masks"},
    }
)


def test_masks_come_without_logits(tmp_path):
    graph = Graph.open(save(CARD, {"model.onnx": model()}, tmp_path / "drawing"))
    out = graph(np.zeros((3, 1, 32, 32), np.float32))
    assert out.masks is not None
    assert out.masks.shape == (3, 2, 16, 16)
    assert out.logits.shape == (3, 0)
    assert out.features is None
    assert out.cams is None


def test_a_graph_that_draws_something_else_is_refused(tmp_path):
    assert graph_faults(model(), CARD) == []
    (fault,) = graph_faults(model(structures=3), CARD)
    assert fault == "output 'masks' is [1, 3, 16, 16], expected [1, 2, h, w] for 2 structures"
    assert "expected [1, 2, h, w]" in graph_faults(model(rank=2), CARD)[0]
    graph = Graph.open(save(CARD, {"model.onnx": model(structures=3)}, tmp_path / "drawing"))
    with pytest.raises(InvalidCard, match=r"masks \[1, 3, 16, 16\] for 1 pictures and 2"):
        graph(np.zeros((1, 1, 32, 32), np.float32))
