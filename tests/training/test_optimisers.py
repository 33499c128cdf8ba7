"""Which parameters learn at which rate, which decay, and that frozen ones stay as they are."""

from __future__ import annotations

import io

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from hilum.errors import RunError
from hilum.training.optimisers import build_optimiser, parameter_groups
from hilum.training.recipe.optimiser import SGD, Adam, AdamW, Optimiser

READ = TypeAdapter(Optimiser)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)) for _ in range(3)
        )
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x)

    @property
    def layers(self):
        return [(f"blocks.{at}", list(block.parameters())) for at, block in enumerate(self.blocks)]


def groups(part, net=None, **more):
    net = net or Net()
    found = parameter_groups(part, net.layers, net.head.parameters(), **more)
    return {group["name"]: group for group in found}


def learn(net, optimiser, steps=3):
    for step in range(steps):
        torch.manual_seed(step)
        optimiser.zero_grad(set_to_none=False)  # the harder case for what is frozen
        net(torch.randn(5, 4)).square().sum().backward()
        optimiser.step()


def test_rates_fall_from_the_head_to_the_input():
    found = groups(AdamW(lr=1e-3, head_lr=2e-2, layer_decay=0.5))
    rates = {name: group["lr"] for name, group in found.items() if "without" not in name}
    assert rates == {"blocks.0": 0.25e-3, "blocks.1": 0.5e-3, "blocks.2": 1e-3, "head": 2e-2}
    assert all(found[name]["lr"] == found[f"{name} without decay"]["lr"] for name in rates)


def test_one_rate_is_one_group_and_the_head_learns_ten_times_faster():
    found = groups(AdamW(lr=1e-3))
    assert list(found) == ["backbone", "backbone without decay", "head", "head without decay"]
    assert found["head"]["lr"] == pytest.approx(1e-2)


@pytest.mark.parametrize("decay_all", [False, True])
def test_biases_and_normalisation_do_not_decay(decay_all):
    found = groups(AdamW(weight_decay=0.3, decay_all=decay_all))
    decayed = [p for g in found.values() if g["weight_decay"] == 0.3 for p in g["params"]]
    still = [p for g in found.values() if g["weight_decay"] == 0 for p in g["params"]]
    assert len(decayed) + len(still) == 14
    assert (min(p.ndim for p in decayed) == 1) == decay_all
    assert all(p.ndim == 1 for p in still)
    assert bool(still) != decay_all


def test_frozen_parameters_are_left_out_unless_they_thaw():
    net = Net()
    for block in net.blocks[:2]:
        block.requires_grad_(False)
    part = AdamW(layer_decay=0.5)
    names = {name for name in groups(part, net) if "without" not in name}
    assert names == {"blocks.2", "head"}
    found = groups(part, net, thawing=net.blocks[1].parameters())
    assert {name for name in found if "without" not in name} == {"blocks.1", "blocks.2", "head"}
    assert found["blocks.1"]["lr"] == pytest.approx(0.5e-3)


@pytest.mark.parametrize("part", [AdamW(lr=0.1), Adam(lr=0.1, weight_decay=0.1), SGD(lr=1e-3)])
def test_frozen_parameters_stay_and_learn_once_thawed(part):
    net = Net()
    later = list(net.blocks[1].parameters())
    net.blocks[:2].requires_grad_(False)
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    optimiser = build_optimiser(part, net.layers, net.head.parameters(), thawing=later)
    for parameter in later:
        parameter.grad = torch.zeros_like(parameter)
    learn(net, optimiser)
    now = dict(net.named_parameters())
    moved = {name for name, p in now.items() if not torch.equal(p, before[name])}
    assert {name.split(".")[0] + name.split(".")[1] for name in moved} == {
        "blocks2",
        "headweight",
        "headbias",
    }
    net.blocks[1].requires_grad_(True)
    learn(net, optimiser, 1)
    assert all(
        not torch.equal(p, before[f"blocks.1.{n}"]) for n, p in net.blocks[1].named_parameters()
    )
    held = {n: p.detach().clone() for n, p in net.blocks[1].named_parameters()}
    net.blocks[1].requires_grad_(False)  # frozen again, with moments in the optimiser
    learn(net, optimiser)
    assert all(torch.equal(p, held[n]) for n, p in net.blocks[1].named_parameters())


@pytest.mark.parametrize(
    ("part", "theirs"),
    [
        (
            SGD(lr=0.05, momentum=0.8, weight_decay=0.1, head_lr=0.05, decay_all=True),
            lambda p: torch.optim.SGD(p, 0.05, momentum=0.8, nesterov=True, weight_decay=0.1),
        ),
        (
            Adam(lr=0.05, betas=(0.8, 0.9), weight_decay=0.1, head_lr=0.05, decay_all=True),
            lambda p: torch.optim.Adam(p, 0.05, betas=(0.8, 0.9), weight_decay=0.1),
        ),
        (
            AdamW(lr=0.05, weight_decay=0.1, head_lr=0.05, decay_all=True),
            lambda p: torch.optim.AdamW(p, 0.05, weight_decay=0.1),
        ),
    ],
)
def test_with_one_rate_it_is_torchs(part, theirs):
    ours, other = Net(), Net()
    learn(ours, build_optimiser(part, ours.layers, ours.head.parameters()))
    learn(other, theirs(other.parameters()))
    for a, b in zip(ours.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_going_on_equals_never_having_stopped():
    part = AdamW(lr=0.05, layer_decay=0.7)

    def start():
        net = Net()
        return net, build_optimiser(part, net.layers, net.head.parameters())

    net, optimiser = start()
    learn(net, optimiser)
    file = io.BytesIO()
    torch.save([net.state_dict(), optimiser.state_dict()], file)
    learn(net, optimiser)
    file.seek(0)
    weights, state = torch.load(file, weights_only=True)
    other, again = start()
    other.load_state_dict(weights)
    again.load_state_dict(state)
    learn(other, again)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters(), strict=True))


def test_nothing_to_learn_and_a_parameter_twice():
    net = Net()
    net.requires_grad_(False)
    with pytest.raises(RunError, match="everything is frozen"):
        build_optimiser(AdamW(), net.layers, net.head.parameters())
    net = Net()
    twice = [*net.layers, ("again", list(net.blocks[0].parameters()))]
    with pytest.raises(RunError, match=r"shape \(4, 4\) stands in blocks\.0 and in again"):
        parameter_groups(AdamW(layer_decay=0.5), twice, net.head.parameters())


def test_recipes_are_checked():
    assert READ.validate_python({"name": "sgd", "lr": 0.1}) == SGD(lr=0.1)
    for wrong in (
        {"name": "sgd", "momentum": 0.0},
        {"name": "adamw", "momentum": 0.9},
        {"name": "adam", "lr": 0},
        {"name": "adamw", "layer_decay": 1.5},
        {"name": "adamw", "betas": [0.9, 1.0]},
    ):
        with pytest.raises(ValidationError, match="validation error"):
            READ.validate_python(wrong)
    assert SGD(momentum=0.0, nesterov=False).momentum == 0
