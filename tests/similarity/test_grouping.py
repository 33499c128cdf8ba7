from __future__ import annotations

import pytest

from hilum.similarity import groups
from hilum.similarity.pair import equal


def test_chains_become_one_group_named_after_its_least_number():
    pairs = [equal(4, 5), equal(1, 2), equal(5, 2), equal(7, 6)]
    assert groups(8, pairs).tolist() == [0, 1, 1, 3, 1, 1, 6, 6]


def test_a_pair_that_leads_nowhere_is_refused():
    with pytest.raises(ValueError, match="pair of 1 and 3 among 3"):
        groups(3, [equal(1, 3)])
