"""What each finding's AUROC is made of: the model beside what saw no lung."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hilum.audit import Audit, Standing
from hilum.domain import finding
from hilum.report.evaluation.forests import LINES, Series, forest
from hilum.report.evaluation.numbers import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figures(audit: Audit) -> dict[str, Callable[[], Figure]]:
    """Name → what draws it; nothing where no finding has two numbers."""
    shown = [s for s in audit.standings if any(m is not None for m in _drawn(s))]
    if not shown:
        return {}
    return {"standings": lambda: _standings(shown[:LINES])}


def _drawn(s: Standing) -> tuple[object, ...]:
    return s.model or s.whole, s.hidden, s.border, s.source


def _standings(shown: list[Standing]) -> Figure:
    lines = (
        Series("model", [None if s.refused else s.model for s in shown]),
        Series("lungs hidden", [s.hidden for s in shown]),
        Series("border alone", [s.border for s in shown]),
        Series("source alone", [s.source for s in shown]),
    )
    right = ["refused" if s.refused else "–" if s.model is None else plain(s.model) for s in shown]
    return forest(
        [finding(s.finding).name for s in shown],
        [line for line in lines if any(m is not None for m in line.each)],
        axis="AUROC (lines: 95 % intervals, drawn by patient)",
        chance=0.5,
        right=right if any(s.model is not None for s in shown) else (),
    )
