"""A bundle whose graph draws the same boxes on every picture."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.bundles import Card, save

SIDE = 64


@pytest.fixture
def boxed_bundle(tmp_path):
    """``boxed_bundle(rows, crop="", …)``: rows of six numbers, as a graph gives boxes.

    Input "image" [batch, 1, 64, 64]; one finding, and two kinds of boxes from .5 and .3 on.
    """
    helper = pytest.importorskip("onnx.helper", reason="needs onnx: pip install 'hilum[train]'")
    from onnx import TensorProto, numpy_helper

    def make(rows, *, findings=True, name="boxed", **preprocessing):
        end, node = helper.make_tensor_value_info, helper.make_node
        constant = np.asarray(rows, np.float32).reshape(1, -1, 6)
        nodes = [
            node("GlobalAveragePool", ["image"], ["mean"]),
            node("Flatten", ["mean"], ["logits"]),
            node("Mul", ["logits", "none"], ["nothing"]),
            node("Unsqueeze", ["nothing", "last"], ["three"]),
            node("Add", ["three", "constant"], ["boxes"]),
        ]
        outputs = [end("boxes", TensorProto.FLOAT, ["batch", constant.shape[1], 6])]
        if findings:
            outputs.append(end("logits", TensorProto.FLOAT, ["batch", 1]))
        values = {
            "none": np.zeros(1, np.float32), "last": np.array([2]), "constant": constant
        }  # fmt: skip
        graph = helper.make_graph(
            nodes,
            "boxed",
            [end("image", TensorProto.FLOAT, ["batch", 1, SIDE, SIDE])],
            outputs,
            [numpy_helper.from_array(v, k) for k, v in values.items()],
        )
        opset = [helper.make_opsetid("", 17)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=9)
        card = Card.model_validate(
            {
                "name": name,
                "version": "1.0.0",
                "summary": "The same boxes everywhere.",
                "intended_use": "Tests of this package.",
                "licence": "Apache-2.0",
                "findings": [{"key": "pneumonia"}] if findings else [],
                "boxes": [
                    {"key": "opacity", "threshold": 0.5}, {"key": "nodule", "threshold": 0.3}
                ],
                "preprocessing": {"size": [SIDE, SIDE], **preprocessing},
                "graph": {"boxes": "boxes"},
            }
        )  # fmt: skip
        return save(card, {"model.onnx": model.SerializeToString()}, tmp_path / name)

    return make
