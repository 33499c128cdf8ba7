"""NASNet-A (4 @ 1056), known as NASNet-Mobile.

**Source**: Zoph, Vasudevan, Shlens & Le, *Learning Transferable Architectures for Scalable Image
Recognition*, CVPR 2018: cells of figure 4, joined as in figure 2 and appendix A.1 to A.4; where
these leave something open (padding, the first two cells, how an earlier map is brought to size), as
Keras' ``NASNetMobile`` has it. Batch normalisation follows its batches as torch does by default,
ten per cent a step; the published .03 per cent would not catch up in a short training.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

FILTERS = 44
"""Of the first normal cells: 1056 / 24, as the last give 6 × 4 × 44 channels."""
REPEATED = 4
STEM = 32


class NASNetMobile(nn.Module):
    """Stem → 2 reduction cells → 3 × 4 normal cells, with a reduction cell between."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, STEM, 3, stride=2, bias=False), _norm(STEM))
        self.cells = nn.ModuleList()
        width, earlier, halve = STEM, STEM, False
        for kind, filters in _plan():
            cell = kind(width, earlier, filters, halve=halve, first=not self.cells)
            self.cells.append(cell)
            width, earlier, halve = cell.width, width, kind is Reduction
        self.act = nn.ReLU()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward_features(self, image: Tensor) -> Tensor:
        """The map [batch, 1056, h, w] of images [batch, 1, rows, columns]."""
        now = earlier = self.stem(image)
        for cell in self.cells:
            now, earlier = cell(now, earlier), now
        return self.act(now)

    def group_matcher(self, *, coarse: bool = False) -> dict[str, Any]:
        """How parameters fall into layers, as timm's networks say it: a cell each, or a stage."""
        if not coarse:
            return {"stem": r"^stem", "blocks": r"^cells\.(\d+)"}
        ends = {0: "0|1", 1: "2|3|4|5", 2: "6|7|8|9|10", 3: "11|12|13|14|15"}
        stages = [(rf"^cells\.(?:{cells})\.", (at,)) for at, cells in ends.items()]
        return {"stem": r"^stem", "blocks": stages}


def _plan() -> list[tuple[type[Normal] | type[Reduction], int]]:
    plan: list[tuple[type[Normal] | type[Reduction], int]] = [
        (Reduction, FILTERS // 4),
        (Reduction, FILTERS // 2),
    ]
    for stage in range(3):
        if stage:
            plan.append((Reduction, FILTERS << stage))
        plan += [(Normal, FILTERS << stage)] * REPEATED
    return plan


class Normal(nn.Module):
    """The normal cell: a map of the size of its input, 6 × ``filters`` channels.

    Args:
        width: channels of its input.
        earlier: channels of the input of the cell before.
        filters: channels of each of its branches.
        halve: whether the earlier map has twice the rows and columns.
        first: whether there is no cell before.
    """

    def __init__(
        self, width: int, earlier: int, filters: int, *, halve: bool, first: bool = False
    ) -> None:
        super().__init__()
        self.width = 6 * filters
        self.adjust = _adjust(earlier, filters, halve=halve, first=first)
        self.squeeze = _squeeze(width, filters)
        self.now_5 = _separable(filters, filters, 5)
        self.earlier_3 = _separable(filters, filters, 3)
        self.earlier_5_again = _separable(filters, filters, 5)
        self.earlier_3_again = _separable(filters, filters, 3)
        self.now_3 = _separable(filters, filters, 3)

    def forward(self, now: Tensor, earlier: Tensor) -> Tensor:
        """[batch, 6 × filters, h, w] of this and the earlier map."""
        p = self.adjust(earlier)
        h = self.squeeze(now)
        first = self.now_5(h) + self.earlier_3(p)
        second = self.earlier_5_again(p) + self.earlier_3_again(p)
        third = _mean(h) + p
        fourth = 2 * _mean(p)
        fifth = self.now_3(h) + h
        return torch.cat([p, first, second, third, fourth, fifth], 1)


class Reduction(nn.Module):
    """The reduction cell: half the rows and columns, 4 × ``filters`` channels.

    Args:
        width: channels of its input.
        earlier: channels of the input of the cell before.
        filters: channels of each of its branches.
        halve: whether the earlier map has twice the rows and columns.
        first: whether there is no cell before.
    """

    def __init__(
        self, width: int, earlier: int, filters: int, *, halve: bool, first: bool = False
    ) -> None:
        super().__init__()
        self.width = 4 * filters
        self.adjust = _adjust(earlier, filters, halve=halve, first=first)
        self.squeeze = _squeeze(width, filters)
        other = earlier if first else filters
        self.now_5 = _separable(filters, filters, 5, stride=2)
        self.earlier_7 = _separable(other, filters, 7, stride=2)
        self.earlier_7_again = _separable(other, filters, 7, stride=2)
        self.earlier_5 = _separable(other, filters, 5, stride=2)
        self.inner_3 = _separable(filters, filters, 3)

    def forward(self, now: Tensor, earlier: Tensor) -> Tensor:
        """[batch, 4 × filters, ⌈h / 2⌉, ⌈w / 2⌉] of this and the earlier map."""
        p = self.adjust(earlier)
        h = self.squeeze(now)
        padded = _pad(h, 3)
        largest = functional.max_pool2d(padded, 3, 2)
        first = self.now_5(h) + self.earlier_7(p)
        second = largest + self.earlier_7_again(p)
        third = functional.avg_pool2d(padded, 3, 2) + self.earlier_5(p)
        fourth = second + _mean(first)
        fifth = self.inner_3(first) + largest
        return torch.cat([second, third, fourth, fifth], 1)


class _Halve(nn.Module):
    """Every other place, and every other place one further, each through half of the filters."""

    def __init__(self, width: int, filters: int) -> None:
        super().__init__()
        self.act = nn.ReLU()
        self.even = nn.Conv2d(width, filters // 2, 1, bias=False)
        self.odd = nn.Conv2d(width, filters // 2, 1, bias=False)
        self.norm = _norm(filters)

    def forward(self, earlier: Tensor) -> Tensor:
        earlier = self.act(earlier)
        shifted = functional.pad(earlier, (0, 1, 0, 1))[:, :, 1:, 1:]
        halves = self.even(earlier[:, :, ::2, ::2]), self.odd(shifted[:, :, ::2, ::2])
        return self.norm(torch.cat(halves, 1))


class _Depthwise(nn.Conv2d):
    """A filter a channel, padded so that stride 2 gives ⌈h / 2⌉ rows."""

    def __init__(self, width: int, kernel: int, stride: int) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(width, width, kernel, stride, padding, groups=width, bias=False)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)
        side = self.kernel_size[0]
        return super().forward(input if self.stride[0] == 1 else _pad(input, side))


def _separable(width: int, filters: int, kernel: int, *, stride: int = 1) -> nn.Sequential:
    """A separable convolution twice, each behind its activation (appendix A.4)."""
    return nn.Sequential(
        nn.ReLU(),
        _Depthwise(width, kernel, stride),
        nn.Conv2d(width, filters, 1, bias=False),
        _norm(filters),
        nn.ReLU(),
        _Depthwise(filters, kernel, 1),
        nn.Conv2d(filters, filters, 1, bias=False),
        _norm(filters),
    )


def _squeeze(width: int, filters: int) -> nn.Sequential:
    return nn.Sequential(nn.ReLU(), nn.Conv2d(width, filters, 1, bias=False), _norm(filters))


def _adjust(earlier: int, filters: int, *, halve: bool, first: bool) -> nn.Module:
    if first or (earlier == filters and not halve):
        return nn.Identity()
    return _Halve(earlier, filters) if halve else _squeeze(earlier, filters)


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=1e-3)


def _mean(features: Tensor) -> Tensor:
    return functional.avg_pool2d(features, 3, 1, 1, count_include_pad=False)


def _pad(features: Tensor, kernel: int) -> Tensor:
    """Zeros around a map, one row and column fewer before it where their number is even."""
    rows, columns = features.shape[2:]
    half = kernel // 2
    before_rows, before_columns = half - 1 + rows % 2, half - 1 + columns % 2
    return functional.pad(features, (before_columns, half, before_rows, half))
