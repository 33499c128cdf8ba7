"""Drawing on one page of a PDF: words, boxes and the table of findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hilum.domain import finding
from hilum.report.pdf_text import lines, runs, shortened, width
from hilum.report.result_words import probability

Colour = tuple[float, float, float]

INK, SOFT, LINE = (0.09, 0.13, 0.17), (0.36, 0.41, 0.47), (0.82, 0.85, 0.88)
AMBER, RED, BLUE, PALE = (0.90, 0.56, 0.0), (0.72, 0.16, 0.0), (0.0, 0.38, 0.63), (0.6, 0.66, 0.72)
LEAST_ROW, MOST_ROW = 9.5, 18.0
"""Points that a finding's row may take."""


@dataclass(frozen=True, slots=True)
class Pen:
    """A page that is drawn on; points from the lower left corner.

    Attributes:
        canvas: reportlab's.
        words: of the language.
        language: "en" or "zh".
    """

    canvas: Any
    words: Mapping[str, str]
    language: str

    def write(
        self, at: tuple[float, float], text: str, size: float, *,
        bold: bool = False, colour: Colour = INK,
    ) -> float:  # fmt: skip
        """Write one line; returns where it ends."""
        x, y = at
        self.canvas.setFillColorRGB(*colour)
        for font, piece in runs(text, bold=bold):
            self.canvas.setFont(font, size)
            self.canvas.drawString(x, y, piece)
            x += self.canvas.stringWidth(piece, font, size)
        return x

    def paragraph(
        self, at: tuple[float, float], text: str, size: float, wide: float, *,
        colour: Colour = INK,
    ) -> float:  # fmt: skip
        """Write lines that fit below a point; returns the height left below them."""
        x, y = at
        for line in lines(text, size, wide):
            y -= 1.32 * size
            self.write((x, y), line, size, colour=colour)
        return y

    def rectangle(self, box: tuple[float, float, float, float], colour: Colour) -> None:
        """Fill left, bottom, width, height."""
        self.canvas.setFillColorRGB(*colour)
        self.canvas.rect(*box, stroke=0, fill=1)

    def rule(self, y: float, left: float, right: float) -> None:
        """A level line."""
        self.canvas.setStrokeColorRGB(*LINE)
        self.canvas.setLineWidth(0.6)
        self.canvas.line(left, y, right, y)

    def name_of(self, key: str) -> str:
        """A finding in the page's language."""
        known = finding(key)
        return known.name_zh if self.language == "zh" else known.name


def findings_table(
    pen: Pen,
    predictions: Sequence[Mapping[str, Any]],
    top: float,
    left: float,
    size: tuple[float, float],
) -> float:
    """A row a finding: name, bar with its operating point, probability.

    Args:
        pen: of the page.
        predictions: as in a record; those present come first, then by probability over operating
            point.
        top: of the table.
        left: of the table.
        size: width, and the height that there is room for.

    Returns:
        The height left below it.
    """
    wide, high = size
    ranked = sorted(predictions, key=_rank)
    row = min(MOST_ROW, max(LEAST_ROW, (high - 24) / max(1, len(ranked))))
    fit = max(1, int((high - 24) / row))
    rest = len(ranked) - fit
    if rest > 0:
        ranked = ranked[: fit - 1]
    letters = min(9.5, row * 0.62)
    names = wide * 0.46
    bar = (left + names, wide - names - 68)
    pen.write((left, top - 10), pen.words["finding"], 8, colour=SOFT)
    pen.write((bar[0], top - 10), pen.words["probability"], 8, colour=SOFT)
    label = pen.words["op"]
    pen.write((left + wide - width(label, 8), top - 10), label, 8, colour=SOFT)
    pen.rule(top - 14, left, left + wide)
    y = top - 14
    for one in ranked:
        y -= row
        _finding_row(pen, one, (left, y, wide, row), (bar, letters, names))
    if rest > 0:
        y -= row
        pen.write((left, y + 3), pen.words["more"].format(n=rest + 1), letters, colour=SOFT)
    return y


def _rank(prediction: Mapping[str, Any]) -> tuple[int, float]:
    order = {"present": 0, "abstained": 1}.get(prediction["decision"], 2)
    return order, -(prediction["probability"] or 0.0) / prediction["operating_point"]


def _finding_row(
    pen: Pen,
    one: Mapping[str, Any],
    place: tuple[float, float, float, float],
    columns: tuple[tuple[float, float], float, float],
) -> None:
    left, y, wide, row = place
    (start, length), size, names = columns
    present = one["decision"] == "present"
    base = y + row * 0.32
    name = pen.name_of(one["finding"])
    if one.get("stage"):
        name = f"{name} ({one['stage']})"
    if one["decision"] == "abstained":
        name = f"{name} – {pen.words['no_decision']}"
    colour = RED if present else INK
    pen.write((left, base), shortened(name, size, names - 6, bold=present), size,
              bold=present, colour=colour)  # fmt: skip
    share = min(1.0, max(0.0, one["probability"] or 0.0))
    pen.rectangle((start, y + row * 0.25, length, row * 0.5), LINE)
    pen.rectangle((start, y + row * 0.25, length * share, row * 0.5), RED if present else PALE)
    if not one["calibrated"]:
        _hatch(pen, start, y + row * 0.25, length * share, row * 0.5)
    tick = start + length * one["operating_point"]
    pen.rectangle((tick - 0.6, y + row * 0.12, 1.2, row * 0.76), INK)
    end = start + length
    pen.write((end + 6, base), probability(one["probability"]), size, bold=present, colour=colour)
    told = probability(one["operating_point"])
    pen.write((left + wide - width(told, size), base), told, size, colour=SOFT)


def _hatch(pen: Pen, left: float, bottom: float, wide: float, high: float) -> None:
    """White slanted lines over a bar that is not calibrated."""
    pen.canvas.saveState()
    path = pen.canvas.beginPath()
    path.rect(left, bottom, wide, high)
    pen.canvas.clipPath(path, stroke=0, fill=0)
    pen.canvas.setStrokeColorRGB(1, 1, 1)
    pen.canvas.setLineWidth(1)
    x = left - high
    while x < left + wide:
        pen.canvas.line(x, bottom, x + high, bottom + high)
        x += 3.5
    pen.canvas.restoreState()
