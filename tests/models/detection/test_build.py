"""What a detector is built from: any backbone that gives a map, with the weights that it has."""

import pytest

pytest.importorskip("torch", reason="needs the extra train: pip install 'hilum[train]'")

import torch

from hilum.errors import RecipeError
from hilum.models.backbones import build_backbone
from hilum.models.detection import build_detector
from hilum.models.detection.stages import Stages
from hilum.models.network import Network
from hilum.models.tasks import Task

pytestmark = pytest.mark.train
ASKED = Task("multi-label", ("a", "b"))


@pytest.mark.parametrize(
    ("name", "cut", "sources"),
    [
        ("test_efficientnet", "", (4, 8, 16, 32)),
        ("test_efficientnet", "blocks.2", (4, 8, 8, 8)),  # coarser ones from the end
        ("resnet18", "", (4, 8, 16, 32)),
        ("convnext_atto", "", (4, 8, 16, 32)),  # begins at a stride of 4
        ("test_vit", "", (16, 16, 16, 16)),  # tokens: one stride only
        pytest.param(  # channels last
            "swin_tiny_patch4_window7_224", "", (4, 8, 16, 32), marks=pytest.mark.slow
        ),
    ],
)
def test_maps_have_the_strides_that_are_wanted(name, cut, sources):
    backbone = build_backbone(name, cut=cut, size=(64, 96))
    size = (64, 96) if name != "test_vit" else (64, 64)
    if name.startswith("swin"):
        size = (224, 224)  # the only size that it takes as built here
        backbone = build_backbone(name)
    stages = Stages(backbone, (4, 8, 16, 32))
    assert stages.sources == sources
    with torch.inference_mode():
        end, maps = stages(backbone.eval(), torch.rand(2, 1, *size))
    assert end.shape[:2] == (2, backbone.width)
    for stride, channels, found in zip((4, 8, 16, 32), stages.channels, maps, strict=True):
        assert found.shape == (2, channels, size[0] // stride, size[1] // stride)


def test_a_classifier_s_weights_carry_over():
    """The same image gives the same feature map, and with the head's weights the same log-odds."""
    torch.manual_seed(0)
    classifier = Network(build_backbone("test_efficientnet"), [ASKED]).eval()
    torch.nn.init.normal_(classifier.head.last.weight)
    backbone = build_backbone("test_efficientnet")
    backbone.load_state_dict(classifier.backbone.state_dict())
    found = build_detector(backbone, "small", ("nodule",), size=(64, 64), task=ASKED).eval()
    found.classes.load_state_dict(classifier.head.state_dict())
    image = torch.rand(2, 1, 64, 64)
    with torch.inference_mode():
        mine, theirs = found.everything(image), classifier.everything(image)
    torch.testing.assert_close(mine.logits, theirs.logits)
    torch.testing.assert_close(mine.features, theirs.features)
    torch.testing.assert_close(mine.cams, theirs.cams)
    assert found.heatmaps == classifier.heatmaps


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"head": "smal"}, "Unknown detection head 'smal'; did you mean small"),
        ({"width": 32}, "width is 64, 128, 256; got 32"),
        ({"size": (64, 70)}, "multiples of 32, 64 at least; got 64 × 70"),
        ({"size": (32, 32)}, "multiples of 32, 64 at least; got 32 × 32"),
        ({"kinds": ()}, "none is named"),
        ({"kinds": ("nodule", "mass", "nodule")}, "nodule stands twice"),
    ],
)
def test_what_cannot_be_built(said, message):
    given = {"head": "small", "kinds": ("nodule",), "size": (64, 64)} | said
    backbone = build_backbone("test_efficientnet")
    with pytest.raises(RecipeError, match=message):
        build_detector(backbone, given.pop("head"), given.pop("kinds"), **given)
