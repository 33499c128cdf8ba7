import pytest

from hilum.datasets.files import find_table, need_table
from hilum.errors import LabelError


@pytest.mark.parametrize("place", ["a.csv", "a.csv.gz", "below/a.csv", "below/a.csv.gz", "b.csv"])
def test_a_table_is_found_under_its_names(tmp_path, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).touch()
    assert find_table(tmp_path, "a.csv", "b.csv") == tmp_path / place


def test_the_nearer_one_is_taken(tmp_path):
    (tmp_path / "below").mkdir()
    for place in ("a.csv", "below/a.csv"):
        (tmp_path / place).touch()
    assert find_table(tmp_path, "a.csv") == tmp_path / "a.csv"


def test_two_that_lie_equally_far(tmp_path):
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "a.csv").touch()
    with pytest.raises(LabelError, match=r"lies in several folders: 'one/a\.csv', 'two/a\.csv'"):
        find_table(tmp_path, "a.csv")


def test_none(tmp_path):
    assert find_table(tmp_path, "a.csv") is None
    with pytest.raises(LabelError, match=r"a\.csv \(also called b\.csv\) is not in"):
        need_table(tmp_path, "a.csv", "b.csv")
    with pytest.raises(LabelError, match="No folder"):
        find_table(tmp_path / "none", "a.csv")
