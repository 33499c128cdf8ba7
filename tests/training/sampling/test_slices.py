"""Batches, and what each of several processes takes of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import RecipeError
from hilum.training.sampling import batches, slices


@given(st.integers(1, 400), st.integers(2, 64), st.integers(1, 8), st.integers(0, 9))
def test_the_ranks_together_take_every_batch_once(rows, batch, ranks, seed) -> None:
    order = np.random.default_rng(seed).permutation(rows)
    if min(batch, rows) < ranks:
        with pytest.raises(RecipeError, match="cannot be shared by"):
            slices(order, batch, ranks=ranks)
        return
    taken = [slices(order, batch, ranks=ranks, rank=rank) for rank in range(ranks)]
    whole = slices(order, batch)
    assert len(whole) == batches(rows, batch)
    for step, wanted in enumerate(whole):
        parts = [of_rank[step] for of_rank in taken]
        assert np.array_equal(np.concatenate(parts), wanted)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
    # as a torch DataLoader has it with drop_last = rows > batch
    kept = rows // batch * batch if rows > batch else rows
    assert np.array_equal(np.concatenate(whole), order[:kept])


def test_no_rows_no_batches() -> None:
    assert slices(np.empty(0, np.int64), 4, ranks=2) == []
    assert batches(0, 4) == 0
