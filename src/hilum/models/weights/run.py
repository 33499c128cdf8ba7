"""Weights from another run: its best checkpoint."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from hilum.bundles.card import StartingWeights
from hilum.errors import RecipeError
from hilum.models.weights.file import as_float
from hilum.models.weights.levels import Levels
from hilum.models.weights.source import Declared, Source, under_prefix, with_warning

BEST = Path("final", "best.ckpt")
RECIPE = "recipe.json"


def from_run(backbone: str, wanted: set[str], place: Path, declared: Declared) -> Source:
    """The backbone of a run's best checkpoint.

    Args:
        backbone: name of the backbone that is to be filled.
        wanted: names of its parameters.
        place: the run's folder, or a checkpoint.
        declared: licence and origin, needed where no recipe lies by the checkpoint.

    Raises:
        RecipeError: there is no checkpoint, it needs more than tensors and numbers to be loaded,
            or it is of another backbone.
    """
    file = place / BEST if place.is_dir() else place
    if not file.is_file():
        raise RecipeError(
            f"run:{place.name} has no checkpoint {BEST.as_posix()}; name the folder of a run that "
            "has reached its last network, or a file that ends in .ckpt."
        )
    recipe = _recipe(place)
    model = recipe.get("model", {})
    if recipe and model.get("backbone") != backbone:
        raise RecipeError(
            f"run:{place.name} was made with backbone {model.get('backbone')!r}; write that under "
            f"[model], or other weights than for {backbone!r}."
        )
    saved, digest = load_tensors(file)
    state = under_prefix(_tensors(saved, file), wanted, f"run:{place.name}")
    if recipe:
        licence, origin, levels = _provenance(recipe)
    elif declared.licence and declared.origin:
        licence, origin, levels = declared.licence, declared.origin, declared.levels()
    else:
        raise RecipeError(
            f"No {RECIPE} lies by {file.name}, so nothing says what it learnt from. Name the run's "
            "folder, or write weights_licence and weights_origin under [model]."
        )
    name = f"run:{place.resolve().name}"
    start = StartingWeights(name=name, licence=with_warning(licence), origin=origin, sha256=digest)
    return Source(state, levels, start)


def load_tensors(file: Path) -> tuple[Any, str]:
    """A file of ``torch.save``, loaded as tensors and numbers only, and its SHA-256.

    Raises:
        RecipeError: it is damaged, or holds objects that would run code when loaded.
    """
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    try:
        return torch.load(file, map_location="cpu", weights_only=True), digest
    except UnpicklingError as error:
        raise RecipeError(
            f"{file.name} holds more than tensors and numbers, or is damaged: loading it could run "
            "code that somebody put there, so it is refused. Save its tensors as safetensors, "
            f"where you trust it, and name that file ({_reason(error)})."
        ) from error
    except (RuntimeError, EOFError, OSError) as error:
        raise RecipeError(f"{file.name} is damaged or no checkpoint ({_reason(error)}).") from error


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if "GLOBAL" in line]
    first = lines[0] if lines else (str(error).splitlines() or [type(error).__name__])[0]
    return first.strip().removeprefix("WeightsUnpickler error: ")[:120]


def _tensors(saved: Any, file: Path) -> dict[str, Tensor]:
    state = saved.get("state_dict", saved) if isinstance(saved, dict) else saved
    if not isinstance(state, dict) or not any(isinstance(t, Tensor) for t in state.values()):
        raise RecipeError(f"{file.name} holds no tensors by name; is it a checkpoint of a run?")
    return as_float({n: t for n, t in state.items() if isinstance(t, Tensor)})


def _recipe(place: Path) -> dict[str, Any]:
    """The recipe that lies in a run's folder, or above a checkpoint; {} where none does."""
    folders = [place] if place.is_dir() else [place.parent, place.parent.parent]
    for folder in folders:
        file = folder / RECIPE
        if not file.is_file():
            continue
        try:
            said = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RecipeError(f"{RECIPE} of run:{place.name} cannot be read: {error}.") from error
        if isinstance(said, dict):
            return said
    return {}


def _provenance(recipe: dict[str, Any]) -> tuple[str, str, Levels]:
    bundle, data, input_ = (recipe.get(part, {}) for part in ("bundle", "data", "input"))
    learnt = data.get("name") or "images that its recipe does not name"
    terms = f" ({data['licence']})" if data.get("licence") else ""
    began = recipe.get("model", {}).get("weights") or "nothing"
    origin = (
        f"run of {bundle.get('name', 'a recipe without name')} {bundle.get('version', '')}, which "
        f"learnt from {learnt}{terms} and began with {began}; those images may test no network "
        "that begins with it"
    )
    levels = Levels.of(
        tuple(input_.get("value_range", (0.0, 1.0))),
        tuple(input_.get("mean", (0.0,))),
        tuple(input_.get("std", (1.0,))),
    )
    return bundle.get("licence", ""), origin, levels
