from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from hilum.errors import RunError
from hilum.training.rate_finder import find_rate, smooth


def bowl(noise: float = 0.0, *, best: float = 1e-2):
    """A loss over the logarithm of the rate: flat, falling fastest at 1e-3, rising after best."""
    rng = np.random.default_rng(0)
    rates = []

    def step(rate: float) -> float:
        rates.append(rate)
        x = math.log10(rate)
        loss = 1 - 0.6 / (1 + math.exp(-4 * (x + 3)))
        return loss + 10 * max(0.0, x - math.log10(best)) ** 2 + noise * rng.normal()

    return step, rates


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_the_rules_find_what_the_curve_holds(noise):
    step, asked = bowl(noise)
    curve = find_rate(step, 1e-6, 10, 141)
    assert asked[: len(curve.rates)] == pytest.approx(np.geomspace(1e-6, 10, 141)[: len(asked)])
    assert 0.3e-3 < curve.steepest < 3e-3
    assert 0.5e-3 < curve.tenth < 3e-3
    assert curve.suggested == min(curve.steepest, curve.tenth)
    assert curve.reason == ""


def test_it_stops_where_the_loss_runs_away():
    step, asked = bowl()
    curve = find_rate(step, 1e-6, 10, 141)
    assert curve.diverged
    assert len(curve.rates) == len(asked) < 141
    assert curve.losses[-1] > 4 * min(curve.losses)


@pytest.mark.parametrize("odd", [math.inf, math.nan])
def test_it_stops_where_the_loss_is_no_number(odd):
    step, _ = bowl()
    curve = find_rate(lambda rate: odd if rate > 2e-2 else step(rate), 1e-6, 10, 141)
    assert curve.diverged
    assert not math.isfinite(curve.losses[-1])
    assert len(curve.smoothed) == len(curve.losses) - 1
    assert curve.suggested is not None
    assert json.loads(curve.to_json())["losses"][-1] is None


def test_one_odd_batch_moves_nothing():
    step, _ = bowl()
    plain = find_rate(step, 1e-6, 10, 141)
    step, asked = bowl()
    odd = find_rate(lambda rate: step(rate) + 50 * (len(asked) == 40), 1e-6, 10, 141)
    assert odd.steepest == pytest.approx(plain.steepest, rel=0.2)
    assert len(odd.rates) == len(plain.rates)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda rate, rng: 0.7, "does not fall"),
        (lambda rate, rng: 0.7 + 0.05 * rng.normal(), "does not fall"),
        (lambda rate, rng: 0.7 + math.log10(rate / 1e-7), "does not fall"),
        (lambda rate, rng: 0.7 if rate < 1e-6 else 1e9, "ran away within"),
    ],
)
def test_no_fall_no_suggestion(loss, words):
    rng = np.random.default_rng(1)
    curve = find_rate(lambda rate: loss(rate, rng), 1e-7, 1.0, 100)
    assert curve.suggested is curve.steepest is curve.tenth is None
    assert words in curve.reason
    assert "No rate is suggested: " in curve.to_text()


def test_a_network_learns_at_what_is_suggested_and_not_far_above():
    def start():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 1))
        return net, torch.optim.SGD(net.parameters(), 1.0)

    data = torch.Generator().manual_seed(1)
    teacher = torch.randn(20, generator=data)

    def stepper(net, optimiser):
        def step(rate: float) -> float:
            x = torch.randn(32, 20, generator=data)
            y = (x @ teacher > 0).float()[:, None]
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(net(x), y)
            loss.backward()
            optimiser.step()
            return float(loss.detach())

        return step

    curve = find_rate(stepper(*start()), 1e-4, 1e3, 120)
    assert curve.suggested is not None
    assert 1e-2 < curve.suggested < 10
    step = stepper(*start())
    losses = [step(curve.suggested) for _ in range(60)]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])


def test_what_is_shown():
    step, _ = bowl()
    curve = find_rate(step, 1e-6, 10, 141)
    lines = curve.to_text(6).splitlines()
    assert len(lines) == 9
    assert lines[1].split() == ["1.0e-06", "1.0000"]
    assert lines[-2] == "the loss ran away there"
    assert f"Suggested: {curve.suggested:.1e}" in lines[-1]
    again = json.loads(curve.to_json())
    assert again["rates"] == list(curve.rates)
    assert again["suggested"] == curve.suggested


def test_smoothing_keeps_a_straight_line_and_drops_what_is_odd():
    line = np.linspace(3, -2, 30)
    np.testing.assert_allclose(smooth(line)[4:-4], line[4:-4], atol=1e-12)
    odd = np.ones(30)
    odd[[0, 12, 29]] = 100
    assert smooth(odd).tolist() == [1.0] * 30


def test_noise_alone_is_hardly_ever_taken_for_a_fall():
    rng = np.random.default_rng(4)
    found = [find_rate(lambda _: 1 + 0.1 * rng.normal()).suggested for _ in range(100)]
    assert sum(rate is not None for rate in found) <= 3


def test_what_is_no_sweep_is_refused():
    for low, high, steps in ((0, 1, 100), (1, 0.1, 100), (1e-3, 1, 5)):
        with pytest.raises(RunError, match="A sweep goes from"):
            find_rate(lambda rate: 1.0, low, high, steps)
    with pytest.raises(RunError, match="no number at the smallest rate"):
        find_rate(lambda rate: math.nan)
