"""Learning rates of each step against torch's schedulers and closed formulas."""

from __future__ import annotations

import io
import math

import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn
from torch.optim import lr_scheduler

from hilum.errors import RunError
from hilum.training.recipe.schedule import Constant, Cosine, OneCycle, Plateau, Schedule, Step
from hilum.training.schedules import make_schedule

READ = TypeAdapter(Schedule)
TOPS = (1e-3, 1e-2)


def optimiser(kind=torch.optim.AdamW, **more):
    groups = [{"params": [nn.Parameter(torch.ones(1))], "lr": lr} for lr in TOPS]
    return kind(groups, lr=1.0, **more)


def ours(part, total, steps_per_epoch=5, kind=torch.optim.AdamW, **more):
    """Rate of the second group, and momentum, in each step and in one more."""
    opt = optimiser(kind, **more)
    schedule = make_schedule(opt, part, total, steps_per_epoch)
    found = []
    for _ in range(total + 1):
        first, group = opt.param_groups
        assert first["lr"] == pytest.approx(group["lr"] / 10)
        found.append((group["lr"], group.get("momentum", group.get("betas", (None,)))))
        opt.step()
        schedule.step()
    return found


def torchs(make, total, kind=torch.optim.AdamW, **more):
    opt = optimiser(kind, **more)
    schedule = make(opt)
    found = []
    for at in range(total + 1):
        group = opt.param_groups[1]
        found.append((group["lr"], group.get("momentum", group.get("betas", (None,)))))
        opt.step()
        if at < total:
            schedule.step()
    return found


@pytest.mark.parametrize("total", [1, 2, 5, 10, 33, 400])
@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD])
def test_one_cycle_is_torchs_to_the_last_digit(total, kind):
    more = {"momentum": 0.9} if kind is torch.optim.SGD else {}
    theirs = torchs(
        lambda o: lr_scheduler.OneCycleLR(o, list(TOPS), total_steps=total + 1, pct_start=0.1),
        total, kind, **more,
    )  # fmt: skip
    assert ours(OneCycle(), total, kind=kind, **more) == theirs


def test_one_cycle_with_numbers_of_its_own():
    part = OneCycle(rise=0.3, start=10, end=100, momentum=(0.8, 0.9))
    theirs = torchs(
        lambda o: lr_scheduler.OneCycleLR(
            o, list(TOPS), total_steps=51, pct_start=0.3, div_factor=10, final_div_factor=100,
            base_momentum=0.8, max_momentum=0.9,
        ), 50,
    )  # fmt: skip
    assert ours(part, 50) == theirs


def test_one_cycle_may_leave_momentum_alone():
    assert {m for _, m in ours(OneCycle(momentum=()), 20)} == {(0.9, 0.999)}
    assert {m for _, m in ours(OneCycle(), 20, kind=torch.optim.SGD)} == {0}


@pytest.mark.parametrize("end", [0.0, 0.1])
def test_cosine_is_torchs(end):
    # torch's smallest rate is one number for all groups, so that of the group looked at is given.
    theirs = torchs(
        lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=40, eta_min=end * TOPS[1]), 40
    )
    found = [rate for rate, _ in ours(Cosine(end=end), 40)]
    assert found == pytest.approx([rate for rate, _ in theirs], abs=1e-15)
    assert found[-1] == pytest.approx(end * TOPS[1], abs=1e-15)


def test_step_is_torchs_by_epochs():
    theirs = torchs(lambda o: lr_scheduler.MultiStepLR(o, [2 * 5, 3 * 5, 7 * 5], gamma=0.3), 40)
    assert [r for r, _ in ours(Step(at=(2, 3, 7), factor=0.3), 40)] == pytest.approx(
        [r for r, _ in theirs]
    )
    theirs = torchs(lambda o: lr_scheduler.StepLR(o, 2 * 5, gamma=0.5), 40)
    assert [r for r, _ in ours(Step(every=2, factor=0.5), 40)] == pytest.approx(
        [r for r, _ in theirs]
    )


def test_constant_stays():
    assert {rate for rate, _ in ours(Constant(), 12)} == {TOPS[1]}


@pytest.mark.parametrize(
    "part",
    [Constant(warm_up_steps=8), Constant(warm_up_epochs=1.6)],
)
def test_warm_up_is_linear(part):
    rates = [rate / TOPS[1] for rate, _ in ours(part, 20)]
    assert rates[:9] == pytest.approx([1 / 8, 2 / 8, 3 / 8, 4 / 8, 5 / 8, 6 / 8, 7 / 8, 1, 1])


def test_cosine_begins_where_the_warm_up_ends():
    rates = [rate / TOPS[1] for rate, _ in ours(Cosine(warm_up_steps=5), 25)]
    assert max(rates) == rates[4] == rates[5] == 1
    assert rates[15] == pytest.approx((1 + math.cos(math.pi * 10 / 20)) / 2)


def test_beyond_the_last_step_the_rate_stays():
    for part in (Cosine(end=0.2), OneCycle(), Constant(), Step(every=1)):
        opt = optimiser()
        schedule = make_schedule(opt, part, 10, 5)
        for _ in range(10):
            opt.step()
            schedule.step()
        last = schedule.rates
        schedule.step()
        assert schedule.rates == last


@pytest.mark.parametrize("higher", [True, False])
def test_plateau_is_torchs(higher):
    metrics = [0.6, 0.7, 0.70001, 0.69, 0.7, 0.71, 0.71, 0.71, 0.70, 0.2, 0.9, 0.9, 0.9, 0.9, 0.9]
    metrics = metrics if higher else [1 - m for m in metrics]
    part = Plateau(patience=2, factor=0.5, least=1e-3, floor=0.2)
    one, other = optimiser(), optimiser()
    schedule = make_schedule(one, part, 100, 5, higher=higher)
    theirs = lr_scheduler.ReduceLROnPlateau(
        other, "max" if higher else "min", factor=0.5, patience=2, threshold=1e-3,
        threshold_mode="abs", min_lr=[0.2 * top for top in TOPS],
    )  # fmt: skip
    seen = set()
    for metric in metrics:
        schedule.epoch_end(metric)
        theirs.step(metric)
        assert [g["lr"] for g in one.param_groups] == pytest.approx(
            [g["lr"] for g in other.param_groups]
        )
        seen.add(round(one.param_groups[0]["lr"] / TOPS[0], 6))
    assert {1, 0.5} < seen
    assert min(seen) == 0.2 or min(seen) == 0.25


def test_an_undefined_number_is_no_plateau():
    schedule = make_schedule(optimiser(), Plateau(patience=0), 100, 5)
    schedule.epoch_end(0.5)
    schedule.epoch_end(None)
    schedule.epoch_end(math.nan)
    assert list(schedule.rates.values()) == list(TOPS)
    schedule.epoch_end(0.5)
    assert list(schedule.rates.values()) == pytest.approx([top / 10 for top in TOPS])


def test_what_is_watched_moves_no_other_schedule():
    schedule = make_schedule(optimiser(), Cosine(), 10, 5)
    before = schedule.rates
    for metric in (0.5, 0.1, 0.1):
        schedule.epoch_end(metric)
    assert schedule.rates == before


PARTS = [
    Constant(warm_up_steps=12),
    Cosine(warm_up_epochs=1),
    Step(at=(1, 3)),
    OneCycle(),
    Plateau(patience=0),
]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
@pytest.mark.parametrize("schedule_first", [True, False])
@pytest.mark.parametrize("stop", [3, 10, 17])
def test_going_on_equals_never_having_stopped(part, schedule_first, stop):
    def walk(opt, schedule, start, end):
        for at in range(start, end):
            opt.step()
            schedule.step()
            if (at + 1) % 5 == 0:
                schedule.epoch_end([0.5, 0.4, 0.6, 0.6][at // 5])
            yield [(g["lr"], g["betas"]) for g in opt.param_groups]

    opt = optimiser()
    schedule = make_schedule(opt, part, 20, 5)
    whole = list(walk(opt, schedule, 0, stop))
    file = io.BytesIO()
    torch.save([opt.state_dict(), schedule.state_dict()], file)
    whole = list(walk(opt, schedule, stop, 20))
    file.seek(0)
    states = torch.load(file, weights_only=True)
    opt = optimiser()
    schedule = make_schedule(opt, part, 20, 5)
    pairs = list(zip((opt, schedule), states, strict=True))
    for thing, state in pairs[::-1] if schedule_first else pairs:
        thing.load_state_dict(state)
    assert list(walk(opt, schedule, stop, 20)) == whole


def test_a_schedule_made_after_the_optimiser_was_loaded_has_the_same_rates():
    opt = optimiser()
    schedule = make_schedule(opt, Cosine(), 20, 5)
    for _ in range(10):
        opt.step()
        schedule.step()
    again = optimiser()
    again.load_state_dict(opt.state_dict())
    later = make_schedule(again, Cosine(), 20, 5)
    later.load_state_dict(schedule.state_dict())
    assert later.rates == schedule.rates


def test_what_cannot_be_scheduled_is_refused():
    with pytest.raises(RunError, match="fewer images than a batch"):
        make_schedule(optimiser(), Constant(), 0, 5)
    with pytest.raises(RunError, match="warm-up takes 10 steps and the whole run 10"):
        make_schedule(optimiser(), Cosine(warm_up_epochs=2), 10, 5)
    plateau = make_schedule(optimiser(), Plateau(), 10, 5)
    with pytest.raises(RunError, match="state of another schedule"):
        plateau.load_state_dict(make_schedule(optimiser(), Constant(), 10, 5).state_dict())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": "step"}, "give at .* or every"),
        ({"name": "step", "at": [3], "every": 2}, "give at .* or every"),
        ({"name": "step", "at": [3, 2]}, "must rise"),
        ({"name": "one-cycle", "warm_up_steps": 3}, "Extra inputs"),
        ({"name": "one-cycle", "momentum": [0.9, 0.8]}, "smallest, largest"),
        ({"name": "cosine", "warm_up_steps": 3, "warm_up_epochs": 1}, "not both"),
        ({"name": "linear"}, "does not match any of the expected tags"),
    ],
)
def test_recipes_are_checked(wrong, words):
    with pytest.raises(ValidationError, match=words):
        READ.validate_python(wrong)
