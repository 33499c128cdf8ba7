from __future__ import annotations

import numpy as np
import pytest
import torch

from hilum.training.losses.auroc import auroc_margin, pairs

RNG = np.random.default_rng(3)
X = RNG.normal(0, 2, (20, 3))
T = (RNG.random((20, 3)) < 0.3).astype(float)
MASK = (RNG.random((20, 3)) < 0.8).astype(float)


@pytest.mark.parametrize("margin", [0.3, 1.0])
def test_the_sum_over_the_number_is_the_mean_over_pairs(margin):
    loss = auroc_margin(torch.tensor(X), torch.tensor(T), torch.tensor(MASK), margin=margin)
    counted = pairs(torch.tensor(T), torch.tensor(MASK))
    p = 1 / (1 + np.exp(-X))
    for k in range(3):
        present = p[(T[:, k] == 1) & (MASK[:, k] == 1), k]
        absent = p[(T[:, k] == 0) & (MASK[:, k] == 1), k]
        assert len(present) > 1
        every = [max(0, margin - (a - b)) ** 2 for a in present for b in absent]
        found = float(loss[:, k].sum() / counted[:, k].sum())
        assert found == pytest.approx(np.mean(every), rel=1e-9)
    assert bool((loss[torch.tensor(MASK) == 0] == 0).all())


def test_a_finding_with_one_class_in_the_batch_has_no_pairs():
    targets = torch.tensor([[1.0, 0, 1], [1, 0, 0], [1, 0, 1]])
    mask = torch.tensor([[1.0, 1, 1], [1, 1, 0], [0, 1, 1]])
    assert not pairs(targets, mask).any()
    logits = torch.randn(3, 3, requires_grad=True)
    loss = auroc_margin(logits, targets, mask)
    loss.sum().backward()
    assert float(loss.detach().abs().sum()) == 0
    assert float(logits.grad.abs().sum()) == 0


def test_a_perfect_order_by_the_margin_costs_nothing_and_a_wrong_one_four():
    targets, mask = torch.tensor([[1.0], [0], [0]]), torch.ones(3, 1)
    right = auroc_margin(torch.tensor([[50.0], [-50], [-50]]), targets, mask)
    wrong = auroc_margin(torch.tensor([[-50.0], [50], [50]]), targets, mask)
    assert float(right.sum()) == pytest.approx(0)
    assert float(wrong.sum() / 3) == pytest.approx(4)


def test_half_of_what_a_pair_costs_stands_at_either():
    p = np.array([0.2, 0.7, 0.4])
    logits = torch.tensor(np.log(p / (1 - p)))[:, None]
    loss = auroc_margin(logits, torch.tensor([[1.0], [0], [0]]), torch.ones(3, 1))
    costs = [(1 - (0.2 - 0.7)) ** 2, (1 - (0.2 - 0.4)) ** 2]
    expected = np.array([sum(costs), *costs]) / 2 * 3 / (1 * 2)
    np.testing.assert_allclose(loss[:, 0].numpy(), expected, rtol=1e-9)
