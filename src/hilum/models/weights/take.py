"""Tensors of a source into a backbone: all of them, or a message that lists what does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from hilum.errors import RecipeError
from hilum.models.weights.grey import colour_kernels, expand_as_saved, put_colours
from hilum.models.weights.levels import Levels, as_recipe
from hilum.models.weights.source import Source

if TYPE_CHECKING:
    from hilum.models.backbones import Backbone

CLASSIFIERS = ("classifier.", "fc.", "head.", "last_linear.", "op_threshs")
"""How classifiers of published networks begin; a recipe's own head takes their place."""
COUNTER = ".num_batches_tracked"
"""Counters of batch normalisation, which published files may lack and nothing reads."""


def take(backbone: Backbone, source: Source, grey: Levels) -> list[str]:
    """Load a source into a backbone.

    Args:
        backbone: changed in place; freshly built.
        source: what to load.
        grey: what grey 0 and 1 are in the channel that the backbone is shown.

    Returns:
        What the card should say: how colours were treated, and what was left out.

    Raises:
        RecipeError: tensors are missing, unknown or of other shape, or the input does not match.
    """
    net, what = backbone.net, source.start.name
    expand_as_saved(net, source.state)
    kernels = colour_kernels(net, source.state)
    state = {n: t for n, t in source.state.items() if n.removesuffix(".weight") not in kernels}
    stems = {f"{name}.weight" for name in kernels}
    left = load_exactly(net, state, what, given=stems, removed=backbone.removed)
    notes: list[str] = []
    if not kernels:
        if source.levels is None:
            notes.append("its input is not known, the recipe's was taken for it")
        elif not source.levels.same(grey):
            raise RecipeError(
                f"{what} learnt grey 0 to 1 as {source.levels}, the recipe's [input] makes it "
                f"{grey}. Write under [input]: {as_recipe(source.levels.first())}."
            )
    elif source.levels is None:
        raise RecipeError(
            f"{what} has kernels for three colours, and nobody says how these were normalised. "
            "Write weights_mean and weights_std (of grey in 0 to 1, a number a colour) "
            "under [model]."
        )
    else:
        notes.append(put_colours(backbone, kernels, source.levels, grey))
    if left:
        notes.append(f"not taken: {named(left)}")
    return notes


def load_exactly(
    net: nn.Module,
    state: Mapping[str, Tensor],
    what: str,
    *,
    given: frozenset[str] | set[str] = frozenset(),
    removed: frozenset[str] = frozenset(),
) -> list[str]:
    """Load tensors into a network; nothing may be missing, unknown or of other shape.

    Args:
        net: changed in place.
        state: its tensors by name; classifiers may stand among them.
        what: name of the source, for messages.
        given: names that are loaded by another hand.
        removed: names of the published network that ``net`` was built without.

    Returns:
        Names of tensors that were left out: of a classifier, or in ``removed``.

    Raises:
        RecipeError: the message lists the first few tensors that do not fit.
    """
    wanted = net.state_dict()
    extra = [n for n in sorted(state) if n not in wanted and not n.endswith(COUNTER)]
    left = [n for n in extra if n in removed or n.startswith(CLASSIFIERS)]
    unknown = [n for n in extra if n not in left]
    missing = [n for n in wanted if n not in state and n not in given and not n.endswith(COUNTER)]
    fits = {n: t for n, t in state.items() if n in wanted and t.shape == wanted[n].shape}
    shapes = [
        f"{n} is {list(t.shape)}, wanted {list(wanted[n].shape)}"
        for n, t in sorted(state.items())
        if n in wanted and n not in fits
    ]
    faults = [
        f"{len(names)} {fault}: {named(names)}"
        for fault, names in (
            ("missing", missing),
            ("unknown", unknown),
            ("of another shape", shapes),
        )
        if names
    ]
    if faults:
        raise RecipeError(
            f"{what} does not fit the backbone: {'; '.join(faults)}. Name the backbone that it "
            "was made with, or other weights."
        )
    infinite = [n for n, t in fits.items() if t.is_floating_point() and not t.isfinite().all()]
    if infinite:
        raise RecipeError(f"{what} holds numbers that are not finite: {named(infinite)}.")
    with torch.no_grad():
        net.load_state_dict(fits, strict=False)
    return left


def named(names: Sequence[str]) -> str:
    """The first few names, and how many more."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
