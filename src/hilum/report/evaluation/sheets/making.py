"""From what was measured to a sheet a finding."""

from __future__ import annotations

from collections.abc import Callable

from hilum.domain import Reading, Refusal
from hilum.evaluation.appraisal.matched import Matched
from hilum.report.evaluation.sheets.cases import Case, choose
from hilum.report.evaluation.sheets.drawing import Image, sheet, tile
from hilum.report.evaluation.sheets.looking import Looker
from hilum.report.pictures import jpeg
from hilum.report.results_folder import ResultsFolder

FOLDER = "sheets"
_COLUMNS = (
    *("finding", "section", "image", "score", "operating_point", "reference"),
    *("evidence_in_boxes", "by_chance"),
)


def make_sheets(
    matched: Matched,
    looker: Looker,
    into: ResultsFolder,
    *,
    tell: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> tuple[str, ...]:
    """Draw a sheet for every finding, ``sheets/KEY.jpg``, and list what is on them.

    Args:
        matched: predictions of the bundle beside the reference.
        looker: of the same bundle and reference.
        into: where to write.
        tell: told ("heatmaps" or "sheets", done, of how many).

    Returns:
        Keys of the findings that have a sheet.

    Raises:
        RunError: the disk refuses.
    """
    tested = set(matched.images[matched.tested].tolist())
    with_boxes = {
        name: keys for name, keys in looker.boxed(matched.findings).items() if name in tested
    }
    evidence = looker.evidence(with_boxes, lambda done, total: tell("heatmaps", done, total))
    chosen = choose(matched, evidence)
    tiles = _tiles(looker, chosen, lambda done, total: tell("sheets", done, total))
    for key, cases in chosen.items():
        into.write_bytes(f"{FOLDER}/{key}.jpg", jpeg(sheet(matched, key, cases, tiles)))
    into.write_csv(f"{FOLDER}/cases.csv", _COLUMNS, (_row(c) for cs in chosen.values() for c in cs))
    return tuple(chosen)


def _tiles(
    looker: Looker, chosen: dict[str, tuple[Case, ...]], tell: Callable[[int, int], None]
) -> dict[tuple[str, str], Image]:
    wanted: dict[str, set[str]] = {}
    for key, cases in chosen.items():
        for case in cases:
            wanted.setdefault(case.image, set()).add(key)
    rows = {name: row for row, name in enumerate(looker.table.images.tolist())}

    def drawn(said: Reading | Refusal) -> list[tuple[tuple[str, str], Image]]:
        if isinstance(said, Refusal) or said.radiograph is None:
            return []
        name, radiograph = said.source.name, said.radiograph
        return [
            (
                (name, key),
                tile(
                    said,
                    key,
                    looker.reference(rows[name], radiograph, key),
                    looker.model(rows[name], said, radiograph, key),
                ),
            )
            for key in sorted(wanted[name])
        ]

    return {key: image for part in looker.each(wanted, drawn, tell) for key, image in part}


def _row(case: Case) -> tuple[str | float | None, ...]:
    share, chance = case.evidence or (None, None)
    there = "present" if case.there else "absent"
    return (
        *(case.finding, case.section, case.image, case.score, case.point, there),
        *(share, chance),
    )
