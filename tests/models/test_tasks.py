"""What holds of tasks: probabilities, gradients, targets, beginnings."""

import numpy as np
import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RecipeError  # noqa: E402
from hilum.models import grades, outputs  # noqa: E402
from hilum.models.tasks import Task  # noqa: E402

pytestmark = pytest.mark.train
KEYS = ("mass", "nodule", "effusion", "edema", "hernia")


def given(*strategies):
    return lambda test: settings(deadline=None, max_examples=60)(given_any(*strategies)(test))


def numbers(smallest, largest, limit):
    cell = st.floats(-limit, limit, allow_nan=False, width=32)
    return st.integers(smallest, largest).flatmap(
        lambda width: st.lists(st.lists(cell, min_size=width, max_size=width), min_size=1)
    )


def as_tensor(rows):
    return torch.tensor(rows, dtype=torch.float32)


def exclusive(kind, count):
    return Task(kind, tuple(f"f{i}" for i in range(count)))


@given(numbers(2, 7, 30))
def test_one_of_is_softmax(rows):
    raw = as_tensor(rows)
    found = torch.sigmoid(exclusive("one-of", raw.shape[1]).log_odds(raw))
    assert torch.allclose(found, torch.softmax(raw, 1), atol=1e-6)
    assert torch.allclose(found.sum(1), torch.ones(len(raw)), atol=1e-5)


@given(numbers(1, 6, 30))
def test_grades_have_probabilities_that_sum_to_one(rows):
    task = exclusive("ordinal", len(rows[0]) + 1)
    raw = task.arranged(as_tensor(rows))
    assert (raw[:, 1:] < raw[:, :-1]).all()
    found = torch.sigmoid(task.log_odds(raw))
    assert (found >= 0).all()
    assert torch.allclose(found.sum(1), torch.ones(len(raw)), atol=1e-5)
    above = found.flip(1).cumsum(1).flip(1)[:, 1:]  # P(grade > k) is what the logits say
    assert torch.allclose(above, torch.sigmoid(raw), atol=1e-5)


@given(numbers(1, 6, 1e4))
def test_numbers_and_gradients_stay_finite(rows):
    for kind in ("multi-label", "one-of", "ordinal"):
        if kind == "one-of" and len(rows[0]) < 2:
            continue
        task = exclusive(kind, len(rows[0]) + (kind == "ordinal"))
        free = as_tensor(rows).requires_grad_()
        found = task.log_odds(task.arranged(free))
        assert found.shape == (len(rows), len(task.findings))
        found.sum().backward()
        assert torch.isfinite(found).all()
        assert torch.isfinite(free.grad).all()


@pytest.mark.parametrize("kind", ["multi-label", "one-of", "ordinal"])
def test_slopes_are_the_derivatives(kind):
    torch.manual_seed(0)
    task = Task(kind, KEYS)
    free = 3 * torch.randn(6, task.outputs, dtype=torch.float64)
    found = task.slopes(free)
    for row, mine in zip(free, found, strict=True):
        theirs = torch.autograd.functional.jacobian(
            lambda x: task.log_odds(task.arranged(x[None]))[0], row
        )
        assert torch.allclose(mine, theirs, atol=1e-9)


def test_near_grades_far_from_the_middle_lose_no_digits():
    """At c = 13 neighbours in single precision are 1e-6 apart, a thousandth of the least gap."""
    task = exclusive("ordinal", 4)
    free = torch.tensor([[13.0, -9.0, -7.5]])
    exact = task.log_odds(task.arranged(free.double()))
    found = task.log_odds_of_free(free)
    assert torch.allclose(found.double(), exact, atol=2e-5)
    assert torch.allclose(task.slopes(free).double(), task.slopes(free.double()), rtol=1e-4)


def test_two_that_exclude_each_other_are_a_logistic_regression():
    raw = torch.tensor([[1.0, 3.0]])
    task = exclusive("one-of", 2)
    assert task.is_linear
    assert torch.allclose(task.log_odds(raw), torch.tensor([[-2.0, 2.0]]))
    assert torch.allclose(exclusive("ordinal", 2).log_odds(raw[:, :1]), torch.tensor([[-1.0, 1.0]]))


@pytest.mark.parametrize(
    ("kind", "findings", "message"),
    [
        ("binary", ("mass", "nodule"), "exactly one finding, got 2"),
        ("one-of", ("mass",), "at least two findings, got 1"),
        ("ordinal", ("mass",), "at least two grades, got 1"),
        ("multi-label", (), "at least one finding, got 0"),
        ("multi-label", ("mass", "nodule", "mass"), "names mass twice"),
    ],
)
def test_findings_that_do_not_fit_the_kind(kind, findings, message):
    with pytest.raises(RecipeError, match=message):
        Task(kind, findings)


def test_tasks_that_share_a_finding():
    with pytest.raises(RecipeError, match=r"1 findings stand in two tasks \(mass\)"):
        outputs.findings_of([Task("binary", ("mass",)), Task("one-of", ("nodule", "mass"))])
    with pytest.raises(RecipeError, match="at least one task"):
        outputs.findings_of([])


def test_rows_that_softmax_cannot_fit_are_left_out_and_counted():
    """Twenty classes without "no finding": 525 of 800 rows sum to zero (the second study)."""
    targets = np.zeros((800, 19), np.float32)
    targets[np.arange(275), np.arange(275) % 19] = 1
    targets[0, 1] = 1  # two findings on one radiograph
    mask = np.ones_like(targets, dtype=bool)
    mask[799, 3] = False  # none present, one unknown
    mask[1, 5:] = False  # one present, what is unknown beside it is absent
    mask[798] = False  # no label at all
    task = exclusive("one-of", 19)
    found = outputs.settle([task], targets, mask)
    assert (found.none, found.several, found.unsure) == ((523,), (1,), (1,))
    assert found.mask.all(1).sum() == 274
    assert found.mask.any(1).sum() == 274
    assert (found.targets[found.mask[:, 0]].sum(1) == 1).all()
    assert (found.mask[:, 0] == task.known(targets, mask)).all()


def test_a_multi_label_task_beside_it_keeps_its_cells():
    tasks = [Task("multi-label", ("mass", "nodule")), Task("one-of", ("normal", "covid_19"))]
    targets = np.array([[0, 1, 0, 0], [1, 0, 0, 1]], np.float32)
    mask = np.array([[True, False, True, True], [True, True, True, True]])
    found = outputs.settle(tasks, targets, mask)
    assert found.mask.tolist() == [[True, False, False, False], [True] * 4]
    assert found.none == (0, 1)
    assert (targets[0, 1], mask[0, 2]) == (1, True)  # what was given is not changed


@given(st.integers(2, 6), st.lists(st.integers(0, 40), min_size=6, max_size=6), st.booleans())
def test_beginnings_are_the_frequencies(count, counts, graded):
    """Laplace's rule: (n + 1) / (rows + classes)."""
    of = np.repeat(np.arange(count), counts[:count])
    targets = np.eye(count, dtype=np.float32)[of]
    mask = np.ones_like(targets, dtype=bool)
    task = exclusive("ordinal" if graded else "one-of", count)
    free = task.start(targets, mask)[None]
    found = torch.sigmoid(task.log_odds(task.arranged(free)))[0].numpy()
    wanted = (np.array(counts[:count]) + 1) / (len(of) + count)
    assert np.allclose(found, wanted, atol=2e-4)
    several = exclusive("multi-label", count)
    odds = several.log_odds(several.start(targets, mask)[None])
    share = (np.array(counts[:count]) + 1) / (len(of) + 2)
    assert np.allclose(torch.sigmoid(odds)[0].numpy(), share, atol=1e-6)


def test_cells_that_do_not_count_do_not_move_the_beginning():
    task = Task("multi-label", ("mass",))
    targets = np.array([[1.0], [1.0], [0.0]], np.float32)
    mask = np.array([[True], [False], [False]])
    assert float(torch.sigmoid(task.start(targets, mask))) == pytest.approx(2 / 3)


def test_every_grade_keeps_a_gap():
    found = grades.cumulative(torch.tensor([[0.0, -100.0, -100.0]]))
    assert torch.allclose(found.diff(), torch.full((1, 2), -grades.GAP), rtol=1e-3)
