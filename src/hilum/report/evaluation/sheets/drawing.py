"""A sheet: radiographs with heatmaps and boxes in rows, and words below each."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.domain import Reading, finding
from hilum.evaluation.appraisal.matched import Matched
from hilum.report.boxes import Colour, Corners, in_pixels, outline
from hilum.report.evaluation.sheets.cases import EACH, SECTIONS, Case
from hilum.report.evaluation.sheets.looking import Drawn
from hilum.report.pictures import overlay, preview

Image = NDArray[np.uint8]

SIDE_PX = 320
GAP_PX = 14
LINE_PX = 18
WORDS_PX = 3 * LINE_PX + 8
REFERENCE: Colour = (64, 156, 255)
MODEL: Colour = (255, 159, 28)
"""Red, green, blue of boxes of readers and of the model."""
PAPER, INK, FAINT = (24, 24, 24), (235, 235, 235), (165, 165, 165)
RIGHT, WRONG = (151, 220, 61), (120, 120, 255)
"""Colours of the sheet are blue, green, red."""


def tile(reading: Reading, key: str, reference: Sequence[Corners], model: Sequence[Drawn]) -> Image:
    """A radiograph with the heatmap of a finding, readers' boxes in blue, the model's in orange.

    Args:
        reading: with its radiograph.
        key: of the finding.
        reference: readers' boxes, in parts of the picture.
        model: boxes of the model and their scores.

    Returns:
        uint8 [SIDE_PX, SIDE_PX, 3], blue, green, red.
    """
    radiograph, heatmap = reading.radiograph, reading.heatmap(key)
    if radiograph is None:
        raise ValueError(f"{reading.source.name}: a tile needs the reading's radiograph")
    grey = preview(radiograph, SIDE_PX)
    shown = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    if heatmap is not None:
        shown = overlay(grey, radiograph.shape, heatmap, reading[key])
    rows, columns = grey.shape
    for corners, colour, dashed in (
        *((place, MODEL, True) for place, _ in model),
        *((place, REFERENCE, False) for place in reference),
    ):
        outline(shown, in_pixels(corners, (rows, columns)), colour, dashed=dashed)
    square = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    top, left = (SIDE_PX - rows) // 2, (SIDE_PX - columns) // 2
    square[top : top + rows, left : left + columns] = shown
    return square


def sheet(
    matched: Matched, key: str, cases: Sequence[Case], tiles: Mapping[tuple[str, str], Image]
) -> Image:
    """The sheet of one finding.

    Args:
        matched: what was tested.
        key: of the finding.
        cases: its cases, section by section.
        tiles: (image, finding) → tile; cases without one could not be looked at again, and are
            left out.

    Returns:
        uint8 [rows, columns, 3], blue, green, red.
    """
    wide = GAP_PX + EACH * (SIDE_PX + GAP_PX)
    parts = [_heading(matched, key, cases, wide)]
    for section, about in SECTIONS.items():
        mine = [c for c in cases if c.section == section and (c.image, key) in tiles]
        if mine:
            parts.append(_line(about, wide, INK, 600))
            parts.append(_row([(tiles[c.image, key], _words(c)) for c in mine], wide))
        elif section != "worst" or any(c.section == "best" for c in cases):
            parts.append(_line(f"{about}: {_none(section)}", wide, FAINT))
    return np.concatenate(parts)


def _none(section: str) -> str:
    return "no reader drew a box of it on these radiographs." if section == "best" else "none."


def _heading(matched: Matched, key: str, cases: Sequence[Case], wide: int) -> Image:
    column = matched.findings.index(key)
    counted = matched.tested & matched.mask[:, column]
    there = int((matched.targets[:, column] & counted).sum())
    names = finding(key).name
    said = (
        f"{there:,} of {int(counted.sum()):,} radiographs have it; called present from "
        f"{matched.thresholds[key]:.3f} up.\n"
        "Blue: boxes of readers. Orange, dashed: boxes of the model. Yellow to red: its heatmap, "
        "each compared with its own peak. Evidence: share of the heatmap in the readers' boxes.\n"
        "These are extremes, chosen to be looked at; how good the model is stands in the tables."
    )
    lines = [part for line in said.splitlines() for part in textwrap.wrap(line, wide // 7)]
    head = np.full((44 + LINE_PX * len(lines) + 8, wide, 3), PAPER, np.uint8)
    _write(head, names, (GAP_PX, 32), 24, INK, 600)
    for at, line in enumerate(lines):
        _write(head, line, (GAP_PX, 44 + LINE_PX * (at + 1) - 4), 14, FAINT)
    return head


def _words(case: Case) -> list[tuple[str, tuple[int, int, int]]]:
    right = case.called == case.there
    verdict = f"{case.score:.3f}: {'present' if case.called else 'absent'}"
    truth = "present" if case.there else "absent"
    lines = [(_short(case.image), FAINT)]
    lines.append((f"{verdict}; reference {truth}", RIGHT if right else WRONG))
    if case.evidence is not None:
        share, chance = case.evidence
        told = "no evidence" if share is None else f"evidence {100 * share:.0f} % in boxes"
        lines.append((f"{told}, by chance {100 * chance:.0f} %", FAINT))
    return lines


def _short(name: str, longest: int = 38) -> str:
    shown = name.encode("ascii", "replace").decode()
    return shown if len(shown) <= longest else f"...{shown[3 - longest :]}"


def _row(
    tiles: Sequence[tuple[Image, Sequence[tuple[str, tuple[int, int, int]]]]], wide: int
) -> Image:
    row = np.full((SIDE_PX + WORDS_PX + GAP_PX, wide, 3), PAPER, np.uint8)
    for at, (picture, lines) in enumerate(tiles):
        left = GAP_PX + at * (SIDE_PX + GAP_PX)
        row[:SIDE_PX, left : left + SIDE_PX] = picture
        for number, (line, ink) in enumerate(lines):
            _write(row, line, (left, SIDE_PX + LINE_PX * (number + 1)), 14, ink)
    return row


def _line(words: str, wide: int, ink: tuple[int, int, int], weight: int = 400) -> Image:
    line = np.full((30, wide, 3), PAPER, np.uint8)
    _write(line, words, (GAP_PX, 20), 15, ink, weight)
    return line


def _write(
    image: Image, line: str, at: tuple[int, int], size: int, ink: tuple[int, int, int],
    weight: int = 400,
) -> None:  # fmt: skip
    cv2.putText(image, line, at, ink, cv2.FontFace("sans"), size, weight)
