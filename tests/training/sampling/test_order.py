"""What is drawn: proportions against theory, no row twice, seeds and epochs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from scipy.stats import chisquare

from hilum.domain.text import text
from hilum.errors import RecipeError
from hilum.training.recipe.sampling import Sampling, SecondStage
from hilum.training.sampling import Labels, check, lengths, order, row_weights

KEYS = ("mass", "edema", "hernia")


def recipe(**part) -> Sampling:
    return TypeAdapter(Sampling).validate_python(part)


def labels_of(targets: np.ndarray, mask: np.ndarray | None = None) -> Labels:
    mask = np.ones(targets.shape, bool) if mask is None else mask
    patients = text(str(at // 2) for at in range(len(targets)))
    return Labels(KEYS, targets.astype(np.float32), mask, patients)


def several(n: int = 2000, seed: int = 0) -> Labels:
    """Findings that come together by chance."""
    rng = np.random.default_rng(seed)
    return labels_of(rng.random((n, 3)) < (0.3, 0.1, 0.02))


def single(*counts: int) -> Labels:
    """One finding a row, or none: so many of mass, edema, hernia and none."""
    return labels_of(np.repeat(np.eye(4)[:, :3], counts, axis=0))


def drawn_classes(labels: Labels, positions: np.ndarray) -> list[int]:
    return [int(np.isin(positions, labels.rows[key]).sum()) for key in (*KEYS, "no_finding")]


EVERY = [
    {"name": "all"},
    {"name": "proportional", "number": 300, "shares": {"hernia": 0.1, "no_finding": 0.5}},
    {"name": "inverse-frequency", "number": 4000},
    {"name": "inverse-frequency", "rule": "mean"},
    {"name": "square-root"},
    {"name": "balanced"},
    {"name": "balanced", "draw": "each-epoch", "cap": 20},
    {"name": "all", "spread": "hernia"},
]


@pytest.mark.parametrize("part", EVERY, ids=str)
def test_seed_and_epoch_alone_decide_and_every_class_is_met(part) -> None:
    labels, sampling = several(), recipe(**part)
    check(sampling, labels, seed=3, epochs=5)
    first = order(sampling, labels, seed=3, epoch=0)
    assert first.dtype == np.int64
    assert np.array_equal(first, order(sampling, several(), seed=3, epoch=0))
    assert not np.array_equal(first, order(sampling, labels, seed=3, epoch=1))
    assert not np.array_equal(first, order(sampling, labels, seed=4, epoch=0))
    assert min(drawn_classes(labels, first)) > 0
    if part["name"] not in ("inverse-frequency", "square-root"):
        assert len(np.unique(first)) == len(first)
    found = [len(order(sampling, labels, seed=3, epoch=epoch)) for epoch in range(5)]
    assert lengths(sampling, labels, seed=3, epochs=5).tolist() == found


@pytest.mark.parametrize("epoch", [0, 7])
def test_the_plain_order_is_one_permutation(epoch: int) -> None:
    found = order(recipe(name="all"), several(), seed=11, epoch=epoch)
    assert np.array_equal(found, np.random.default_rng([11, epoch]).permutation(2000))


def test_seed_and_proportional_gives_the_designed_shares_and_another_draw_each_epoch() -> None:
    labels = single(900, 300, 60, 2740)
    shares = {"mass": 0.3, "edema": 0.2, "hernia": 0.1, "no_finding": 0.4}
    part = recipe(name="proportional", number=500, shares=shares)
    seen = np.zeros(4000, np.int64)
    for epoch in range(200):
        rows = order(part, labels, seed=0, epoch=epoch)
        assert drawn_classes(labels, rows) == [150, 100, 50, 200]
        assert len(np.unique(rows)) == 500
        seen[rows] += 1
    mass = seen[labels.rows["mass"]]
    # 200 draws of 150 of 900 without replacement: each row's count is binomial(200, 1/6), and the
    # statistic below is chi-square but for the factor that drawing without replacement brings
    statistic = ((mass - 200 / 6) ** 2).sum() / (200 * (1 / 6) * (5 / 6))
    assert 900 - 5 * np.sqrt(1800) < statistic < 900 + 5 * np.sqrt(1800)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("inverse-frequency", [1, 1, 1, 1]), ("square-root", np.sqrt([900, 300, 60, 2740]))],
)
def test_drawn_proportions_are_those_of_the_formula(name: str, expected) -> None:
    labels = single(900, 300, 60, 2740)
    part = recipe(name=name, number=20_000)
    found = drawn_classes(labels, order(part, labels, seed=5, epoch=2))
    share = np.asarray(expected, float) / np.sum(expected)
    assert sum(found) == 20_000
    assert chisquare(found, share * 20_000).pvalue > 0.001
    assert chisquare(found, np.array([900, 300, 60, 2740]) / 4000 * 20_000).pvalue < 1e-6


@pytest.mark.parametrize(
    ("name", "rule", "expected"),
    [
        ("inverse-frequency", "rarest", [1 / 3, 1 / 1, 1 / 2, 1 / 2, 1 / 3]),
        ("inverse-frequency", "mean", [1 / 3, (1 / 3 + 1) / 2, 1 / 2, 1 / 2, 1 / 3]),
        ("square-root", "rarest", [3**-0.5, 1, 2**-0.5, 2**-0.5, 3**-0.5]),
    ],
)
def test_weights_of_rows_with_several_findings(name, rule, expected) -> None:
    targets = np.array([[1, 0, 0], [1, 0, 1], [0, 0, 0], [0, 0, 0], [1, 0, 0]])
    found = row_weights(recipe(name=name, rule=rule), labels_of(targets))
    assert found == pytest.approx(np.array(expected) / np.sum(expected))


def test_rows_of_unknown_labels_have_the_weight_of_the_commonest_class() -> None:
    targets = np.array([[1, 0, 0], [0, 0, 0], [0, 0, 0], [0.5, 0, 0], [1, 0, 0]])
    mask = np.ones(targets.shape, bool)
    mask[4] = False
    found = row_weights(recipe(name="inverse-frequency"), labels_of(targets, mask))
    assert found == pytest.approx(np.array([1, 0.5, 0.5, 0.5, 0.5]) / 3)
    with pytest.raises(RecipeError, match="belongs to any class"):
        row_weights(recipe(name="square-root"), labels_of(targets, mask & False))


def test_the_balanced_subset_stays_or_is_drawn_anew() -> None:
    labels = single(90, 60, 7, 300)
    once = [order(recipe(name="balanced"), labels, seed=1, epoch=e) for e in range(3)]
    assert all(drawn_classes(labels, rows) == [7, 7, 7, 7] for rows in once)
    assert len({tuple(sorted(rows)) for rows in once}) == 1
    assert len({tuple(rows) for rows in once}) == 3
    fresh = recipe(name="balanced", draw="each-epoch", cap=5)
    anew = [order(fresh, labels, seed=1, epoch=e) for e in range(3)]
    assert all(drawn_classes(labels, rows) == [5, 5, 5, 5] for rows in anew)
    assert len({tuple(sorted(rows)) for rows in anew}) == 3


@settings(max_examples=60, deadline=None)
@given(st.integers(20, 300), st.floats(0.02, 0.98), st.integers(0, 99), st.integers(2, 40))
def test_spread_rows_are_in_every_batch_that_should_hold_two(n, share, seed, batch) -> None:
    targets = np.zeros((n, 3))
    targets[:, 0] = np.random.default_rng(seed).permutation(n) < max(1, round(share * n))
    labels = labels_of(targets)
    present = int(targets[:, 0].sum())
    if present == n:
        return
    found = order(recipe(name="all", spread="mass"), labels, seed=seed, epoch=0)
    assert np.array_equal(np.sort(found), np.arange(n))
    if batch * min(present, n - present) >= 2 * n:
        for start in range(0, n - batch + 1, batch):
            assert len(set(targets[found[start : start + batch], 0])) == 2


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            {"name": "proportional", "number": 500, "shares": {"hernia": 0.2, "mass": 0.5}},
            r"number is 500, there are 457 training rows; .*\(hernia: 100 of 7, mass: 250 of 90\)",
        ),
        (
            {"name": "proportional", "number": 9, "shares": {"hernai": 0.1}},
            r"Unknown class 'hernai'; did you mean hernia",
        ),
        (
            {"name": "proportional", "number": 5000, "shares": {"mass": 0.001}},
            "number is 5,000, there are 457 training rows",
        ),
        (
            {"name": "proportional", "number": 20, "shares": {"mass": 0.6, "no_finding": 0.7}},
            r"epoch 0: these shares take 26 images, not 20",
        ),
        ({"name": "all", "spread": "edma"}, "spread.*edema"),
    ],
)
def test_what_cannot_be_had_is_refused_before_training(part, message) -> None:
    with pytest.raises(RecipeError, match=message):
        check(recipe(**part), single(90, 60, 7, 300), seed=0, epochs=3)


def test_what_a_refusal_says_is_possible_is_possible() -> None:
    labels = single(90, 60, 7, 300)
    for number, share in ((35, 0.2), (450, 0.015)):
        part = recipe(name="proportional", number=number, shares={"hernia": share})
        check(part, labels, seed=0, epochs=1)
    wished = recipe(name="proportional", number=450, shares={"hernia": 0.2})
    with pytest.raises(RecipeError, match=r"number = 35, or at most the shares hernia 0\.015 "):
        check(wished, labels, seed=0, epochs=1)


def test_a_class_without_an_example_cannot_be_balanced() -> None:
    with pytest.raises(RecipeError, match=r"'hernia' is present on no image"):
        check(recipe(name="balanced"), single(90, 60, 0, 300), seed=0, epochs=3)
    with pytest.raises(RecipeError, match=r"spread: no training row is of class 'hernia'"):
        check(recipe(name="all", spread="hernia"), single(90, 60, 0, 300), seed=0, epochs=3)


def test_the_second_stage_draws_each_class_equally_often() -> None:
    labels = single(900, 300, 60, 2740)
    found = drawn_classes(labels, order(SecondStage().sampling, labels, seed=0, epoch=0))
    assert chisquare(found).pvalue > 0.001
