import pytest

pytest.importorskip("torch", reason="needs the extra train: pip install 'hilum[train]'")

import numpy as np
import torch

from hilum.errors import RecipeError
from hilum.models.backbones import build_backbone
from hilum.models.segmentation import Segmenter
from hilum.models.views import freeze_all, head_of, layers_of

pytestmark = pytest.mark.train


def small(structures=("a", "b"), *, name="test_efficientnet", cut=""):
    torch.manual_seed(0)
    return Segmenter(build_backbone(name, cut=cut), structures, width=16)


@pytest.mark.parametrize(
    ("name", "cut"), [("test_efficientnet", ""), ("test_resnet", "layer2"), ("resnet18", "layer3")]
)
def test_maps_have_half_the_size(name, cut):
    network = small(name=name, cut=cut).eval()
    with torch.inference_mode():
        maps = network(torch.rand(2, 1, 64, 96))
    assert maps.shape == (2, 2, 32, 48)
    assert torch.equal(maps, torch.full_like(maps, -1.0))  # nothing is learnt yet


def test_it_starts_at_the_share_that_structures_cover():
    network = small().eval()
    areas = np.array([[0.2, 0.0], [0.4, 0.7]], np.float32)
    network.start(areas, np.array([[True, True], [True, False]]))
    with torch.inference_mode():
        shares = torch.sigmoid(network(torch.rand(1, 1, 32, 32))).mean((0, 2, 3))
    torch.testing.assert_close(shares, torch.tensor([0.3, 0.001]), atol=1e-5, rtol=0)


def test_what_is_cut_off_is_gone():
    less, more = small(cut="blocks.2"), small()
    assert sum(p.numel() for p in less.parameters()) < sum(p.numel() for p in more.parameters())
    assert less.stages == ("blocks.0", "blocks.1")


def test_every_parameter_learns_but_for_the_frozen():
    network = small(cut="blocks.3")
    freeze_all(network, "blocks.1")
    torch.nn.init.normal_(network.head.last.weight)
    network(torch.rand(2, 1, 64, 64)).square().mean().backward()
    frozen = {n for n, p in network.named_parameters() if not p.requires_grad}
    assert frozen
    assert all(n.startswith("backbone.net.") and "blocks.2" not in n for n in frozen)
    assert all(p.grad is not None for p in network.parameters() if p.requires_grad)
    grouped = [p for _, some in layers_of(network) for p in some] + head_of(network)
    learns = [p for p in network.parameters() if p.requires_grad]
    assert {id(p) for p in learns} <= {id(p) for p in grouped}


@pytest.mark.parametrize(
    ("name", "width", "message"),
    [
        ("test_vit", 16, "gives no maps of its stages"),
        ("convnext_atto", 16, "begins at a stride of 4"),
        ("test_efficientnet", 12, "a multiple of 8, got 12"),
    ],
)
def test_what_cannot_be_built(name, width, message):
    with pytest.raises(RecipeError, match=message):
        Segmenter(build_backbone(name), ["a"], width=width)
