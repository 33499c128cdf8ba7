"""Figures of an exploration: findings, what goes together, patients, age and sex, strata."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.exploration import Exploration
from hilum.datasets.exploration.concerns import tells_much
from hilum.datasets.exploration.people import BAND_YEARS, SEXES
from hilum.datasets.exploration.strata import Strata
from hilum.datasets.exploration.together import implied
from hilum.domain import State, finding
from hilum.evaluation import Measure
from hilum.report.explore import pictures_figures
from hilum.report.style import (
    BLUE,
    DIVERGING,
    FONT,
    GREEN,
    GREY,
    INK,
    NO_NUMBER,
    ORANGE,
    PINK,
    RED,
    SEQUENTIAL,
    SKY,
    SMALL,
    WIDTH,
    YELLOW,
    ink_on,
    panels,
    percent,
    room_for,
    sheet,
    short,
    thousands,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = 60
"""Findings that a figure has lines for; the most common are drawn."""
SQUARE = 40
"""Findings that the matrix has rows for."""
WRITTEN = 400
"""Cells of a matrix up to which their numbers are written in."""
STRATA = 12
"""Values of a column that a figure has room for."""

Draw = Callable[[], "Figure"]


def figures(found: Exploration) -> dict[str, Draw]:
    """What can be drawn of an exploration: name of the figure → what draws it."""
    drawn: dict[str, Draw] = {}
    if found.findings:
        drawn["findings"] = lambda: prevalence(found)
        if any(c.states[State.UNCERTAIN] or c.states[State.UNMENTIONED] for c in found.findings):
            drawn["states"] = lambda: states(found)
    if len(found.together.findings) > 1:
        drawn["conditional"] = lambda: conditional(found)
    if found.together.findings:
        drawn["together"] = lambda: together(found)
    drawn["patients"] = lambda: patients(found)
    if found.people is not None and found.people.images.sum():
        drawn["age_sex"] = lambda: age_sex(found)
    if found.findings:
        for s in found.strata:
            drawn[figure_name(s.column)] = lambda s=s: strata(s, found)
        if found.strata:
            drawn["known_from"] = lambda: known_from(found)
    return drawn | pictures_figures.figures(found)


def figure_name(column: str) -> str:
    """Name of the figure of a column: letters, digits and underscores.

    Example:
        >>> figure_name("age group")
        'by_age_group'
    """
    kept = "".join(c if c.isascii() and c.isalnum() else "_" for c in column)
    return f"by_{kept}"


def _names(keys: Sequence[str]) -> list[str]:
    return [short(finding(key).name) for key in keys]


def _most(found: Exploration, most: int, keys: Sequence[str] | None = None) -> list[str]:
    """Keys of the most common findings, the most common first."""
    counts = [c for c in found.findings if keys is None or c.finding in keys]
    return [c.finding for c in sorted(counts, key=lambda c: -c.present)[:most]]


def prevalence(found: Exploration) -> Figure:
    """Share of images and of patients with each finding."""
    by_key = {c.finding: c for c in found.findings}
    counts = [by_key[key] for key in _most(found, LINES)]
    names = _names([c.finding for c in counts])
    figure, ax = sheet(0.95 + 0.24 * len(counts), left=room_for(names), right=1.05, top=0.35)
    y = np.arange(len(counts))
    for measures, colour, mark, shift, label in (
        ([c.by_image for c in counts], BLUE, "o", -0.13, "of images"),
        ([c.by_patient for c in counts], ORANGE, "D", 0.13, "of patients"),
    ):
        _intervals(ax, measures, y + shift, colour, mark, label)
    for at, c in enumerate(counts):
        text = (
            f"{c.present:,} of {c.present + c.absent:,}" if c.by_image.defined else "nothing said"
        )
        ax.text(1.01, at, text, transform=ax.get_yaxis_transform(), va="center", fontsize=SMALL)
    ax.set_yticks(y, names)
    ax.set_ylim(len(counts) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel("per cent (Wilson's 95 % interval)")
    ax.grid(axis="x")
    ax.tick_params(axis="y", left=False)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.1)
    return figure


def _intervals(
    ax: Any, measures: Sequence[Measure], y: NDArray[Any], colour: str, mark: str, label: str
) -> None:
    """Points with their intervals in per cent, in one drawing; undefined ones are left out."""
    rows = [
        (100 * m.value, 100 * (m.value if m.low is None else m.low),
         100 * (m.value if m.high is None else m.high), at)
        for m, at in zip(measures, y.tolist(), strict=True)
        if m.value is not None
    ]  # fmt: skip
    value, low, high, at = np.array(rows, float).reshape(-1, 4).T
    ax.hlines(at, low, high, color=colour, linewidth=1.1)
    ax.plot(value, at, mark, color=colour, markersize=3.6, label=label)


def states(found: Exploration) -> Figure:
    """Images in each of the four states, by finding."""
    by_key = {c.finding: c for c in found.findings}
    counts = [by_key[key] for key in _most(found, LINES)]
    names = _names([c.finding for c in counts])
    figure, ax = sheet(0.95 + 0.22 * len(counts), left=room_for(names), right=0.3, top=0.35)
    left = np.zeros(len(counts))
    for state, colour, label in (
        (State.PRESENT, RED, "present"),
        (State.UNCERTAIN, YELLOW, "uncertain"),
        (State.ABSENT, SKY, "absent"),
        (State.UNMENTIONED, "#d9dee4", "not mentioned"),
    ):
        width = np.array([c.states[state] for c in counts], float)
        ax.barh(names_at(counts), width, left=left, color=colour, height=0.75, label=label)
        left += width
    ax.set_yticks(names_at(counts), names)
    ax.set_ylim(len(counts) - 0.5, -0.5)
    ax.set_xlabel("images")
    thousands(ax.xaxis)
    ax.tick_params(axis="y", left=False)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, borderaxespad=0.1)
    return figure


def names_at(items: Sequence[Any]) -> NDArray[np.int64]:
    """Places 0, 1, 2 … of some lines."""
    return np.arange(len(items))


def conditional(found: Exploration) -> Figure:
    """P(column | row) as a heat map."""
    t = found.together
    keys = _most(found, SQUARE, t.findings)
    at = [t.findings.index(key) for key in keys]
    both, given = t.both[np.ix_(at, at)].astype(float), t.given[np.ix_(at, at)]
    values = np.full(both.shape, np.nan)
    np.divide(both, given, out=values, where=given > 0)
    np.fill_diagonal(values, np.nan)
    over = implied(keys)
    for i, j in over:
        values[i, j] = np.nan
    names, n = _names(keys), len(keys)
    rows = [f"{name} ({t.both[i, i]:,})" for name, i in zip(names, at, strict=True)]
    side = min(0.42, max(0.2, 5.2 / n))
    left, bottom = room_for(rows), 0.25 + 0.75 * room_for(names)
    width = max(5.0, left + n * side + 0.9)
    figure, ax = sheet(n * side + bottom + 0.4, left=left, bottom=bottom, width=width,
                       right=width - left - n * side, top=0.4)  # fmt: skip
    top = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
    image = _cells(ax, values, SEQUENTIAL, (0.0, top or 1.0))
    if n * n <= WRITTEN:
        texts = _texts(values)
        for i in range(n):
            texts[i][i] = ""
        for i, j in over:
            texts[i][j] = "impl."
        _write(ax, image, values, texts)
    ax.set_xticks(range(n), names, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(n), rows)
    ax.tick_params(left=False, bottom=False, top=False)
    ax.set_title("P(column | row), per cent of images", pad=8)
    place = ((left + n * side + 0.12) / width, ax.get_position().y0, 0.12 / width,
             ax.get_position().height)  # fmt: skip
    bar = figure.colorbar(image, cax=figure.add_axes(place))
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g}")
    bar.outline.set_visible(False)
    return figure


def _cells(ax: Any, values: NDArray[Any], colours: str, limits: tuple[float, float]) -> Any:
    """A heat map with white lines between its cells; cells without a number are grey."""
    import matplotlib as mpl

    colour_map = mpl.colormaps[colours].with_extremes(bad=NO_NUMBER)
    image = ax.imshow(values, cmap=colour_map, vmin=limits[0], vmax=limits[1], aspect="auto",
                      interpolation="none")  # fmt: skip
    rows, columns = values.shape
    ax.hlines(np.arange(rows - 1) + 0.5, -0.5, columns - 0.5, color="white", linewidth=0.8)
    ax.vlines(np.arange(columns - 1) + 0.5, -0.5, rows - 0.5, color="white", linewidth=0.8)
    ax.spines[:].set_visible(False)
    return image


def _write(ax: Any, image: Any, values: NDArray[Any], texts: Sequence[Sequence[str]]) -> None:
    """Write a text into each cell, in ink that can be read there."""
    colours = image.cmap(image.norm(values))
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            known = text not in {"–", "impl."}
            ax.text(column, row, text, ha="center", va="center", fontsize=SMALL,
                    color=ink_on(colours[row, column]) if known else GREY)  # fmt: skip


def together(found: Exploration) -> Figure:
    """Findings an image, and the most common combinations."""
    t = found.together
    common = list(t.combinations.items())[:15]
    labels = [short(" + ".join(finding(k).name for k in keys) or "none", 46) for keys, _ in common]
    from matplotlib.figure import Figure

    height = max(2.4, 0.85 + 0.2 * len(common))
    figure = Figure(figsize=(WIDTH, height))
    gap = room_for(labels)
    first = max(1.6, min(2.6, WIDTH - gap - 0.75 - 2.4))
    low, tall = 0.5 / height, (height - 0.85) / height
    numbers = figure.add_axes((0.75 / WIDTH, low, first / WIDTH, tall))
    if t.an_image:
        _columns(numbers, t.an_image, "findings on an image", "images")
    if t.unlabelled:
        numbers.bar(-1, t.unlabelled, 0.9, color="#c3cad2", label="nothing is said")
        numbers.set_xticks([at for at in numbers.get_xticks() if at >= 0])
        numbers.set_xlim(-1.6, max(t.an_image, default=0) + 0.6)
        numbers.legend(loc="upper right")
    numbers.set_title("Findings an image")
    if not common:
        return figure
    start = 0.75 + first + gap + 0.15
    bars = figure.add_axes((start / WIDTH, low, (WIDTH - start - 0.6) / WIDTH, tall))
    bars.barh(names_at(common), [n for _, n in common], color=BLUE, height=0.7)
    for at, (_, n) in enumerate(common):
        bars.text(n, at, f" {n:,}", va="center", fontsize=SMALL)
    bars.set_yticks(names_at(common), labels)
    bars.set_ylim(len(common) - 0.5, -0.5)
    bars.tick_params(axis="y", left=False)
    bars.set_xlabel("images")
    bars.locator_params(axis="x", nbins=3)
    thousands(bars.xaxis)
    bars.set_title("Most common combinations")
    return figure


def _columns(ax: Any, tally: Mapping[int, int], x: str, y: str) -> None:
    """Bars of whole numbers; long tails are gathered in bins."""
    from matplotlib.ticker import NullFormatter

    values, counts = np.array(list(tally.items()), float).reshape(-1, 2).T
    most = int(values.max(initial=1))
    step = max(1, math.ceil(most / 40))
    edges = np.arange(values.min(initial=0), most + step + 1, step) - (0.5 if step == 1 else 0)
    heights, _ = np.histogram(values, edges, weights=counts)
    ax.bar(edges[:-1], heights, step * 0.9, align="edge", color=BLUE)
    if heights.max(initial=0) > 200 * max(1.0, np.median(heights[heights > 0], keepdims=True)[0]):
        ax.set_yscale("log")
        y = f"{y} (log scale)"
        ax.set_ylim(bottom=0.7)
        ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.locator_params(axis="x", integer=True, nbins=6)
    thousands(ax.yaxis)
    ax.grid(axis="y")


def patients(found: Exploration) -> Figure:
    """Images and visits a patient, days between visits."""
    p = found.patients
    parts = [("Images a patient", p.images, "images", "patients")]
    if p.visits is not None:
        parts.append((f"Visits a patient (by {p.visits_by})", p.visits, "visits", "patients"))
    if p.gaps_days:
        parts.append((f"Days between visits (by {p.gaps_by})", p.gaps_days, "days", "gaps"))
    figure, axes = panels(len(parts), 2.5, width=min(WIDTH, 1 + 3.5 * len(parts)))
    for ax, (title, tally, x, y) in zip(axes, parts, strict=True):
        _columns(ax, tally, x, y)
        ax.set_title(title)
    return figure


def age_sex(found: Exploration) -> Figure:
    """Pyramids of age by sex: images, and patients."""
    people = found.people
    if people is None:
        raise ValueError("no age is known")
    last = int(np.flatnonzero(people.images.sum(axis=1))[-1]) + 1
    other = [SEXES.index("O"), SEXES.index("")]
    from matplotlib.ticker import FuncFormatter

    figure, axes = panels(2, 1.1 + 0.16 * last, left=0.6, between=0.6)
    for ax, every, what in zip(axes, (people.images, people.patients), ("images", "patients"),
                                strict=True):  # fmt: skip
        start = np.arange(last) * BAND_YEARS
        counts = every[:last].astype(float)
        f, m, rest = counts[:, 0], counts[:, 1], counts[:, other].sum(axis=1)
        ax.barh(start, -f, BAND_YEARS * 0.9, align="edge", color=PINK, label="female")
        ax.barh(start, m, BAND_YEARS * 0.9, align="edge", color=BLUE, label="male")
        if rest.any():
            ax.barh(start, rest, BAND_YEARS * 0.9, left=m, align="edge", color="#c3cad2",
                    label="other, unknown")  # fmt: skip
        ax.axvline(0, color=INK, linewidth=0.7)
        reach = max(f.max(initial=0), (m + rest).max(initial=0), 1)
        ax.set_xlim(-1.05 * reach, 1.05 * reach)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):,.0f}"))
        ax.locator_params(axis="x", integer=True, nbins=5)
        ax.set_xlabel(what)
        ax.set_ylabel("age in years")
        ax.set_ylim(0, last * BAND_YEARS)
        ax.set_yticks(range(0, last * BAND_YEARS + 1, 10))
    axes[0].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.1)
    return figure


def strata(of: Strata, found: Exploration) -> Figure:
    """Prevalence of each finding in each value of a column, against that of all images."""
    keys = _most(found, LINES)
    at = [next(i for i, told in enumerate(of.tells) if told.finding == key) for key in keys]
    values = np.argsort(-of.images, kind="stable")[:STRATA]
    values = np.sort(values)
    positives = of.positives[np.ix_(values, np.array(at))].T.astype(float)
    judged = positives + of.negatives[np.ix_(values, np.array(at))].T
    total = of.positives[:, at].sum(0) / np.maximum(1, (of.positives + of.negatives)[:, at].sum(0))
    shares = np.full(positives.shape, np.nan)
    np.divide(positives, judged, out=shares, where=judged > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.clip(np.log2(shares / total[:, None]), -3, 3)
    names = _names(keys)
    heads = [f"{short(of.values[v] or 'unknown', 18)}\n{of.images[v]:,} images" for v in values]
    columns = [line for head in heads for line in head.split("\n")]
    left, cell = room_for(names), min(1.6, max(0.62, room_for(columns, size=SMALL)))
    slanted = len(values) * cell > 5.2
    cell = 4.8 / len(values) if slanted else cell
    top = 0.7 + 0.55 * room_for(columns) if slanted else 0.75
    asked = any(told.auroc_as_absent is not None for told in of.tells)
    right, line = 2.75 if asked else 1.75, 0.24
    width = left + len(values) * cell + right
    figure, ax = sheet(top + 0.15 + line * len(keys), left=left, right=right, top=top, bottom=0.15,
                       width=width)  # fmt: skip
    image = _cells(ax, times, DIVERGING, (-3.0, 3.0))
    texts = _texts(shares)
    _write(ax, image, times, texts)
    ax.xaxis.tick_top()
    if slanted:
        ax.set_xticks(range(len(values)), [h.split("\n")[0] for h in heads], rotation=40, ha="left",
                      rotation_mode="anchor")  # fmt: skip
    else:
        ax.set_xticks(range(len(values)), heads, fontsize=SMALL)
    ax.set_yticks(range(len(keys)), names)
    ax.tick_params(left=False, bottom=False, top=False)
    edge = len(values) - 0.5
    head = "AUROC of\nthe column alone"
    ax.text(edge + 0.1 / cell, -0.62, head, fontsize=SMALL, va="bottom")
    if asked:
        head = "if not mentioned\nwere absent"
        ax.text(edge + 1.1 / cell, -0.62, head, fontsize=SMALL, va="bottom")
    for row, told in enumerate(of.tells[i] for i in at):
        bold = tells_much(told)
        text = "–" if told.auroc.value is None else f"{told.auroc.value:.2f}"
        ax.text(edge + 0.1 / cell, row, text, va="center", fontsize=FONT - 0.5,
                fontweight="bold" if bold else "normal")  # fmt: skip
        if told.auroc_as_absent is not None:
            ax.text(edge + 1.1 / cell, row, f"{told.auroc_as_absent:.2f}", va="center",
                    fontsize=FONT - 0.5, color=GREY)  # fmt: skip
    place = ((left + len(values) * cell + right - 0.6) / width, ax.get_position().y0, 0.1 / width,
             min(1.8, line * len(keys)) / figure.get_figheight())  # fmt: skip
    bar = figure.colorbar(image, cax=figure.add_axes(place), ticks=[-3, -2, -1, 0, 1, 2, 3])
    bar.ax.set_yticklabels(["≤ ⅛", "¼", "½", "1 ×", "2 ×", "4 ×", "≥ 8"], fontsize=SMALL)
    bar.outline.set_visible(False)
    return figure


def _texts(shares: NDArray[Any]) -> list[list[str]]:
    return [["–" if np.isnan(v) else percent(v) for v in row] for row in shares]


def known_from(found: Exploration) -> Figure:
    """AUROC of each column alone, by finding."""
    keys = _most(found, LINES)
    names = _names(keys)
    figure, ax = sheet(1.0 + 0.23 * len(keys), left=room_for(names), right=1.9)
    looks = [(BLUE, "o"), (ORANGE, "D"), (GREEN, "s"), (RED, "^"), (PINK, "v"), (SKY, "P"),
             (INK, "X"), (GREY, "*")]  # fmt: skip
    y = np.arange(len(keys))
    for at, s in enumerate(found.strata):
        colour, mark = looks[at % len(looks)]
        by_key = {told.finding: told.auroc.value for told in s.tells}
        points = [(by_key[k], row) for k, row in zip(keys, y, strict=True) if by_key[k] is not None]
        if points:
            x, rows = np.array(points, float).T
            ax.plot(x, rows, mark, color=colour, markersize=4.2, alpha=0.9,
                    label=short(s.column, 20))  # fmt: skip
    ax.axvline(0.5, color=GREY, linewidth=0.8)
    ax.set_yticks(y, names)
    ax.set_ylim(len(keys) - 0.5, -0.5)
    ax.set_xlim(0.48, 1.01)
    ax.set_xlabel("AUROC of the column alone, in-sample (.5 tells nothing, 1 tells all)")
    ax.grid()
    ax.tick_params(axis="y", left=False)
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), borderaxespad=0)
    return figure
