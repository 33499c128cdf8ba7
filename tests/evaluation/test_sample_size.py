"""How many cases a wished interval needs."""

import math

import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation import Cases, cases_for_auroc, cases_for_share, delong, wilson
from hilum.evaluation.sample_size import hanley_mcneil_variance


def test_the_published_standard_error():
    """Hanley and McNeil 1982, Table II: 51 abnormal, 58 normal images, W = .893, SE .032."""
    variance = hanley_mcneil_variance(0.893, Cases(51, 58))
    assert math.sqrt(variance) == pytest.approx(0.032, abs=6e-4)


@pytest.mark.parametrize("auroc", [0.6, 0.8, 0.95])
@pytest.mark.parametrize("prevalence", [0.02, 0.3, 0.8])
@pytest.mark.parametrize("width", [0.05, 0.2])
def test_the_cases_are_enough_and_no_more(auroc, prevalence, width):
    found = cases_for_auroc(auroc, width, prevalence)
    assert 2 * 1.959964 * math.sqrt(hanley_mcneil_variance(auroc, found)) <= width * (1 + 1e-6)
    fewer = Cases(found.positives - 1, max(1, found.negatives - math.ceil(1 / prevalence)))
    if fewer.positives:
        assert 2 * 1.959964 * math.sqrt(hanley_mcneil_variance(auroc, fewer)) > width
    assert found.positives / found.images == pytest.approx(prevalence, abs=0.02)
    assert found.images == found.positives + found.negatives


def test_studies_of_that_size_have_such_intervals():
    """Scores whose logarithms are exponential, the model behind the formula: AUROC .8."""
    cases = cases_for_auroc(0.8, 0.1, 0.25)
    rng = np.random.default_rng(0)
    y = np.arange(cases.images) < cases.positives
    widths = []
    for _ in range(100):
        (found,) = delong(y, rng.exponential(np.where(y, 4.0, 1.0)))
        widths.append(found.high - found.low)
    assert np.mean(widths) == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_shares(share, level):
    found = cases_for_share(share, 0.1, level=level)

    def width(n):
        z = {0.9: 1.6448536, 0.95: 1.959964}[level]
        return 2 * z / (n + z * z) * math.sqrt(share * (1 - share) * n + z * z / 4)

    assert width(found) <= 0.1 * (1 + 1e-6) < width(found - 1) * (1 + 2e-6)
    if share == 0.5:
        n = found + found % 2
        assert wilson(n // 2, n, level=level).high - wilson(n // 2, n, level=level).low <= 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cases_for_auroc(0.5, 0.1, 0.1), r"auroc must lie in \(0.5, 1\), got 0.5"),
        (lambda: cases_for_auroc(0.8, 0, 0.1), r"width must lie in \(0, 1\), got 0"),
        (lambda: cases_for_auroc(0.8, 0.1, 10), r"prevalence must lie in \(0, 1\), got 10"),
        (lambda: cases_for_share(1.2, 0.1), r"share must lie in \[0, 1\], got 1.2"),
        (lambda: cases_for_share(0.5, 0.1, level=95), r"level must lie in \(0, 1\)"),
    ],
)
def test_what_is_out_of_range(call, message):
    with pytest.raises(EvaluationError, match=message):
        call()
