import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.datasets.split import by_column, folds
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
    with pytest.raises(LabelError, match="keeps no column"):
        by_column(table, "fold", {"train": "train"})


def test_a_column_that_leaks_is_refused() -> None:
    table = make([1, 1], 1, 0)
    columns = {"part": ("train", "val")}
    table = LabelTable(table.images, table.findings, table.states.copy(), table.patients, columns)
    with pytest.raises(LeakError, match="train/tune"):
        by_column(table, "part", {"train": "train", "tune": "val"})
