"""Networks: backbones, heads, and the published weights that they may start from."""

from hilum.registry import Registry

WEIGHTS = Registry(
    "weights card",
    [("mobilenet_edgetpu_100", "hilum.models.mobilenet_edgetpu:CARD")],
)
"""Published weights whose origin, licence and preprocessing are known, by backbone."""
