"""Tensors of a published network → the same network of Hilum's own parts, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load

from hilum.bundles.published import PublishedNetwork
from hilum.domain.text import first_few
from hilum.errors import BundleError, RecipeError
from hilum.models.network import Network, build_network
from hilum.models.tasks import Task
from hilum.models.weights.pickled import tensors_in

COUNTER = "num_batches_tracked"
"""Of batch normalisation; nothing reads it, and files may lack it."""
POINTS = "op_threshs"
"""Operating points that lie among the tensors of a network of TorchXRayVision."""
SAFETENSORS = ".safetensors"


def read_tensors(data: bytes, name: str) -> dict[str, NDArray[Any]]:
    """Tensors by name of a file: safetensors, or what ``torch.save`` writes, read without running.

    Args:
        data: the file.
        name: its name; ``.safetensors`` tells the format.

    Raises:
        BundleError: it is damaged, holds no tensors, or more than tensors and networks are made of.
    """
    try:
        if not name.endswith(SAFETENSORS):
            return tensors_in(data, name)
        found = load(data)
    except RecipeError as error:
        raise BundleError(str(error)) from error
    except SafetensorError as error:
        raise BundleError(f"{name} is no safetensors file, or a cut one ({error}).") from error
    return {n: (t.float() if t.is_floating_point() else t).numpy() for n, t in found.items()}


def network_of(published: PublishedNetwork, tensors: Mapping[str, NDArray[Any]]) -> Network:
    """The network with its published weights, in evaluation mode.

    Outputs that were not trained are left out.

    Args:
        published: what it should be.
        tensors: by their published names.

    Raises:
        BundleError: a tensor is missing, unknown, of another shape or not finite, or other
            operating points lie among them; the message lists the first few.
    """
    findings = tuple(output.key for output in published.taken)
    network = build_network(
        backbone=published.backbone, tasks=[Task("multi-label", findings)], head="linear"
    ).eval()
    state = network.state_dict()
    named = {_published(name, published): name for name in state}
    rest = {n: t for n, t in tensors.items() if n != POINTS}
    given = {
        named[n]: _rows(t, published) if n.startswith(f"{published.classifier}.") else t
        for n, t in rest.items()
        if n in named
    }
    counters = {n for n in state if n.endswith(COUNTER)}
    faults = {
        "missing": [n for n, own in named.items() if own not in {*given, *counters}],
        "unknown": [n for n in rest if n not in named],
        "of another shape": [
            f"{n} is {list(rest[n].shape)}"
            for n, own in named.items()
            if own in given and given[own].shape != tuple(state[own].shape)
        ],
        "not finite": [n for n, t in rest.items() if not np.isfinite(t).all()],
        "of other operating points": _other_points(published, tensors.get(POINTS)),
    }
    said = [f"{len(v)} {k} ({first_few(sorted(v), quoted=False)})" for k, v in faults.items() if v]
    if said:
        raise BundleError(
            f"The file does not hold {published.theirs} of {published.publisher}: tensors "
            f"{'; '.join(said)}. Is it the file of another network?"
        )
    loaded = {n: torch.from_numpy(np.array(t)) for n, t in given.items()}
    network.load_state_dict({**{n: state[n] for n in counters}, **loaded})
    return network


def _published(own: str, published: PublishedNetwork) -> str:
    """The name that a tensor of Hilum's network has in the published one."""
    if own.startswith("head.last."):
        return f"{published.classifier}.{own.removeprefix('head.last.')}"
    return own.removeprefix("backbone.net.")


def _rows(tensor: NDArray[Any], published: PublishedNetwork) -> NDArray[Any]:
    """The classifier's rows that are taken; the tensor itself where it has others."""
    if tensor.ndim == 0 or len(tensor) != len(published.outputs):
        return tensor
    return tensor[[at for at, output in enumerate(published.outputs) if output.is_taken]]


def _other_points(published: PublishedNetwork, points: NDArray[Any] | None) -> list[str]:
    if points is None:
        return []
    wanted = np.array([np.nan if o.threshold is None else o.threshold for o in published.outputs])
    if points.shape == wanted.shape and np.allclose(points, wanted, rtol=1e-5, equal_nan=True):
        return []
    return [POINTS]
