"""One grey channel gives what the three-colour network gives when it is shown grey three times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

import timm  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from hilum.bundles.card import Preprocessing  # noqa: E402
from hilum.errors import RecipeError  # noqa: E402
from hilum.models.backbones import build_backbone  # noqa: E402
from hilum.models.weights import Declared, start  # noqa: E402
from hilum.models.weights.grey import KEPT  # noqa: E402
from hilum.models.weights.levels import Levels  # noqa: E402
from hilum.transforms.preprocess import normalise  # noqa: E402

pytestmark = pytest.mark.train
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
SUMMED = "kernels summed over colours"
FOLDED = "kernels summed, shifts in the bias"


def original(name: str) -> Any:
    """A three-colour network with random weights, statistics and biases."""
    torch.manual_seed(1)
    net = timm.create_model(name, pretrained=False).eval()
    for buffer, tensor in net.named_buffers():
        if buffer.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif buffer.endswith("running_mean"):
            tensor.normal_(0, 0.1)
    for parameter_name, parameter in net.named_parameters():
        if parameter_name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)
    return net


def save(net: Any, file: Path) -> None:
    save_file({n: t.contiguous() for n, t in net.state_dict().items()}, file)


@pytest.mark.parametrize(
    ("name", "published", "value_range", "mean", "std", "way"),
    [
        ("resnet18", IMAGENET, (0.0, 1.0), 0.0, 1.0, KEPT),
        ("resnet18", IMAGENET, (-1.0, 1.0), 0.1, 0.7, KEPT),
        ("densenet121", IMAGENET, (0.0, 1.0), 0.449, 0.226, KEPT),
        ("resnet18", HALF, (-1.0, 1.0), 0.0, 1.0, SUMMED),
        ("resnet18", HALF, (0.0, 1.0), 0.5, 0.25, SUMMED),  # a scale alone is folded
        ("convnext_atto", IMAGENET, (0.0, 1.0), 0.0, 1.0, FOLDED),  # 4 × 4 patches, not padded
        ("vit_tiny_patch16_224", IMAGENET, (0.0, 1.0), 0.0, 1.0, FOLDED),
        ("tf_efficientnetv2_b0", IMAGENET, (0.0, 1.0), 0.0, 1.0, KEPT),  # pads as TensorFlow
        ("vit_tiny_r_s16_p8_224", HALF, (-1.0, 1.0), 0.0, 1.0, KEPT),  # standardises its kernels
    ],
)
def test_grey_is_seen_as_three_colours_were(name, published, value_range, mean, std, way, tmp_path):
    colour = original(name)
    save(colour, tmp_path / "w.safetensors")
    spec = Preprocessing(size=(224, 224), value_range=value_range, mean=(mean,), std=(std,))
    backbone = build_backbone(name).eval()
    declared = Declared("Apache-2.0", "drawn at random", *published)
    found = start(backbone, "w.safetensors", folder=tmp_path, input=spec, declared=declared)
    assert found is not None
    assert found.origin.startswith(f"drawn at random; {way}")
    grey = np.random.default_rng(0).random((1, 224, 224)).astype(np.float32)
    three = Preprocessing(size=(224, 224), mean=published[0], std=published[1], channels=3)
    with torch.no_grad():
        wanted = colour.forward_features(torch.from_numpy(normalise(grey, three)))
        got = backbone.features(torch.from_numpy(normalise(grey, spec)))
    assert got.shape == wanted.shape
    assert float((got - wanted).abs().max() / wanted.abs().max()) < 1e-5


def test_summing_alone_is_wrong_along_the_border():
    """Why colours are kept: with the shift in a constant, only the border differs."""
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(3, 4, 3, padding=1)
    levels = Levels.of((0.0, 1.0), *IMAGENET)
    scale, shift = (torch.tensor(v) for v in levels.from_grey(Levels.of((0.0, 1.0))))
    grey = torch.rand(1, 1, 9, 9)
    weight = conv.weight.detach()
    with torch.no_grad():
        wanted = conv(grey * scale.view(1, 3, 1, 1) + shift.view(1, 3, 1, 1))
        summed = torch.nn.functional.conv2d(
            grey,
            (weight * scale.view(1, 3, 1, 1)).sum(1, keepdim=True),
            conv.bias + (weight * shift.view(1, 3, 1, 1)).sum((1, 2, 3)),
            padding=1,
        )
    wrong = (summed - wanted).abs()
    assert float(wrong[..., 1:-1, 1:-1].max()) < 1e-5
    assert float(wrong.max()) > 0.1


def test_another_input_than_the_weights_learnt_is_refused(tmp_path):
    save(original("resnet18"), tmp_path / "w.safetensors")
    spec = Preprocessing(size=(64, 64), value_range=(0.0, 1.0))
    with pytest.raises(RecipeError, match=r"Write under \[input\]: value_range = \[-1, 1\]"):
        start(
            build_backbone("resnet18"),
            "w.safetensors",
            folder=tmp_path,
            input=spec,
            declared=Declared("MIT", "drawn", *HALF),
        )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Levels.of((-1, 1)), Levels.of((0, 1), (0.5,), (0.5,)), True),
        (Levels.of((-1024, 1024)), Levels.of((0, 1), (0.5,), (1 / 2048,)), True),
        (Levels.of((0, 1), *HALF), Levels.of((-1, 1)), True),
        (Levels.of((0, 1)), Levels.of((-1, 1)), False),
        (Levels.of((0, 1), *IMAGENET), Levels.of((0, 1), (0.485,), (0.229,)), False),
    ],
)
def test_levels(one, other, same):
    assert one.same(other) is same
