"""Maps, sizes, names and what is refused."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RecipeError  # noqa: E402
from hilum.models.backbones import build_backbone  # noqa: E402

pytestmark = pytest.mark.train


@pytest.mark.parametrize(
    ("name", "size", "shape"),
    [
        ("resnet18", (64, 96), (512, 2, 3)),
        ("squeezenet1_1", (64, 96), (512, 3, 5)),
        ("vit_tiny_patch16_224", (64, 96), (192, 4, 6)),
        ("vit_tiny_patch16_224", (16, 64), (192, 1, 4)),
        ("swin_tiny_patch4_window7_224", (64, 96), (768, 2, 3)),
        ("convnext_atto", (64, 96), (320, 2, 3)),
    ],
)
def test_a_map_has_the_shape_of_the_image(name, size, shape):
    backbone = build_backbone(name).eval()
    with torch.no_grad():
        assert backbone(torch.rand(2, 1, *size)).shape == (2, *shape)
    assert backbone.width == shape[0]


def test_tokens_lie_where_their_patches_lay():
    """A change in one patch changes the embedding of that place only."""
    backbone = build_backbone("vit_tiny_patch16_224", cut="patch_embed").eval()
    image = torch.zeros(1, 1, 64, 96)
    other = image.clone()
    other[:, :, 32:48, 80:96] = 1
    with torch.no_grad():
        changed = (backbone(image) != backbone(other)).any(1)[0]
    assert changed.nonzero().tolist() == [[2, 5]]


def test_the_class_token_is_left_out_after_the_last_normalisation():
    backbone = build_backbone("vit_tiny_patch16_224").eval()
    image = torch.rand(1, 1, 32, 48)
    with torch.no_grad():
        tokens = backbone.net.forward_features(image)
        assert tokens.shape == (1, 7, 192)
        assert torch.equal(backbone(image).flatten(2)[0].T, tokens[0, 1:])


def test_every_parameter_takes_part_in_the_map():
    for name in ("vgg11", "mobilenetv3_small_050"):
        backbone = build_backbone(name)
        backbone(torch.rand(2, 1, 64, 64)).sum().backward()
        assert all(p.grad is not None for p in backbone.parameters()), name
        assert backbone.removed


def test_a_transformer_of_one_size_is_built_for_the_images():
    backbone = build_backbone("mixer_s32_224", size=(64, 96)).eval()
    with torch.no_grad():
        assert backbone(torch.rand(1, 1, 64, 96)).shape == (1, 512, 2, 3)
    with pytest.raises(RecipeError, match=r"takes images of 64 × 96 pixels only, got 96 × 96"):
        backbone(torch.rand(1, 1, 96, 96))


@pytest.mark.parametrize(
    ("name", "smallest"),
    [
        ("vgg16", 32),
        ("squeezenet1_0", 21),
        pytest.param("inception_v3", 75, marks=pytest.mark.slow),
        pytest.param("inception_resnet_v2", 75, marks=pytest.mark.slow),
    ],
)
def test_an_image_that_is_too_small_is_refused(name, smallest):
    backbone = build_backbone(name).eval()
    assert backbone.smallest_input() == smallest
    with pytest.raises(
        RecipeError, match=rf"{name} needs images of {smallest} × {smallest} .* 9 ×"
    ):
        backbone(torch.rand(1, 1, 9, 80))
    backbone.check(smallest, 80)


def test_an_image_that_patches_do_not_divide_is_refused():
    backbone = build_backbone("vit_tiny_patch16_224")
    with pytest.raises(RecipeError, match="multiples of 16, got 100 × 64"):
        backbone.check(100, 64)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ResNet-50", "resnet50"),
        ("VGG-16", "vgg16"),
        ("NASNet-Mobile", "nasnet_mobile"),
        ("EfficientNet-B0", "efficientnet_b0"),
        ("EfficientNetV2-B0", "tf_efficientnetv2_b0"),
        ("MobileNetV3", "mobilenetv3_large_100"),
        ("Inception-ResNet-v2", "inception_resnet_v2"),
        ("SqueezeNet 1.0", "squeezenet1_0"),
        ("ConvNeXt-Base", "convnext_base"),
        ("densnet121", "densenet121"),
    ],
)
def test_a_name_as_the_field_writes_it_leads_to_ours(written, meant):
    with pytest.raises(RecipeError, match=rf"did you mean .*\b{meant}\b"):
        build_backbone(written)


def test_a_name_like_no_other_leads_to_the_documentation():
    with pytest.raises(RecipeError, match=r"docs/backbones\.md"):
        build_backbone("hf_hub:somebody/something")


def test_stochastic_depth_where_there_are_residual_branches():
    net = build_backbone("resnet18", drop_path=0.2).net
    probabilities = {getattr(m, "drop_prob", 0.0) for m in net.modules()}
    assert max(probabilities) == pytest.approx(0.2)
    for name in ("vgg16", "densenet121", "squeezenet1_0"):
        with pytest.raises(RecipeError, match=f"{name} has no stochastic depth"):
            build_backbone(name, drop_path=0.2)


def test_a_network_without_a_map_is_refused():
    with torch.device("meta"), pytest.raises(RecipeError, match="gives no feature map"):
        build_backbone("crossvit_tiny_240")


def test_a_pass_leaves_the_network_as_it_was():
    backbone = build_backbone("resnet18", drop_path=0.1)
    backbone.net.layer1.eval()
    modes = [m.training for m in backbone.modules()]
    state = copy.deepcopy(backbone.state_dict())
    backbone.places()
    backbone.check(64, 64)
    assert [m.training for m in backbone.modules()] == modes
    assert all(torch.equal(t, state[n]) for n, t in backbone.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in backbone.modules())
