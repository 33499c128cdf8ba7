"""Each normalisation against its formula, in networks of each kind."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from torch import nn  # noqa: E402

from hilum.errors import RecipeError  # noqa: E402
from hilum.models.backbones import build_backbone, reestimate, replace_normalisation  # noqa: E402
from hilum.models.backbones.normalisation import groups  # noqa: E402

pytestmark = pytest.mark.train
SMALL = "mobilenetv3_small_050"


def taught(name="resnet18", **options):
    """A backbone whose normalisation holds numbers as after training."""
    torch.manual_seed(0)
    backbone = build_backbone(name, **options)
    for module in backbone.net.modules():
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return backbone.eval()


def by_hand(x, over, weight, bias):
    """Mean 0 and variance 1 over some dimensions, then scale and offset."""
    mean = x.mean(over, keepdim=True)
    variance = x.var(over, unbiased=False, keepdim=True)
    return (x - mean) / torch.sqrt(variance + 1e-5), weight[:, None, None], bias[:, None, None]


@pytest.mark.parametrize("kind", ["batch", "group", "instance", "layer", "none"])
def test_each_kind_is_its_formula(kind):
    backbone = taught("convnext_atto" if kind == "batch" else "resnet18")
    name = "stem.1" if kind == "batch" else "layer2.0.bn1"
    old = backbone.net.get_submodule(name)
    weight, bias = old.weight.detach().clone(), old.bias.detach().clone()
    replace_normalisation(backbone, kind)
    new = backbone.net.get_submodule(name).train()
    new.act = nn.Identity()
    x = torch.randn(3, len(weight), 5, 7) * 2 + 1
    if kind == "none":
        expected = old.eval()(x) if not hasattr(old, "act") else None
        assert expected is not None
    else:
        shaped = x
        over = {"batch": (0, 2, 3), "instance": (2, 3), "layer": (1, 2, 3), "group": (2, 3, 4)}
        if kind == "group":
            shaped = x.reshape(3, groups(len(weight)), -1, 5, 7)
        normal, w, b = by_hand(shaped, over[kind], weight, bias)
        expected = normal.reshape(x.shape) * w + b
    assert torch.allclose(new(x), expected, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["resnet18", SMALL, pytest.param("densenet121", marks=pytest.mark.slow)]
)
def test_without_normalisation_the_evaluated_network_stays(name):
    """Scale and offset take over what the statistics did; activations that timm joins stay."""
    backbone = taught(name)
    image = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        before = backbone(image)
        replace_normalisation(backbone, "none")
        assert torch.allclose(backbone(image), before, rtol=1e-3, atol=1e-4)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in backbone.modules())


@pytest.mark.parametrize("name", ["resnet18", SMALL, "convnext_atto"])
@pytest.mark.parametrize("kind", ["batch", "group", "instance", "layer", "none"])
def test_a_step_is_taken_with_each(name, kind):
    plain = build_backbone(name)
    backbone = build_backbone(name, normalisation=kind).train()
    found = backbone(torch.rand(2, 1, 64, 64))
    assert found.shape == (2, plain.width, 2, 2)
    found.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in backbone.parameters())
    same = {n: p.shape for n, p in plain.net.named_parameters()}
    assert {n: p.shape for n, p in backbone.net.named_parameters()} == same
    batches = [m for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    assert bool(batches) is (kind == "batch")


@pytest.mark.parametrize("kind", ["group", "instance", "layer"])
def test_an_image_does_not_depend_on_its_batch(kind):
    backbone = build_backbone("resnet18", normalisation=kind).train()
    images = torch.rand(3, 1, 64, 64)
    with torch.no_grad():
        assert torch.allclose(backbone(images)[:1], backbone(images[:1]), atol=1e-5)


@pytest.mark.parametrize(
    ("width", "expected"), [(8, 2), (16, 4), (24, 6), (40, 10), (64, 16), (256, 32), (3, 1)]
)
def test_groups(width, expected):
    assert groups(width) == expected


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("vgg16", "group", "vgg16 has none"),
        ("squeezenet1_1", "none", "squeezenet1_1 has none"),
        ("vit_tiny_patch16_224", "batch", r"blocks\.0\.norm1 works on tokens"),
        ("swin_tiny_patch4_window7_224", "batch", "works on tokens"),
        ("resnet18", "btach", "known: batch, group, instance, layer, none"),
        ("convnext_zepto_rms", "batch", "normalisation of a kind of its own"),
    ],
)
def test_what_cannot_be_replaced_is_refused(name, kind, message):
    with torch.device("meta"), pytest.raises(RecipeError, match=message):
        build_backbone(name, normalisation=kind)


def test_weights_are_carried_over_and_statistics_are_said_to_be_gone():
    backbone = taught()
    weight = backbone.net.bn1.weight.detach().clone()
    replace_normalisation(backbone, "group")
    assert torch.equal(backbone.net.bn1.weight, weight)
    assert {"bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked"} <= backbone.removed


def test_statistics_measured_again_leave_the_evaluated_network():
    backbone = taught(SMALL)
    generator = torch.Generator().manual_seed(1)
    batches = [torch.rand(6, 1, 64, 64, generator=generator) for _ in range(2)]
    with torch.no_grad():
        before = backbone(batches[0])
        reestimate(backbone, batches)
        assert torch.allclose(backbone(batches[0]), before, rtol=1e-3, atol=1e-4)
    seen = []
    norm = backbone.net.get_submodule("blocks.0.0.bn1")
    norm.register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0].clone()))
    with torch.no_grad():
        for batch in batches:
            backbone(batch)
    values = torch.cat(seen).transpose(0, 1).flatten(1)
    assert torch.allclose(norm.running_mean, values.mean(1), atol=1e-4)
    assert torch.allclose(norm.running_var, values.var(1, unbiased=False), rtol=1e-3, atol=1e-5)


def test_statistics_need_something_to_be_measured_on():
    with pytest.raises(RecipeError, match="squeezenet1_1 has no batch normalisation"):
        reestimate(build_backbone("squeezenet1_1"), [torch.rand(1, 1, 64, 64)])
    with pytest.raises(RecipeError, match="No batch"):
        reestimate(build_backbone("resnet18"), [])
