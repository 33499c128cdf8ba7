"""Figures are drawn from arrays: what is asked here is that they show what they were given."""

import numpy as np
import pytest

from hilum.evaluation import Measure, wilson
from hilum.report.drawing import drawing, png, svg
from hilum.report.evaluation import curves, distributions
from hilum.report.evaluation.forests import LINES, Series, forest
from hilum.report.evaluation.kaplan_meier import Survivors, kaplan_meier
from hilum.report.evaluation.matrices import confusion_matrix

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'hilum[analyse]'")

X = np.linspace(0, 1, 11)


def words(figure) -> str:
    said = [t.get_text() for ax in figure.axes for t in (ax.title, ax.xaxis.label, ax.yaxis.label)]
    for ax in figure.axes:
        said += [t.get_text() for t in (*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels())]
        if ax.get_legend():
            said += [t.get_text() for t in ax.get_legend().get_texts()]
    for legend in figure.legends:
        said += [t.get_text() for t in legend.get_texts()]
    return " | ".join([*said, *(t.get_text() for t in figure.texts)])


def line(figure, label=None, at=0):
    lines = [one for one in figure.axes[at].lines if label is None or one.get_label() == label]
    return lines[0].get_xydata()


@pytest.fixture(autouse=True)
def styled():
    with drawing("The test"):
        yield


DRAWN = {
    "roc": lambda: curves.roc(X, np.sqrt(X), title="AUROC 0.9", marks=[("youden", 0.2, 0.6)]),
    "precision-recall": lambda: curves.precision_recall(X, 1 - X / 2, prevalence=0.1, title="AP"),
    "decision curve": lambda: curves.decision_curve(X, 0.1 - X, everyone=0.1 - 2 * X, title="Net"),
    "risk and coverage": lambda: curves.risk_coverage(X, X / 5, title="Risk", everyone=0.2),
    "froc": lambda: curves.froc(X, X, title="Mass", rates=(0.125, 1, 8)),
    "reliability": lambda: distributions.reliability(
        [0.1, np.nan, 0.7], [wilson(1, 10), wilson(0, 0), wilson(6, 9)], [10, 0, 9], title="ECE"
    ),
    "histogram": lambda: distributions.histogram(
        X, np.arange(10), np.arange(10)[::-1], title="Scores", of="probability",
        thresholds=[("youden", 0.4)],
    ),
    "matrix of two": lambda: confusion_matrix([[5, 1], [2, 9]], ["present", "absent"], title="At"),
    "matrix of many": lambda: confusion_matrix(np.eye(25, dtype=int), [f"c{i}" for i in range(25)]),
    "forest": lambda: forest(
        ["mean", "mass"], [Series("AUROC", [Measure(0.8, low=0.7, high=0.9),
                                            Measure(None, "no positive")])], axis="AUROC",
    ),
    "kaplan-meier": lambda: kaplan_meier(
        [Survivors("low", [3.0, 9.0], [0.8, 0.5], [0.6, 0.2], [0.9, 0.7], [2, 3], [4.0, 12.0]),
         Survivors("nobody died", [], [], [], [], [], [5.0])], words="p 0.01",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWN)
def test_each_is_drawn_as_png_and_svg_always_alike(name):
    figure = DRAWN[name]()
    data = svg(figure)
    assert b"<svg" in data
    assert b"nan" not in data
    assert png(figure).startswith(b"\x89PNG")
    assert svg(DRAWN[name]()) == data


def test_roc_shows_its_corners_its_points_and_chance():
    figure = DRAWN["roc"]()
    assert np.allclose(line(figure, "chance"), [[0, 0], [1, 1]])
    assert np.allclose(line(figure, "youden"), [[0.2, 0.6]])
    assert any(np.allclose(one.get_xydata(), np.column_stack([X, np.sqrt(X)]))
               for one in figure.axes[0].lines if len(one.get_xydata()) == len(X))  # fmt: skip
    assert "1 − specificity" in words(figure)


def test_precision_has_the_line_of_prevalence():
    figure = DRAWN["precision-recall"]()
    assert set(line(figure, "prevalence 0.1")[:, 1]) == {0.1}


def test_a_long_curve_is_thinned():
    n = 100_000
    figure = curves.roc(np.linspace(0, 1, n), np.linspace(0, 1, n), title="")
    longest = max(len(one.get_xydata()) for one in figure.axes[0].lines)
    assert longest == curves.CORNERS


def test_reliability_leaves_out_empty_bins_and_shows_counts():
    below, above = DRAWN["reliability"]().axes
    assert any(np.allclose(one.get_xydata(), [[0.1, 0.1], [0.7, 6 / 9]]) for one in above.lines)
    heights = [segment[1][1] for segment in below.collections[0].get_segments()]
    assert heights == [10, 9]


def test_histograms_are_shares_of_each_class():
    figure = DRAWN["histogram"]()
    for stairs in figure.axes[0].patches:
        values = stairs.get_data().values
        assert values.sum() == pytest.approx(1)
    assert "with the finding (45)" in words(figure)


def test_a_class_without_images_is_left_out_of_a_histogram():
    figure = distributions.histogram(X, np.zeros(10), np.ones(10), title="", of="score")
    assert "with the finding (" not in words(figure).replace("without the finding", "")


def test_matrices_tell_counts_and_shares_of_the_row():
    said = words(DRAWN["matrix of two"]())
    assert "5\n83 %" in said
    assert "9\n82 %" in said
    assert "c24" in words(DRAWN["matrix of many"]())


def test_a_forest_says_undefined_and_draws_what_is_defined():
    figure = DRAWN["forest"]()
    said = words(figure)
    assert "0.800 (0.700 to 0.900)" in said
    assert "undefined" in said
    assert line(figure).tolist() == [[0.8, 0.0]]


def test_a_forest_has_no_more_rows_than_it_can_show():
    rows = [f"finding {i}" for i in range(LINES + 20)]
    each = [Measure(0.7)] * len(rows)
    figure = forest(rows, [Series("a", each), Series("b", each)], axis="AUROC", chance=0.5)
    assert len(figure.axes[0].get_yticks()) == LINES


def test_numbers_at_risk_count_the_dead_and_those_no_longer_watched():
    group = Survivors("low", [3.0, 9.0], [0.8, 0.5], [], [], [2, 3], [4.0, 12.0])
    assert [group.at_risk(day) for day in (0, 3, 3.5, 9, 10, 13)] == [7, 7, 5, 4, 1, 0]
    assert "at risk" in words(DRAWN["kaplan-meier"]())


def test_differences_of_nothing_are_not_drawn_large():
    """Rounding errors of a model that is compared with itself would make an axis of 1e-17."""
    with drawing("Testing"):
        figure = forest(
            ["mass", "nodule"], [Series("a − b", [Measure(1e-17), Measure(-2e-17)])], axis="x"
        )
        low, high = figure.axes[0].get_xlim()
    assert high - low == pytest.approx(0.01)
    assert low < 0 < high
