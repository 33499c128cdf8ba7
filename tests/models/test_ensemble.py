"""Several networks as one."""

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RunError  # noqa: E402
from hilum.models.ensemble import Averaged, OneEach, average_weights  # noqa: E402
from hilum.models.network import build_network  # noqa: E402
from hilum.models.tasks import Task  # noqa: E402

pytestmark = pytest.mark.train


def network(seed, *keys, backbone="test_resnet", head="linear"):
    torch.manual_seed(seed)
    found = build_network(backbone=backbone, tasks=[Task("multi-label", keys)], head=head).eval()
    for parameter in found.head.parameters():
        torch.nn.init.normal_(parameter)
    return found.requires_grad_(False)


def images():
    torch.manual_seed(9)
    return torch.rand(3, 1, 96, 64)


def test_the_mean_of_log_odds_and_of_maps():
    members = [network(seed, "mass", "nodule") for seed in range(3)]
    ensemble = Averaged(members).eval()
    out = ensemble.everything(images())
    each = [member.everything(images()) for member in members]
    assert torch.allclose(out.logits, sum(one.logits for one in each) / 3)
    assert torch.allclose(out.cams, sum(one.cams for one in each) / 3)
    assert torch.equal(out.features, each[0].features)
    assert torch.equal(ensemble(images()), out.logits)
    assert ensemble.findings == ("mass", "nodule")
    assert ensemble.heatmaps.startswith("mean over 3 networks of class activation maps")


@pytest.mark.parametrize("head", ["linear", "attention"])
def test_maps_of_other_sizes_keep_their_means(head):
    members = [network(0, "mass", head=head), network(1, "mass", backbone="test_vit", head=head)]
    ensemble = Averaged(members)
    sizes = {tuple(m.everything(images()).cams.shape[2:]) for m in members}
    assert len(sizes) == 2
    out = ensemble.everything(images())
    bias = out.logits - out.cams.mean((2, 3))
    assert torch.allclose(bias, bias[:1].expand_as(bias), atol=1e-4)


def test_one_network_a_finding():
    members = [network(0, "mass"), network(1, "nodule", "edema"), network(2, "effusion")]
    ensemble = OneEach(members, ("effusion", "edema", "mass"))
    out = ensemble.everything(images())
    each = [member.everything(images()) for member in members]
    assert torch.equal(out.logits[:, 0], each[2].logits[:, 0])
    assert torch.equal(out.logits[:, 1], each[1].logits[:, 1])
    assert torch.equal(out.logits[:, 2], each[0].logits[:, 0])
    assert torch.equal(out.cams[:, 1], each[1].cams[:, 1])
    assert torch.equal(ensemble(images()), out.logits)


def test_without_maps_in_one_there_are_none():
    members = [network(0, "mass"), network(1, "mass", head="concat-pool")]
    ensemble = Averaged(members)
    assert ensemble.everything(images()).cams is None
    assert ensemble.heatmaps == ""


def test_the_card_says_once_what_the_maps_are():
    sorts = Task("one-of", ("a", "b", "c"))
    kinds = ("linear", "attention", "linear")
    members = [build_network(backbone="test_resnet", tasks=[sorts], head=head) for head in kinds]
    said = Averaged(members).heatmaps
    assert said.startswith("mean over 3 networks of class activation maps (Zhou")
    assert said.count("Grad-CAM") == said.count("Zhou") == said.count("attention") == 1


def test_averaged_weights_are_the_mean_of_each_tensor():
    members = [network(seed, "mass") for seed in range(3)]
    before = [{k: v.clone() for k, v in m.state_dict().items()} for m in members]
    found = average_weights(members)
    for name, value in found.state_dict().items():
        if value.is_floating_point():
            wanted = sum(state[name] for state in before) / 3
            assert torch.allclose(value, wanted, atol=1e-6), name
    for member, state in zip(members, before, strict=True):
        assert all(torch.equal(v, state[k]) for k, v in member.state_dict().items())
    alike = average_weights([members[0]] * 2)
    assert torch.allclose(alike(images()), members[0](images()), atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Averaged([]), "at least one network"),
        (
            lambda: Averaged([network(0, "mass", "nodule"), network(0, "nodule", "mass")]),
            "Network 2 of the ensemble reads nodule, mass, the first mass, nodule",
        ),
        (lambda: OneEach([network(0, "mass")], ["edema"]), "none reads edema"),
        (lambda: OneEach([network(0, "mass")] * 2, ["mass"]), "more than one reads mass"),
        (lambda: OneEach([network(0, "mass")], ["mass", "mass"]), "1 asked for twice"),
        (
            lambda: average_weights([network(0, "mass"), network(0, "mass", head="attention")]),
            "Network 2 is built otherwise",
        ),
        (
            lambda: average_weights([network(0, "mass"), network(0, "nodule")]),
            "Network 2 is built otherwise",
        ),
    ],
)
def test_what_makes_no_ensemble(make, message):
    with pytest.raises(RunError, match=message):
        make()
