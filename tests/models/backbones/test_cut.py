"""A backbone that ends early gives what the whole one gave there, and holds nothing more."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RecipeError  # noqa: E402
from hilum.models.backbones import build_backbone, cut, flows_through  # noqa: E402
from hilum.models.backbones.layout import as_map  # noqa: E402

pytestmark = pytest.mark.train


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


def what_a_module_gives(backbone, place, image):
    seen = []
    module = backbone.net.get_submodule(place)
    handle = module.register_forward_hook(lambda _m, _i, output: seen.append(output.clone()))
    with torch.no_grad():
        backbone.eval()(image)
    handle.remove()
    return seen[0]


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("resnet18", ("act1", "layer2", "layer3.0.conv1", "layer2.0.downsample", "layer4")),
        ("squeezenet1_1", ("features.0", "features.7", "features.7.squeeze")),
        ("mobilenetv3_small_050", ("conv_stem", "blocks.2.1", "blocks.1.0.conv_dw")),
        ("convnext_atto", ("stem", "stages.1", "stages.2.blocks.3.mlp.fc1")),
        ("vit_tiny_patch16_224", ("blocks.3", "blocks.2.attn", "patch_embed")),
        slow("swin_tiny_patch4_window7_224", ("layers.1", "layers.2.blocks.0")),
        slow(
            "densenet121", ("features.pool0", "features.denseblock2", "features.transition1.conv")
        ),
        slow("inception_v3", ("Mixed_6a", "Mixed_5c.branch5x5_1")),
        slow("nasnet_mobile", ("stem", "cells.7", "cells.3.now_5")),
    ],
)
def test_the_end_is_what_the_whole_network_gave_there(name, places):
    whole = build_backbone(name).eval()
    side = 96 if whole.step == 1 else 64
    image = torch.rand(1, 1, side, side)
    everything = sum(p.numel() for p in whole.parameters())
    for place in places:
        expected = what_a_module_gives(whole, place, image)
        short = copy.deepcopy(whole)
        cut(short, place)
        found = short(image)
        assert torch.equal(found, as_map(expected, short.end, side, side)), place
        assert found.shape[1] == short.width
        left = list(short.parameters())
        gradients = torch.autograd.grad(found.square().sum(), left, allow_unused=True)
        assert all(g is not None for g in gradients), place
        gone = sum(p.numel() for n, p in whole.net.named_parameters() if n in short.removed)
        assert sum(p.numel() for p in left) == everything - gone
        assert set(short.net.state_dict()) == set(whole.net.state_dict()) - short.removed


def test_a_copy_of_a_cut_backbone_ends_there_too():
    backbone = build_backbone("resnet18", cut="layer2.0.conv1").eval()
    image = torch.rand(1, 1, 64, 64)
    assert torch.equal(copy.deepcopy(backbone)(image), backbone(image))


def test_a_stage_ends_without_detours():
    """Cut at a stage, what is left is a plain network: nothing has to leave it half-way."""
    assert not any(m._forward_hooks for m in build_backbone("resnet18", cut="layer2").modules())


def test_six_layers_of_a_dense_block():
    """Its map: what came in, and 32 channels of each of the six (Huang et al. 2017, growth 32)."""
    name, last = "densenet121", "features.denseblock3"
    whole = build_backbone(name).eval()
    short = build_backbone(name, cut=f"{last}.denselayer6").eval()
    assert short.width == 256 + 6 * 32
    short.net.load_state_dict(whole.net.state_dict(), strict=False)
    image = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        block = what_a_module_gives(whole, last, image)
        assert torch.allclose(short(image), block[:, : short.width], atol=1e-6)
    names = {n.split(".")[2] for n, _ in short.net.named_parameters() if last in n}
    assert names == {f"denselayer{i}" for i in range(1, 7)}
    short(torch.rand(1, 1, 64, 64)).sum().backward()
    assert all(p.grad is not None for p in short.parameters())


def test_places_stand_in_the_order_of_the_forward_pass():
    places = build_backbone("resnet18").places()
    wanted = ["conv1", "layer1.0.conv1", "layer1.0", "layer1", "layer3.1.bn2", "layer4"]
    assert [p for p in places if p in wanted] == wanted
    assert not {"global_pool", "fc"} & set(places)
    assert "layer3" not in build_backbone("resnet18", cut="layer2").places()


def test_a_gate_of_one_point_is_no_place():
    places = build_backbone("mobilenetv3_small_050").places()
    assert "blocks.0.0.se" in places
    assert "blocks.0.0.se.conv_reduce" not in places


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("layer3.1.conv9", r"did you mean layer3\.1\.conv2.* cut at conv1, .*layer1, layer2"),
        ("fc", r"cannot be cut at 'fc'.* It can be cut at conv1"),
        ("nonsense", r"Unknown place in the backbone 'nonsense'.* It can be cut at conv1"),
    ],
)
def test_where_it_can_be_cut_is_said(place, message):
    with pytest.raises(RecipeError, match=message):
        build_backbone("resnet18", cut=place)


@pytest.mark.parametrize(
    ("name", "place", "alone"),
    [
        ("resnet18", "layer2.0", True),
        ("resnet18", "layer1.0.conv2", False),
        ("squeezenet1_1", "features.3.squeeze", True),
        ("squeezenet1_1", "features.3.expand1x1", False),
        slow("densenet121", "features.transition2", True),
        slow("densenet121", "features.denseblock2.denselayer3", False),
        ("vit_tiny_patch16_224", "blocks.5", True),
    ],
)
def test_whether_all_that_follows_flows_through_a_place(name, place, alone):
    assert flows_through(build_backbone(name), place) is alone
    backbone = build_backbone(name)
    with pytest.raises(RecipeError, match="Unknown place"):
        flows_through(backbone, f"{place}x")


@pytest.mark.slow
@pytest.mark.parametrize("place", ["layer2.0.conv1", "layer3"])
def test_a_cut_backbone_compiles_and_exports(place):
    backbone = build_backbone("resnet18", cut=place).eval()
    image = torch.rand(2, 1, 64, 64)
    expected = backbone(image)
    torch._dynamo.reset()
    whole = torch.compile(backbone, backend="eager", fullgraph=True)
    assert torch.equal(whole(image), expected)
    program = torch.export.export(backbone, (image,), strict=True)
    assert torch.equal(program.module()(image), expected)
