import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RecipeError  # noqa: E402
from hilum.models.backbones import freeze  # noqa: E402
from hilum.models.network import Network, build_network  # noqa: E402
from hilum.models.tasks import Task  # noqa: E402

pytestmark = pytest.mark.train
SMALL = "mobilenetv3_small_050"
FINDINGS = Task("multi-label", ("mass", "nodule", "effusion"))
SORTS = Task("one-of", ("normal", "covid_19", "pneumonia"))
GRADES = Task("ordinal", ("mild", "moderate", "severe"))


def small(*tasks: Task, backbone: str = SMALL, head: str = "linear") -> Network:
    torch.manual_seed(0)
    network = build_network(backbone=backbone, tasks=tasks or (FINDINGS,), head=head).eval()
    for parameter in network.head.parameters():
        torch.nn.init.normal_(parameter)
    return network


@pytest.mark.parametrize("head", ["linear", "attention"])
def test_the_mean_of_a_map_plus_the_bias_is_the_log_odds(head: str) -> None:
    network = small(FINDINGS, Task("binary", ("hernia",)), Task("one-of", ("a", "b")), head=head)
    with torch.no_grad():
        images = torch.rand(3, 1, 64, 96)
        out = network.everything(images)
        assert torch.allclose(out.logits, network.log_odds(network(images)), atol=1e-6)
        bias = out.logits - out.cams.mean((2, 3))
        assert torch.allclose(bias, bias[:1].expand_as(bias), atol=1e-4)
    assert out.features.shape == (3, network.backbone.width)
    assert network.findings == ("mass", "nodule", "effusion", "hernia", "a", "b")
    assert "linearised" not in network.heatmaps


def test_tasks_stand_side_by_side() -> None:
    network = small(FINDINGS, SORTS, GRADES)
    with torch.no_grad():
        images = torch.rand(2, 1, 64, 64)
        raw, out = network(images), network.everything(images)
        assert raw.shape == (2, 3 + 3 + 2)
        found = torch.sigmoid(out.logits)
        assert torch.allclose(found[:, :3], torch.sigmoid(raw[:, :3]))
        assert torch.allclose(found[:, 3:6], torch.softmax(raw[:, 3:6], 1))
        assert torch.allclose(found[:, 6:].sum(1), torch.ones(2))
        assert torch.allclose(1 - found[:, 6], torch.sigmoid(raw[:, 6]))
    assert "Grad-CAM without ReLU" in network.heatmaps


def test_maps_of_findings_that_exclude_each_other_are_gradients() -> None:
    """Grad-CAM of the log-odds: channels weighted by the mean of the gradient, without ReLU."""
    network = small(SORTS, GRADES)
    images = torch.rand(2, 1, 64, 64)
    out = network.everything(images)
    kept = network.map(images).detach().requires_grad_()
    odds = network.log_odds(network.raw(kept))
    for at in range(odds.shape[1]):
        (slope,) = torch.autograd.grad(odds[:, at].sum(), kept, retain_graph=True)
        theirs = (slope.sum((2, 3), keepdim=True) * kept).sum(1)
        assert torch.allclose(out.cams[:, at], theirs, atol=1e-3, rtol=1e-3)


def test_the_network_begins_at_the_frequencies() -> None:
    network = build_network(backbone=SMALL, tasks=[FINDINGS, SORTS], head="concat-pool")
    rng = np.random.default_rng(0)
    targets = np.c_[rng.random((50, 3)) < 0.1, np.eye(3)[rng.integers(0, 3, 50)]].astype("f4")
    network.start(targets, np.ones_like(targets, dtype=bool))
    out = network.train().everything(torch.rand(4, 1, 64, 64))
    found = torch.sigmoid(out.logits).detach().numpy()
    assert np.allclose(found[:, :3], (targets[:, :3].sum(0) + 1) / 52, atol=1e-6)
    assert np.allclose(found[:, 3:], (targets[:, 3:].sum(0) + 1) / 53, atol=1e-6)
    assert out.cams is None
    assert network.heatmaps == ""


@pytest.mark.parametrize("upto", ["blocks.1", "conv_stem"])
def test_frozen_bytes_do_not_change_and_the_head_learns(upto: str) -> None:
    network = small()
    frozen = freeze(network.backbone, upto)
    assert frozen
    before = {n: p.detach().clone() for n, p in network.named_parameters()}
    optimiser = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    network.train()(torch.rand(4, 1, 64, 64)).square().mean().backward()
    optimiser.step()
    changed = {n for n, p in network.named_parameters() if not torch.equal(p, before[n])}
    assert not changed & {f"backbone.net.{n}" for n in frozen}
    assert {"head.last.weight", "head.last.bias"} <= changed


@pytest.mark.parametrize(
    ("backbone", "cut", "size"),
    [
        (SMALL, "blocks.2", (64, 96)),
        ("test_vit", "blocks.2", (160, 160)),
        ("test_vit", "blocks.2", (64, 160)),
        ("test_convnext", "stages.1", (96, 64)),
    ],
)
def test_beyond_the_cut_is_the_whole_network(
    backbone: str, cut: str, size: tuple[int, int]
) -> None:
    network = small(backbone=backbone, head="attention")
    images = torch.rand(3, 1, *size)
    with torch.no_grad():
        activation = network.upto(images, cut)
        found = network.beyond(activation, cut, size=None if size[0] == size[1] else size)
        assert torch.allclose(found, network(images), atol=1e-5)


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(RecipeError, match=r"did you mean blocks\.1"):
        small().upto(torch.rand(1, 1, 64, 64), "blocks.11")


def test_an_unknown_backbone_lists_near_matches() -> None:
    with pytest.raises(RecipeError, match=r"did you mean .*densenet121"):
        build_network(backbone="densnet121", tasks=[FINDINGS])
