"""Weights from another bundle: its graph holds the network's tensors under their names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor

from hilum.bundles import Bundle, load
from hilum.bundles.card import StartingWeights
from hilum.errors import BundleError, RecipeError
from hilum.models.backbones import Backbone, build_backbone
from hilum.models.weights.grey import alike
from hilum.models.weights.levels import Levels
from hilum.models.weights.source import Source, under_prefix, with_warning
from hilum.models.weights.take import take

HALF = ".half"
"""Behind the name of a tensor that the graph stores in half precision."""
WITHIN = 1e-3
"""Largest difference of graph and rebuilt network, relative to the largest feature."""


def backbone_of(bundle: Bundle | str) -> str:
    """Name of the backbone that a bundle's network was made with.

    Args:
        bundle: a bundle, or what a recipe says of one ("bundle:chest14").

    Raises:
        RecipeError: there is no such bundle, or its card does not say.
    """
    if isinstance(bundle, str):
        kind, _, name = bundle.partition(":")
        if kind != "bundle" or not name:
            raise RecipeError(
                f"[model] weights = {bundle!r} names no bundle, so backbone must be written."
            )
        bundle = _load(name)
    return str(_model(bundle)["backbone"])


def from_bundle(backbone: str, name: str) -> Source:
    """The backbone of a bundle's network, rebuilt and compared with the graph.

    Args:
        backbone: name of the backbone that is to be filled.
        name: of a bundle, or its path.

    Raises:
        RecipeError: no such bundle, another backbone, or the graph's tensors do not give the
            graph's features.
    """
    bundle = _load(name)
    said = _model(bundle)
    if said["backbone"] != backbone:
        raise RecipeError(
            f"Bundle {bundle} was made with {said['backbone']}; write backbone = "
            f'"{said["backbone"]}" under [model], or other weights than for {backbone}.'
        )
    graph = onnx.load_model_from_string(bundle.read_bytes(bundle.card.graph.file))
    own = build_backbone(
        backbone,
        cut=said.get("cut", ""),
        normalisation=said.get("normalisation", ""),
        size=bundle.card.preprocessing.size,
    )
    levels = Levels.of_input(bundle.card.preprocessing)
    start = StartingWeights(
        name=f"bundle:{bundle.card.name} {bundle.card.version}",
        licence=with_warning(bundle.card.licence),
        origin=_origin(bundle),
        sha256=bundle.digest,
    )
    found = dict(tensors(graph))
    state = under_prefix(found, {n for n, _ in own.net.named_parameters()}, start.name)
    # The exporter leaves out what does not change the numbers, as tables of positions.
    fixed = {n: t for n, t in own.net.named_buffers() if not n.endswith("running_mean")}
    state = {n: t for n, t in fixed.items() if not n.endswith("running_var")} | state
    source = Source(state, levels, start)
    take(own, source, levels)
    _compare(own.eval(), bundle, graph)
    return Source(own.net.state_dict(), levels, start)


def tensors(graph: onnx.ModelProto) -> Iterator[tuple[str, Tensor]]:
    """Names and values (float32) of the tensors that a graph stores."""
    for stored in graph.graph.initializer:
        value = np.array(numpy_helper.to_array(stored))
        if value.dtype.kind == "f":
            value = value.astype(np.float32)
        yield stored.name.removesuffix(HALF), torch.from_numpy(value)


def _load(name: str) -> Bundle:
    try:
        return load(name)
    except BundleError as error:
        raise RecipeError(f"[model] weights = bundle:{name}: {error}") from error


def _model(bundle: Bundle) -> dict[str, Any]:
    """The recipe's table [model] as the card states it."""
    text = bundle.card.provenance.get("recipe", "")
    try:
        model = json.loads(text)["model"]
        if not isinstance(model["backbone"], str):
            raise TypeError
    except (ValueError, KeyError, TypeError) as error:
        raise RecipeError(
            f"The card of bundle {bundle} holds no recipe that names a backbone; only bundles that "
            "`hilum train` made can be begun with."
        ) from error
    return model


def _origin(bundle: Bundle) -> str:
    learnt = "; ".join(
        f"{d.name}, {d.images:,} images ({d.licence}), split {d.split_digest[:12]}"
        for d in bundle.card.data
    )
    began = "; ".join(f"{s.name} ({s.licence}): {s.origin}" for s in bundle.card.start)
    return (
        f"bundle {bundle} of Hilum, which learnt from: {learnt or 'images that it does not name'}. "
        f"Those images may test no network that begins with it. It began with "
        f"{began or 'random weights'}"
    )


def _compare(own: Backbone, bundle: Bundle, graph: onnx.ModelProto) -> None:
    """Refuse where the rebuilt network's features are not the graph's."""
    card = bundle.card
    pictures = _pictures(card.preprocessing.size, Levels.of_input(card.preprocessing))
    with torch.no_grad():
        rebuilt = own(torch.from_numpy(pictures))
    ends = [(card.graph.features, rebuilt.mean((2, 3)))] if card.graph.features else []
    wanted = dict([*ends, *((name, rebuilt) for name in _maps(graph, own.width))])
    given = _run(graph, list(wanted), card.graph.input, pictures)
    if any(alike(value, wanted[name], WITHIN) for name, value in given.items()):
        return
    raise RecipeError(
        f"The tensors of bundle {bundle} do not give its graph's features in {own.name} as this "
        "version builds it; begin with other weights."
    )


def _maps(graph: onnx.ModelProto, width: int) -> list[str]:
    """Values inside a graph that may be the backbone's map: the last few of its width."""
    inferred = onnx.shape_inference.infer_shapes(graph)
    found: list[str] = []
    for value in inferred.graph.value_info:
        sizes = [d.dim_value for d in value.type.tensor_type.shape.dim]
        if len(sizes) == 4 and sizes[1] == width and sizes[0] == 0:  # the batch has no number
            found.append(value.name)
    return found[-8:]


def _run(
    graph: onnx.ModelProto, names: list[str], source: str, pictures: NDArray[np.float32]
) -> dict[str, Tensor]:
    """What a graph gives for pictures at some of its values."""
    asked = onnx.ModelProto()
    asked.CopyFrom(graph)
    ends = {o.name for o in asked.graph.output}
    asked.graph.output.extend(
        onnx.helper.make_empty_tensor_value_info(n) for n in names if n not in ends
    )
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(
        asked.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    values = session.run(names, {source: pictures}) if names else []
    return {n: torch.from_numpy(np.asarray(v)) for n, v in zip(names, values, strict=True)}


def _pictures(size: tuple[int, int], levels: Levels) -> NDArray[np.float32]:
    """Three pictures as soft as radiographs, with some grain, float32 [3, 1, rows, columns]."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.random((3, 1, 6, 6), np.float32))
    soft = torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 1).numpy()
    grey = 0.9 * soft + 0.1 * rng.random(soft.shape, np.float32)
    return (grey * levels.span + levels.black[0]).astype(np.float32)
