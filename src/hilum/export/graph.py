"""A torch network → an ONNX graph that gives the same numbers."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from hilum.bundles.card import Graph
from hilum.errors import BundleError
from hilum.models.network import Forward, Network

SMALL = 1024
"""Matrices of fewer values, and all vectors, stay in single precision: halving gains nothing."""


class _Everything(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Forward:
        return self.network.everything(image)


def round_weights(network: Network) -> None:
    """Round large tensors to half precision, in place, as :func:`to_onnx` stores them.

    Done before calibration, so that what is measured is what ships.
    """
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1 and parameter.numel() >= SMALL:
                parameter.copy_(parameter.half().float())


def to_onnx(network: Network, size: tuple[int, int], ends: Graph) -> bytes:
    """Write a network as an ONNX graph with logits, features and class activation maps.

    Weights are stored in half precision and computed with in single precision.

    Args:
        network: in evaluation mode, weights rounded by :func:`round_weights`.
        size: (rows, columns) of the input; the batch is free.
        ends: names of the input and the outputs.

    Returns:
        The serialised graph.
    """
    outputs = [ends.logits, ends.features or "features", ends.cams or "cams"]
    example = torch.zeros(2, 1, *size)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # The exporter warns of its own deprecations.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Everything(network).eval(),
            (example,),
            input_names=[ends.input],
            output_names=outputs,
            dynamic_shapes={"image": {0: torch.export.Dim("batch")}},
            dynamo=True,
            optimize=False,  # it would fold normalisation into weights that are rounded already
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _store_in_half(model)
    del model.metadata_props[:]
    for node in model.graph.node:
        # The exporter notes source lines of the machine that it ran on.
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.checker.check_model(model)
    return model.SerializeToString()


def parity(
    network: Network, outputs: list[NDArray[np.float32]], images: NDArray[np.float32]
) -> float:
    """Largest difference between torch and the graph.

    Args:
        network: in evaluation mode.
        outputs: logits, features and maps of the graph for ``images``.
        images: float32 [batch, 1, rows, columns], of real radiographs.

    Returns:
        Largest |difference| of logits and features, and of maps relative to their largest value.

    Raises:
        BundleError: the difference exceeds 1e-4.
    """
    with torch.inference_mode():
        expected = [t.numpy() for t in network.everything(torch.from_numpy(images))]
    worst = 0.0
    for at, (mine, theirs) in enumerate(zip(expected, outputs, strict=True)):
        scale = max(1.0, float(np.abs(mine).max())) if at == 2 else 1.0  # 2: the maps
        worst = max(worst, float(np.abs(mine - theirs).max()) / scale)
    if not worst <= 1e-4:
        raise BundleError(f"The graph differs from the network by {worst:.2g}, allowed are 1e-4.")
    return worst


def _store_in_half(model: onnx.ModelProto) -> None:
    casts: list[onnx.NodeProto] = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2 or values.size < SMALL:
            continue
        half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            raise BundleError(f"{tensor.name} is not rounded to half precision.")
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(
            onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    del model.graph.value_info[:]
