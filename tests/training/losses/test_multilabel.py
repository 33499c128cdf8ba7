"""Losses of findings judged one by one against formulas in numpy and other libraries."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from timm.loss import AsymmetricLossMultiLabel
from torchvision.ops import sigmoid_focal_loss

from hilum.training.losses import multilabel

RNG = np.random.default_rng(5)
X = RNG.normal(0, 3, (16, 5))
T = (RNG.random((16, 5)) < 0.3).astype(np.float64)
P = 1 / (1 + np.exp(-X))
W1, W0 = RNG.uniform(0.5, 9, 5), RNG.uniform(0.5, 2, 5)
LOGITS, TARGETS = torch.tensor(X), torch.tensor(T)
KNOWN = torch.ones(16, 5)


def agrees(loss, expected):
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("weighted", [False, True])
def test_bce_is_its_formula(smoothing, weighted):
    w1, w0 = (W1, W0) if weighted else (1, 1)
    t = T * (1 - smoothing) + smoothing / 2
    weights = {"present": torch.tensor(W1), "absent": torch.tensor(W0)} if weighted else {}
    loss = multilabel.bce(LOGITS, TARGETS, KNOWN, smoothing=smoothing, **weights)
    agrees(loss, -w1 * t * np.log(P) - w0 * (1 - t) * np.log(1 - P))


def test_weighted_bce_is_torchs_with_pos_weight():
    there = torch.nn.functional.binary_cross_entropy_with_logits(
        LOGITS, TARGETS, reduction="none", pos_weight=torch.tensor(W1)
    )
    agrees(multilabel.bce(LOGITS, TARGETS, KNOWN, present=torch.tensor(W1)), there.numpy())


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("alpha", [0.25, 0.8])
def test_focal_is_torchvisions(gamma, alpha):
    weights = {"present": torch.tensor(alpha), "absent": torch.tensor(1 - alpha)}
    loss = multilabel.focal(LOGITS, TARGETS, KNOWN, gamma=gamma, **weights)
    expected = sigmoid_focal_loss(LOGITS, TARGETS, alpha=alpha, gamma=gamma)
    np.testing.assert_allclose(loss.numpy(), expected.numpy(), rtol=1e-6)


def test_focal_is_linear_in_mixed_targets():
    half = multilabel.focal(LOGITS, torch.full_like(LOGITS, 0.5), KNOWN)
    ends = [multilabel.focal(LOGITS, torch.full_like(LOGITS, t), KNOWN) for t in (0.0, 1.0)]
    agrees(half, (ends[0] + ends[1]).numpy() / 2)


@pytest.mark.parametrize("gammas", [(0.0, 4.0), (1.0, 4.0), (2.0, 3.0)])
@pytest.mark.parametrize("clip", [0.0, 0.05, 0.3])
def test_asymmetric_is_its_formula_and_timms(gammas, clip):
    positive, negative = gammas
    loss = multilabel.asymmetric(
        LOGITS, TARGETS, KNOWN, gamma_positive=positive, gamma_negative=negative, clip=clip
    )
    q = np.maximum(P - clip, 0)
    here = -T * (1 - P) ** positive * np.log(P) - (1 - T) * q**negative * np.log(1 - q)
    agrees(loss, here)
    theirs = AsymmetricLossMultiLabel(negative, positive, clip, reduction="none")
    np.testing.assert_allclose(loss.numpy(), theirs(LOGITS, TARGETS).numpy(), rtol=2e-4, atol=1e-6)


def test_limits_are_bce():
    plain = multilabel.bce(LOGITS, TARGETS, KNOWN).numpy()
    agrees(multilabel.focal(LOGITS, TARGETS, KNOWN, gamma=0), plain)
    agrees(
        multilabel.asymmetric(LOGITS, TARGETS, KNOWN, gamma_positive=0, gamma_negative=0, clip=0),
        plain,
    )


def test_errors_of_probabilities():
    agrees(multilabel.squared_error(LOGITS, TARGETS, KNOWN), (P - T) ** 2)
    agrees(multilabel.absolute_error(LOGITS, TARGETS, KNOWN), np.abs(P - T))


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0])
def test_asymmetric_has_a_gradient_where_the_clip_begins(gamma):
    logits = torch.tensor([[-50.0, -8.0, np.log(0.05 / 0.95), 50.0]], requires_grad=True)
    loss = multilabel.asymmetric(
        logits, torch.zeros(1, 4), torch.ones(1, 4), gamma_negative=gamma, clip=0.05
    )
    loss.sum().backward()
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[0, 0] == 0
    assert float(loss.detach()[0, 0]) == 0
