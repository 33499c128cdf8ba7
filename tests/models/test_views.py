"""Laws of networks of several views."""

import copy

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RecipeError, RunError  # noqa: E402
from hilum.models.backbones import build_backbone, freeze  # noqa: E402
from hilum.models.heads import HEADS  # noqa: E402
from hilum.models.tasks import Task  # noqa: E402
from hilum.models.views import OneView, SeveralViews  # noqa: E402

pytestmark = pytest.mark.train
TASKS = [Task("multi-label", ("mass", "nodule")), Task("one-of", ("a", "b", "c"))]
STEM = {"test_resnet": "layer1", "test_vit": "blocks.1", "test_efficientnet": "blocks.1"}
PRESENT = torch.tensor([[True, True, True], [True, False, False], [False, True, True]])


def build(own="", join="mean", head="linear", backbone="test_resnet", views=3):
    torch.manual_seed(0)
    network = SeveralViews(
        build_backbone(backbone), TASKS, views=views, own=own, join=join, head=head
    )
    for parameter in [*network.head.parameters(), *([network.missing] if join != "mean" else [])]:
        torch.nn.init.normal_(parameter)
    for at, other in enumerate(network.others):  # as if they had learnt
        for name, parameter in other.net.named_parameters():
            if parameter is not dict(network.backbone.net.named_parameters())[name]:
                torch.nn.init.normal_(parameter, 0, 0.1 + 0.05 * at)
    return network.eval()


def images(rows=3, views=3):
    return torch.rand(rows, views, 1, 64, 64)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("join", ["mean", "concatenate"])
@pytest.mark.parametrize("own", ["", "layer1"])
def test_what_a_missing_view_holds_changes_nothing(own, join, head):
    network, x = build(own, join, head), images()
    y = x.clone()
    y[~PRESENT] = y[~PRESENT].flip(0)
    z = x.clone()
    z[~PRESENT] = torch.nan
    for training in (False, True):
        network.head.train(False)
        states = []
        outs = []
        for batch in (x, y, z):
            one = copy.deepcopy(network)
            one.backbone.train(training)
            one.others.train(training)
            outs.append(one(batch, PRESENT).detach())
            states.append(one.state_dict())
        assert torch.equal(outs[0], outs[1])
        assert torch.equal(outs[0], outs[2])
        for name, value in states[0].items():  # nor the statistics of batch norm
            assert torch.equal(value, states[2][name]), name
    changed = x.clone()
    changed[0, 2] = torch.rand(1, 64, 64)
    assert not torch.allclose(network(changed, PRESENT)[0], network(x, PRESENT)[0])


@pytest.mark.parametrize("head", HEADS)
def test_shared_stems_and_the_mean_know_no_order(head):
    network, x = build(head=head), images()
    order = [2, 0, 1]
    with torch.no_grad():
        assert torch.allclose(
            network(x, PRESENT), network(x[:, order], PRESENT[:, order]), atol=1e-4, rtol=1e-4
        )


@pytest.mark.parametrize(("own", "join"), [("layer1", "mean"), ("", "concatenate")])
def test_own_stems_and_concatenation_know_the_order(own, join):
    network, x = build(own, join), images()
    everywhere = torch.ones_like(PRESENT)
    with torch.no_grad():
        assert not torch.allclose(network(x, everywhere), network(x.flip(1), everywhere), atol=1e-3)


def test_the_same_view_several_times_is_that_view():
    network, x = build(), images()
    same = x[:, :1].expand(-1, 3, -1, -1, -1)
    with torch.no_grad():
        one = torch.tensor([[True, False, False]]).expand(3, -1)
        assert torch.allclose(network(same, PRESENT), network(same, one), atol=1e-4)


@pytest.mark.parametrize("backbone", STEM)
def test_only_the_stem_is_a_views_own(backbone):
    network = build(STEM[backbone], backbone=backbone)
    mine = set(freeze(copy.deepcopy(network.backbone), STEM[backbone]))
    assert mine
    assert len(network.backbones) == 3
    for other in network.others:
        theirs = dict(other.net.named_parameters())
        for name, value in network.backbone.net.named_parameters():
            assert (theirs[name] is value) == (name not in mine), name
    stem = sum(p.numel() for n, p in network.backbone.net.named_parameters() if n in mine)
    one = sum(p.numel() for p in network.backbone.parameters())
    head = sum(p.numel() for p in network.head.parameters())
    assert sum(p.numel() for p in network.parameters()) == one + 2 * stem + head


def test_every_layer_learns_and_a_copy_stays_tied():
    network = copy.deepcopy(build("layer1")).train()
    network(images(), torch.ones_like(PRESENT)).square().sum().backward()
    assert not [n for n, p in network.named_parameters() if p.grad is None]
    assert all(next(one.net.parameters()).grad.any() for one in network.backbones)
    before = network.state_dict()
    again = build("layer1")
    again.load_state_dict(before)
    for name, value in again.state_dict().items():
        assert torch.equal(value, before[name])


def test_loaded_weights_spread_to_all_stems():
    network = build("layer1")
    network.spread()
    for other in network.others:
        for name, value in other.state_dict().items():
            assert torch.equal(value, network.backbone.state_dict()[name])


@pytest.mark.parametrize("join", ["mean", "concatenate"])
@pytest.mark.parametrize("own", ["", "layer1"])
@pytest.mark.parametrize("view", [0, 2])
def test_one_view_is_the_network_without_the_others(own, join, view):
    network = build(own, join, "attention")
    x = images()
    present = torch.zeros_like(PRESENT)
    present[:, view] = True
    one = OneView(network, view)
    with torch.no_grad():
        whole, part = network.everything(x, present), one.everything(x[:, view])
        assert torch.allclose(network(x, present), one(x[:, view]), atol=1e-4)
        assert torch.allclose(whole.logits, part.logits, atol=1e-4)
        assert torch.allclose(whole.features, part.features, atol=1e-4)
        assert torch.allclose(whole.cams[:, view], part.cams, atol=1e-3)
        absent = [v for v in range(3) if v != view]
        assert not whole.cams[:, absent].any()


@pytest.mark.parametrize("join", ["mean", "concatenate"])
@pytest.mark.parametrize("head", ["linear", "attention"])
def test_the_maps_of_all_views_sum_to_the_log_odds(join, head):
    network = build(join=join, head=head)
    present = torch.tensor([[True, False, True]] * 4)
    with torch.no_grad():
        out = network.everything(images(4), present)
    bias = (out.logits - out.cams.mean((3, 4)).sum(1))[:, :2]
    assert torch.allclose(bias, bias[:1].expand_as(bias), atol=1e-3)
    assert out.cams.shape[:3] == (4, 3, 5)


def test_what_cannot_be_built_or_read():
    with pytest.raises(RecipeError, match="at least two, got 1"):
        build(views=1)
    with pytest.raises(RecipeError, match="did you mean layer1"):
        build(own="layre1")
    with pytest.raises(RecipeError, match="views 0 to 2, not 3"):
        OneView(build(), 3)
    with pytest.raises(RunError, match="1 of 3 rows have no view"):
        build()(images(), PRESENT & torch.tensor([True, False, False]))
