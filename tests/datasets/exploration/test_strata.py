import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score, roc_auc_score

from hilum.datasets.exploration import coded
from hilum.datasets.exploration.strata import association, count_strata
from hilum.domain import State


def strata_of(table):
    return {
        s.column: s for s in count_strata(table, coded(table.patients), np.random.default_rng(0))
    }


def association_of(positives, negatives, unmentioned=None, seed=0):
    p, n = np.array(positives), np.array(negatives)
    u = np.zeros_like(p) if unmentioned is None else np.array(unmentioned)
    return association("mass", p, n, u, np.random.default_rng(seed))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=6))
def test_numbers_agree_with_other_libraries(cells):
    from scipy.stats.contingency import association as contingency

    told = association_of([p for p, _ in cells], [n for _, n in cells])
    label = np.array([1] * sum(p for p, _ in cells) + [0] * sum(n for _, n in cells))
    value = np.repeat([*range(len(cells))] * 2, [p for p, _ in cells] + [n for _, n in cells])
    if len(set(label)) < 2 or len(set(value)) < 2:
        assert told.auroc.value is None
        assert told.auroc.reason
        assert told.cramers_v is None
        return
    rates = np.array([label[value == v].mean() for v in value])
    assert told.auroc.value == pytest.approx(roc_auc_score(label, rates))
    used = [cell for cell in cells if sum(cell)]
    assert told.cramers_v == pytest.approx(contingency(np.array(used), method="cramer"))
    assert told.information_bits == pytest.approx(
        mutual_info_score(label, value) / np.log(2), abs=1e-9
    )


def test_a_column_that_decides_tells_all_and_one_that_does_not_tells_nothing():
    told = association_of([50, 0], [0, 50])
    assert (told.auroc.value, told.cramers_v, told.information_share) == (1.0, 1.0, 1.0)
    told = association_of([10, 20], [40, 80])
    assert told.auroc.value == 0.5
    assert told.cramers_v == pytest.approx(0)


def test_chance_grows_with_the_number_of_values():
    few, many = association_of([50, 50], [50, 50]), association_of([1] * 50, [1] * 50)
    assert few.chance is not None
    assert many.chance is not None
    assert 0.5 < few.chance < 0.6 < many.chance
    same = association_of([50, 50], [50, 50])
    assert same == few  # the shuffles are seeded


def test_a_finding_that_one_source_judges_is_undefined_but_a_trap():
    told = association_of([30, 0, 0], [2, 0, 0], [0, 90, 10])
    assert told.auroc.value is None
    assert "one value only" in told.auroc.reason
    expected = roc_auc_score([1] * 30 + [0] * 102, [1] * 32 + [0] * 100)
    assert told.auroc_as_absent == pytest.approx(expected)


def test_strata_agree_with_counting_one_by_one(random_table):
    strata = strata_of(random_table)
    assert list(strata) == ["source", "view", "sex", "age group"]
    source = strata["source"]
    assert source.values == ("a", "b", "c", "")
    values = random_table.columns["source"]
    for k, value in enumerate(source.values):
        rows = values == value
        assert source.images[k] == rows.sum()
        assert source.patients[k] == len(set(random_table.patients[rows].tolist()))
        states = random_table.states[rows]
        for counts, state in ((source.positives, State.PRESENT), (source.negatives, State.ABSENT),
                              (source.unmentioned, State.UNMENTIONED)):  # fmt: skip
            np.testing.assert_array_equal(counts[k], (states == state).sum(axis=0))
    sources: dict[str, set[str]] = {}
    for who, value in zip(random_table.patients.tolist(), values.tolist(), strict=True):
        sources.setdefault(who, set()).add(value)
    assert source.shared_patients == sum(len(s - {""}) > 1 for s in sources.values())


@pytest.mark.parametrize(
    ("columns", "taken"),
    [
        ({}, []),
        ({"source": ["x"] * 4}, []),
        ({"fold": list("0101")}, ["fold"]),
        ({"name": list("abcd")}, ["name"]),
        ({"study": list("aabb"), "series": list("aabb"), "date": ["", "2020", "", ""]}, []),
        ({"licence": list("aabb")}, ["licence"]),
    ],
)
def test_which_columns_are_taken(make, columns, taken):
    assert list(strata_of(make({"mass": "0101"}, columns=columns))) == taken


def test_columns_of_many_values_are_left_out(make):
    n = 13
    table = make({"mass": "0" * n}, columns={"camera": [str(i) for i in range(n)]})
    assert strata_of(table) == {}
