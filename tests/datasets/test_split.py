import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from hilum.datasets.split import (
    by_column,
    by_lists,
    by_time,
    cells,
    divide,
    folds,
    leave_one_out,
    moments_of,
    units,
)
from hilum.domain import LabelTable
from hilum.errors import LabelError, LeakError


def make(patients: list[int], findings: int, seed: int) -> LabelTable:
    rng = np.random.default_rng(seed)
    return LabelTable(
        images=tuple(f"{i}.png" for i in range(len(patients))),
        findings=("mass", "nodule", "edema")[:findings],
        states=rng.integers(0, 2, (len(patients), findings)).astype(np.uint8),
        patients=tuple(str(p) for p in patients),
    )


@settings(max_examples=40, deadline=None)
@given(
    patients=st.lists(st.integers(0, 30), min_size=20, max_size=80),
    k=st.integers(2, 4),
    seed=st.integers(0, 99),
)
def test_folds_cover_all_rows_once_and_share_no_patient(
    patients: list[int], k: int, seed: int
) -> None:
    table = make(patients, 3, seed)
    rows = np.arange(len(table))
    if len(set(patients)) < k:
        return
    split = folds(table, rows, k, np.random.default_rng(seed))
    assert np.sort(np.concatenate(list(split.parts.values()))).tolist() == rows.tolist()
    seen = [{table.patients[i] for i in part} for part in split.parts.values()]
    assert sum(len(s) for s in seen) == len(set.union(*seen))
    again = folds(table, rows, k, np.random.default_rng(seed))
    assert again.digest == split.digest


def test_a_rare_finding_reaches_every_fold() -> None:
    states = np.zeros((300, 1), np.uint8)
    states[::30] = 1
    names = tuple(str(i) for i in range(300))
    table = LabelTable(names, ("hernia",), states, names)
    split = folds(table, np.arange(300), 5, np.random.default_rng(0))
    assert [int(states[part].sum()) for part in split.parts.values()] == [2] * 5
    sizes = [len(part) for part in split.parts.values()]
    assert max(sizes) - min(sizes) <= 2


def test_too_few_patients() -> None:
    with pytest.raises(LabelError, match="1 patients cannot be divided into 2"):
        folds(make([1, 1, 1], 1, 0), np.arange(3), 2, np.random.default_rng(0))


def test_a_column_gives_the_split() -> None:
    table = make([1, 1, 2, 3], 1, 0)
    columns = {"part": ("train", "train", "val", "no")}
    table = LabelTable(table.images, table.findings, table.states.copy(), table.patients, columns)
    split = by_column(table, "part", {"train": "train", "tune": "val"})
    assert {k: v.tolist() for k, v in split.parts.items()} == {"train": [0, 1], "tune": [2]}
    with pytest.raises(LabelError, match="stands for \\['test'\\]"):
        by_column(table, "part", {"train": "train", "test": "test"})
    with pytest.raises(LabelError, match="has no column"):
        by_column(table, "fold", {"train": "train"})


def test_a_column_that_leaks_is_refused() -> None:
    table = make([1, 1], 1, 0)
    columns = {"part": ("train", "val")}
    table = LabelTable(table.images, table.findings, table.states.copy(), table.patients, columns)
    with pytest.raises(LeakError, match=r"0\.png in 'train' and 1.png in 'tune'"):
        by_column(table, "part", {"train": "train", "tune": "val"})


def survey(n: int, seed: int = 0) -> LabelTable:
    """Patients with one to four images, a common and a rare finding, and columns."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n), rng.integers(1, 5, n))
    states = np.stack([rng.random(len(patients)) < p for p in (0.3, 0.02)], 1).astype(np.uint8)
    return LabelTable(
        images=[f"{i}.png" for i in range(len(patients))],  # type: ignore[arg-type]
        findings=("mass", "hernia"),
        states=states,
        patients=patients.astype(str),
        columns={
            "source": np.where(patients % 3, "ward", "clinic"),
            "sex": np.where(patients % 2, "F", "M"),
            "age_years": rng.uniform(20, 90, len(patients)),
            "days": rng.exponential(20, len(patients)),
            "date": [f"2020-{1 + (p + i) % 12:02d}" for i, p in enumerate(patients.tolist())],  # type: ignore[dict-item]
        },
    )


@settings(max_examples=30, deadline=None)
@given(n=st.integers(20, 120), seed=st.integers(0, 9), groups=st.integers(1, 200))
def test_units_connect_patients_and_groups_however_far(n: int, seed: int, groups: int) -> None:
    table = survey(n, seed)
    together = np.random.default_rng(seed).integers(0, groups, len(table))
    unit = units(table, together)
    graph = coo_matrix(
        (
            np.ones(2 * len(table)),
            (
                np.tile(np.arange(len(table)), 2),
                np.concatenate(
                    [
                        len(table) + np.unique(table.patients, return_inverse=True)[1],
                        len(table) * 2 + together,
                    ]
                ),
            ),
        ),
        shape=(len(table) * 3 + groups,) * 2,
    )
    component = connected_components(graph, directed=False)[1][: len(table)]
    pairs = {*zip(unit.tolist(), component.tolist(), strict=True)}
    assert len(pairs) == len(set(unit.tolist())) == len(set(component.tolist()))


def test_shares_are_met_and_findings_and_columns_are_spread() -> None:
    table = survey(2000)
    spread = cells(table, ["source", "sex", "age_years"])
    split = divide(table, {"train": 70, "tune": 10, "test": 20}, rng(), spread=spread)
    assert sum(len(rows) for rows in split.parts.values()) == len(table)
    for part, share in (("train", 0.7), ("tune", 0.1), ("test", 0.2)):
        rows = split.parts[part]
        assert len(rows) / len(table) == pytest.approx(share, abs=0.01)
        for at in range(2):
            wanted = share * table.states[:, at].sum()
            assert table.states[rows, at].sum() == pytest.approx(wanted, abs=max(3, 0.02 * wanted))
        for name in ("source", "sex"):
            here = np.unique(table.columns[name][rows], return_counts=True)[1] / len(rows)
            there = np.unique(table.columns[name], return_counts=True)[1] / len(table)
            assert here == pytest.approx(there, abs=0.02)


def test_time_to_the_event_is_spread_among_those_who_had_it() -> None:
    table = survey(3000)
    spread = cells(table, survival=("hernia", "days"))
    split = divide(table, {"train": 1, "test": 1}, rng(), spread=spread)
    had = table.states[:, 1] == 1
    medians = [np.median(table.columns["days"][rows][had[rows]]) for rows in split.parts.values()]
    counts = [int(had[rows].sum()) for rows in split.parts.values()]
    assert abs(counts[0] - counts[1]) <= 3
    assert medians[0] == pytest.approx(medians[1], rel=0.25)


def test_near_duplicates_stay_in_one_part() -> None:
    table = survey(300)
    together = np.arange(len(table))
    together[:40:2] = 0
    split = divide(table, {"train": 1, "test": 1}, rng(), together=together)
    homes = {part for part, rows in split.parts.items() if set(range(0, 40, 2)) & set(rows)}
    assert len(homes) == 1


@pytest.mark.parametrize(
    "shares",
    [
        {},
        {"train": 1, "test": 0},
        {"train": -1.0},
        {"train": 1, "test": float("nan")},
        {"train": 1, "test": float("inf")},
    ],
)
def test_shares_that_are_none(shares: dict[str, float]) -> None:
    with pytest.raises(LabelError, match="needs a share above 0"):
        divide(survey(20), shares, rng())
    with pytest.raises(LabelError, match="needs a share above 0"):
        by_time(survey(20), shares)


def test_every_part_gets_a_patient() -> None:
    table = survey(4)
    split = divide(table, {"train": 1000, "tune": 1, "test": 1}, rng())
    assert all(len(rows) for rows in split.parts.values())


def test_lists_as_publishers_hand_them_out() -> None:
    table = LabelTable(
        images=["a/1.png", "a/2.png", "b/3.png"],  # type: ignore[arg-type]
        findings=(),
        states=np.zeros((3, 0), np.uint8),
        patients=["p", "q", "r"],  # type: ignore[arg-type]
    )
    split = by_lists(table, {"train": ["1.png", "b/3.png"], "test": ["2.png"]})
    assert {k: v.tolist() for k, v in split.parts.items()} == {"train": [0, 2], "test": [1]}
    with pytest.raises(LabelError, match=r"1 of 2 images of part 'test' .*'4\.png'"):
        by_lists(table, {"train": ["1.png"], "test": ["2.png", "4.png"]})
    with pytest.raises(LabelError, match="'tune' is empty"):
        by_lists(table, {"train": ["1.png"], "tune": []})


def test_a_name_that_two_images_have_is_no_name() -> None:
    table = LabelTable(
        images=["a/1.png", "b/1.png", "2.png", "c/2.png"],  # type: ignore[arg-type]
        findings=(),
        states=np.zeros((4, 0), np.uint8),
        patients=["p", "q", "r", "s"],  # type: ignore[arg-type]
    )
    with pytest.raises(LabelError, match=r"1 names .* 'train' belong to several .*'1\.png'"):
        by_lists(table, {"train": ["1.png", "2.png"]})
    assert by_lists(table, {"train": ["b/1.png", "2.png"]}).parts["train"].tolist() == [1, 2]


def test_each_source_is_left_out_once() -> None:
    table = survey(60)
    splits = leave_one_out(table)
    assert set(splits) == {"ward", "clinic"}
    for source, split in splits.items():
        assert set(table.columns["source"][split.parts["test"]]) == {source}
        assert source not in set(table.columns["source"][split.parts["train"]])
    with pytest.raises(LabelError, match="nothing is left to train on"):
        leave_one_out(table.rows(np.flatnonzero(table.columns["source"] == "ward")))


def of(patients: str, **columns: object) -> LabelTable:
    """A row a letter of ``patients``."""
    return LabelTable(
        images=[f"{i}.png" for i in range(len(patients))],  # type: ignore[arg-type]
        findings=(),
        states=np.zeros((len(patients), 0), np.uint8),
        patients=list(patients),  # type: ignore[arg-type]
        columns=columns,  # type: ignore[arg-type]
    )


def test_left_out_is_tested_whole_and_nobody_of_it_is_trained_on() -> None:
    splits = leave_one_out(of("aabccd", source=["x", "y", "x", "y", "", "y"]))
    parts = {value: {p: r.tolist() for p, r in s.parts.items()} for value, s in splits.items()}
    assert parts == {
        "x": {"train": [3, 5], "test": [0, 2]},
        "y": {"train": [2], "test": [1, 3, 5]},
    }


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("age_years", [20, 30, 40], "holds numbers"),
        ("source", ["x", "", "x"], r"holds \['x'\] alone"),
        ("source", ["x", "y", ""], "Every patient has images of 'x'"),
    ],
)
def test_what_cannot_be_left_out(column: str, values: list, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        leave_one_out(of("aab", **{column: values}), column)


def test_more_values_than_anybody_would_leave_out() -> None:
    names = "".join(chr(0x4E00 + i) for i in range(51))
    with pytest.raises(LabelError, match="51 values, more than 50"):
        leave_one_out(of(names, ward=list(names)), "ward")


@pytest.mark.parametrize(
    "date", ["03/04/2019", "ward", "2019-13", "2019-3-4", "20190304", "2019-03-04T10:00+02:00"]
)
def test_text_that_is_no_date_has_no_order(date: str) -> None:
    table = of("abc", when=["2019-03-04", date, "2020-01-01"])
    with pytest.raises(LabelError, match=r"on 1 rows: .* at 1\.png"):
        by_time(table, {"train": 1, "test": 1}, "when")


def test_coarser_dates_are_left_out() -> None:
    table = of("abcde", date=["2019-03", "2019", "2020-05", "", "2021-01"])
    assert [rows.tolist() for rows in moments_of(table, "date")] == [[0, 2, 4], [1]]
    split = by_time(table, {"train": 2, "test": 1})
    assert {k: v.tolist() for k, v in split.parts.items()} == {"train": [0, 2], "test": [4]}


def test_numbers_of_a_column_are_compared_as_numbers() -> None:
    table = of("abc", age_years=[0.1, 2, 2], visit=[1, 2, 2])
    split = by_column(table, "age_years", {"train": "2", "test": "0.1"})
    assert {k: v.tolist() for k, v in split.parts.items()} == {"train": [1, 2], "test": [0]}
    with pytest.raises(LabelError, match="'visit' holds numbers; got 'two'"):
        by_column(table, "visit", {"train": "two"})


@settings(max_examples=30, deadline=None)
@given(n=st.integers(20, 100), seed=st.integers(0, 9))
def test_later_parts_hold_nothing_earlier(n: int, seed: int) -> None:
    table = survey(n, seed)
    split = by_time(table, {"train": 60, "tune": 20, "test": 20})
    dates = table.columns["date"]
    train, tune, test = (dates[rows].tolist() for rows in split.parts.values())
    assert max(train) < min(tune)
    assert max(tune) < min(test)


def test_one_moment_cannot_be_divided() -> None:
    table = survey(20)
    table = LabelTable(
        table.images, table.findings, table.states, table.patients, {"visit": np.ones(len(table))}
    )
    with pytest.raises(LabelError, match=r"1 moments of 20 patients leave \['train'\] empty"):
        by_time(table, {"train": 1, "test": 1}, "visit")


def rng() -> np.random.Generator:
    return np.random.default_rng(0)
