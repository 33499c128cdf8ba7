"""Figures of a run: AUROC with intervals, learning curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from hilum.domain import finding
from hilum.report.drawing import Drawn, can_draw, drawing, for_page, svg
from hilum.report.run.boxes import box_tables, froc_figure
from hilum.report.run.folder import FINAL, Run, Trained
from hilum.report.style import (
    BLUE,
    FONT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    RED,
    SMALL,
    WIDTH,
    panels,
    room_for,
    sheet,
    short,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = 24
"""Findings whose curves are drawn; those with the most positives."""
COLUMNS = 4

Line = dict[str, Any]


def draw(run: Run) -> dict[str, Drawn]:
    """Everything that can be drawn of a run by now: name → figure; nothing without matplotlib."""
    if not can_draw():
        run.missing.append(
            "Figures are drawn with matplotlib, which is not installed: "
            "pip install 'hilum[analyse]'. Their numbers stand in the tables and in epochs.jsonl."
        )
        return {}
    wanted: dict[str, Callable[[], Figure]] = {}
    if run.split and _measured(run):
        wanted["auroc"] = lambda: auroc(run)
    for split in [s for s in box_tables(run.card.results if run.card else ()) if s in run.froc][:1]:
        wanted["froc"] = lambda split=split: froc_figure(run.froc[split], split)
    for network in run.networks:
        if network.epochs:
            wanted[f"curves {network.name}"] = lambda network=network: curves(
                network,
                rows="rows learnt from" if run.learnt_what_it_tuned_on(network.name) else "tune",
            )
    if _followed(run):
        wanted["findings"] = lambda: by_finding(run)
    drawn = {}
    with drawing("The page of a run"):
        for name, make in wanted.items():
            figure = make()
            drawn[name] = for_page(figure, svg(figure))
    return drawn


def auroc(run: Run) -> Figure:
    """AUROC of each finding and of their mean, as dots with intervals."""
    keys = _measured(run)
    rows: list[str | None] = [None, *keys]
    names = ["mean", *(short(finding(key).name) for key in keys)]
    metrics = [("AUROC", BLUE, "o"), *([(run.within, ORANGE, "D")] if run.within else [])]
    figure, ax = sheet(
        1.0 + 0.26 * len(rows),
        left=room_for(names) + 0.15,
        right=1.35,
        top=0.42 if run.within else 0.15,
    )
    for number, (metric, colour, mark) in enumerate(metrics):
        shift = 0.17 * (number - 0.5) if run.within else 0.0
        drawn = [(at, run.result(metric, key)) for at, key in enumerate(rows)]
        told = [(at + shift, r, r.value) for at, r in drawn if r and r.value is not None]
        for at, r, _ in told:
            if r.low is not None and r.high is not None:
                ax.hlines(at, r.low, r.high, color=colour, linewidth=1.2)
        x, y = [value for *_, value in told], [at for at, *_ in told]
        ax.plot(x, y, mark, color=colour, markersize=4, label=metric)
    for at, key in enumerate(rows):
        one = run.result("AUROC", key)
        text = f"{one.positives:,} positives" if one and one.positives is not None else ""
        ax.text(1.01, at, text, transform=ax.get_yaxis_transform(), va="center", fontsize=SMALL)
    ax.axvline(0.5, color=GREY, linewidth=0.8)
    ax.axhline(0.5, color=GREY, linewidth=0.4)
    ax.set_yticks(range(len(rows)), names)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlim(right=1.005)
    ax.set_xlabel(f"AUROC, {run.split} (lines: 95 % intervals)")
    ax.grid(axis="x")
    ax.tick_params(axis="y", left=False)
    if run.within:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.1)
    return figure


def curves(network: Trained, *, rows: str = "tune") -> Figure:
    """Loss, AUROC or Dice and learning rate of one network, its best epoch marked.

    Args:
        network: with its journal.
        rows: that its numbers are of, in words.
    """
    lines = network.epochs
    curve = {
        "Loss": [
            ("train", BLUE, lambda line: line.get("train_loss")),
            (rows, ORANGE, lambda line: line.get("tune_loss")),
        ],
        f"Mean AUROC, {rows}": [("", ORANGE, lambda line: _auroc(line, "mean"))],
        f"Mean AP of boxes, {rows}": [("", ORANGE, lambda line: _tuned(line, "ap50", "mean"))],
        f"Mean Dice, {rows}": [("", ORANGE, lambda line: _tuned(line, "dice", "mean"))],
        "Learning rate": [("", GREEN, lambda line: line.get("lr"))],
    }
    known = {
        title: [one for one in drawn if any(one[2](line) is not None for line in lines)]
        for title, drawn in curve.items()
    }
    known = {title: drawn for title, drawn in known.items() if drawn}
    count = max(1, len(known))
    figure, axes = panels(count, 2.35, left=0.6, between=0.62, width=WIDTH * (0.1 + 0.3 * count))
    marked = [line["epoch"] for line in lines if line.get("concerns")]
    for ax, (title, drawn) in zip(axes, known.items(), strict=False):
        for label, colour, value in drawn:
            _line(ax, lines, value, colour, label)
        ax.set_title(title)
        if len(drawn) > 1:
            ax.legend(loc="best")
        if title == "Learning rate":
            ax.ticklabel_format(axis="y", style="sci", scilimits=(-2, 2), useMathText=True)
            ax.yaxis.get_offset_text().set(size=SMALL, x=1.0, horizontalalignment="right")
        _epochs(ax, lines)
        if network.best is not None:
            ax.axvline(lines[network.best]["epoch"], color=INK, linewidth=0.8, linestyle=":")
        for epoch in marked:
            ax.plot([epoch], [0], "^", color=RED, markersize=4, clip_on=False,
                    transform=ax.get_xaxis_transform())  # fmt: skip
    return figure


def by_finding(run: Run) -> Figure:
    """Tuning AUROC of each finding while training: a panel a finding, a line a network."""
    keys = _followed(run)
    from matplotlib.figure import Figure

    down, across = -(-len(keys) // COLUMNS), min(COLUMNS, len(keys))
    wide = (WIDTH - 0.5 - 0.15) / COLUMNS
    width, height = 0.5 + across * wide + 0.15, 0.1 + 1.2 * down
    figure = Figure(figsize=(width, height))
    ends = [line["epoch"] for network in run.networks for line in network.epochs]
    values = [
        value
        for key in keys
        for network in run.networks
        for line in network.epochs
        if (value := _auroc(line, key)) is not None
    ]
    low, high = min([0.45, *values]) - 0.02, max([0.6, *values]) + 0.02
    for at, key in enumerate(keys):
        left, row = 0.5 + (at % COLUMNS) * wide, at // COLUMNS
        place = (left / width, (height - 1.2 * (row + 1) + 0.2) / height, (wide - 0.15) / width,
                 0.78 / height)  # fmt: skip
        ax = figure.add_axes(place)
        ax.axhline(0.5, color=GREY, linewidth=0.6)
        for network in run.networks:
            ships = network.name == FINAL
            if run.learnt_what_it_tuned_on(network.name):
                continue  # they would flatter it
            colour = BLUE if ships else "#a8b3bf"
            _line(ax, network.epochs, lambda line, key=key: _auroc(line, key), colour, "",
                  thin=not ships)  # fmt: skip
            if ships and network.best is not None:
                best = network.epochs[network.best]
                if (value := _auroc(best, key)) is not None:
                    ax.plot([best["epoch"]], [value], "o", color=BLUE, markersize=4)
        ax.set_title(short(finding(key).name, 22), fontsize=FONT - 0.5, pad=3)
        ax.set_xlim(min(ends) - 0.3, max(ends) + 0.3)
        ax.set_ylim(low, high)
        ax.locator_params(axis="x", integer=True, nbins=4)
        ax.locator_params(axis="y", nbins=4)
        ax.tick_params(labelsize=SMALL, length=2)
        ax.tick_params(labelleft=at % COLUMNS == 0, labelbottom=at + COLUMNS >= len(keys))
        ax.grid()
    return figure


def _line(
    ax: Axes, lines: Sequence[Line], value: Callable[[Line], float | None], colour: str,
    label: str, *, thin: bool = False,
) -> None:  # fmt: skip
    told = [(line["epoch"], value(line)) for line in lines]
    x, y = [epoch for epoch, _ in told], [float("nan") if v is None else v for _, v in told]
    mark = "o" if len(told) < 3 else ""
    ax.plot(x, y, marker=mark, color=colour, linewidth=0.8 if thin else 1.5, markersize=3,
            label=label or None)  # fmt: skip


def _epochs(ax: Axes, lines: Sequence[Line]) -> None:
    ax.set_xlabel("epoch")
    first, last = lines[0]["epoch"], lines[-1]["epoch"]
    ax.set_xlim(first - 0.3, max(last, first + 1) + 0.3)
    ax.locator_params(axis="x", integer=True, nbins=6)
    ax.locator_params(axis="y", nbins=5)
    ax.grid()


def _auroc(line: Line, key: str) -> float | None:
    return _tuned(line, "auroc", key)


def _tuned(line: Line, metric: str, key: str) -> float | None:
    return line.get("tune", {}).get(metric, {}).get(key)


def _measured(run: Run) -> list[str]:
    """Findings with an AUROC, the highest first."""
    told = [(key, run.result("AUROC", key)) for key in run.findings]
    known = [(key, r.value) for key, r in told if r is not None and r.value is not None]
    return [key for key, _ in sorted(known, key=lambda pair: -pair[1])]


def _followed(run: Run) -> list[str]:
    """Findings whose AUROC was followed, in the order of the network."""
    lines = [line for network in run.networks for line in network.epochs]
    told = [key for key in run.findings if any(_auroc(line, key) is not None for line in lines)]
    positives: dict[str, int] = run.data.get("parts", {}).get("train", {}).get("positives", {})
    kept = sorted(told, key=lambda key: -positives.get(key, 0))[:PANELS]
    return [key for key in told if key in kept]
