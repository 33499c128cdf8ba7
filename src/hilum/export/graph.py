"""A torch network → an ONNX graph that gives the same numbers."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from hilum.bundles.card import Graph
from hilum.errors import BundleError
from hilum.models.classifier import Classifier

SMALL = 1024
"""Matrices of fewer values, and all vectors, stay in single precision: halving gains nothing."""

COARSE = 1e-3
"""A tensor that half precision changes by more than this share (root mean square) stays single;
numbers in its normal range change by at most 2^-11, half of this."""

TOLERANCE = 1e-4
"""How far torch and the graph may lie apart, absolutely or relative to what is larger than 1."""


class _Outputs(nn.Module):
    def __init__(self, network: Classifier, wanted: tuple[bool, bool]) -> None:
        super().__init__()
        self.network = network
        self.wanted = wanted

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return _chosen(self.network, image, self.wanted)


def ends(network: Classifier) -> Graph:
    """The ends of a network's graph for its card: maps only where the network has them."""
    if not network.heatmaps:
        return Graph(features="features", heatmaps="none: no map of this network's head is exact")
    return Graph(features="features", cams="cams", heatmaps=network.heatmaps)


def round_weights(network: nn.Module) -> tuple[str, ...]:
    """Round large tensors to half precision, in place, as :func:`to_onnx` stores them.

    Done before calibration, so that what is measured is what ships. A tensor with numbers beyond
    half precision's range (65,504), or so small that it would become coarse, stays as it is.

    Returns:
        Names of the large tensors that stay in single precision.
    """
    kept: list[str] = []
    with torch.no_grad():
        for name, parameter in _large(network):
            half = parameter.half().float()
            if _too_coarse(parameter.cpu().numpy(), half.cpu().numpy()):
                kept.append(name)
            else:
                parameter.copy_(half)
    return tuple(kept)


def to_onnx(
    network: Classifier, size: tuple[int, int], graph: Graph, *, exact: bool = False
) -> bytes:
    """Write a network as an ONNX graph of log-odds and, where named, features and maps.

    Weights are stored in half precision where they can be, and computed with in single precision.

    Args:
        network: in evaluation mode, weights rounded by :func:`round_weights`.
        size: (rows, columns) of the input; the batch is free.
        graph: names of the input and the outputs.
        exact: take weights as they are; those that half precision would change stay in single.

    Returns:
        The serialised graph.

    Raises:
        BundleError: maps are named that the network has not, weights are not rounded, or ONNX
            lacks something that the network does.
    """
    if graph.cams and not network.heatmaps:
        raise BundleError(
            "The network's head has no maps of evidence; leave `graph.cams` out of the card."
        )
    names = [name for name in (graph.logits, graph.features, graph.cams) if name]
    outputs = _Outputs(network, _wanted(graph))
    return module_to_onnx(outputs, size, source=graph.input, outputs=names, exact=exact)


def module_to_onnx(
    module: nn.Module,
    size: tuple[int, int],
    *,
    source: str,
    outputs: list[str],
    exact: bool = False,
    operators: Mapping[Callable[..., Any], Callable[..., Any]] | None = None,
) -> bytes:
    """Write any module with one input, ``image`` [batch, 1, rows, columns], as an ONNX graph.

    Args:
        module: its large weights rounded by :func:`round_weights`; put in evaluation mode.
        size: (rows, columns) of the input; the batch is free.
        source: name of the input in the graph.
        outputs: names of what the module returns, in its order.
        exact: take weights as they are; those that half precision would change stay in single.
        operators: how operators of its own become ones of ONNX, as functions of onnxscript.

    Returns:
        The serialised graph.

    Raises:
        BundleError: weights are not rounded, or ONNX lacks something that the module does.
    """
    if not exact:
        _check_rounded(module)
    model = _exported(module.eval(), size, source, outputs, operators)
    _store_in_half(model)
    del model.metadata_props[:]
    for node in model.graph.node:
        # The exporter notes source lines of the machine that it ran on.
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.checker.check_model(model)
    return model.SerializeToString()


def parity(
    network: Classifier,
    outputs: list[NDArray[np.float32]],
    images: NDArray[np.float32],
    graph: Graph,
) -> float:
    """Largest difference between torch and the graph.

    Args:
        network: in evaluation mode.
        outputs: what the graph gave for ``images``, in the order log-odds, features, maps.
        images: float32 [batch, 1, rows, columns], of real radiographs.
        graph: which outputs there are.

    Returns:
        Largest |difference|: of log-odds, relative to each that is larger than 1; of features and
        maps, relative to the largest value where that is larger than 1.

    Raises:
        BundleError: the difference exceeds 1e-4, or is no number.
    """
    with torch.inference_mode():
        found = _chosen(network, torch.from_numpy(images), _wanted(graph))
    expected = [value.float().numpy() for value in found]
    worst = 0.0
    for at, (mine, theirs) in enumerate(zip(expected, outputs, strict=True)):
        size = np.abs(mine) if at == 0 else np.abs(mine).max()
        apart = float((np.abs(mine - theirs) / np.maximum(1.0, size)).max())
        worst = max(worst, apart) if np.isfinite(apart) else float("nan")
        if not worst <= TOLERANCE:
            what = ("log-odds", "features or maps")[at > 0]
            raise BundleError(
                f"The graph's {what} differ from the network's by {worst:.2g}, allowed are "
                f"{TOLERANCE:.0e}."
            )
    return worst


def _exported(
    module: nn.Module,
    size: tuple[int, int],
    source: str,
    outputs: list[str],
    operators: Mapping[Callable[..., Any], Callable[..., Any]] | None = None,
) -> onnx.ModelProto:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # The exporter warns of its own deprecations.
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                module,
                (torch.zeros(2, 1, *size),),
                input_names=[source],
                output_names=outputs,
                dynamic_shapes={"image": {0: torch.export.Dim("batch")}},
                custom_translation_table=dict(operators or {}),
                dynamo=True,
                optimize=False,  # it would fold normalisation into weights that are rounded already
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            said = str(error).strip().splitlines()
            raise BundleError(
                f"The network cannot be written as ONNX: {said[-1] if said else error}"
            ) from error
    assert program is not None
    return program.model_proto


def _wanted(graph: Graph) -> tuple[bool, bool]:
    return bool(graph.features), bool(graph.cams)


def _chosen(network: Classifier, image: Tensor, wanted: tuple[bool, bool]) -> tuple[Tensor, ...]:
    found = network.everything(image)
    more = (found.features, found.cams)
    kept = [value for value, keep in zip(more, wanted, strict=True) if keep]
    return (found.logits, *(value for value in kept if value is not None))


def _large(network: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1 and parameter.numel() >= SMALL:
            yield name, parameter


def _too_coarse(values: NDArray[np.float32], half: NDArray[np.float32]) -> bool:
    if not np.isfinite(half).all():
        return True
    error = float(np.square(values.astype(np.float64) - half).sum())
    return error > COARSE**2 * float(np.square(values.astype(np.float64)).sum())


def _check_rounded(network: nn.Module) -> None:
    with torch.no_grad():
        wrong = [
            name
            for name, parameter in _large(network)
            if not torch.equal(half := parameter.half().float(), parameter)
            and not _too_coarse(parameter.cpu().numpy(), half.cpu().numpy())
        ]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise BundleError(
            f"{', '.join(wrong[:3])}{more}: not rounded to half precision; call round_weights "
            f"before anything is measured."
        )


def _store_in_half(model: onnx.ModelProto) -> None:
    casts: list[onnx.NodeProto] = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.ndim < 2 or values.size < SMALL:
            continue
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(
            onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    del model.graph.value_info[:]
