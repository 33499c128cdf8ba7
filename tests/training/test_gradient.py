"""A batch worked off in parts gives the gradient of the whole batch, whatever becomes of memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from torch import Tensor, nn  # noqa: E402

from hilum.errors import RunError  # noqa: E402
from hilum.models.tasks import Task  # noqa: E402
from hilum.training.gradient import Gradient, fitting_part  # noqa: E402
from hilum.training.losses import Counts, build  # noqa: E402
from hilum.training.machine import Machine  # noqa: E402
from hilum.training.objective import Objective  # noqa: E402
from hilum.training.recipe.fit import Fit  # noqa: E402
from hilum.training.recipe.loss import (  # noqa: E402
    BCE,
    MSE,
    Asymmetric,
    ClassBalanced,
    CrossEntropy,
    CumulativeBCE,
    Focal,
    WeightedBCE,
)
from hilum.training.rows import Item  # noqa: E402

pytestmark = pytest.mark.train

ABC = ("a", "b", "c")
ASKED = [
    ("multi-label", BCE()),
    ("multi-label", WeightedBCE()),
    ("multi-label", Focal()),
    ("multi-label", Asymmetric()),
    ("multi-label", ClassBalanced()),
    ("multi-label", MSE()),
    ("one-of", CrossEntropy()),
    ("ordinal", CumulativeBCE()),
]


def network(outputs: int) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(4, outputs),
    ).double()  # fmt: skip


def objective(kind: str, loss: object) -> Objective:
    task = Task(kind, ABC)
    counts = Counts((5, 9, 20), (40, 36, 25), ABC)
    return Objective((task,), (build(loss, kind, counts, 4),), (1.0,))


def item(kind: str, rows: int, seed: int, mixed: float) -> Item:
    rng = np.random.default_rng(seed)
    if kind == "multi-label":
        target = rng.integers(0, 2, (rows, 3)).astype(np.float64)
        mask = (rng.random((rows, 3)) < 0.7).astype(np.float64)
    else:
        target = np.eye(3)[rng.integers(0, 3, rows)]
        mask = np.repeat((rng.random((rows, 1)) < 0.7).astype(np.float64), 3, 1)
    image = torch.from_numpy(rng.random((rows, 1, 8, 8)))
    found = Item(image, torch.from_numpy(target), torch.from_numpy(mask), torch.arange(rows))
    if not mixed:
        return found
    other = torch.from_numpy(rng.permutation(rows))
    return found._replace(
        image=mixed * image + (1 - mixed) * image[other],
        target=mixed * found.target + (1 - mixed) * found.target[other],
        mask=found.mask * found.mask[other],
    )


def gradients(net: nn.Module) -> list[Tensor]:
    return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in net.parameters()]


@pytest.fixture(scope="module")
def machine() -> Machine:
    return Machine.here(alone=True)


def gradient(machine: Machine, kind: str, loss: object, part: int, **more: object) -> Gradient:
    asked = objective(kind, loss)
    net = network(asked.tasks[0].outputs)
    return Gradient(net, more.pop("forward", net), asked, machine, part, **more)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(
    asked=st.sampled_from(ASKED),
    rows=st.integers(1, 13),
    part=st.integers(1, 13),
    seed=st.integers(0, 2**16),
    mixed=st.sampled_from([0.0, 0.3]),
)
def test_the_parts_of_a_batch_sum_to_its_gradient(asked, rows, part, seed, mixed) -> None:
    kind, loss = asked
    machine = Machine.here(alone=True)
    batch = item(kind, rows, seed, mixed if kind == "multi-label" else 0.0)
    found = []
    for size in (rows, part):
        one = gradient(machine, kind, loss, size)
        value = one.of(batch, epoch=0, seed=1)
        found.append((float(value), gradients(one.network)))
    (whole, these), (parts, those) = found
    # Counts and weights are float32; everything else is computed in float64.
    assert parts == pytest.approx(whole, rel=1e-6, abs=1e-9)
    for a, b in zip(these, those, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried …"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried …"),
        MemoryError(),
    ],
    ids=["gpu", "linux", "windows", "numpy"],
)
def test_a_batch_that_does_not_fit_is_halved_and_gives_the_same(machine, error) -> None:
    batch = item("multi-label", 11, 3, 0.0)
    whole = gradient(machine, "multi-label", BCE(), 11)
    wanted = whole.of(batch, epoch=0, seed=1)
    told: list[int] = []

    def forward(image: Tensor) -> Tensor:
        if len(image) > 3:
            raise error
        return short.network(image)

    short = gradient(machine, "multi-label", BCE(), 11, forward=forward, halved=told.append)
    found = short.of(batch, epoch=0, seed=1)
    assert told == [6, 3]
    assert short.part == 3
    torch.testing.assert_close(found, wanted)
    for a, b in zip(gradients(short.network), gradients(whole.network), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-8)


def test_what_dropout_draws_does_not_depend_on_a_failed_attempt(machine) -> None:
    def with_dropout(part: int, fail: list[int]) -> list[Tensor]:
        one = gradient(machine, "multi-label", BCE(), part, halved=lambda _: None)

        def forward(image: Tensor) -> Tensor:
            out = torch.nn.functional.dropout(one.network(image), 0.5)
            if len(image) in fail:
                raise torch.OutOfMemoryError
            return out

        one.forward = forward
        one.of(item("multi-label", 8, 0, 0.0), epoch=0, seed=5)
        return gradients(one.network)

    for a, b in zip(with_dropout(8, [8]), with_dropout(4, []), strict=True):
        assert torch.equal(a, b)


def test_other_errors_are_not_taken_for_memory(machine) -> None:
    def broken(_image: Tensor) -> Tensor:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        gradient(machine, "multi-label", BCE(), 4, forward=broken).of(
            item("multi-label", 4, 0, 0.0), epoch=0, seed=0
        )


def test_one_image_that_does_not_fit_ends_the_run(machine) -> None:
    def never(_image: Tensor) -> Tensor:
        raise MemoryError

    one = gradient(machine, "multi-label", BCE(), 4, forward=never, halved=lambda _: None)
    with pytest.raises(RunError, match=r"does not suffice for one image.*same command goes on"):
        one.of(item("multi-label", 4, 0, 0.0), epoch=0, seed=0)


def test_a_batch_of_which_nothing_could_be_read_has_no_gradient(machine) -> None:
    one = gradient(machine, "multi-label", BCE(), 4)
    assert float(one.of(None, epoch=0, seed=0)) == 0
    assert all(p.grad is None for p in one.network.parameters())


def test_the_part_is_found_before_training(machine) -> None:
    served = _Served()
    net = nn.Sequential(nn.Conv2d(1, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
                        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 3))  # fmt: skip
    mean = net[1].running_mean.clone()
    asked = objective("multi-label", BCE())
    plenty, need = fitting_part(net, served, asked, machine, Fit(batch=32, memory_gb=10))
    assert plenty == 32
    assert torch.equal(net[1].running_mean, mean)
    # Room for five and a half images: 32 → 16 → 8 → 4.
    little = (need.fixed_bytes + 5.5 * need.image_bytes) / 1e9
    assert fitting_part(net, served, asked, machine, Fit(batch=32, memory_gb=little))[0] == 4
    with pytest.raises(RunError, match=r"Not even one image fits .*fit\.memory_gb"):
        fitting_part(net, served, asked, machine, Fit(batch=32, memory_gb=1e-6))


class _Served:
    """Rows whose first two pictures are damaged."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, key: tuple[int, int]) -> Item | int:
        if key[1] < 2:
            return key[1]
        return Item(torch.rand(1, 64, 64), torch.ones(3), torch.ones(3), torch.tensor(key[1]))
