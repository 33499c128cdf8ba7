"""What a conversion leaves beside its pictures: one table to share, two that stay."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from hilum.datasets.convert import journal
from hilum.datasets.convert.journal import Place
from hilum.datasets.convert.wayback import PRIVATE
from hilum.datasets.convert.whole import draft_of

MANIFEST = (
    "image", "width_px", "height_px", "source_width_px", "source_height_px", "source_format",
    "bits", "modality_slope", "modality_intercept", "spacing_rows_mm", "spacing_columns_mm",
    "spacing_at", "view", "age_years", "sex", "notes", "sharpness", "detail", "bytes", "pixels",
    "same_pixels_as", "sources",
)  # fmt: skip
"""Columns of ``manifest.csv``; none holds text of a header, a file name or a folder name."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """What each source became once all are known.

    Attributes:
        sources: every source, sorted, with the place of its picture in the end.
        pictures: the source that stands for each picture, sorted by picture.
        times: how many sources share each picture.
        twins: picture → the first of those with the same pixels, where that is another.
        notes: picture → codes that only the whole collection tells.
        codes: how many sources were refused or left out, by code.
    """

    sources: tuple[Place, ...]
    pictures: tuple[Place, ...]
    times: Counter[str]
    twins: dict[str, str]
    notes: dict[str, set[str]]
    codes: Counter[str]


def settle(path: Path, *, one_place: bool) -> Settled:
    """Give byte-equal sources one picture, and put the journal in order.

    Args:
        path: the journal.
        one_place: whether a picture may lie in one folder only, whatever the folders of its
            sources.
    """
    places = journal.places(path)
    first: dict[str, Place] = {}
    for place in places:
        if place.image:
            first.setdefault(_key(place, one_place), place)
    draft, codes, at = draft_of(path), Counter[str](), 0
    settled: list[Place] = []
    try:
        with draft.open("wb") as file:
            for place, entry in journal.read(path, places):
                if place.image:
                    entry["image"] = first[_key(place, one_place)].image
                else:
                    codes[entry["code"]] += 1
                settled.append(Place(place.source, at, entry["image"], place.pixels, place.uid))
                at += file.write(journal.encoded(entry))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    pictures: dict[str, Place] = {}
    for place in settled:
        if place.image:
            pictures.setdefault(place.image, place)
    chosen = tuple(pictures[image] for image in sorted(pictures))
    times = Counter(place.image for place in settled if place.image)
    return Settled(tuple(settled), chosen, times, _twins(chosen), _notes(chosen), codes)


def _key(place: Place, one_place: bool) -> str:
    return PurePosixPath(place.image).name if one_place else place.image


def _twins(pictures: Iterable[Place]) -> dict[str, str]:
    first: dict[str, Place] = {}
    twins: dict[str, str] = {}
    for place in pictures:
        other = first.setdefault(place.pixels, place)
        if PurePosixPath(other.image).name != PurePosixPath(place.image).name:
            twins[place.image] = other.image
    return twins


def _notes(pictures: Iterable[Place]) -> dict[str, set[str]]:
    folders: dict[str, set[str]] = {}
    pixels: dict[str, set[str]] = {}
    for place in pictures:
        folders.setdefault(PurePosixPath(place.image).name, set()).add(place.image)
        if place.uid:
            pixels.setdefault(place.uid, set()).add(place.pixels)
    found: dict[str, set[str]] = {}
    for place in pictures:
        if len(folders[PurePosixPath(place.image).name]) > 1:
            found.setdefault(place.image, set()).add("several-classes")
        if len(pixels.get(place.uid, ())) > 1:
            found.setdefault(place.image, set()).add("uid-reused")
    return found


def write_tables(path: Path, settled: Settled, out: Path) -> None:
    """Write ``manifest.csv``, and in the private part ``sources.csv`` and ``refused.csv``.

    Raises:
        OSError: the system refuses; a table is written whole or not at all.
    """
    _write(out / "manifest.csv", MANIFEST, _manifest(path, settled))
    converted = sorted((p for p in settled.sources if p.image), key=lambda p: (p.image, p.source))
    _write(
        out / PRIVATE / "sources.csv",
        ("image", "source", "sop_instance_uid", "xxh3_128"),
        ((_shown(p.image), p.source, p.uid, e["digest"]) for p, e in journal.read(path, converted)),
    )
    refused = [place for place in settled.sources if not place.image]
    _write(
        out / PRIVATE / "refused.csv",
        ("source", "code", "reason", "sharpness", "detail"),
        (
            (p.source, e["code"], e["message"], e["row"].get("sharpness"), e["row"].get("detail"))
            for p, e in journal.read(path, refused)
        ),
    )


def _manifest(path: Path, settled: Settled) -> Iterator[Row]:
    for place, entry in journal.read(path, settled.pictures):
        twin = settled.twins.get(place.image)
        notes = {*entry["row"]["notes"], *settled.notes.get(place.image, ())}
        row = entry["row"] | {
            "image": _shown(place.image),
            "bytes": entry["bytes"],
            "notes": " ".join(sorted(notes)),
            "same_pixels_as": _shown(twin) if twin else None,
            "sources": settled.times[place.image],
        }
        yield tuple(_cell(row.get(name)) for name in MANIFEST)


def _shown(image: str) -> str:
    return f"images/{image}"


def _cell(value: Any) -> Any:
    return f"{value:.9g}" if isinstance(value, float) else value


def _write(target: Path, header: Row, rows: Iterable[Row]) -> None:
    draft = draft_of(target)
    try:
        # Names that are no text in any encoding are written as \udcNN escapes.
        with draft.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header])
            csv.writer(file, lineterminator="\n").writerows(rows)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
