"""End a backbone early, and remove what lies behind."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hilum.errors import RecipeError
from hilum.models.backbones.backbone import Backbone, Reached
from hilum.models.backbones.prune import prune
from hilum.models.backbones.trace import trace
from hilum.registry import unknown

SHOWN = 12


def cut(backbone: Backbone, place: str) -> None:
    """End a backbone at a module: its output becomes the map.

    All parameters on which that map does not depend are removed, so the cut may lie inside a
    block: in a residual block the map is then what that layer gives, without the shortcut. A dense
    block (Huang et al. 2017) cut at one of its layers keeps its input and its layers up to that
    one, and still joins them.

    Args:
        backbone: changed in place.
        place: one of ``backbone.places()``.

    Raises:
        RecipeError: it cannot be cut there; the message says where it can.
    """
    whole = backbone.trace()
    known = backbone.places(whole)
    if place not in known:
        raise RecipeError(_nowhere(backbone, place, known))
    place = _shorten_dense_block(backbone.net, place)
    end = backbone.net.get_submodule(place)
    handle = end.register_forward_hook(_leave)
    stopped = backbone.trace()
    gone = prune(backbone.net, stopped, set(whole.entered) - set(stopped.entered))
    backbone.removed |= gone
    backbone.held &= {name for name, _ in backbone.net.named_modules()}
    layout = backbone.layout(stopped.result)
    assert layout is not None  # places() gives maps only
    backbone.end = layout
    handle.remove()
    if not _ends_by_itself(backbone, place):
        end.register_forward_hook(_leave)


def flows_through(backbone: Backbone, place: str) -> bool:
    """Whether the map depends on the image through a module's output alone.

    Then what the module gives stands for the image: it may be kept and the rest computed from it.

    Raises:
        RecipeError: the backbone has no such place.
    """
    known = backbone.places()
    if place not in known:
        raise RecipeError(_nowhere(backbone, place, known))
    start: list[Tensor] = []

    def run(image: Tensor) -> Any:
        start.append(image.requires_grad_())
        return backbone.features(image)

    def part(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        return output.detach().requires_grad_().clone()  # what follows may work in place

    handle = backbone.net.get_submodule(place).register_forward_hook(part)
    try:
        seen = trace(backbone.net, run, backbone.size)
    finally:
        handle.remove()
    return torch.autograd.grad(seen.result.sum(), start, allow_unused=True)[0] is None


def _leave(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
    raise Reached(output)


def _ends_by_itself(backbone: Backbone, place: str) -> bool:
    """Whether the network, without what was removed, gives just the output of ``place``."""
    try:
        seen = backbone.trace()
    except (AttributeError, AssertionError, RuntimeError, TypeError, ValueError, IndexError):
        return False
    return seen.result is seen.outputs.get(place)


def _shorten_dense_block(net: nn.Module, place: str) -> str:
    parent_name, _, name = place.rpartition(".")
    parent = net.get_submodule(parent_name)
    if not isinstance(parent, nn.ModuleDict):  # only dense blocks are dictionaries that compute
        return place
    for later in list(parent)[list(parent).index(name) + 1 :]:
        del parent[later]
    return parent_name


def _nowhere(backbone: Backbone, place: str, known: tuple[str, ...]) -> str:
    if place in dict(backbone.net.named_modules()):
        why = f"{backbone.name} cannot be cut at {place!r}: it gives no map, or is used repeatedly"
    else:
        why = unknown("place in the backbone", place, known).split(";")[0]
    near = unknown("", place, known).partition("did you mean ")[2].rstrip("?")
    stages = coarse(known)
    more = f" and {len(stages) - SHOWN} more" if len(stages) > SHOWN else ""
    hint = f"; did you mean {near}?" if near else "."
    return f"{why}{hint} It can be cut at {', '.join(stages[:SHOWN])}{more}, and inside these."


def coarse(places: tuple[str, ...]) -> list[str]:
    """The places of the outermost level that has at least three, none inside another."""
    level: list[str] = []
    for depth in range(max((p.count(".") for p in places), default=0) + 1):
        upto = [p for p in places if p.count(".") <= depth]
        level = [p for p in upto if not any(q.startswith(f"{p}.") for q in upto)]
        if len(level) >= 3:
            return level
    return level
