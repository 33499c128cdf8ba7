"""A reading's record as the study's page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hilum.domain.zones import ZONES
from hilum.report.boxes import colour_of, is_outside
from hilum.service.urgency import is_whole, margin

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BoxLine:
    """A box in the list.

    Attributes:
        at: its number among the record's boxes; its place in ``grids.json`` has the same.
        zones: in the page's language.
        share: share in the lungs, per cent, as written; None where the lungs are not known.
    """

    at: int
    score: float
    zones: tuple[str, ...]
    share: str | None
    outside: bool
    size_mm: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BoxKind:
    """The boxes of one finding."""

    finding: str
    colour: str
    lines: tuple[BoxLine, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page says of one radiograph.

    Attributes:
        findings: prediction records, what lies highest above its operating point first.
        whole: everything that was asked was told, and decided.
        warnings: messages, each once.
        notes: messages that are no warnings.
        boxed: whether boxes were looked for.
        without: findings that boxes were looked for, and that none was found of.
        origins: "detector", "heatmap": what drew the boxes.
    """

    findings: tuple[dict[str, Any], ...]
    whole: bool
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    boxed: bool
    boxes: tuple[BoxKind, ...]
    without: tuple[str, ...]
    origins: tuple[str, ...]

    @property
    def present(self) -> tuple[dict[str, Any], ...]:
        """Findings that are called present."""
        return tuple(p for p in self.findings if p["decision"] == "present")


def shown(record: Record, *, chinese: bool = False) -> Shown:
    """What the page says of a reading.

    Args:
        record: as :func:`hilum.report.record.reading_record` gives it.
        chinese: zones in Chinese words.
    """
    flags = [n for n in record["notes"] if n["warning"]] + list(record["gate"]["flags"])
    found = record.get("boxes", ())
    keys = tuple(record.get("boxed", ()))
    with_box = {box["finding"] for box in found}
    present = {p["finding"] for p in record["predictions"] if p["decision"] == "present"}
    drawn_by_heatmap = {box["origin"] for box in found} == {"heatmap"}
    return Shown(
        findings=tuple(
            sorted(
                record["predictions"],
                key=lambda p: (p["decision"] == "present", margin(p)), reverse=True,
            )
        ),
        whole=is_whole(record)
        and not any(p["decision"] == "abstained" for p in record["predictions"]),
        warnings=tuple(dict.fromkeys(n["message"] for n in flags)),
        notes=tuple(dict.fromkeys(n["message"] for n in record["notes"] if not n["warning"])),
        boxed=bool(keys),
        boxes=tuple(
            BoxKind(key, colour(key), _lines(record, key, chinese=chinese))
            for key in dict.fromkeys(box["finding"] for box in found)
        ),
        # boxes of heatmaps are drawn of present findings alone
        without=tuple(
            key for key in keys
            if key not in with_box and (key in present or (not drawn_by_heatmap and bool(found)))
        ),
        origins=tuple(dict.fromkeys(box["origin"] for box in found)),
    )  # fmt: skip


def colour(key: str) -> str:
    """The colour of a finding's boxes, ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour_of(key))


def for_script(record: Record, names: Mapping[str, str]) -> dict[str, Any]:
    """What the viewer's script needs of a reading.

    Args:
        record: of it.
        names: finding → name, in the page's language.
    """
    return {
        "findings": {
            p["finding"]: {"p": p["probability"], "op": p["operating_point"]}
            for p in record["predictions"]
        },
        "boxes": [
            {
                "finding": box["finding"], "name": names[box["finding"]],
                "colour": colour(box["finding"]), "score": round(box["score"], 4),
                "outside": is_outside(box["finding"], box["in_lungs"]),
            }
            for box in record.get("boxes", ())
        ],
    }  # fmt: skip


def _lines(record: Record, key: str, *, chinese: bool) -> tuple[BoxLine, ...]:
    return tuple(
        BoxLine(
            at=at, score=box["score"],
            zones=tuple(str(ZONES.get(zone, zone) if chinese else zone) for zone in box["zones"]),
            share=_share(box["in_lungs"]),
            outside=is_outside(key, box["in_lungs"]),
            size_mm=tuple(round(side) for side in box["size_mm"] or ()),
        )
        for at, box in enumerate(record.get("boxes", ()))
        if box["finding"] == key
    )  # fmt: skip


def _share(part: float | None) -> str | None:
    if part is None:
        return None
    return "< 1" if 0 < part < 0.005 else f"{100 * part:.0f}"
