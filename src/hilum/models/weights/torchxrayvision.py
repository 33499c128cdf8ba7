"""Weights that the package TorchXRayVision downloaded: networks trained on radiographs.

Source: Cohen JP et al. TorchXRayVision. MIDL 2022, arXiv:2111.00595.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from hilum.bundles.card import StartingWeights
from hilum.errors import RecipeError
from hilum.models.weights.file import as_float, read_safetensors
from hilum.models.weights.levels import Levels
from hilum.models.weights.pickled import tensors_in
from hilum.models.weights.source import Source
from hilum.registry import unknown

CACHE = Path("~/.torchxrayvision/models_data")
LEVELS = Levels.of((-1024.0, 1024.0))


@dataclass(frozen=True, slots=True)
class Published:
    """One of the package's files: its name, the backbone whose tensors it holds, its data."""

    file: str
    backbone: str
    learnt: str


def _densenet(start: str, learnt: str) -> Published:
    return Published(
        f"{start}-densenet121-d121-tw-lr001-rot45-tr15-sc15-seed0-best.pt", "densenet121", learnt
    )


_ALL = "ChestX-ray14, PadChest, CheXpert, MIMIC-CXR (CheXpert labels), Open-i (Google), RSNA"
PUBLISHED = {
    "densenet121-res224-all": _densenet("nih-pc-chex-mimic_ch-google-openi-kaggle", _ALL),
    "densenet121-res224-nih": _densenet("nih", "ChestX-ray14"),
    "densenet121-res224-pc": _densenet("pc", "PadChest"),
    "densenet121-res224-chex": _densenet("chex", "CheXpert"),
    "densenet121-res224-rsna": _densenet("kaggle", "RSNA Pneumonia Challenge"),
    "densenet121-res224-mimic_nb": _densenet("mimic_nb", "MIMIC-CXR (NegBio labels)"),
    "densenet121-res224-mimic_ch": _densenet("mimic_ch", "MIMIC-CXR (CheXpert labels)"),
    "resnet50-res512-all": Published(
        "pc-nih-rsna-siim-vin-resnet50-test512-e400-state.pt",
        "resnet50",
        "PadChest, ChestX-ray14, RSNA, SIIM-ACR, VinDr-CXR",
    ),
}
"""Weights by the package's name, as torchxrayvision 1.5 lists them."""


def from_torchxrayvision(backbone: str, name: str, folder: Path, cache: Path = CACHE) -> Source:
    """The package's weights: ``NAME.safetensors`` in a folder, or what the package downloaded.

    The package's files are pickles of whole networks. Their tensors are read and nothing in them is
    run; a file that names what networks are not made of is refused.

    Args:
        backbone: name of the backbone that is to be filled.
        name: as the package has it ("densenet121-res224-all").
        folder: of local weights.
        cache: folder where the package keeps its files.

    Raises:
        RecipeError: no such weights, another backbone, or the file is not there or refused; the
            message says how to convert it.
    """
    if name not in PUBLISHED:
        raise RecipeError(unknown("weights of torchxrayvision", name, PUBLISHED))
    known = PUBLISHED[name]
    if backbone != known.backbone:
        raise RecipeError(
            f"torchxrayvision:{name} is a {known.backbone}; write backbone = "
            f'"{known.backbone}" under [model].'
        )
    converted, file = folder / f"{name}.safetensors", cache.expanduser() / known.file
    if converted.is_file():
        tensors, digest = read_safetensors(converted)
    elif file.is_file():
        tensors, digest = _unpickled(file)
    else:
        raise RecipeError(
            f"torchxrayvision has not downloaded {name} here. Where there is a network and "
            f"`pip install torchxrayvision` was run: {_conversion(name)} Or copy {known.file} "
            f"to {cache}."
        )
    start = StartingWeights(
        name=f"torchxrayvision:{name}",
        licence="Apache-2.0 for the package; the collections that the weights were learnt from "
        "have terms of their own",
        origin="TorchXRayVision (Cohen et al. 2022, arXiv:2111.00595), learnt from "
        f"{known.learnt}; those images may test no network that begins with it",
        sha256=digest,
    )
    return Source(tensors, LEVELS, start)


def _unpickled(file: Path) -> tuple[dict[str, Tensor], str]:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise RecipeError(f"{file.name} cannot be read: {error.strerror}.") from error
    state = {n: torch.from_numpy(t) for n, t in tensors_in(data, file.name).items()}
    return as_float(state), hashlib.sha256(data).hexdigest()


def _conversion(name: str) -> str:
    """How somebody who trusts the package's files makes safetensors of one."""
    return (
        f'python -c "import torchxrayvision as xrv; from safetensors.torch import save_file; '
        f"m = xrv.models.get_model('{name}'); m = getattr(m, 'model', m); "
        f"save_file(m.state_dict(), '{name}.safetensors')\" makes {name}.safetensors; put that "
        "into the folder that --weights names."
    )
