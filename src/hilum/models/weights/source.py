"""What every source of weights gives, and what a recipe says of weights that nobody else knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from torch import Tensor

from hilum.bundles.card import StartingWeights
from hilum.errors import RecipeError
from hilum.models.weights.levels import Levels

PERMISSIVE = frozenset(
    ("apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc-by-4.0", "cc0-1.0", "isc", "mit")
)


@dataclass(frozen=True, slots=True)
class Declared:
    """What ``[model]`` of a recipe says of a file without a weights card.

    Attributes:
        licence: ``weights_licence``; SPDX identifier, or words.
        origin: ``weights_origin``; who made them, from what.
        mean: ``weights_mean`` of grey in [0, 1], one number or one a colour; empty if unsaid.
        std: ``weights_std``, likewise.
    """

    licence: str = ""
    origin: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def levels(self) -> Levels | None:
        """What grey 0 and 1 were in the training of the weights; None if unsaid.

        Raises:
            RecipeError: mean without deviation, or numbers that cannot be.
        """
        if not self.mean and not self.std:
            return None
        sizes = {len(self.mean), len(self.std)}
        if not sizes <= {1, 3} or min(self.std, default=0.0) <= 0:
            raise RecipeError(
                "[model] weights_mean and weights_std: both are needed, with one number or one "
                f"a colour, deviations more than 0; got {list(self.mean)} and {list(self.std)}."
            )
        return Levels.of((0.0, 1.0), self.mean, self.std)


@dataclass(frozen=True, slots=True)
class Source:
    """Weights in memory.

    Attributes:
        state: tensors under the names of the network that they were made with, float32.
        levels: what grey 0 and 1 were in their training; None where nobody says.
        start: for the bundle's card.
    """

    state: dict[str, Tensor]
    levels: Levels | None
    start: StartingWeights


def with_warning(licence: str | None) -> str:
    """A licence as the card states it: unknown ones and such as bind the user are marked."""
    if not licence:
        return "unknown: ask its publisher before a bundle made from it is passed on"
    if licence.lower() in PERMISSIVE:
        return licence
    return f"{licence} (not permissive, or not known to be: read it before passing a bundle on)"


def under_prefix(
    state: Mapping[str, Tensor], wanted: Collection[str], what: str
) -> dict[str, Tensor]:
    """The backbone's tensors out of a whole network's, under the backbone's own names.

    Args:
        state: tensors of a network, of which one module is the backbone.
        wanted: names of the backbone's parameters.
        what: the source, for the message.

    Raises:
        RecipeError: no module of the network holds them, or several do.
    """
    shared: dict[str, int] = {}
    for name in wanted:
        for full in state:
            if full == name or full.endswith(f".{name}"):
                prefix = full[: len(full) - len(name)]
                shared[prefix] = shared.get(prefix, 0) + 1
    most = max(shared.values(), default=0)
    best = sorted(prefix for prefix, count in shared.items() if count == most)
    if not best:
        raise RecipeError(
            f"{what} holds no tensor of this backbone; its tensors are {sorted(state)[:3]}"
            f"{_more(len(state) - 3)}. Name the backbone that it was made with."
        )
    if len(best) > 1:
        raise RecipeError(
            f"{what} holds {len(best)} backbones alike: {', '.join(best[:3])}"
            f"{_more(len(best) - 3)}; weights to start from must be of one."
        )
    prefix = best[0]
    return {n[len(prefix) :]: t for n, t in state.items() if n.startswith(prefix)}


def _more(number: int) -> str:
    return f" and {number} more" if number > 0 else ""
