"""A network that draws and its card → a bundle with masks."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from hilum.bundles import Bundle, save
from hilum.bundles.card import Card
from hilum.errors import BundleError
from hilum.models.segmentation import Segmenter
from hilum.runtime.onnx import compile_graph

SMALL = 1024
"""Tensors of fewer values, and all vectors, stay in single precision: halving gains nothing."""

TOLERANCE = 1e-4
"""How far a log-odds of torch and of the graph may lie apart, absolutely or, where it is larger
than 1, relatively."""


def round_to_half(network: Segmenter) -> None:
    """Round large tensors to half precision, in place, as the graph stores them.

    Done before anything is measured, so that what is measured is what ships.
    """
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1 and parameter.numel() >= SMALL:
                parameter.copy_(parameter.half().float())


def export_masks(network: Segmenter, card: Card, images: NDArray[np.float32], out: Path) -> Bundle:
    """Write a bundle whose graph gives the network's masks.

    Args:
        network: its large weights rounded by :func:`round_to_half`.
        card: with structures and ``graph.masks``; digests are filled in, and the parity is noted.
        images: radiographs as the network takes them, float32 [batch, 1, rows, columns].
        out: a folder that does not exist, or a path that ends in ``.hilum``.

    Returns:
        The bundle, verified.

    Raises:
        BundleError: torch and the graph differ by more than 1e-4, the card names no masks, or
            ``out`` exists.
    """
    if not card.graph.masks:
        raise BundleError(f"the card of {card.name} names no masks")
    network = network.eval()
    model = _graph(network, card)
    run = compile_graph(model, card.graph.input, [card.graph.masks], threads=1)
    with torch.inference_mode():
        mine = network(torch.from_numpy(images)).numpy()
    apart = np.abs(mine - run(images)[0]) / np.maximum(1.0, np.abs(mine))
    worst = float(apart.max())
    if not worst <= TOLERANCE:
        raise BundleError(
            f"the graph's masks differ from the network's by {worst:.2g}, allowed are "
            f"{TOLERANCE:.0e}"
        )
    said = f"largest difference from torch {worst:.1e} on {len(images)} radiographs"
    card = card.model_copy(update={"provenance": {**card.provenance, "parity": said}})
    return save(card, {card.graph.file: model}, out)


def _graph(network: Segmenter, card: Card) -> bytes:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own deprecations
        program = torch.onnx.export(
            network,
            (torch.zeros(2, 1, *card.preprocessing.size),),
            input_names=[card.graph.input],
            output_names=[card.graph.masks or ""],
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


def _store_in_half(model: onnx.ModelProto) -> None:
    casts: list[onnx.NodeProto] = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2 or values.size < SMALL:
            continue
        half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            raise BundleError(f"{tensor.name} is not rounded to half precision")
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(
            onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    del model.graph.value_info[:]
