"""Each accident is provoked by training a tiny network wrongly; healthy runs raise nothing."""

import re

import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.training.recipe.watch import Watch as Part
from hilum.training.watch import stopping
from tests.training.watch.tiny_run import Run, learn

pytestmark = pytest.mark.train


@pytest.mark.parametrize("kind", ["one-of", "binary", "multi-label"])
@pytest.mark.parametrize("seed", range(4))
def test_a_healthy_run_is_silent(kind: str, seed: int) -> None:
    run = learn(Run(kind=kind, seed=seed, epochs=8))
    assert run.tune_losses[-1] < 0.1 * run.tune_losses[0] or run.tune_losses[-1] < 0.01
    assert run.said == []


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("kind", ["one-of", "multi-label"])
def test_a_healthy_run_on_rare_findings_is_silent(kind: str, seed: int) -> None:
    shares = (0.05, 0.15, 0.8) if kind == "one-of" else (0.05, 0.1, 0.3)
    run = learn(Run(kind=kind, seed=seed, epochs=8, shares=shares, rows=(320, 200)))
    assert run.said == []


@pytest.mark.parametrize("seed", range(3))
def test_mean_absolute_error_of_rare_classes_collapses(seed: int) -> None:
    shares = (0.5, 0.1, 0.1, 0.1, 0.1, 0.1)
    run = learn(Run(loss="mae", optimiser="sgd", lr=100, classes=6, shares=shares, seed=seed,
                    epochs=4))  # fmt: skip
    assert {"outputs-alike", "one-class"} <= run.codes()
    collapsed = run.of("outputs-alike")[0]
    assert "same probabilities for each of 120 tuning images" in collapsed.message
    assert "cross-entropy does not" in collapsed.advice
    assert stopping(Part(), run.of("outputs-alike")) == run.of("outputs-alike")
    shown = re.search(r"([\d.]+) % of 120 tuning rows", run.of("one-class")[0].message)
    assert shown
    assert float(shown[1]) >= 99


def test_units_die_and_the_loss_diverges_under_a_rate_that_is_too_large() -> None:
    runs = [learn(Run(optimiser="sgd", lr=10, seed=seed, epochs=3)) for seed in (0, 2, 4)]
    assert any("dead-units" in run.codes() for run in runs)
    assert any("outputs-alike" in run.codes() for run in runs)
    broken = [run for run in runs if {"diverging", "not-finite"} & run.codes()]
    assert len(broken) == 3
    dead = next(run for run in runs if "dead-units" in run.codes()).of("dead-units")[0]
    assert re.search(r"in [12] of 2 layers: [14] \d+ %", dead.message)


@pytest.mark.parametrize("seed", range(3))
def test_a_loss_that_leaves_the_road_is_told_and_is_over_when_it_comes_back(seed) -> None:
    run = learn(Run(optimiser="adam", lr=1, seed=seed, epochs=6))
    first, *rest = run.of("diverging")
    assert re.search(r"loss is \d+\.?\d*, against 1\.\d+ at the start", first.message)
    assert first.since == 0
    assert not first.ended
    over = rest[0]
    assert (over.ended, over.since, over.advice) == (True, 0, "")


@pytest.mark.parametrize("seed", range(3))
def test_no_number_stops_at_the_step(seed: int) -> None:
    run = learn(Run(loss="mse", optimiser="sgd", lr=5, seed=seed))
    ((epoch, one),) = run.said
    assert (epoch, one.code, one.since) == (0, "not-finite", 1)
    assert re.search(r"The (loss|gradient) of a step in epoch 1 is (inf|nan)", one.message)
    assert run.train_losses == []
    assert stopping(Part(stop=()), [one]) == [one]


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_everything_in_one_class(seed: int) -> None:
    run = learn(Run(kind="binary", random_labels=True, shares=(0.2,), lr=3e-4, seed=seed,
                    epochs=5))  # fmt: skip
    one = run.of("one-class")[0]
    assert "100.0 % of 120 tuning rows are put into one class, 'no mass'" in one.message
    chance = run.of("no-better-than-chance")[0]
    accuracy = re.search(
        r"Accuracy ([\d.]+), always answering 'no mass' ([\d.]+)\.", chance.message
    )
    assert accuracy
    assert accuracy[1] == accuracy[2]
    assert chance.since == 0


@pytest.mark.parametrize("seed", range(3))
def test_random_labels_are_learnt_by_heart(seed: int) -> None:
    run = learn(Run(random_labels=True, lr=5e-3, epochs=16, rows=(64, 120), seed=seed))
    assert {"overfitting", "no-better-than-chance"} <= run.codes()
    first = run.of("overfitting")[0]
    best = min(range(16), key=run.tune_losses.__getitem__)
    assert first.since is not None
    assert first.since <= best + 1 + 3
    assert "stuck" not in run.codes()
    assert not any(one.ended for one in run.of("overfitting"))
    assert len(run.of("overfitting")) <= 5  # told again only once it has doubled


@pytest.mark.parametrize("seed", [0, 2, 3])
def test_a_rate_that_is_too_small_is_stuck_at_chance(seed: int) -> None:
    run = learn(Run(optimiser="sgd", lr=1e-5, noise=2, seed=seed, epochs=5))
    assert run.codes() == {"stuck", "no-better-than-chance"}
    (stuck,) = run.of("stuck")
    numbers = re.search(r"stays at ([\d.]+), in 3 epochs; .* has ([\d.]+)\.", stuck.message)
    assert numbers
    assert 0.98 <= float(numbers[1]) / float(numbers[2]) <= 1.5
    assert float(numbers[2]) == pytest.approx(1.0986, rel=0.02)  # ln 3, nearly balanced


def test_quiet_codes_are_not_told() -> None:
    part = Part(quiet=("stuck", "no-better-than-chance"))
    run = learn(Run(part, optimiser="sgd", lr=1e-5, noise=2, epochs=5))
    assert run.said == []


def test_patience_is_kept() -> None:
    run = learn(Run(Part(patience=5), optimiser="sgd", lr=1e-5, noise=2, epochs=6))
    assert {epoch for epoch, _ in run.said} == {4}
    assert {one.since for _, one in run.said} == {0}
