"""What is frozen stays to the last byte; what is not learns."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RecipeError  # noqa: E402
from hilum.models.backbones import build_backbone, freeze, layers, thaw  # noqa: E402

pytestmark = pytest.mark.train
SMALL = "mobilenetv3_small_050"


def steps(backbone, side=64, number=2):
    optimiser = torch.optim.SGD([p for p in backbone.parameters() if p.requires_grad], lr=0.1)
    backbone.train()
    for seed in range(number):
        generator = torch.Generator().manual_seed(seed)
        optimiser.zero_grad()
        backbone(torch.rand(4, 1, side, side, generator=generator)).square().mean().backward()
        optimiser.step()


@pytest.mark.parametrize(
    ("name", "upto"),
    [
        (SMALL, "conv_stem"),
        (SMALL, "blocks.2"),
        ("resnet18", "layer2.0"),
        ("squeezenet1_1", "features.7"),
        ("convnext_atto", "stages.1.blocks.0"),
        ("vit_tiny_patch16_224", "blocks.1"),
    ],
)
def test_frozen_bytes_of_parameters_and_buffers_do_not_change(name, upto):
    torch.manual_seed(0)
    backbone = build_backbone(name)
    frozen = set(freeze(backbone, upto))
    before = {n: t.clone() for n, t in backbone.net.state_dict().items()}
    steps(backbone)
    after = backbone.net.state_dict()
    changed = {n for n, t in after.items() if not torch.equal(t, before[n])}
    assert frozen
    assert not changed & frozen
    learnt = {n for n, p in backbone.net.named_parameters() if p.requires_grad}
    assert learnt == {n for n, _ in backbone.net.named_parameters()} - frozen
    assert {n for n, p in backbone.net.named_parameters() if p.grad is not None} == learnt
    assert len(learnt & changed) > len(learnt) / 2  # some start where their gradient is nought
    statistics = {n for n in after if n.endswith(("running_mean", "running_var"))}
    held = {n for n in statistics if n.rpartition(".")[0] + ".weight" in frozen}
    assert not changed & held
    assert statistics - held <= changed


def test_the_order_is_that_of_the_forward_pass():
    """Blocks written down in the wrong order are frozen as they are called."""

    class Swapped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.last = torch.nn.Conv2d(4, 4, 3, padding=1)
            self.first = torch.nn.Conv2d(1, 4, 3, padding=1)
            self.scale = torch.nn.Parameter(torch.ones(4, 1, 1))

        def forward_features(self, image):
            return self.last(self.first(image) * self.scale)

    from hilum.models.backbones import Backbone

    backbone = Backbone("swapped", Swapped(), size=(8, 8))
    assert backbone.places() == ("first", "last")
    assert freeze(backbone, "first") == ["first.weight", "first.bias", "scale"]
    assert [name for name, _ in layers(backbone)] == ["first", "last"]


def test_nothing_is_dropped_in_what_is_frozen():
    torch.manual_seed(0)
    backbone = build_backbone("convnext_atto", drop_path=0.5, cut="stages.2")
    freeze(backbone, "all")
    image = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        assert torch.equal(backbone.train()(image), backbone.eval()(image))
    thaw(backbone)
    with torch.no_grad():
        assert not torch.equal(backbone.train()(image), backbone.eval()(image))


def test_all_and_nothing():
    backbone = build_backbone(SMALL)
    names = [n for n, _ in backbone.net.named_parameters()]
    assert sorted(freeze(backbone, "all")) == sorted(names)
    assert freeze(backbone, "") == []
    assert all(p.requires_grad for p in backbone.parameters())


def test_thawing_goes_back_from_the_end():
    backbone = build_backbone("resnet18")
    freeze(backbone, "all")
    still = thaw(backbone, "layer3")
    assert still[-1].startswith("layer2.1.")
    assert not any(n.startswith(("layer3", "layer4")) for n in still)
    assert not backbone.train().net.layer2.training
    assert backbone.net.layer3.training
    assert thaw(backbone, "layer4") == still  # thawing never freezes
    assert thaw(backbone) == []


@pytest.mark.parametrize("grain", ["block", "stage"])
@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        SMALL,
        "squeezenet1_1",
        "vgg16",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("densenet121", "vit_tiny_patch16_224", "nasnet_mobile", "inception_v3")
        ),
    ],
)
def test_a_layer_frozen_freezes_it_and_all_before(name, grain):
    with torch.device("meta"):
        backbone = build_backbone(name)
    groups = layers(backbone, grain)
    known = {id(p): n for n, p in backbone.net.named_parameters()}
    inside = [[known[id(p)] for p in group] for _, group in groups]
    assert sorted(n for group in inside for n in group) == sorted(known.values())
    for at in {0, len(groups) // 2, len(groups) - 1}:
        frozen = freeze(backbone, groups[at][0])
        assert frozen == [n for group in inside[: at + 1] for n in group]


def test_layers_of_a_residual_network():
    backbone = build_backbone("resnet18")
    blocks = [f"layer{i}.{j}" for i in range(1, 5) for j in range(2)]
    assert [name for name, _ in layers(backbone)] == ["bn1", *blocks]
    assert [n for n, _ in layers(backbone, "stage")] == [
        "bn1",
        "layer1",
        "layer2",
        "layer3",
        "layer4",
    ]


def test_layers_where_timm_names_none():
    with torch.device("meta"):
        names = [name for name, _ in layers(build_backbone("poolformer_s12"))]
    assert names == ["stem.conv", "stages.0", "stages.1", "stages.2", "stages.3"]


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(RecipeError, match=r"did you mean blocks\.1"):
        freeze(build_backbone(SMALL), "blocks.11")
    with pytest.raises(RecipeError, match="did you mean layer4"):
        thaw(build_backbone("resnet18"), "layer44")
