from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from safetensors.torch import save_file  # noqa: E402

from hilum.errors import RecipeError  # noqa: E402
from hilum.models import WEIGHTS  # noqa: E402
from hilum.models.network import Network, build_backbone, freeze  # noqa: E402
from hilum.models.weights import load_weights  # noqa: E402

pytestmark = pytest.mark.train
SMALL = "mobilenetv3_small_050"


def small(findings: int = 3) -> Network:
    torch.manual_seed(0)
    network = Network(SMALL, findings).eval()
    torch.nn.init.normal_(network.head.weight)
    torch.nn.init.normal_(network.head.bias)
    return network


def test_the_mean_of_a_map_plus_the_bias_is_the_logit() -> None:
    network = small()
    with torch.no_grad():
        images = torch.rand(2, 1, 64, 96)
        out = network.everything(images)
        assert torch.allclose(out.logits, network(images), atol=1e-6)
        expected = out.cams.mean((2, 3)) + network.head.bias
        assert torch.allclose(out.logits, expected, atol=1e-5)
    assert out.features.shape == (2, network.head.in_features)


def test_the_published_number_of_parameters() -> None:
    """4.1 million with three colours and 1,001 classes, as the model's paper counts them."""
    network = build_backbone("mobilenet_edgetpu_100")
    grey = sum(p.numel() for p in network.parameters())
    two_more_colours = 2 * 32 * 3 * 3
    classifier = 1001 * (1280 + 1)
    assert round((grey + two_more_colours + classifier) / 1e6, 2) == 4.09


@pytest.mark.parametrize("upto", ["blocks.1", "blocks.3", "conv_stem"])
def test_frozen_bytes_do_not_change(upto: str) -> None:
    network = small()
    frozen = freeze(network, upto)
    assert frozen
    before = {n: p.detach().clone() for n, p in network.named_parameters()}
    optimiser = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    network(torch.rand(4, 1, 64, 64)).square().mean().backward()
    optimiser.step()
    changed = {n for n, p in network.named_parameters() if not torch.equal(p, before[n])}
    assert not changed & {f"backbone.{n}" for n in frozen}
    assert {"head.weight", "head.bias"} <= changed


def test_beyond_the_cut_is_the_whole_network() -> None:
    network = small()
    images = torch.rand(3, 1, 64, 64)
    with torch.no_grad():
        activation = network.upto(images, "blocks.2")
        assert torch.allclose(network.beyond(activation, "blocks.2"), network(images), atol=1e-6)


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(RecipeError, match=r"did you mean blocks\.1"):
        freeze(small(), "blocks.11")


def test_an_unknown_backbone_lists_near_matches() -> None:
    with pytest.raises(RecipeError, match=r"did you mean .*densenet121"):
        build_backbone("densnet121")


def test_colour_weights_are_summed_for_grey(tmp_path: Path) -> None:
    import timm

    colour = timm.create_model(SMALL, pretrained=False, num_classes=0).eval()
    save_file(colour.state_dict(), tmp_path / "w.safetensors")
    grey = build_backbone(SMALL).eval()
    digest = load_weights(grey, tmp_path / "w.safetensors")
    assert len(digest) == 64
    image = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        assert torch.allclose(
            grey.forward_features(image),
            colour.forward_features(image.expand(1, 3, 64, 64)),
            atol=1e-4,
        )


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    save_file({"nonsense": torch.zeros(2)}, tmp_path / "w.safetensors")
    with pytest.raises(RecipeError, match=r"1 unknown \['nonsense'\]"):
        load_weights(build_backbone(SMALL), tmp_path / "w.safetensors")
    (tmp_path / "w.safetensors").write_bytes(b"not weights")
    with pytest.raises(RecipeError, match="is no safetensors file"):
        load_weights(build_backbone(SMALL), tmp_path / "w.safetensors")
    with pytest.raises(RecipeError, match="--weights DIR"):
        load_weights(build_backbone(SMALL), tmp_path / "none.safetensors")


def test_the_real_weights_see_radiographs_alike(shared: Path) -> None:
    """The published features are reproduced: those of one radiograph resemble those of another."""
    import cv2

    network = build_backbone("mobilenet_edgetpu_100").eval()
    card = WEIGHTS.resolve("mobilenet_edgetpu_100")
    file = "mobilenet_edgetpu_100.backbone.fp16.safetensors"
    load_weights(network, shared / "checkpoints" / file)
    low, high = card.value_range
    rng = np.random.default_rng(0)
    names = sorted((shared / "radiographs" / "nih14").glob("*.jpg"))[:2]
    pictures = [cv2.resize(cv2.imread(str(n), 0), (224, 224)) / 255 for n in names]
    pictures.append(rng.random((224, 224)))
    batch = torch.from_numpy(np.stack(pictures)).float()[:, None] * (high - low) + low
    with torch.no_grad():
        features = network.forward_features(batch).mean((2, 3))
    alike = torch.nn.functional.cosine_similarity(features[0], features[1], dim=0)
    unlike = torch.nn.functional.cosine_similarity(features[0], features[2], dim=0)
    assert alike > unlike + 0.2
