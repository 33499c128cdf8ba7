"""The page ``run.html``: how a training run went, and what to do next."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

import hilum
from hilum.bundles.card import Result
from hilum.domain import finding
from hilum.errors import RunError
from hilum.report.run.boxes import box_tables
from hilum.report.run.figures import draw
from hilum.report.run.folder import FINAL, Run, Trained, read_run
from hilum.report.run.judged import squares, to_look_at, two_by_two
from hilum.report.run.pictures import write_pictures
from hilum.report.templating import asset, environment

PAGE = "run.html"
FEW = 30
"""Positives below which a calibration is shared and not trusted."""

SHOWN_AS = {
    "found": "Present, and surest called present",
    "missed": "Present, and surest missed",
    "false-alarm": "Absent, and surest called present",
    "cleared": "Absent, and surest called absent",
}


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do next.

    Attributes:
        text: what and why.
        command: for a terminal; "" where there is none.
    """

    text: str
    command: str = ""


def write_run_page(folder: Path, *, pictures: bool = True, pack: Path | None = None) -> Path:
    """Write ``run.html`` into a run's folder, from what the folder holds by now.

    May be called while training goes on, and as often as one likes: the page then says how far the
    run is. Radiographs are written as files beside it (``run-pictures/``), never into it.

    Args:
        folder: of the run.
        pictures: show radiographs and their names.
        pack: the radiographs; None for those in the run's folder, ``images/``.

    Returns:
        The page.

    Raises:
        RunError: it is no run's folder, one of its files is damaged, or the disk refuses.
        InvalidCard: the bundle's card is damaged.
    """
    run = read_run(folder)
    judged = (run.card, run.held) if run.card and run.held else None
    shown = to_look_at(*judged) if judged and pictures else {}
    shelf = write_pictures(run, shown, pack)
    figures = draw(run)
    text = (
        environment()
        .get_template("run.html.j2")
        .render(
            run=run,
            final=FINAL,
            figures=figures,
            decisions=two_by_two(*judged, run.recipe) if judged else [],
            squares=squares(*judged, run.recipe) if judged else [],
            shelf=shelf,
            shown_as=SHOWN_AS,
            pictures=pictures,
            steps=next_steps(run),
            numbers=_numbers(run),
            masks=run.of_masks(),
            boxes=box_tables(run.card.results) if run.card else {},
            costs=[_cost(network) for network in run.networks if network.epochs],
            parts=run.data.get("parts", {}),
            digests={k: v for k, v in run.data.items() if isinstance(v, str)},
            recipe=json.dumps(run.recipe, ensure_ascii=False, indent=1),
            finding=finding,
            clock=clock,
            few=FEW,
            version=hilum.__version__,
            style=Markup(asset("style.css") + asset("explore.css") + asset("run.css")),  # noqa: S704  our own files
        )
    )
    page = folder / PAGE
    draft = folder / f"{PAGE}.draft"
    try:
        draft.write_text(text, "utf-8", "backslashreplace")
        draft.replace(page)
    except OSError as error:
        raise RunError(f"{page} cannot be written: {error.strerror}.") from error
    return page


def next_steps(run: Run) -> list[Step]:
    """What to do next, as far as the run's numbers tell."""
    if run.card is None:
        return [
            Step("Should it have stopped: the same command, given again, goes on."),
            Step(
                "Watch the curves while it trains (pip install tensorboard).",
                "tensorboard --logdir .",
            ),
        ]
    bundle = f"./{run.name}"
    reading = [
        Step("Read radiographs with it.", f"hilum read RADIOGRAPHS -o out --bundle {bundle}")
    ]
    if run.boxed:
        command = f"hilum read RADIOGRAPHS -o out --boxes --bundle {bundle}"
        reading = [Step("Read radiographs with it, boxes and all.", command)]
    if run.masks:
        reading = [Step("Look at masks that it draws before anything is measured inside them.")]
        if run.card.structures == ("lung_right", "lung_left"):
            command = f"hilum lungs RADIOGRAPHS -o out --overlay --bundle {bundle}"
            reading = [Step("Find lungs with it, and look at the outlines.", command)]
    steps = [
        *reading,
        Step("See its whole card.", f"hilum bundles show {bundle}"),
        Step(
            "Measure it on radiographs of another hospital before anyone relies on it: these "
            "numbers hold for patients like those that it learnt from."
        ),
    ]
    few = [f.key for f in run.card.findings if f.positives is not None and f.positives < FEW]
    if few:
        steps.append(
            Step(
                f"Label more examples of {_names(few)}: with fewer than {FEW} "
                "positives a finding gets no calibration of its own, and its interval is wide."
            )
        )
    told = [(key, run.result("AUROC", key)) for key in run.findings]
    chance = [key for key, r in told if r is not None and r.low is not None and r.low <= 0.5]
    if chance:
        steps.append(
            Step(
                f"Do not use {_names(chance)}: the interval of the AUROC reaches .5, which is no "
                "better than chance. Leave it out of the recipe, or add examples."
            )
        )
    mean, within = run.result("AUROC", None), run.result(run.within, None) if run.within else None
    if (
        mean is not None and within is not None
        and mean.low is not None and within.value is not None and within.value < mean.low
    ):  # fmt: skip
        steps.append(
            Step(
                f"Believe the {run.within} more: it lies below the interval of the AUROC, so a "
                "part of the score follows where an image comes from and not what it shows."
            )
        )
    return steps


def clock(seconds: float | None) -> str:
    """Seconds as words; "–" for None.

    Example:
        >>> clock(4.26), clock(75), clock(7325)
        ('4.3 s', '1 min 15 s', '2 h 2 min')
    """
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left} min" if hours else f"{minutes} min {rest} s"


def _names(keys: Sequence[str], most: int = 5) -> str:
    names = [finding(key).name for key in keys]
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _cost(network: Trained) -> dict[str, Any]:
    def told(key: str) -> list[float]:
        return [line[key] for line in network.epochs if line.get(key) is not None]

    seconds, memory, speed = told("seconds"), told("memory_mb"), told("images_per_s")
    return {
        "name": network.name,
        "epochs": len(network.epochs),
        "best": None if network.best is None else network.epochs[network.best]["epoch"],
        "done": network.done,
        "an_epoch": sum(seconds) / len(seconds) if seconds else None,
        "whole": sum(seconds) if seconds else None,
        "memory_mb": max(memory, default=None),
        "failed": max(told("failed_images"), default=None),
        "images_per_s": sum(speed) / len(speed) if speed else None,
    }


def _numbers(run: Run) -> dict[str, Any]:
    """Every number of the card: splits → metrics across, findings down; the others in a list."""
    results: tuple[Result, ...] = run.card.results if run.card else ()
    of_findings = [r for r in results if r.finding or r.is_mean]
    tables: dict[str, dict[str, Any]] = {}
    for r in of_findings:
        table = tables.setdefault(r.split, {"metrics": [], "rows": {None: {}}, "notes": []})
        for value, values in ((r.metric, table["metrics"]), (r.note, table["notes"])):
            if value and value not in values:
                values.append(value)
        table["rows"].setdefault(r.finding, {})[r.metric] = r
    for table in tables.values():
        table["rows"] = _means_last(table["rows"])
    return {"tables": tables, "others": [r for r in results if not r.finding and not r.is_mean]}


def _means_last(rows: Mapping[str | None, Any]) -> dict[str | None, Any]:
    kept = {key: cells for key, cells in rows.items() if key is not None}
    return kept | ({None: rows[None]} if rows[None] else {})
