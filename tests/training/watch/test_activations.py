"""Dead units and the place where numbers break, in small networks."""

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")
from torch import nn  # noqa: E402

from hilum.training.watch.activations import dead_units, first_not_finite  # noqa: E402

pytestmark = pytest.mark.train


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 10),
        nn.ReLU6(),
        nn.Dropout(0.5),
        nn.Linear(10, 2),
    )


BATCH = torch.randn(16, 1, 9, 9, generator=torch.Generator().manual_seed(0))


def test_the_share_of_dead_channels_is_exact() -> None:
    net = network()
    with torch.no_grad():
        net[1].bias[:6] = -100
        net[5].weight.zero_()
        net[5].bias.copy_(torch.tensor([-1.0] * 3 + [1.0] * 7))
    assert dead_units(net, BATCH) == {"2": 0.75, "6": pytest.approx(0.3)}


def test_the_network_is_left_as_it_was() -> None:
    net = network().train()
    net[1].eval()  # as where statistics are kept
    before = {key: value.clone() for key, value in net.state_dict().items()}
    dead_units(net, BATCH)
    first_not_finite(net, BATCH)
    assert [module.training for module in net[:3]] == [True, False, True]
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())
    assert all(weight.grad is None for weight in net.parameters())


def test_a_module_used_twice_counts_twice() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.ReLU()

        def forward(self, x):
            return self.act(self.act(x) - 100)

    assert dead_units(Twice(), BATCH.abs()) == {"act": 0.0, "act #2": 1.0}


def test_tokens_have_their_channels_last_and_gelu_cannot_die() -> None:
    tokens = torch.ones(4, 5, 3) * torch.tensor([1.0, -1.0, -1.0])
    assert dead_units(nn.Sequential(nn.ReLU()), tokens) == {"0": pytest.approx(2 / 3)}
    assert dead_units(nn.Sequential(nn.GELU()), tokens) == {}


def test_where_numbers_break_first() -> None:
    assert first_not_finite(network(), BATCH) == ""
    assert first_not_finite(network(), BATCH * float("inf")) == "input"
    net = network()
    with torch.no_grad():
        net[5].weight[0, 0] = float("nan")
    assert first_not_finite(net) == "weight 5.weight"
    net = network()
    with torch.no_grad():
        net[1].running_var.fill_(-1)  # a root of a negative number
    assert first_not_finite(net, BATCH) == "output of 1"
    net = network()
    net(BATCH).sum().backward()
    assert first_not_finite(net, BATCH) == ""
    net[0].weight.grad[0] = float("inf")
    net[5].bias.grad[0] = float("nan")
    assert first_not_finite(net, BATCH) == "gradient of 5.bias"
