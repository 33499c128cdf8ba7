"""What a recipe says of weights → weights in a backbone, and a line for the bundle's card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hilum.bundles.card import Preprocessing, StartingWeights
from hilum.errors import RecipeError
from hilum.models.weights.levels import Levels
from hilum.models.weights.source import Declared, Source
from hilum.models.weights.take import take

if TYPE_CHECKING:
    from hilum.models.backbones import Backbone

KINDS = (
    '"" (from scratch), "hub" or "hub:TAG", "NAME.safetensors", "bundle:NAME", "run:FOLDER", '
    '"torchxrayvision:NAME"'
)
NOBODY = Declared()


def start(
    backbone: Backbone,
    said: str,
    *,
    folder: Path,
    input: Preprocessing,  # noqa: A002
    declared: Declared = NOBODY,
) -> StartingWeights | None:
    """Load weights into a backbone, so that it sees grey as the weights learnt to.

    Args:
        backbone: freshly built; changed in place, and not at all where an error is raised before
            its tensors were compared.
        said: ``[model] weights`` of the recipe: "" from scratch; "hub" or "hub:TAG", timm's
            published ones; "NAME.safetensors", a file in ``folder``; "bundle:NAME_OR_PATH";
            "run:PATH" of a run or a checkpoint; "torchxrayvision:NAME".
        folder: of files of weights (``--weights``).
        input: the recipe's ``[input]``, one channel.
        declared: what the recipe says of a file that no weights card knows.

    Returns:
        For the card: name, licence, origin with what was done and left out, digest of the file, of
        the checkpoint, or of the bundle. None from scratch.

    Raises:
        RecipeError: there are no such weights, they do not fit, or their input is another; the
            message says what to do.
    """
    if not said:
        return None
    if input.channels != 1:
        raise RecipeError("Weights are made to see one grey channel: [input] channels must be 1.")
    source = _source(backbone, said, folder, declared)
    notes = take(backbone, source, Levels.of_input(input))
    origin = "; ".join([source.start.origin, *notes])
    return source.start.model_copy(update={"origin": origin})


def _source(backbone: Backbone, said: str, folder: Path, declared: Declared) -> Source:
    from hilum.models.weights.bundle import from_bundle
    from hilum.models.weights.file import from_file
    from hilum.models.weights.hub import from_hub
    from hilum.models.weights.run import from_run
    from hilum.models.weights.torchxrayvision import from_torchxrayvision

    kind, colon, rest = said.partition(":")
    if kind == "hub" and bool(colon) == bool(rest):
        return from_hub(backbone.name, rest, folder)
    if kind == "bundle" and rest:
        return from_bundle(backbone.name, rest)
    if kind == "run" and rest:
        wanted = {n for n, _ in backbone.net.named_parameters()}
        return from_run(backbone.name, wanted, Path(rest).expanduser(), declared)
    if kind == "torchxrayvision" and rest:
        return from_torchxrayvision(backbone.name, rest, folder)
    if said.endswith(".safetensors"):
        return from_file(backbone.name, folder / said, declared)
    raise RecipeError(f"[model] weights = {said!r} is none of {KINDS}.")
