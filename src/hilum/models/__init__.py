"""Networks: backbones, heads, and the published weights that they may start from."""

from hilum.registry import Registry

WEIGHTS = Registry(
    "weights card",
    [
        ("mobilenet_edgetpu_100", "hilum.models.weights.mobilenet_edgetpu:CARD"),
        ("squeezenet1_0", "hilum.models.weights.squeezenet:SQUEEZENET1_0"),
        ("squeezenet1_1", "hilum.models.weights.squeezenet:SQUEEZENET1_1"),
    ],
)
"""Published weights whose origin, licence and preprocessing are known, by backbone."""
