"""What everything that reads one radiograph offers: networks, ensembles, one view of several."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn


class Forward(NamedTuple):
    """Everything that one pass gives.

    Attributes:
        logits: log-odds [batch, findings].
        features: [batch, width], the averaged feature map.
        cams: [batch, findings, h, w], contributions to the log-odds; None where there are none.
    """

    logits: Tensor
    features: Tensor
    cams: Tensor | None


class Classifier(nn.Module):
    """A module that can become a bundle.

    Attributes:
        findings: keys, in the order of the log-odds.
        heatmaps: what the maps are, in words; "" where there are none.
    """

    findings: tuple[str, ...]
    heatmaps: str

    def everything(self, image: Tensor) -> Forward:
        """Log-odds, features and maps of images [batch, 1, rows, columns]."""
        raise NotImplementedError
