"""Keep a part of a backbone as it is, from its input on, and let it learn again."""

from __future__ import annotations

from math import inf

from hilum.errors import RecipeError
from hilum.models.backbones.backbone import Backbone
from hilum.models.backbones.trace import Trace
from hilum.registry import unknown


def freeze(backbone: Backbone, upto: str) -> list[str]:
    """Stop a backbone from learning, from its input up to a module, and no further.

    What is frozen gets no gradient and works as in evaluation even in training mode: statistics of
    batch normalisation stay, nothing is dropped. The order is that of the forward pass, whatever
    the order in which the network's author wrote the modules down. What was frozen before and lies
    behind learns again.

    Args:
        backbone: changed in place.
        upto: name of a module, inclusive, with what is applied to its output before the next module
            is called (a scale, an embedding of places); "all" for the whole; "" for nothing.

    Returns:
        Names of the frozen parameters, in the order of the forward pass.

    Raises:
        RecipeError: the pass does not call such a module; the message says which it has.
    """
    seen = backbone.trace()
    if upto not in {"", "all"}:
        _known(seen, upto, backbone)
        return _set(backbone, seen, seen.after(upto))
    return _set(backbone, seen, inf if upto else -1)


def thaw(backbone: Backbone, downto: str = "") -> list[str]:
    """Let a frozen backbone learn again, from its output down to a module.

    Args:
        backbone: changed in place.
        downto: name of a module, inclusive: it and all that is first used later learns; "" for the
            whole backbone.

    Returns:
        Names of the parameters that stay frozen, in the order of the forward pass.

    Raises:
        RecipeError: the pass does not call such a module; the message says which it has.
    """
    seen = backbone.trace()
    if not downto:
        return _set(backbone, seen, -1)
    _known(seen, downto, backbone)
    border = seen.entered[downto][0]
    parameters = dict(backbone.net.named_parameters())
    still = [seen.used[n] for n, p in parameters.items() if not p.requires_grad]
    return _set(backbone, seen, min(border, max(still, default=-1) + 1))


def _set(backbone: Backbone, seen: Trace, border: float) -> list[str]:
    parameters = dict(backbone.net.named_parameters())
    order = sorted(parameters, key=seen.used.__getitem__)
    frozen = [name for name in order if seen.used[name] < border]
    for name in order:
        parameters[name].requires_grad = seen.used[name] >= border
        if not parameters[name].requires_grad:
            parameters[name].grad = None
    backbone.held = frozenset(n for n, left in seen.left.items() if n and left < border)
    backbone.train(backbone.training)
    return frozen


def _known(seen: Trace, name: str, backbone: Backbone) -> None:
    if name not in seen.left:
        known = [n for n in seen.left if n and n.count(".") <= 1]  # stages and blocks
        raise RecipeError(unknown(f"module of the backbone {backbone.name}", name, known))
