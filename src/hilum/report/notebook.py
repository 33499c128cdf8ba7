"""One reading as a block of HTML, for notebooks."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.domain import Prediction, Reading, finding
from hilum.report import pictures
from hilum.report.boxes import on_picture, with_boxes
from hilum.report.templating import environment

LONG_SIDE_PX = 384


def reading_html(reading: Reading) -> str:
    """The radiograph with its boxes, the leading finding's heatmap, and bars for all findings.

    Args:
        reading: with its radiograph for pictures; without it only bars are drawn.

    Returns:
        A block that needs no script and no other file. Every text in it is escaped.
    """
    ranked = sorted(reading.predictions, key=pictures.margin, reverse=True)
    lead = ranked[0] if ranked else None  # none of a bundle that draws boxes alone
    shown = sum(p.present for p in ranked) or 1
    heatmap = reading.heatmap(lead.finding) if lead else None
    picture = lit = None
    if reading.radiograph is not None:
        grey = pictures.preview(reading.radiograph, LONG_SIDE_PX)
        places = on_picture(reading.boxes, reading.radiograph)
        picture = _uri(with_boxes(grey, reading.boxes, places) if reading.boxes else grey)
        if heatmap is not None and lead is not None:
            lit = _uri(pictures.overlay(grey, reading.radiograph.shape, heatmap, lead))
    return (
        environment()
        .get_template("notebook.html.j2")
        .render(
            reading=reading,
            picture=picture,
            lit=lit,
            lit_name=finding(lead.finding).name if lead else "",
            warnings=[note for note in reading.notes if note.warning],
            first=[_row(p) for p in ranked[:shown]],
            rest=[_row(p) for p in ranked[shown:]],
        )
    )


def _uri(picture: NDArray[np.uint8]) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(pictures.jpeg(picture)).decode("ascii")


def _row(p: Prediction) -> dict[str, Any]:
    return {
        "prediction": p,
        "name": finding(p.finding).name,
        "percent": f"{100 * p.probability:.1f} %",
        "point": f"{100 * p.operating_point:.1f} %",
        "width": f"{100 * p.probability:.2f}",
        "tick": f"{100 * p.operating_point:.2f}",
    }
