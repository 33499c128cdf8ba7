from __future__ import annotations

import numpy as np
import pytest
import torch

from hilum.training.losses.ordinal import cumulative, cumulative_bce


def test_grades_become_worse_than_each_grade():
    found = cumulative(torch.eye(4))
    assert found.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_is_its_formula(smoothing):
    rng = np.random.default_rng(1)
    x = rng.normal(0, 2, (8, 3))
    grade = rng.integers(0, 4, 8)
    above = (grade[:, None] > np.arange(3)).astype(float) * (1 - smoothing) + smoothing / 2
    p = 1 / (1 + np.exp(-x))
    loss = cumulative_bce(
        torch.tensor(x), torch.tensor(np.eye(4)[grade]), torch.ones(8, 4), smoothing=smoothing
    )
    expected = -above * np.log(p) - (1 - above) * np.log(1 - p)
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-9)


def test_two_grades_are_a_binary_task():
    x, t = torch.randn(6, 1), torch.tensor([0, 1, 1, 0, 1, 0])
    loss = cumulative_bce(x, torch.eye(2)[t], torch.ones(6, 2))
    plain = torch.nn.functional.binary_cross_entropy_with_logits(
        x, t[:, None].float(), reduction="none"
    )
    torch.testing.assert_close(loss, plain)


def test_rows_without_a_grade_cost_nothing():
    targets = torch.tensor([[0.0, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 0]])
    mask = torch.tensor([[1.0, 1, 1], [1, 1, 1], [1, 0, 1], [1, 1, 1]])
    loss = cumulative_bce(torch.full((4, 2), 3.0), targets, mask)
    assert (loss.sum(1) > 0).tolist() == [False, False, False, True]
