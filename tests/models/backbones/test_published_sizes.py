"""Numbers of parameters and shapes of maps, against what others published."""

from __future__ import annotations

import math
import re

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.models.backbones import Backbone, build_backbone  # noqa: E402

pytestmark = pytest.mark.train


def on_meta(name: str) -> Backbone:
    """A backbone without numbers: the largest takes no memory."""
    with torch.device("meta"):
        return build_backbone(name)


def parameters(backbone: Backbone) -> int:
    """With a stem for three colours, as published."""
    stem = next(m for m in backbone.net.modules() if isinstance(m, torch.nn.Conv2d))
    assert stem.in_channels == 1
    return sum(p.numel() for p in backbone.parameters()) + 2 * stem.weight.numel()


def linear(width: int, outputs: int = 1000) -> int:
    return width * outputs + outputs


TORCHVISION = "torchvision.models, num_params"
KERAS = "keras.applications, trainable"
TIMM = "timm, results-imagenet.csv"

# name, parameters behind the map (classifier and all), published number, where
QUICK = [
    ("vgg16", 0, 14_714_688, "keras.applications, include_top=False"),
    ("resnet50", linear(2048), 25_557_032, TORCHVISION),
    ("densenet121", linear(1024), 7_978_856, TORCHVISION),
    ("squeezenet1_0", linear(512), 1_248_424, TORCHVISION),
    ("squeezenet1_1", linear(512), 1_235_496, TORCHVISION),
    ("mobilenetv1_100", 0, 3_206_976, f"{KERAS}, include_top=False"),
    ("mobilenetv3_small_100", linear(576, 1024) + linear(1024), 2_542_856, TORCHVISION),
    ("efficientnet_b0", linear(1280), 5_288_548, TORCHVISION),
    ("vit_base_patch16_224", linear(768), 86_567_656, TORCHVISION),
]
SLOW = [
    ("mobilenetv2_100", linear(1280), 3_504_872, TORCHVISION),
    ("resnet18", linear(512), 11_689_512, TORCHVISION),
    ("mobilenetv4_conv_small", 960 * 1280 + 2 * 1280 + linear(1280), 3_774_024, TIMM),
    ("swin_tiny_patch4_window7_224", linear(768), 28_288_354, TORCHVISION),
    ("convnext_small", 2 * 768 + linear(768), 50_223_688, TORCHVISION),
    ("vgg19", 0, 20_024_384, "keras.applications, include_top=False"),
    ("resnet34", linear(512), 21_797_672, TORCHVISION),
    ("mobilenetv3_large_100", linear(960, 1280) + linear(1280), 5_483_032, TORCHVISION),
    ("mobilenetv4_conv_medium", 960 * 1280 + 2 * 1280 + linear(1280), 9_715_512, TIMM),
    ("mobilenetv4_conv_large", 960 * 1280 + 2 * 1280 + linear(1280), 32_590_864, TIMM),
    ("efficientnet_b1", linear(1280), 7_794_184, TORCHVISION),
    ("efficientnet_b2", linear(1408), 9_109_994, TORCHVISION),
    ("efficientnet_b3", linear(1536), 12_233_232, TORCHVISION),
    ("efficientnet_b4", linear(1792), 19_341_616, TORCHVISION),
    ("efficientnet_b5", linear(2048), 30_389_784, TORCHVISION),
    ("efficientnet_b6", linear(2304), 43_040_704, TORCHVISION),
    ("efficientnet_b7", linear(2560), 66_347_960, TORCHVISION),
    ("efficientnetv2_s", linear(1280), 21_458_488, TORCHVISION),
    ("efficientnetv2_m", linear(1280), 54_139_356, TORCHVISION),
    ("efficientnetv2_l", linear(1280), 118_515_272, TORCHVISION),
    ("tf_efficientnetv2_b0", linear(1280), 7_139_704, KERAS),
    ("convnext_base", 2 * 1024 + linear(1024), 88_591_464, TORCHVISION),
    ("vit_small_patch16_224", linear(384), 22_050_664, TIMM),
    ("convnext_large", 2 * 1536 + linear(1536), 197_767_336, TORCHVISION),
]


@pytest.mark.parametrize(
    ("name", "behind", "published", "source"),
    [
        *(pytest.param(*row, id=row[0]) for row in QUICK),
        *(pytest.param(*row, id=row[0], marks=pytest.mark.slow) for row in SLOW),
    ],
)
def test_the_published_number_of_parameters(name, behind, published, source):
    backbone = on_meta(name)
    assert parameters(backbone) + behind == published, source
    rows, columns = backbone.size
    with torch.device("meta"):
        found = backbone.eval()(torch.empty(2, 1, rows, columns))
    sides = {"squeezenet1_0": 13, "squeezenet1_1": 13}
    side = sides.get(name, math.ceil(rows / (16 if backbone.tokens else 32)))
    assert found.shape == (2, backbone.width, side, side)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("inception_v3", 21_802_784),
        pytest.param("inception_resnet_v2", 54_336_736, marks=pytest.mark.slow),
    ],
)
def test_inception_as_keras_counts_it(name, published):
    """Without top, moving statistics included; its batch normalisation there has no scale."""
    backbone = on_meta(name)
    norms = [m for m in backbone.net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    channels = sum(m.num_features for m in norms)
    assert parameters(backbone) + 2 * channels - channels == published


def test_nasnet_mobile_as_keras_counts_it():
    """4,269,716 without top, 5,326,716 with: the moving statistics are counted there."""
    backbone = on_meta("nasnet_mobile")
    norms = [m for m in backbone.net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    moving = sum(m.running_mean.numel() + m.running_var.numel() for m in norms)
    assert moving == 36_738  # Keras' non-trainable parameters
    assert parameters(backbone) + moving == 4_269_716
    assert parameters(backbone) + moving + linear(1056) == 5_326_716
    assert backbone.width == 1056


def test_squeezenet_as_the_mortality_study_counts_it():
    """1,263,808 parameters with its head, of which the 528,384 of the head were trained."""
    assert parameters(on_meta("squeezenet1_0")) == 1_263_808 - 528_384


def test_mobilenet_edgetpu_as_its_paper_counts_it():
    """4.1 million with three colours and 1,001 classes."""
    assert round((parameters(on_meta("mobilenet_edgetpu_100")) + linear(1280, 1001)) / 1e6, 2) == (
        4.09
    )


def test_mobilenet_edgetpu_is_built_as_its_weights_were_trained():
    net = build_backbone("mobilenet_edgetpu_100").net
    assert isinstance(net.get_submodule("blocks.0.0.bn1").act, torch.nn.Identity)
    assert "Same" in type(net.conv_stem).__name__


@pytest.mark.slow
def test_the_documented_table(repository):
    """Parameters, designed size and width of each row of the page."""
    page = (repository / "docs" / "backbones.md").read_text("utf-8")
    rows = re.findall(r"^\|[^|]*\| `(\w+)` \| ([\d,]+) \| \d+ \| (\d+) \| (\d+) \|", page, re.M)
    assert len(rows) > 30
    for name, number, side, width in rows:
        backbone = on_meta(name)
        count = sum(p.numel() for p in backbone.parameters())
        said = int(number.replace(",", "")), int(side), int(width)
        assert (count, backbone.size[0], backbone.width) == said, name
