from __future__ import annotations

import numpy as np
import pytest
import torch

from hilum.training.losses.masks import dice_bce

RNG = np.random.default_rng(2)
X = RNG.normal(0, 2, (3, 2, 6, 7))
T = (RNG.random((3, 2, 6, 7)) < 0.4).astype(float)


@pytest.mark.parametrize("dice", [0.0, 0.5, 1.0])
def test_the_loss_is_its_formula(dice):
    p = 1 / (1 + np.exp(-X))
    overlap = (2 * (p * T).sum((2, 3)) + 1) / (p.sum((2, 3)) + T.sum((2, 3)) + 1)
    entropy = (-T * np.log(p) - (1 - T) * np.log(1 - p)).mean((2, 3))
    loss = dice_bce(torch.tensor(X), torch.tensor(T), torch.ones(3, 2), dice=dice)
    np.testing.assert_allclose(loss.numpy(), dice * (1 - overlap) + (1 - dice) * entropy)


def test_a_perfect_mask_and_an_empty_one_cost_nothing():
    masks = torch.zeros(1, 2, 8, 8)
    masks[0, 0, 2:6, 2:6] = 1
    loss = dice_bce(masks * 100 - 50, masks, torch.ones(1, 2))
    torch.testing.assert_close(loss, torch.zeros(1, 2), atol=1e-6, rtol=0)


def test_what_was_not_drawn_changes_nothing():
    mask = torch.tensor([[1.0, 0], [0, 1], [1, 1]])
    plain = dice_bce(torch.tensor(X), torch.tensor(T), mask)
    x, t = X.copy(), T.copy()
    x[0, 1], t[1, 0] = np.inf, np.nan
    logits = torch.tensor(x, requires_grad=True)
    loss = dice_bce(logits, torch.tensor(t), mask)
    assert torch.equal(loss.detach(), plain)
    assert torch.equal(loss.detach() == 0, mask == 0)
    loss.sum().backward()
    assert torch.isfinite(logits.grad).all()
    assert bool((logits.grad[0, 1] == 0).all())


def test_gradients_are_right_and_finite():
    x = torch.tensor(X[:1], requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x: dice_bce(x, torch.tensor(T[:1]), torch.tensor([[1.0, 0]])), (x,)
    )
    far = torch.tensor(np.sign(X) * 50, dtype=torch.bfloat16, requires_grad=True)
    loss = dice_bce(far, torch.tensor(T), torch.ones(3, 2))
    assert loss.dtype == torch.float32
    loss.sum().backward()
    assert torch.isfinite(far.grad).all()
