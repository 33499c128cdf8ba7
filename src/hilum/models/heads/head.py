"""What every head offers."""

from __future__ import annotations

from torch import Tensor, nn


class Head(nn.Module):
    """From feature maps to raw outputs.

    A head pools each view's map, and turns what the views gave, joined, into outputs.

    Attributes:
        pooled: shape of what :meth:`pool` gives for one radiograph; channels last.
        maps: what :meth:`evidence` gives, in words; "" where it gives nothing.
    """

    pooled: tuple[int, ...]
    maps: str

    def pool(self, features: Tensor) -> Tensor:
        """[batch, *pooled] of a map [batch, width, h, w]."""
        raise NotImplementedError

    def forward(self, pooled: Tensor) -> Tensor:
        """Raw outputs [batch, outputs] of pooled vectors, those of several views end to end."""
        raise NotImplementedError

    def evidence(self, features: Tensor, view: int = 0) -> Tensor | None:
        """Contributions [batch, outputs, h, w] of one view's map; None where there is no such map.

        An output is the sum over views of their means over h and w, plus a constant.

        Args:
            features: [batch, width, h, w].
            view: position of the view among those joined end to end.
        """
        raise NotImplementedError

    def start(self, outputs: Tensor) -> None:
        """Set the outputs [outputs] that the head gives before the first step."""
        raise NotImplementedError
