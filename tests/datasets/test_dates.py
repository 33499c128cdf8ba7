from pathlib import Path

import numpy as np
import pytest

from hilum.datasets.dates import iso_dates, visits
from hilum.domain.text import text
from hilum.errors import LabelError

TABLE = Path("a.csv")


def test_dicom_dates_become_iso_dates() -> None:
    cells = text(["21800506", "", "20140915.0", " 20140101 "])
    assert iso_dates(TABLE, "day", cells).tolist() == ["2180-05-06", "", "2014-09-15", "2014-01-01"]


def test_other_dates_are_named() -> None:
    with pytest.raises(LabelError, match=r"a\.csv, column 'day': '2014-09-15' is no date"):
        iso_dates(TABLE, "day", text(["2014-09-15"]))


@pytest.mark.parametrize(
    ("patients", "studies", "when", "expected"),
    [
        ("aaa", "xyz", ["2", "1", "3"], [1, 0, 2]),
        ("aab", "xyz", ["2", "1", "1"], [1, 0, 0]),
        ("aaa", "xxy", ["2", "1", "3"], [0, 0, 1]),
        ("aaa", "xyx", ["3", "2", "1"], [0, 1, 0]),  # the earliest image of a study counts
        ("aaa", "xyz", ["1", "", "2"], [1, -1, 2]),
        ("aa", "yx", ["1", "1"], [1, 0]),
        ("", "", [], []),
    ],
)
def test_visits(patients: str, studies: str, when: list[str], expected: list[int]) -> None:
    found = visits(text(patients), text(studies), text(when))
    assert found.tolist() == expected
    assert found.dtype == np.int32


def test_visits_of_many_against_a_loop() -> None:
    rng = np.random.default_rng(0)
    who = rng.integers(0, 20, 300)
    study = rng.integers(0, 5, 300) + 10 * who
    day = {s: f"{d:03d}" for s, d in zip(np.unique(study).tolist(),
           rng.permutation(len(np.unique(study))).tolist(), strict=True)}  # fmt: skip
    when = [day[s] for s in study.tolist()]
    found = visits(text(who.astype(str)), text(study.astype(str)), text(when))
    for p in range(20):
        days = sorted({w for w, own in zip(when, who == p, strict=True) if own})
        expected = [days.index(w) for w, own in zip(when, who == p, strict=True) if own]
        assert found[who == p].tolist() == expected
