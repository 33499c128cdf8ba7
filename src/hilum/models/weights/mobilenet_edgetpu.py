"""MobileNet-EdgeTPU 1.0 as MLPerf published it."""

from __future__ import annotations

from torch import nn

from hilum.models.weights.card import WeightsCard


def _without_stem_activation(network: nn.Module) -> None:
    # The published graph has no activation behind the first block's expansion; timm puts a ReLU.
    network.get_submodule("blocks.0.0.bn1").act = nn.Identity()


CARD = WeightsCard(
    backbone="mobilenet_edgetpu_100",
    licence="Apache-2.0",
    origin="MLPerf Mobile v0.7, mobilenet_edgetpu_224_1.0_uint8, dequantised (mlcommons)",
    value_range=(-1.0, 1.0),
    sha256=("95e3804d810971eceff9a71258ee063ae59c4911e63cb3ef1ac911a5e337c7b9",),
    timm_options={"pad_type": "same"},
    adapt=_without_stem_activation,
)
