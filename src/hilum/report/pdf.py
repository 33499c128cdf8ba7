"""Readings as a PDF, one page a radiograph, made with reportlab (extra ``serve``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from importlib.util import find_spec
from io import BytesIO
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.domain.zones import ZONES
from hilum.errors import MissingExtra, ResultError
from hilum.report.boxes import with_boxes
from hilum.report.burned_in import as_bytes, boxes_of
from hilum.report.dicom.facts import ResultFacts
from hilum.report.pdf_drawing import AMBER, INK, RED, SOFT, Pen, findings_table
from hilum.report.pdf_text import lines, register, shortened, width
from hilum.report.pdf_words import FACTS, WORDS
from hilum.report.pictures import jpeg
from hilum.report.result_words import (
    decided,
    is_refusal,
    is_whole,
    probability,
    reasons,
    warnings,
)

Language = Literal["en", "zh"]

PAGE = (595.0, 842.0)
"""A4, in points."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 42.0, 553.0, 806.0, 34.0
_GAP = 16.0
_PICTURE = (262.0, 330.0)
_PICTURE_PX = 760
_MOST_BOXES, _MOST_NOTES, _MOST_SAID = 6, 8, 3


@dataclass(frozen=True, slots=True, eq=False)
class PdfPage:
    """One radiograph of a PDF.

    Attributes:
        record: the entry of ``readings.json``, of a reading or a refusal.
        facts: of the reading.
        picture: the whole radiograph as shown: uint8 grey [rows, columns], float in [0, 1] of the
            same shape, or uint8 blue, green, red [rows, columns, 3]; None where there is none.
        header: what is told of patient and study, in that order; keys of
            :data:`hilum.report.pdf_words.FACTS` are translated, others stand as they are.
        failed_audits: titles of what the bundle's audit failed on.
        made: when it was read, in words; "" for the time of the facts.
    """

    record: Mapping[str, Any]
    facts: ResultFacts
    picture: NDArray[Any] | None = None
    header: Mapping[str, str] = field(default_factory=dict)
    failed_audits: Sequence[str] = ()
    made: str = ""


def pdf(pages: Sequence[PdfPage], *, language: Language = "en") -> bytes:
    """Readings as a PDF; the same input gives the same bytes.

    Args:
        pages: one a radiograph.
        language: "en", or "zh" for Traditional Chinese. Warnings and reasons stay in English.

    Raises:
        MissingExtra: reportlab is not installed.
        ResultError: no page, a language that is not known, a picture that is none.
        UnknownName: a finding that the vocabulary does not have.
    """
    if find_spec("reportlab") is None:
        raise MissingExtra("A PDF is made with reportlab: pip install 'hilum[serve]'")
    if not pages:
        raise ResultError("A PDF needs at least one radiograph.")
    if language not in WORDS:
        raise ResultError(f"No PDF in language {language!r}; known: {', '.join(WORDS)}.")
    from reportlab.pdfgen.canvas import Canvas

    register()
    file = BytesIO()
    canvas = Canvas(file, pagesize=PAGE, invariant=1, pageCompression=1)
    pen = Pen(canvas, WORDS[language], language)
    canvas.setTitle(pen.words["title"])
    canvas.setAuthor("Hilum")
    for number, page in enumerate(pages, 1):
        _draw(pen, page, f"{number} / {len(pages)}")
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def _draw(pen: Pen, page: PdfPage, number: str) -> None:
    y = _head(pen, page)
    y = _header(pen, page.header, y)
    floor = _foot(pen, page, number)
    if is_refusal(page.record):
        y = _not_read(pen, page.record, y)
        if page.picture is not None:
            _picture(pen, page, (_LEFT, y), (_RIGHT - _LEFT, max(80.0, y - floor - 20)))
        return
    notes = _notes(pen, page.record)
    below = 12.0 * len(notes) + 10
    y = _result(pen, page.record, y)
    room = y - floor - below - 26
    left, ends = _LEFT, [y]
    if page.picture is not None:
        ends.append(_picture(pen, page, (_LEFT, y), (_PICTURE[0], min(_PICTURE[1], room))))
        left = _LEFT + _PICTURE[0] + _GAP
    predictions = page.record.get("predictions", ())
    if predictions:
        ends.append(findings_table(pen, predictions, y, left, (_RIGHT - left, room)))
    y = min(ends) - 4
    if predictions:
        y = pen.paragraph((_LEFT, y), pen.words["bars"], 7, _RIGHT - _LEFT, colour=SOFT) - 6
    for text, bold in notes:
        y -= 12
        pen.write((_LEFT, y), text, 8.5, bold=bold)


def _head(pen: Pen, page: PdfPage) -> float:
    pen.write((_LEFT, _TOP - 12), pen.words["title"], 15, bold=True)
    zone = timezone(timedelta(minutes=page.facts.utc_offset_min))
    made = page.made or f"{datetime.fromtimestamp(int(page.facts.made_at), zone):%Y-%m-%d %H:%M %Z}"
    told = f"{pen.words['read_at']} {made}"
    pen.write((_RIGHT - width(told, 8), _TOP - 12), told, 8, colour=SOFT)
    top = _TOP - 22
    pen.write((_LEFT + 10, top - 11), pen.words["research"], 9, bold=True)
    y = pen.paragraph((_LEFT + 10, top - 13), pen.words["caution"], 8.5, _RIGHT - _LEFT - 14)
    pen.rectangle((_LEFT, y - 4, 3, top - y + 4), AMBER)
    return y - 14


def _header(pen: Pen, header: Mapping[str, str], y: float) -> float:
    """Patient and study in two columns."""
    if not header:
        return y
    labels = FACTS[pen.language]
    half = (_RIGHT - _LEFT) / 2
    for at, (key, given) in enumerate(header.items()):
        value = person(given) if key == "patient_name" else given
        x = _LEFT + half * (at % 2)
        y -= 13 * (at % 2 == 0)
        end = pen.write((x, y), f"{labels.get(key, key)}  ", 8.5, colour=SOFT)
        pen.write((end, y), shortened(value, 9, x + half - end - 8, bold=True), 9, bold=True)
    pen.write((_LEFT, y - 10), pen.words["header"], 6.5, colour=SOFT)
    pen.rule(y - 15, _LEFT, _RIGHT)
    return y - 22


def person(name: str) -> str:
    """A name as people write it, from one of DICOM (PS3.5 6.2.1).

    Example:
        >>> person("Wang^XiaoDong=王^小東")
        'Wang XiaoDong (王 小東)'
    """
    groups = [" ".join(part for part in group.split("^") if part) for group in name.split("=")]
    first, *rest = [group for group in groups if group] or [""]
    return f"{first} ({', '.join(rest)})" if rest else first


def _result(pen: Pen, record: Mapping[str, Any], y: float) -> float:
    """What is present, in one line; and what is lacking."""
    present = decided(record, "present")
    named = pen.words["comma"].join(
        f"{pen.name_of(p['finding'])} {probability(p['probability'])}" for p in present
    )
    if present:
        said = lines(f"{pen.words['present'].capitalize()}: {named}", 11, _RIGHT - _LEFT)
    else:
        none = "none_called" if decided(record, "abstained") else "none"
        said = lines(pen.words[none], 11, _RIGHT - _LEFT) if record.get("predictions") else []
    if len(said) > _MOST_SAID:
        said = [*said[: _MOST_SAID - 1], shortened(said[_MOST_SAID - 1] + " …", 11, _RIGHT - _LEFT)]
    for line in said:
        y -= 14
        pen.write((_LEFT, y), line, 11, bold=True, colour=RED if present else INK)
    if not is_whole(record):
        y = pen.paragraph((_LEFT, y), pen.words["not_whole"], 9, _RIGHT - _LEFT)
    return y - 8


def _not_read(pen: Pen, record: Mapping[str, Any], y: float) -> float:
    pen.write((_LEFT, y - 22), pen.words["not_read"], 22, bold=True, colour=RED)
    y = pen.paragraph((_LEFT, y - 26), pen.words["nothing_said"], 10.5, _RIGHT - _LEFT)
    pen.write((_LEFT, y - 20), pen.words["reasons"], 10, bold=True)
    y -= 22
    for reason in reasons(record)[:_MOST_NOTES]:
        y = pen.paragraph((_LEFT, y), f"• {reason}", 9.5, _RIGHT - _LEFT)
    return y - 14


def _picture(
    pen: Pen, page: PdfPage, corner: tuple[float, float], room: tuple[float, float]
) -> float:
    """The radiograph with its boxes in a place from its upper left corner; returns its bottom."""
    from reportlab.lib.utils import ImageReader

    shown = as_bytes(np.asarray(page.picture))
    factor = min(1.0, _PICTURE_PX / max(shown.shape[:2]))
    size = (max(1, round(shown.shape[1] * factor)), max(1, round(shown.shape[0] * factor)))
    shown = np.asarray(cv2.resize(shown, size, interpolation=cv2.INTER_AREA), np.uint8)
    boxes, places = boxes_of(page.record)
    data = jpeg(with_boxes(shown, boxes, places) if boxes else shown)
    scale = min(room[0] / size[0], room[1] / size[1])
    wide, high = size[0] * scale, size[1] * scale
    pen.canvas.drawImage(ImageReader(BytesIO(data)), corner[0], corner[1] - high, wide, high)
    return corner[1] - high


def _notes(pen: Pen, record: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Boxes and warnings as lines that fit: (text, whether it is a heading)."""
    told: list[tuple[str, bool]] = []
    if "boxed" in record:
        told.append((pen.words["boxes"], True))
        told += [(line, False) for line in _boxes(pen, record)]
    warned = warnings(record)
    if warned:
        told.append((pen.words["warnings"], True))
        broken = [part for one in warned for part in lines(f"• {one}", 8.5, _RIGHT - _LEFT)]
        if len(broken) > _MOST_NOTES:
            kept = _MOST_NOTES - 1
            broken[kept:] = [pen.words["more"].format(n=len(broken) - kept)]
        told += [(line, False) for line in broken]
    return [(shortened(text, 8.5, _RIGHT - _LEFT, bold=bold), bold) for text, bold in told]


def _boxes(pen: Pen, record: Mapping[str, Any]) -> list[str]:
    boxes = record.get("boxes", ())
    told: list[str] = []
    for box in boxes[:_MOST_BOXES]:
        comma = pen.words["comma"]
        parts = [f"{pen.name_of(box['finding'])}{comma}{pen.words['score']} {box['score']:.2f}"]
        zones = [
            ZONES[z] if pen.language == "zh" else z for z in box.get("zones", ()) if z in ZONES
        ]
        if zones:
            parts.append(pen.words["comma"].join(zones))
        if box.get("size_mm"):
            parts.append(f"{box['size_mm'][0]:.0f} × {box['size_mm'][1]:.0f} mm")
        told.append("• " + "; ".join(parts))
    if len(boxes) > _MOST_BOXES:
        told.append(pen.words["more"].format(n=len(boxes) - _MOST_BOXES))
    missing = [key for key in record["boxed"] if key not in {box["finding"] for box in boxes}]
    if missing:
        kinds = pen.words["comma"].join(map(pen.name_of, missing))
        told.append(pen.words["no_boxes"].format(kinds=kinds))
    return told


def _foot(pen: Pen, page: PdfPage, number: str) -> float:
    """Bundle, its failed audits, page number; returns the height above them."""
    facts = page.facts
    digest = f"{pen.words['digest']} {facts.bundle_digest[:16]}"
    told = [f"{pen.words['bundle']}: {facts.bundle}; {digest}; Hilum {facts.hilum}"]
    if page.failed_audits:
        told += lines(
            f"{pen.words['audit']}: {'; '.join(page.failed_audits)}", 7.5, _RIGHT - _LEFT - 40
        )[:4]
    y = _BOTTOM + 10.5 * (len(told) - 1)
    floor = y + 16
    pen.rule(y + 11, _LEFT, _RIGHT)
    for index, line in enumerate(told):
        pen.write((_LEFT, y - 10.5 * index), line, 7.5, colour=RED if index else SOFT)
    pen.write((_RIGHT - width(number, 8), _BOTTOM), number, 8, colour=SOFT)
    return floor
