"""``hilum explore``: a label table → a page, figures and tables of what it holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import numpy as np

    from hilum.datasets.exploration import Survey
    from hilum.datasets.exploration.codes import Codes
    from hilum.domain import LabelTable
    from hilum.report.explore.examples import Examples
    from hilum.report.results_folder import ResultsFolder

SEED = 0


def explore(
    table: Annotated[
        Path, typer.Argument(help="Label table as Hilum saves it: .csv, .csv.gz or .parquet.")
    ],
    *,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Folder for the page; new, empty or of an earlier run."),
    ],
    images: Annotated[
        Path | None,
        typer.Option(
            help="Folder that the table's images lie in: measures their size, sharpness and "
            "exposure, and shows examples."
        ),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="Label table of a second reader of the same images.")
    ] = None,
    examples: Annotated[
        int, typer.Option(min=0, help="Example radiographs a finding (with --images).")
    ] = 6,
    sample: Annotated[
        int | None,
        typer.Option(min=1, help="Look at so many images, drawn at random.  [default: all]"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Images at a time.  [default: processors]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws the sample and the examples.")] = SEED,
) -> None:
    """Show what a label table holds: counts, what goes together, patients, shortcuts, boxes.

    Exit status: 0 done; 1 done, but image files were missing or unreadable; 2 nothing could be
    done.
    """
    import numpy as np

    from hilum.datasets import exploration
    from hilum.datasets.table import load
    from hilum.errors import LabelError
    from hilum.report.explore.page import Source, write
    from hilum.report.results_folder import ResultsFolder

    if table.is_dir():
        raise LabelError(
            f"{table.name} is a folder: give a label table, a .csv, .csv.gz or .parquet file as "
            f"`hilum datasets labels` writes it."
        )
    with ResultsFolder.open(out, "exploration") as folder:
        labels = load(table)
        other = None if against is None else load(against)
        patients = exploration.coded(labels.patients)
        survey, drawn = None, None
        if images is not None:
            survey, drawn = _look(
                labels,
                images,
                patients=patients,
                folder=folder,
                examples=examples,
                sample=sample,
                workers=workers or _processors(),
                rng=np.random.default_rng(seed),
            )
        found = exploration.explore(
            labels,
            rng=np.random.default_rng(seed),
            patients=patients,
            against=other,
            survey=survey,
        )
        source = Source(
            name=table.name,
            table=labels,
            against="" if against is None else against.name,
            other=other,
            examples={} if drawn is None else drawn.drawn(),
            facts=_facts(survey, sample, seed),
        )
        write(folder, source, found)
        folder.finish()
    number = len(found.findings)
    typer.echo(
        f"{found.images:,} images of {found.people_count:,} patients, {number} "
        f"finding{'' if number == 1 else 's'}."
    )
    for concern in found.concerns:
        typer.echo(f"- {concern.message}")
    typer.echo(f"Page: {out / 'explore.html'}")
    if survey is not None and (survey.missing or survey.refused):
        raise typer.Exit(1)


def _look(
    labels: LabelTable,
    images: Path,
    *,
    patients: Codes,
    folder: ResultsFolder,
    examples: int,
    sample: int | None,
    workers: int,
    rng: np.random.Generator,
) -> tuple[Survey, Examples]:
    """Read the sample and the examples, each file once; sum up the sample alone."""
    from hilum.cli.progress import progress
    from hilum.datasets.exploration import (
        Survey,
        choose_examples,
        choose_sample,
        find_images,
        look_at,
    )
    from hilum.report.explore.examples import Examples

    files = find_images(labels, images)
    rows = choose_sample(files, sample, rng).tolist()
    drawn = Examples(folder, labels, choose_examples(labels, patients, files, examples, rng))
    besides = sorted(drawn.rows - set(rows))
    pictures = []
    with progress(len(rows) + len(besides)) as advance:
        for picture in look_at(files, [*rows, *besides], workers=workers, also=drawn.draw):
            if len(pictures) < len(rows):  # examples that were not drawn at random do not count
                pictures.append(picture)
            advance()
    return Survey.of(pictures, files.missing), drawn


def _facts(survey: Survey | None, sample: int | None, seed: int) -> dict[str, str]:
    if survey is None:
        return {}
    looked = f"{survey.looked:,}" + ("" if sample is None else " (a random sample)")
    return {"Pictures looked at": looked, "Seed": str(seed)}


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
