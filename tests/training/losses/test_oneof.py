"""Losses of findings that exclude each other against torch and formulas in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from hilum.training.losses import oneof

RNG = np.random.default_rng(6)
Z = RNG.normal(0, 3, (12, 5))
TRUE = RNG.integers(0, 5, 12)
T = np.eye(5)[TRUE]
E = np.exp(Z - Z.max(1, keepdims=True))
P = E / E.sum(1, keepdims=True)
W = RNG.uniform(0.5, 5, 5)
LOGITS, TARGETS, KNOWN = torch.tensor(Z), torch.tensor(T), torch.ones(12, 5)
CLASS = torch.tensor(TRUE)


def agrees(loss, expected):
    assert loss.shape == (12, 1)
    np.testing.assert_allclose(loss[:, 0].numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, torch.tensor(W)])
def test_cross_entropy_is_torchs(smoothing, weights):
    loss = oneof.cross_entropy(LOGITS, TARGETS, KNOWN, weights=weights, smoothing=smoothing)
    there = cross_entropy(
        LOGITS, CLASS, weight=weights, label_smoothing=smoothing, reduction="none"
    )
    agrees(loss, there.numpy())


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_is_its_formula(gamma):
    p = P[np.arange(12), TRUE]
    loss = oneof.focal(LOGITS, TARGETS, KNOWN, gamma=gamma, weights=torch.tensor(W))
    agrees(loss, -W[TRUE] * (1 - p) ** gamma * np.log(p))


def test_focal_of_gamma_0_is_cross_entropy():
    agrees(
        oneof.focal(LOGITS, TARGETS, KNOWN, gamma=0),
        oneof.cross_entropy(LOGITS, TARGETS, KNOWN)[:, 0].numpy(),
    )


def test_ldam_is_its_formula():
    margins = 0.5 * np.array([40, 10, 400, 90, 10.0]) ** -0.25 * 10**0.25
    lowered = Z.copy()
    lowered[np.arange(12), TRUE] -= margins[TRUE]
    own = 30 * lowered[np.arange(12), TRUE]
    top = 30 * lowered.max(1)
    expected = W[TRUE] * (np.log(np.exp(30 * lowered - top[:, None]).sum(1)) + top - own)
    loss = oneof.ldam(
        LOGITS, TARGETS, KNOWN, margins=torch.tensor(margins), weights=torch.tensor(W)
    )
    agrees(loss, expected)


def test_ldam_without_margin_and_scale_is_cross_entropy():
    loss = oneof.ldam(LOGITS, TARGETS, KNOWN, margins=torch.zeros(5), scale=1)
    agrees(loss, cross_entropy(LOGITS, CLASS, reduction="none").numpy())


def test_errors_of_probabilities():
    agrees(oneof.squared_error(LOGITS, TARGETS, KNOWN), ((P - T) ** 2).mean(1))
    agrees(oneof.absolute_error(LOGITS, TARGETS, KNOWN), np.abs(P - T).mean(1))


@pytest.mark.parametrize(
    ("row", "mask", "counts"),
    [
        ([0, 0, 0, 0, 0], [1, 1, 1, 1, 1], False),
        ([1, 1, 0, 0, 0], [1, 1, 1, 1, 1], False),
        ([0, 1, 0, 0, 0], [1, 1, 1, 1, 0], False),
        ([np.nan, 1, 0, 0, 0], [0, 1, 1, 1, 1], False),
        ([0, 1, 0, 0, 0], [1, 1, 1, 1, 1], True),
        ([0.3, 0.7, 0, 0, 0], [1, 1, 1, 1, 1], True),
    ],
)
def test_a_row_without_one_finding_costs_nothing(row, mask, counts):
    logits = torch.randn(1, 5, requires_grad=True)
    loss = oneof.cross_entropy(logits, torch.tensor([row]), torch.tensor([mask]))
    loss.sum().backward()
    assert (float(loss.detach()) > 0) == counts
    assert bool(logits.grad.abs().sum() > 0) == counts
