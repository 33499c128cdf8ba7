"""Figures as files and as parts of a page; the one place that asks for matplotlib."""

from __future__ import annotations

import base64
import gc
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING

import cv2
import numpy as np

from hilum.errors import MissingExtra
from hilum.report.results_folder import ResultsFolder
from hilum.report.style import STYLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROW = 1.4
"""How many times a figure may grow beyond its own size where the page has room."""
DPI = 200
"""Of figures as PNG."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure as a page holds it.

    Attributes:
        uri: its SVG as a data URI.
        width_px: its own width.
        most_px: the width up to which it may grow.
    """

    uri: str
    width_px: int
    most_px: int


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


@contextmanager
def drawing(what: str) -> Generator[None]:
    """Hilum's style for the figures that are drawn inside.

    Garbage in cycles is looked for less often meanwhile: figures are made of many small things
    that stay.

    Args:
        what: that draws, for the message: "Exploring".

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    if not can_draw():
        raise MissingExtra(f"{what} draws with matplotlib: pip install 'hilum[analyse]'")
    import matplotlib as mpl

    before = gc.get_threshold()
    gc.set_threshold(200_000, *before[1:])
    try:
        with mpl.rc_context(rc=STYLE):
            yield
    finally:
        gc.set_threshold(*before)


def svg(figure: Figure) -> bytes:
    """The figure as SVG; the same figure gives the same bytes."""
    file = BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def png(figure: Figure) -> bytes:
    """The figure as PNG, encoded by OpenCV, which takes a quarter of matplotlib's time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = cv2.cvtColor(np.asarray(canvas.buffer_rgba()), cv2.COLOR_RGBA2BGR)
    done, data = cv2.imencode(".png", picture)
    if not done:
        raise ValueError(f"OpenCV could not encode a figure of {picture.shape} as PNG")
    return bytes(data)


def for_page(figure: Figure, data: bytes) -> Drawn:
    """What a page needs of a figure.

    Args:
        figure: as it was drawn.
        data: its SVG.
    """
    wide = round(96 * figure.get_figwidth())
    text = base64.b64encode(data).decode("ascii")
    return Drawn(f"data:image/svg+xml;base64,{text}", wide, round(GROW * wide))


def keep_figures(
    figures: Mapping[str, Callable[[], Figure]], folder: ResultsFolder, what: str
) -> dict[str, Drawn]:
    """Draw figures and keep each as SVG and PNG under ``figures/`` of a folder of results.

    Args:
        figures: name -> what draws it.
        folder: of the results.
        what: as :func:`drawing` takes it.

    Returns:
        What a page needs, by name.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    drawn: dict[str, Drawn] = {}
    with drawing(what):
        for name, draw in figures.items():
            figure = draw()
            data = svg(figure)
            folder.write_bytes(f"figures/{name}.svg", data)
            folder.write_bytes(f"figures/{name}.png", png(figure))
            drawn[name] = for_page(figure, data)
    return drawn
