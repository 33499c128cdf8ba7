"""The average of weights against torch's, and what stays untouched."""

from __future__ import annotations

import copy
import io

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from hilum.errors import RunError
from hilum.models.backbones import build_backbone, freeze
from hilum.training.averaging import Average, renew_statistics


def network(width: int = 4) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2)
    )


def made(width: int = 4) -> nn.Sequential:
    net = network(width)
    net(torch.randn(2, 1, 8, 8))
    return net


def walk(net: nn.Module, steps: int, *watchers):
    optimiser = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], 0.1)
    for _ in range(steps):
        optimiser.zero_grad()
        net(torch.randn(4, 1, 8, 8)).square().mean().backward()
        optimiser.step()
        for watcher in watchers:
            watcher(net)


def test_the_average_is_torchs():
    net = made()
    net[0].requires_grad_(False)
    theirs = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    ours = Average(net, 0.9)
    walk(net, 12, theirs.update_parameters, ours.update)
    for name, value in theirs.module.state_dict().items():
        if value.is_floating_point():
            assert torch.equal(ours.weights[name], value), name
    assert int(ours.weights["1.num_batches_tracked"]) == int(net[1].num_batches_tracked)
    assert torch.equal(ours.weights["0.weight"], net[0].weight)


def test_the_formula_with_warm_up():
    net = nn.Linear(1, 1, bias=False)
    average = Average(net, 0.5, warm_up=True)
    expected = None
    for n, value in enumerate([1.0, 5.0, -3.0, 8.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]):
        with torch.no_grad():
            net.weight.fill_(value)
        average.update(net)
        decay = min(0.5, (1 + n) / (10 + n))
        expected = value if expected is None else decay * expected + (1 - decay) * value
        assert float(average.weights["weight"]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("buffers", ["average", "copy"])
def test_running_means_are_averaged_or_copied(buffers):
    net = made()
    average = Average(net, 0.9, buffers=buffers)
    walk(net, 5, average.update)
    same = torch.equal(average.weights["1.running_mean"], net[1].running_mean)
    assert same == (buffers == "copy")
    assert not torch.equal(average.weights["0.weight"], net[0].weight)


def test_inside_the_network_for_a_while():
    net = made()
    average = Average(net, 0.9)
    walk(net, 5, average.update)
    own, pointers = copy.deepcopy(net.state_dict()), [p.data_ptr() for p in net.parameters()]
    with average.in_place_of(net):
        assert all(torch.equal(v, average.weights[k]) for k, v in net.state_dict().items())
    assert all(torch.equal(v, own[k]) for k, v in net.state_dict().items())
    with pytest.raises(RuntimeError, match="shape"), average.in_place_of(net):
        net(torch.randn(2, 1, 3, 3))
    assert all(torch.equal(v, own[k]) for k, v in net.state_dict().items())
    assert [p.data_ptr() for p in net.parameters()] == pointers
    average.copy_to(net)
    assert all(torch.equal(v, average.weights[k]) for k, v in net.state_dict().items())


def test_going_on_equals_never_having_stopped():
    net = made()
    average = Average(net, 0.9, warm_up=True)
    walk(net, 4, average.update)
    file = io.BytesIO()
    torch.save({"net": net.state_dict(), "average": average.state_dict()}, file)
    torch.manual_seed(7)
    walk(net, 4, average.update)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    other = made()
    other.load_state_dict(state["net"])
    again = Average(other, 0.9, warm_up=True)
    again.load_state_dict(state["average"])
    torch.manual_seed(7)
    walk(other, 4, again.update)
    assert again.updates == average.updates == 8
    assert all(torch.equal(again.weights[k], v) for k, v in average.weights.items())


def test_an_average_of_another_network_is_refused():
    kept = Average(made(5), 0.9).state_dict()
    with pytest.raises(RunError, match=r"0\.weight is 4×1×3×3 \(float32\) here and 5×1×3×3.*more"):
        Average(made(4), 0.9).load_state_dict(kept)
    with pytest.raises(RunError, match="bias is absent here"):
        Average(nn.Linear(1, 1, bias=False), 0.9).load_state_dict(
            Average(nn.Linear(1, 1), 0.9).state_dict()
        )


def test_statistics_are_measured_anew_as_torch_does():
    batches = [torch.randn(4, 1, 8, 8) + 2 for _ in range(3)]
    ours, theirs = made(), made()
    assert renew_statistics(ours, batches) == 1
    update_bn(batches, theirs)
    torch.testing.assert_close(ours[1].running_mean, theirs[1].running_mean)
    torch.testing.assert_close(ours[1].running_var, theirs[1].running_var)
    assert ours[1].momentum == 0.1
    assert not ours.training


def test_dropout_does_not_change_the_statistics():
    batches = [torch.ones(4, 6)]
    net = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm1d(6))
    renew_statistics(net, batches)
    assert torch.equal(net[1].running_mean, torch.ones(6))


def test_nothing_to_measure_and_nothing_to_measure_with():
    assert renew_statistics(nn.Linear(2, 2), []) == 0
    with pytest.raises(RunError, match="without images"):
        renew_statistics(made(), [])


def test_statistics_of_a_frozen_part_stay():
    network = build_backbone("test_resnet")
    frozen = set(freeze(network, "layer1"))
    was = {name: value.clone() for name, value in network.net.named_buffers()}
    assert renew_statistics(network, [torch.randn(4, 1, 64, 64) + 2]) > 0
    means = {name: value for name, value in network.net.named_buffers() if "running_mean" in name}
    moved = {name for name, value in means.items() if not torch.equal(value, was[name])}
    held = {name for name in means if name.replace("running_mean", "weight") in frozen}
    assert held
    assert moved == set(means) - held
    freeze(network, "all")
    assert renew_statistics(network, []) == 0
