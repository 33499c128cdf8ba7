import pytest

pytest.importorskip("torch", reason="needs the extra train: pip install 'hilum[train]'")

import torch

from hilum.errors import RecipeError
from hilum.models.segmentation import Segmenter, build_encoder, freeze_stages, probabilities

pytestmark = pytest.mark.train


def small(structures=2, **options):
    torch.manual_seed(0)
    encoder, digest = build_encoder("test_efficientnet", None)
    assert digest == ""
    return Segmenter(encoder, structures, width=16, **options)


@pytest.mark.parametrize("structures", [1, 3])
def test_maps_have_half_the_size(structures):
    network = small(structures).eval()
    with torch.inference_mode():
        maps = network(torch.rand(2, 1, 64, 96))
        assert maps.shape == (2, structures, 32, 48)
        assert probabilities(maps, (64, 96)).shape == (2, structures, 64, 96)
    # before it has learnt anything it says background: the head begins at zero with a bias of -1
    torch.testing.assert_close(maps, torch.full_like(maps, -1.0))


def test_later_stages_are_cut_off():
    less, more = small(stages=2), small(stages=4)
    assert sum(p.numel() for p in less.parameters()) < sum(p.numel() for p in more.parameters())


def test_the_encoders_statistics_stay():
    network = small().train()
    norms = [m for m in network.encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms
    before = [m.running_mean.clone() for m in norms]
    network(torch.rand(2, 1, 64, 64)).mean().backward()
    for norm, mean in zip(norms, before, strict=True):
        torch.testing.assert_close(norm.running_mean, mean)


def test_frozen_stages_do_not_learn():
    network = small()
    freeze_stages(network, 2)
    learns = {n for n, p in network.encoder.named_parameters() if p.requires_grad}
    assert learns
    assert all(name.startswith(("blocks.2", "blocks.3", "blocks.4")) for name in learns)
    assert all(p.requires_grad for p in network.smooth.parameters())


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("test_efficientnet", {"stages": 9}, "2 to so many can be used"),
        ("test_vit", {}, "stride of 16|gives no maps"),
        ("test_efficientnet", {"width": 12}, "a multiple of 8, got 12"),
    ],
)
def test_what_cannot_be_built(name, options, message):
    encoder, _ = build_encoder(name, None)
    with pytest.raises(RecipeError, match=message):
        Segmenter(encoder, 2, **options)


def test_an_unknown_encoder_lists_near_matches():
    with pytest.raises(RecipeError, match="did you mean"):
        build_encoder("mobilenet_edgetpu_10", None)
