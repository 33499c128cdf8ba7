"""SqueezeNet 1.0 and 1.1 as two model zoos published them, under torchvision's names."""

from __future__ import annotations

from hilum.models.weights.card import WeightsCard

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

SQUEEZENET1_0 = WeightsCard(
    backbone="squeezenet1_0",
    licence="Apache-2.0",
    origin=(
        "TensorFlow model zoo, SqueezeNet 1.0 on ImageNet with a background class; the origin pads "
        "its convolutions otherwise than torchvision, and states no input range: -1 to 1 was told "
        "by its answers to photographs"
    ),
    value_range=(-1.0, 1.0),
    sha256=("e3df66b493f95f52bf9869634bcff42f7dfe45857094444795e8b90d26ab31c9",),
)

SQUEEZENET1_1 = WeightsCard(
    backbone="squeezenet1_1",
    licence="Apache-2.0",
    origin="ONNX model zoo, SqueezeNet 1.1 on ImageNet",
    value_range=(0.0, 1.0),
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
    sha256=("7baf8a93797288a59801ba677449428ff2c52bbc8dc83d217c849bc9e2a56c8e",),
)
