"""The sheet of a study: tables, numbers as CSV and JSON, a part of a page."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hilum.evaluation import Measure
from hilum.studies.pages import placed, read_page
from hilum.studies.results import DRAWS, Line, Results


def markdown(results: Results) -> str:
    """Tables of a study, one a group of levers, and what the numbers are of."""
    parts = [summary(results)]
    for study in dict.fromkeys(line.arm.study for line in results.lines):
        lines = [line for line in results.lines if line.arm.study == study]
        rows = [_cells(line) for line in sorted(lines, key=lambda line: line.arm.lever)]
        head = (
            "lever",
            "arm",
            "AUROC",
            "against",
            "difference (95 %)",
            "seeds",
            "",
            "asked because",
        )
        table = [head, tuple("---" for _ in head), *rows]
        title = "Ours, and yardsticks" if study == "ours" else study
        parts.append(f"### {title}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in table))
    return "\n\n".join(parts) + "\n"


def summary(results: Results) -> str:
    """How many arms and comparisons there are, and what Holm's correction leaves."""
    left = [one for one in results.lines if one.effect and one.effect.survives]
    found = Counter(one.effect.verdict for one in results.lines if one.effect)
    names = ", ".join(f"`{one.arm.name}`" for one in left)
    seeds = sorted({len(one.each) for one in results.lines})
    number = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    missing = ", ".join(f"`{name}`" for name in results.missing)
    return (
        f"{len(results.lines)} arms, {number} seeds each, {results.images:,} images of "
        f"{results.patients:,} patients, out of fold. {results.comparisons} comparisons: "
        f"{found['helps']} help, {found['harms']} harm, {found['not shown']} not shown. With so "
        f"many, one in forty would look like help by chance alone, and one in forty like harm; "
        f"Holm's correction leaves {len(left)}"
        + (f": {names}." if names else ".")
        + (f" Not run yet: {missing}." if missing else "")
    )


def _cells(line: Line) -> tuple[str, ...]:
    found = line.effect
    told = f" ({', '.join(line.told)})" if line.told else ""
    if found is None:
        return (line.arm.lever, f"`{line.arm.name}`", _value(line.auroc), "", "", "", "",
                line.arm.why + told)  # fmt: skip
    strong = "**" if found.verdict in ("helps", "harms") else ""
    mark = " †" if found.survives else ""
    return (
        line.arm.lever,
        f"`{line.arm.name}`",
        _value(line.auroc),
        f"`{line.against}`",
        _signed(found.difference),
        f"{found.least:+.3f} to {found.most:+.3f}",
        f"{strong}{found.verdict}{strong}{mark}",
        line.arm.why + told,
    )


def _value(measure_: Measure) -> str:
    return "" if measure_.value is None else f"{measure_.value:.3f}"


def _signed(found: Measure) -> str:
    if found.value is None:
        return ""
    if found.low is None or found.high is None:
        return f"{found.value:+.3f}"
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


def as_json(results: Results) -> str:
    """Every number of a study."""
    return json.dumps(
        {
            "study": results.study.name,
            "recipe": results.study.recipe,
            "images": results.images,
            "patients": results.patients,
            "draws": DRAWS,
            "comparisons": results.comparisons,
            "missing": list(results.missing),
            "arms": [dict(_flat(line)) | {"findings": _rounded(line.findings)}
                     for line in results.lines],
        },
        indent=1,
        ensure_ascii=False,
    ) + "\n"  # fmt: skip


def as_csv(results: Results) -> str:
    """A row an arm."""
    text = io.StringIO()
    rows = [
        {key: json.dumps(value) if isinstance(value, dict | list) else value
         for key, value in _flat(line)}
        for line in results.lines
    ]  # fmt: skip
    out = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    out.writeheader()
    out.writerows(rows)
    return text.getvalue()


def _flat(line: Line) -> Iterator[tuple[str, Any]]:
    arm, found = line.arm, line.effect
    difference = found.difference if found else None
    yield "arm", arm.name
    yield "study", arm.study
    yield "lever", arm.lever
    yield "like", arm.like
    yield "changes", dict(arm.changes)
    yield "why", arm.why
    yield "auroc", _round(line.auroc.value)
    yield "auroc_low", _round(line.auroc.low)
    yield "auroc_high", _round(line.auroc.high)
    yield "auroc_of_seeds", _rounded({str(seed): value for seed, value in line.each.items()})
    yield "against", line.against
    yield "difference", _round(difference.value if difference else None)
    yield "difference_low", _round(difference.low if difference else None)
    yield "difference_high", _round(difference.high if difference else None)
    yield "least_of_seeds", _round(found.least if found else None)
    yield "most_of_seeds", _round(found.most if found else None)
    yield "p", _round(found.p_value if found else None)
    yield "p_holm", _round(found.holm if found else None)
    yield "verdict", found.verdict if found else ""
    yield "survives_holm", bool(found and found.survives)
    yield "seconds", round(line.seconds)
    yield "told", list(line.told)


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 5)


def _rounded(values: Mapping[str, float]) -> dict[str, float | None]:
    return {key: _round(value) for key, value in values.items()}


def write(
    results: Results,
    folder: Path,
    figure: bytes,
    *,
    only: Sequence[str] = (".md", ".csv", ".json", ".svg"),
) -> list[Path]:
    """Write table, numbers and figure into a folder.

    Args:
        results: of the study.
        folder: exists.
        figure: SVG.
        only: endings of the files that are wanted.

    Returns:
        What was written.
    """
    name = results.study.name
    files = {
        folder / f"{name}.md": markdown(results).encode(),
        folder / f"{name}.csv": as_csv(results).encode(),
        folder / f"{name}.json": as_json(results).encode(),
        folder / f"{name}.svg": figure,
    }
    wanted = {file: data for file, data in files.items() if file.suffix in only}
    for file, data in wanted.items():
        file.write_bytes(data)
    return list(wanted)


def into_page(page: Path, results: Results) -> None:
    """Put the tables into a page, between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``.

    Raises:
        RunError: the page is not there, or has no such place.
    """
    text = placed(read_page(page), results.study.name, markdown(results), page)
    page.write_text(text, encoding="utf-8")
