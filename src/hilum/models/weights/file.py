"""Weights from a safetensors file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from hilum.bundles.card import StartingWeights
from hilum.errors import RecipeError
from hilum.models import WEIGHTS
from hilum.models.weights.card import WeightsCard
from hilum.models.weights.source import Declared, Source, with_warning
from hilum.models.weights.take import load_exactly


def from_file(backbone: str, file: Path, declared: Declared) -> Source:
    """A file, with the card of what was published or with what the recipe declares.

    Args:
        backbone: name of the backbone that the file is for.
        file: safetensors.
        declared: licence, origin and input, needed where no card knows the file.

    Raises:
        RecipeError: no such file, no safetensors, or neither card nor recipe says what it is.
    """
    state, digest = read_safetensors(file)
    known: WeightsCard | None = WEIGHTS.resolve(backbone) if backbone in WEIGHTS else None
    if known is not None and digest in known.sha256:
        start = StartingWeights(
            name=file.name, licence=known.licence, origin=known.origin, sha256=digest
        )
        return Source(state, known.levels, start)
    lacking = [
        name
        for name, value in (
            ("weights_licence", declared.licence),
            ("weights_origin", declared.origin),
        )
        if not value.strip()
    ]
    if lacking:
        raise RecipeError(
            f"No weights card knows {file.name} (SHA-256 {digest[:12]}…), so the bundle's card "
            f"could not say what it began with. Write {' and '.join(lacking)} under [model]."
        )
    start = StartingWeights(
        name=file.name,
        licence=with_warning(declared.licence),
        origin=declared.origin,
        sha256=digest,
    )
    return Source(state, declared.levels(), start)


def read_safetensors(file: Path) -> tuple[dict[str, Tensor], str]:
    """Tensors (floating ones as float32) and SHA-256 of a file.

    Raises:
        RecipeError: it is missing or no safetensors file.
    """
    if not file.is_file():
        there = sorted(p.name for p in file.parent.glob("*.safetensors"))
        lies = f"there lie {', '.join(there[:3])}" if there else "no safetensors file lies there"
        raise RecipeError(
            f"No weights {file.name} in the folder {file.parent.name or '.'}: {lies}. "
            "Say where they are with --weights DIR."
        )
    try:
        data = file.read_bytes()
        state = load(data)
    except OSError as error:
        raise RecipeError(f"{file.name} cannot be read: {error.strerror}.") from error
    except SafetensorError as error:
        raise RecipeError(
            f"{file.name} is no safetensors file, or a cut one ({error}). Get it again; other "
            "formats can run code when they are loaded and are not taken."
        ) from error
    return as_float(state), hashlib.sha256(data).hexdigest()


def as_float(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Floating tensors as float32."""
    return {n: t.float() if t.is_floating_point() else t for n, t in state.items()}


def load_weights(network: nn.Module, file: Path) -> str:
    """Load a safetensors file into a bare network for one grey channel, exactly.

    Kernels for three colours are summed: the same result as showing the grey three times.
    :func:`~hilum.models.weights.start` knows of normalised colours as well.

    Returns:
        SHA-256 of the file.

    Raises:
        RecipeError: the file is missing, no safetensors, or its tensors do not fit.
    """
    state, digest = read_safetensors(file)
    for name, wanted in network.state_dict().items():
        value = state.get(name)
        if value is not None and value.ndim == 4 and wanted.shape[1] == 1 < value.shape[1]:
            state[name] = value.sum(1, keepdim=True)
    load_exactly(network, state, file.name)
    return digest
