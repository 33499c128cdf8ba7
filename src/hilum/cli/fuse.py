"""``hilum fuse``: boxes of several models → one table of boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hilum.errors import BoxError

HEAD = ("image", "finding", "score", "x", "y", "w", "h")


def fuse(
    boxes: Annotated[
        list[Path],
        typer.Argument(
            help="Two or more tables of boxes on the same images: boxes.csv of `hilum read "
            "--boxes`, or any CSV that `hilum evaluate --boxes` takes. Scores lie in [0, 1]."
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The CSV to write; new.")],
    iou: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Boxes that overlap by more than this are one.")
    ] = 0.55,
    weight: Annotated[
        list[float] | None,
        typer.Option(help="Say of each model, in the order of the tables; once a table."),
    ] = None,
) -> None:
    """Fuse the boxes of several models: weighted boxes fusion (Solovyev 2021)."""
    import csv

    from hilum.datasets.looked_at import looked_at
    from hilum.datasets.predicted_boxes import read_predicted_boxes
    from hilum.reading.boxes.together import Model, fuse_models

    if out.exists():
        raise BoxError(f"{out} exists; remove it or choose another name.")
    if weight and len(weight) != len(boxes):
        raise BoxError(f"{len(weight)} weights for {len(boxes)} tables; give one for each.")
    models = [
        Model(read_predicted_boxes(path), looked_at(path), said)
        for path, said in zip(boxes, weight or [1.0] * len(boxes), strict=True)
    ]
    rows = fuse_models(models, iou=iou)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.partial")
    with part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEAD)
        writer.writerows((*row[:2], *(f"{value:.9g}" for value in row[2:])) for row in rows)
    part.replace(out)
    before = sum(len(model.boxes.images) for model in models)
    images = len({row[0] for row in rows})
    typer.echo(f"{out}: {len(rows):,} boxes on {images:,} images, of {before:,}.")
