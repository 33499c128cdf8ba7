import tracemalloc

import numpy as np
import pytest

from hilum.datasets.exploration import explore
from hilum.domain import CHEST14, LabelTable


def test_columns_tell_what_is_missing(random_table):
    found = explore(random_table, rng=np.random.default_rng(0))
    columns = {c.name: c for c in found.columns}
    assert columns["source"].missing == (random_table.columns["source"] == "").sum()
    assert sum(columns["source"].values.values()) + columns["source"].missing == 300
    assert columns["visit"].missing == (random_table.columns["visit"] == -1).sum()
    assert columns["age_years"].missing == np.isnan(random_table.columns["age_years"]).sum()
    assert columns["age_years"].values == {}
    assert found.studies is None


def test_the_same_table_gives_the_same_numbers(random_table):
    one, two = (explore(random_table, rng=np.random.default_rng(7)) for _ in "12")
    assert one.strata[0].tells == two.strata[0].tells
    assert one.concerns == two.concerns


@pytest.mark.slow
def test_memory_a_row_is_small():
    n = 1_000_000
    rng = np.random.default_rng(0)
    table = LabelTable(
        images=np.arange(n).astype(str),
        findings=CHEST14,
        states=rng.choice(4, (n, 14), p=[0.8, 0.1, 0.05, 0.05]).astype(np.uint8),
        patients=rng.integers(0, n // 4, n).astype(str),
        columns={
            "source": rng.choice(["a", "b"], n),
            "age_years": rng.integers(0, 90, n),
            "visit": rng.integers(0, 5, n),
        },
    )
    tracemalloc.start()
    explore(table, rng=rng)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200 * n
