"""Telling once, again when worse, when over; going on after a stop."""

import json
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from hilum.training.recipe.watch import Code
from hilum.training.recipe.watch import Watch as Part
from hilum.training.watch import ADVICE, Concern, EpochFacts, Watch
from hilum.training.watch.curves import diverging, overfitting, stuck
from tests.training.watch.test_labels import MANY

TARGETS = (np.arange(60)[:, None] % [2, 3, 4] == 0).astype(np.float32)
GOOD = EpochFacts(
    0, 0.5, 0.5, (4 * TARGETS - 2).astype(np.float32), TARGETS, np.ones(TARGETS.shape, bool)
)


def facts(epoch: int, train: float = 0.5, tune: float = 0.5, **other) -> EpochFacts:
    return replace(GOOD, epoch=epoch, train_loss=train, tune_loss=tune, **other)


def run(watch: Watch, epochs: list[EpochFacts]) -> list[list[Concern]]:
    return [watch.epoch(one) for one in epochs]


def brief(said: list[list[Concern]]) -> list[str]:
    return [
        f"{epoch} {one.code}{' over' if one.ended else ''}"
        for epoch, told in enumerate(said)
        for one in told
    ]


def test_a_concern_is_told_once_again_when_worse_and_when_over() -> None:
    dead = [{"a": 0.9, "b": 0.1, "c": 0}] * 2 + [{"a": 0.9, "b": 0.8, "c": 0}] * 2 + [{}] * 3
    said = run(Watch(Part(), [MANY]), [facts(at, dead=one) for at, one in enumerate(dead)])
    assert brief(said) == ["0 dead-units", "2 dead-units", "5 dead-units over"]
    assert "in 1 of 3 layers: a 90 %" in said[0][0].message
    assert "in 2 of 3 layers: a 90 %, b 80 %" in said[2][0].message
    assert said[2][0].since == 0
    first = Watch(Part(), [MANY])
    assert first.standing() == []
    assert run(first, [facts(at, dead=one) for at, one in enumerate(dead[:3])]) == said[:3]
    assert first.standing() == said[2]
    assert said[5][0].message == "Over since epoch 4: dead-units."


def test_a_gap_of_one_epoch_is_no_end() -> None:
    dead = [{"a": 1.0}, {}, {"a": 1.0}, {}, {"a": 1.0}]
    said = run(Watch(Part(), [MANY]), [facts(at, dead=one) for at, one in enumerate(dead)])
    assert brief(said) == ["0 dead-units"]


def test_spikes_are_told_at_the_step() -> None:
    watch = Watch(Part(), [MANY], chance=0.7)
    said = [watch.step(loss) for loss in [0.7] * 30 + [40.0] * 3 + [0.7] * 20 + [5.0] * 30]
    told = [at for at, one in enumerate(said) if one]
    assert told == [62]  # not for three bad batches, but once most of the last 20 are bad
    assert said[62][0].code == "diverging"
    assert brief(run(watch, [facts(0, train=2.5)])) == []


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), -float("inf")])
def test_no_number_at_a_step_asks_where(loss: float) -> None:
    watch = Watch(Part(), [MANY])
    assert watch.step(0.5, 1.0, where=lambda: pytest.fail("asked for nothing")) == []
    (one,) = watch.step(0.5, loss, where=lambda: "weight head.bias")
    assert (
        one.message == f"The gradient of a step in epoch 1 is {loss}; first in: weight head.bias."
    )


def test_no_number_at_the_end_of_an_epoch() -> None:
    values = GOOD.log_odds.copy()
    values[[3, 5], 1] = np.nan
    ((one,),) = run(Watch(Part(), [MANY]), [facts(0, log_odds=values)])
    assert one.code == "not-finite"
    assert "no finite number for 2 of 60 tuning images" in one.message


def script() -> list[EpochFacts]:
    """An eventful run: spikes, overfitting, dead units that recover, a collapse."""
    rng = np.random.default_rng(0)
    made = []
    for epoch in range(24):
        train = 3.0 if epoch in (4, 5) else 0.6 / (1 + epoch)
        tune = 0.4 + 0.04 * max(0, epoch - 9)
        values = (2 * TARGETS - 1 + rng.normal(size=TARGETS.shape)).astype(np.float32)
        if epoch >= 20:
            values = np.full_like(values, -2)
        dead = {"a": 0.8 if 6 <= epoch < 12 else 0.0, "b": 1.0 if 9 <= epoch < 12 else 0.0}
        made.append(facts(epoch, train, tune, log_odds=values, dead=dead))
    return made


@pytest.mark.parametrize("stop", range(0, 24, 3))
def test_going_on_equals_never_having_stopped(stop: int) -> None:
    def learn(watch: Watch, epochs: list[EpochFacts]) -> list[list[Concern]]:
        said = []
        for one in epochs:
            said += [watch.step(one.train_loss * (1 + at / 10), float(at)) for at in range(5)]
            said.append(watch.epoch(one))
        return said

    whole = learn(Watch(Part(), [MANY], chance=0.6), script())
    first = Watch(Part(), [MANY], chance=0.6)
    said = learn(first, script()[:stop])
    kept = json.loads(json.dumps(first.state_dict()))
    second = Watch(Part(), [MANY])
    second.load_state_dict(kept)
    assert said + learn(second, script()[stop:]) == whole
    codes = {one.code for told in whole for one in told}
    assert {"diverging", "overfitting", "dead-units", "outputs-alike", "one-class"} <= codes


def test_another_loss_is_not_compared_with_the_old_one() -> None:
    epochs = [facts(at, train=0.2, tune=0.2) for at in range(4)]
    later = [facts(at, train=5.0, tune=5.0) for at in range(4, 8)]
    watch = Watch(Part(), [MANY])
    assert brief(run(watch, epochs + later[:1])) == ["4 diverging"]
    watch = Watch(Part(), [MANY])
    run(watch, epochs)
    watch.anew()
    assert brief(run(watch, later)) == []


def test_a_beginning_far_from_the_frequencies_is_no_divergence() -> None:
    watch = Watch(Part(), [MANY], chance=0.3)
    assert [watch.step(loss) for loss in [2.5, *[2.0] * 20, *[1.0] * 40]] == [[]] * 61
    assert brief(run(watch, [facts(0, train=1.4), facts(1, train=0.2)])) == []


def test_overfitting_says_since_when() -> None:
    train = [0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1]
    tune = [0.7, 0.6, 0.58, 0.6, 0.63, 0.66, 0.7, 0.75, 0.8]
    found = [overfitting(train[: at + 1], tune[: at + 1], patience=3, scale=0.7) for at in range(9)]
    assert [one is not None for one in found] == [False] * 6 + [True] * 3
    one = found[6]
    assert one is not None
    assert one.since == 3
    assert "since epoch 2 the one went from 0.58 to 0.7, the other from 0.5 to 0.2" in one.message
    up = [0.7 + 0.1 * at for at in range(9)]
    assert overfitting(up, up, patience=3, scale=0.7) is None  # both rise: that is diverging
    flat = [0.58 + 0.01 * (-1) ** at for at in range(9)]
    assert overfitting(train, flat, patience=3, scale=0.7) is None


@pytest.mark.parametrize(
    ("train", "found"),
    [
        ([0.7, 0.6, 0.5], False),
        ([1.5], True),
        ([1.3], False),
        ([0.7, 0.1, 0.3], False),  # three times the best, but far below the start
        ([0.7, 0.2, 0.45], True),
    ],
)
def test_diverging(train, found) -> None:
    one = diverging(train, start=0.7, largest=2.0, gradient=None)
    assert (one is not None) == found


@pytest.mark.parametrize(
    ("train", "found"),
    [
        ([3.2, 3.0, 2.99, 2.99], True),
        ([3.0, 2.99], False),  # too early
        ([3.3, 3.2, 3.1], False),  # falls
        ([2.9, 2.85, 2.8], False),
        ([6.0, 6.0, 6.0], False),
    ],
)
def test_stuck_near_the_logarithm_of_twenty(train, found) -> None:
    assert (stuck(train, chance=float(np.log(20)), patience=3) is not None) == found


def test_every_code_has_advice_and_stands_in_the_documentation(repository) -> None:
    codes = set(Code.__args__)  # type: ignore[attr-defined]
    assert set(ADVICE) == codes
    page = (repository / "docs" / "watch.md").read_text(encoding="utf-8")
    assert {code for code in codes if f"| `{code}` |" in page} == codes


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"quiet": ["not-finite"]}, "not-finite: what stops a run cannot be quiet"),
        ({"quiet": ["stuck"], "stop": ["stuck"]}, "stuck: what stops a run cannot be quiet"),
        ({"stop": ["outputs-same"]}, "outputs-alike"),
        ({"patience": 0}, "greater than or equal to 1"),
    ],
)
def test_faults_of_the_recipe(part, message) -> None:
    with pytest.raises(ValidationError, match=message):
        Part.model_validate(part)


def test_a_line_in_the_journal_has_the_three_keys() -> None:
    ((one,),) = run(Watch(Part(), [MANY]), [facts(0, dead={"a": 1.0})])
    assert one.line() == {
        "code": "dead-units", "message": one.message, "advice": ADVICE["dead-units"],
    }  # fmt: skip
