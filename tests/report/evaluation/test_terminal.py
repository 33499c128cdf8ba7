from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from hilum.report.evaluation import summary


def printed(a, page=None, width=120) -> str:
    out = StringIO()
    Console(width=width, file=out).print(summary(a, page))
    return out.getvalue()


def test_numbers_reasons_and_where_the_page_is(appraisal):
    text = printed(appraisal, Path("out/index.html"))
    assert "240 radiographs of 220 patients" in text
    assert "Beware: The scores follow the road." in text
    assert "│ 0.855 (0.700–0.950) │ 0.710 (0.670–0.750) │" in text
    assert "At Youden's index" in text
    assert "Undefined for Hiatal hernia: no positive." in text
    assert "AUROC, this model − other.csv: mean −0.010 (−0.030 to 0.010), p 0.012." in text
    assert "Boxes: mean average precision at an IoU of .5 0.1" in text
    assert "log-rank p < 0.001; AUROC of covariates 0.600 (0.560 to 0.640)" in " ".join(
        text.split()
    )
    assert "- 3 images of the predictions are not in the labels: left out." in text
    assert text.rstrip().endswith("Page: out/index.html")


@pytest.mark.parametrize("width", [80, 100])
def test_it_fits_a_terminal(appraisal, width):
    assert max(map(len, printed(appraisal, width=width).splitlines())) <= width


def test_many_notes_are_cut(appraisal):
    text = printed(replace(appraisal, notes=tuple(f"Note {i}." for i in range(20))))
    assert "Note 11." in text
    assert "Note 12." not in text
    assert "… and 8 more on the page." in text


def test_classes(one_of):
    assert "Accuracy 0.816 (0." in printed(one_of)
    plain = printed(replace(one_of, answers=None))
    assert "Accuracy 0.816, balanced accuracy 0.563." in plain
