"""Laws of names: two images never share a picture, and a cell is never a formula."""

from hypothesis import given
from hypothesis import strategies as st

from hilum.report.names import cell, file_stem, uncell


@given(st.lists(st.text(st.characters(codec=None), max_size=40), min_size=2, unique=True))
def test_two_names_never_share_a_picture(names):
    assert len({file_stem(name) for name in names}) == len(names)


@given(st.text())
def test_a_cell_is_no_formula_and_gives_the_name_back(text):
    assert not cell(text).startswith(tuple("=+-@\t\r＝＋－＠"))
    assert uncell(cell(text)) == text
