"""Layers of a backbone from input to output, for learning rates and for unfreezing."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Literal

from timm.models import group_parameters
from torch import nn

from hilum.models.backbones.backbone import Backbone
from hilum.models.backbones.cut import coarse
from hilum.models.backbones.trace import Trace


def layers(
    backbone: Backbone, grain: Literal["block", "stage"] = "block"
) -> list[tuple[str, list[nn.Parameter]]]:
    """Parameters in groups of depth, from input to output.

    Args:
        backbone: whole or cut.
        grain: a group a block, or a group a stage, as timm divides the network.

    Returns:
        Names and parameters. A name is that of the last module of its group, so that
        ``freeze(backbone, name)`` freezes that group and all before it. Every parameter stands in
        one group.
    """
    seen = backbone.trace()
    net: Any = backbone.net
    if hasattr(net, "group_matcher"):
        groups = group_parameters(net, net.group_matcher(coarse=grain == "stage"))
        ends = {_last(seen, names) for names in groups.values() if names}
    else:
        ends = set(coarse(backbone.places()))
    borders = sorted((seen.after(end), end) for end in ends)
    parameters = sorted(net.named_parameters(), key=lambda one: seen.used[one[0]])
    found: list[tuple[str, list[nn.Parameter]]] = [(end, []) for _, end in borders]
    for name, parameter in parameters:
        at = bisect_right([border for border, _ in borders], seen.used[name])
        found[min(at, len(found) - 1)][1].append(parameter)
    return [(end, group) for end, group in found if group]


def _last(seen: Trace, names: list[str]) -> str:
    """The module that ends last among those that hold nothing but ``names``."""
    inside = set(names)
    others = set(seen.parameters) - inside
    candidates = {
        name.rsplit(".", depth)[0] for name in names for depth in range(1, name.count(".") + 1)
    }
    own = [c for c in candidates if not any(o.startswith(f"{c}.") for o in others)]
    return max((c for c in own if c in seen.left), key=seen.left.__getitem__)
