import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.datasets.subset import at_least, balanced, classes, few_labels, proportional
from hilum.domain import LabelTable, State
from hilum.domain.boxes import Boxes
from hilum.errors import LabelError

KEYS = ("mass", "edema", "hernia")


def make(n: int = 2000, seed: int = 0, shares: tuple[float, ...] = (0.3, 0.1, 0.01)) -> LabelTable:
    rng = np.random.default_rng(seed)
    return LabelTable(
        images=[f"{i}.png" for i in range(n)],  # type: ignore[arg-type]
        findings=KEYS,
        states=np.stack([rng.random(n) < share for share in shares], 1).astype(np.uint8),
        patients=[str(i // 3) for i in range(n)],  # type: ignore[arg-type]
        boxes=Boxes.none([True] * n),
    )


def single(counts: dict[str, int]) -> LabelTable:
    """Every image with one class."""
    keys = [key for key, count in counts.items() for _ in range(count)]
    states = np.array([[key == k for k in KEYS] for key in keys], np.uint8)
    names = [str(i) for i in range(len(keys))]
    return LabelTable(names, KEYS, states, names)  # type: ignore[arg-type]


def counts(table: LabelTable, rows: np.ndarray) -> dict[str, int]:
    chosen = set(rows.tolist())
    return {key: len(chosen & set(found.tolist())) for key, found in classes(table).items()}


def test_as_many_of_each_class_as_the_rarest_has() -> None:
    table = single({"mass": 90, "edema": 60, "hernia": 7, "no_finding": 300})
    rows = balanced(table, np.random.default_rng(0))
    assert counts(table, rows) == {"mass": 7, "edema": 7, "hernia": 7, "no_finding": 7}
    assert len(rows) == 28
    capped = balanced(table, np.random.default_rng(0), cap=4)
    assert set(counts(table, capped).values()) == {4}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 50))
def test_with_several_findings_an_image_every_class_has_at_least_its_number(seed: int) -> None:
    table = make(600, seed, (0.4, 0.2, 0.05))
    try:
        every = classes(table)
    except LabelError:
        return
    rows = balanced(table, np.random.default_rng(seed))
    rarest = min(len(found) for found in every.values())
    assert min(counts(table, rows).values()) == rarest
    assert len(np.unique(rows)) == len(rows)
    again = balanced(table, np.random.default_rng(seed))
    assert again.tolist() == rows.tolist()


def test_a_designed_share_of_each_finding() -> None:
    table = single({"mass": 200, "edema": 200, "hernia": 60, "no_finding": 900})
    shares = {"mass": 0.2, "hernia": 0.1, "no_finding": 0.3}
    rows = proportional(table, shares, 500, np.random.default_rng(0))
    found = counts(table, rows)
    assert len(rows) == len(np.unique(rows)) == 500
    assert (found["mass"], found["hernia"], found["no_finding"]) == (100, 50, 150)
    assert found["edema"] == 200  # the rest is filled from what no share names
    other = proportional(table, shares, 500, np.random.default_rng(1))
    assert other.tolist() != rows.tolist()


@pytest.mark.parametrize(
    ("shares", "number", "message"),
    [
        ({}, 10, "wanted are shares"),
        ({"mass": 0.1}, 0, "wanted are shares"),
        ({"mass": float("nan")}, 10, r"shares must lie in \[0, 1\]"),
        ({"mass": 1.5}, 10, r"shares must lie in \[0, 1\]"),
        ({"mass": 0.1}, 10_000, "10000 images are wished, the table has 1360"),
        ({"hernia": 0.5}, 200, "hernia: 100 of 60"),
        ({"mass": 0.6, "edema": 0.6}, 100, "take 120 images, not 100"),
    ],
)
def test_shares_that_cannot_be_had(shares: dict[str, float], number: int, message: str) -> None:
    table = single({"mass": 200, "edema": 200, "hernia": 60, "no_finding": 900})
    with pytest.raises(LabelError, match=message):
        proportional(table, shares, number, np.random.default_rng(0))


def test_an_empty_class_is_named() -> None:
    with pytest.raises(LabelError, match="'hernia' is present on no image"):
        balanced(make(shares=(0.3, 0.1, 0)), np.random.default_rng(0))


def test_few_labels_of_whole_patients() -> None:
    table = make()
    part = few_labels(table, 0.1, np.random.default_rng(0))
    kept = part.columns["labelled"] == "yes"
    assert kept.mean() == pytest.approx(0.1, abs=0.005)
    assert (part.states[kept] == table.states[kept]).all()
    assert (part.states[~kept] == State.UNMENTIONED).all()
    assert not set(part.patients[kept]) & set(part.patients[~kept])
    assert part.states[kept].astype(int).sum(0) == pytest.approx(table.states.sum(0) / 10, abs=2)
    assert part.boxes is not None
    assert part.boxes.annotated.tolist() == kept.tolist()
    with pytest.raises(LabelError, match=r"in \(0, 1\), got 10"):
        few_labels(table, 10, np.random.default_rng(0))


def test_rare_findings_are_left_out() -> None:
    table = make()
    assert at_least(table, 100).findings == ("mass", "edema")
    assert at_least(table, 100).states.shape == (2000, 2)
    with pytest.raises(LabelError, match="no finding is present on 1000 images; the most are"):
        at_least(table, 1000)


def test_negative_is_what_something_is_absent_on_and_nothing_suspected() -> None:
    a, p, u, n = State.ABSENT, State.PRESENT, State.UNCERTAIN, State.UNMENTIONED
    states = np.array([[a, a], [a, n], [a, u], [a, p], [n, n]], np.uint8)
    names = [str(i) for i in range(5)]
    table = LabelTable(names, ("mass", "edema"), states, names)  # type: ignore[arg-type]
    assert classes(table)["no_finding"].tolist() == [0, 1]


def test_a_table_without_findings() -> None:
    table = LabelTable(["a"], (), np.zeros((1, 0), np.uint8), ["a"])  # type: ignore[arg-type]
    with pytest.raises(LabelError, match="has no findings"):
        at_least(table, 1)
    with pytest.raises(LabelError, match="has no findings"):
        balanced(table, np.random.default_rng(0))
