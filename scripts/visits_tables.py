"""What was measured as tables of docs/visits.md; the numbers there are written by no hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hilum.domain import finding
from hilum.errors import VisitError
from hilum.reading.visits.registration import Registration
from hilum.reading.visits.spread import Limit, Spread


def within(text: str, name: str, said: str) -> str:
    """A page with what stands between the marks of a name replaced.

    Raises:
        VisitError: the page has no such marks.
    """
    begin, end = f"<!-- measured: {name} -->\n", f"<!-- end: {name} -->"
    if begin not in text or end not in text:
        raise VisitError(f"The page has no marks {begin.strip()} and {end}.")
    before, rest = text.split(begin, 1)
    return f"{before}{begin}{said}{end}{rest.split(end, 1)[1]}"


def spread_rows(spread: Spread) -> str:
    """Limits of every finding, and what the rule said of the pairs."""
    lines = [
        f"{spread.bundle}, on {spread.source}",
        "",
        "| finding | same view: limit (95 %) | patients | other view: limit (95 %) | patients |",
        "|---|---|---|---|---|",
    ]
    keys = list(dict.fromkeys([*spread.same_view, *spread.other_views]))
    for key in keys:
        cells = [*_cells(spread.same_view.get(key)), *_cells(spread.other_views.get(key))]
        lines.append(f"| {finding(key).name} | {' | '.join(cells)} |")
    said: Mapping[str, Mapping[str, int]] = spread.checked["said"]
    kinds = list(next(iter(said.values())))
    pairs, patients = spread.checked["pairs"], spread.checked["patients"]
    lines += [
        "",
        f"What the rule says of {pairs} pairs of {patients} patients, each by others' limits:",
        "",
        f"| labels before, after | {' | '.join(kinds)} |",
        "|---" * (len(kinds) + 1) + "|",
    ]
    lines += [f"| {label} | {' | '.join(map(str, row.values()))} |" for label, row in said.items()]
    equal, moved = spread.checked["pairs_of_equal_labels"], spread.checked["of_these_with_a_change"]
    lines += ["", f"Of {equal} pairs whose labels are all equal, {moved} have a change.", ""]
    return "\n".join(lines)


def registration_rows(
    rows: Sequence[tuple[str, int, Sequence[Registration]]], drawn: Sequence[float]
) -> str:
    """How well pairs lie on each other.

    Args:
        rows: name, number of pairs, and those of them that were laid.
        drawn: errors on drawn chests whose map is known, shares of the picture's side.
    """
    lines = [
        "| pairs | asked | laid | lungs' Dice before | after | likeness | refined |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, asked, laid in rows:
        before, after, like = (
            _spread_of([value(one) for one in laid])
            for value in (lambda r: r.lungs_before, lambda r: r.lungs, lambda r: r.likeness)
        )
        refined = sum(one.refined for one in laid)
        lines.append(
            f"| {name} | {asked} | {len(laid)} | {before} | {after} | {like} | {refined} |"
        )
    known = (
        f"On {len(drawn)} drawn chests that a known map moved (8°, 15 % of size, 5 % of stretch, "
        f"6 % of shift at most) and that were exposed anew, lungs lie {np.median(drawn):.2%} of "
        f"the picture's side from where they belong (root mean square; {max(drawn):.2%} at most)."
    )
    said = "Median (5 % to 95 %) of those that were laid; ChestX-ray14."
    return "\n".join([*lines, "", said, "", known, ""])


def _spread_of(values: Sequence[float]) -> str:
    if not values:
        return ""
    low, middle, high = np.percentile(values, (5, 50, 95))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _cells(limit: Limit | None) -> tuple[str, str]:
    if limit is None:
        return "not measured", ""
    return f"{limit.log_odds:.2f} ({limit.low:.2f} to {limit.high:.2f})", str(limit.patients)
