"""Maps of chosen strides from the stages of a backbone."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import interpolate

from hilum.models.backbones import Backbone
from hilum.models.backbones.layout import Layout, as_map


class Stages(nn.Module):
    """A backbone and images → its end, and a map at each of some strides.

    A stride that the backbone has no stage of is interpolated from the nearest finer one that it
    has, or else from the coarser: a plain transformer gives one stride only, and a network that is
    cut ends early.

    Args:
        backbone: any that gives a map.
        strides: pixels of the input between places, rising powers of two.

    Attributes:
        channels: of the maps, one a stride.
    """

    def __init__(self, backbone: Backbone, strides: Sequence[int]) -> None:
        super().__init__()
        self.strides = tuple(strides)
        has = _stages(backbone)
        self.sources = tuple(_nearest(stride, has) for stride in self.strides)
        self.layouts = {at: has[at][1] for at in self.sources}
        self.names = {at: has[at][0] for at in self.sources}
        self.channels = tuple(has[at][1].width for at in self.sources)

    def forward(self, backbone: Backbone, image: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The backbone's end [B, width, h, w], and maps [B, channels, h, w], the finest first.

        Args:
            backbone: the one that the stages were looked up in; it is no part of this module.
            image: [B, 1, rows, columns].
        """
        found: dict[int, Tensor] = {}

        def put(stride: int) -> Any:
            def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
                found[stride] = output

            return hook

        hooks = [
            backbone.net.get_submodule(name).register_forward_hook(put(stride))
            for stride, name in self.names.items()
            if name
        ]
        try:
            end = backbone(image)
        finally:
            for one in hooks:
                one.remove()
        rows, columns = image.shape[2:]
        return end, tuple(
            _at(
                as_map(found[source], self.layouts[source], rows, columns)
                if self.names[source]
                else end,
                (rows // stride, columns // stride),
            )
            for stride, source in zip(self.strides, self.sources, strict=True)
        )


def _at(found: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(found.shape[2:]) == size:
        return found
    return interpolate(found, size=size, mode="bilinear", align_corners=False)


def _stages(backbone: Backbone) -> dict[int, tuple[str, Layout]]:
    """Stride → the last module that gives it, "" for the backbone's own end, and its layout."""
    info = getattr(backbone.net, "feature_info", None)
    rows: list[dict[str, Any]] = list(getattr(info, "info", info) or ())
    seen = backbone.trace()
    places = set(backbone.places(seen))
    high = backbone.size[0]
    found: dict[int, tuple[str, Layout]] = {}
    for name in (row["module"] for row in rows):
        layout = backbone.layout(seen.outputs.get(name)) if name in places else None
        if layout is not None and layout.kind != "tokens":
            output = seen.outputs[name]
            found[_stride(high, output.shape[1 + (layout.kind == "map")])] = (name, layout)
    result = as_map(seen.result, backbone.end, *backbone.size)
    end = _stride(high, result.shape[2])
    kept = {stride: stage for stride, stage in found.items() if stride < end}
    return {**kept, end: ("", backbone.end)}


def _stride(high: int, places: int) -> int:
    """The power of two that is nearest: padding makes maps a place smaller or larger."""
    return int(2 ** round(log2(high / places)))


def _nearest(stride: int, has: dict[int, tuple[str, Layout]]) -> int:
    finer = [one for one in has if one <= stride]
    return max(finer) if finer else min(has)
