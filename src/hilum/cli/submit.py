"""``hilum submit``: predictions into an organiser's CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hilum.errors import LabelError

BOXES = "boxes.csv"


def submit(
    predictions: Annotated[
        Path,
        typer.Argument(
            help="Predictions: a CSV or Parquet file with a column of images and one a finding; "
            "or the folder of `hilum read`."
        ),
    ],
    *,
    template: Annotated[Path, typer.Option(help="The organiser's sample submission, a CSV.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The CSV to write; new.")],
    missing: Annotated[
        str | None,
        typer.Option(
            metavar="VALUE", help="Write this for ids without a prediction.  [default: refuse]"
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=FINDING",
            help="Which finding fills a column of the template, where its name does not tell. May "
            "be repeated.",
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="Leave the template's cells in a column. May be repeated."
        ),
    ] = None,
    decide: Annotated[
        bool,
        typer.Option(
            "--decide", help="Write 1 and 0, by the bundle's operating points or --threshold."
        ),
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Probability from which a finding is present."),
    ] = None,
    boxes: Annotated[
        Path | None,
        typer.Option(
            help="CSV of predicted boxes, for templates with PredictionString.  [default: "
            "boxes.csv in the folder of `hilum read --boxes`]"
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Table with columns image and study, for ids of studies.  [default: the folders "
            "STUDY/SERIES/IMAGE]"
        ),
    ] = None,
    logits: Annotated[
        bool, typer.Option("--logits", help="The predictions are logits, not probabilities.")
    ] = False,
    image_column: Annotated[
        str, typer.Option(help="Column of the predictions with the image.")
    ] = "",
    finding: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=FINDING",
            help="Which column of the predictions tells of a finding. May be repeated.",
        ),
    ] = None,
) -> None:
    """Fill an organiser's CSV: its ids and columns stay as they are, in their order.

    Three forms are known: a column a finding; Image Index and Predict label, with the labels of
    present findings; Id and PredictionString, with the strings of the SIIM challenge.

    Exit status: 0 done; 1 done, with ids that have no prediction; 2 nothing was written.
    """
    from hilum.datasets.predicted_boxes import read_predicted_boxes
    from hilum.datasets.predictions import read_predictions
    from hilum.datasets.source import read_columns
    from hilum.datasets.submission import Wanted, fill, read_template
    from hilum.domain.text import first_few

    sample = read_template(template)
    if predictions.is_dir():
        given = read_predictions(predictions)
        if boxes is None and sample.kind == "strings" and (predictions / BOXES).is_file():
            boxes = predictions / BOXES
            typer.echo(f"Boxes: {boxes}")
    else:
        given = read_predictions(
            predictions,
            scale="logits" if logits else "probabilities",
            image=image_column,
            columns=_pairs(finding or [], "--finding"),
        )
    studies: dict[str, str] = {}
    if labels is not None:
        cells = read_columns(labels, ["image", "study"])
        studies = dict(zip(cells["image"].tolist(), cells["study"].tolist(), strict=True))
    filled = fill(
        given,
        sample,
        Wanted(
            missing=missing,
            columns=_pairs(column or [], "--column"),
            keep=tuple(keep or ()),
            threshold=threshold,
            decide=decide,
            studies=studies,
            boxes=None if boxes is None else read_predicted_boxes(boxes, finding="opacity"),
        ),
    )
    filled.save(out)
    for note in (*given.notes, *filled.notes):
        typer.echo(f"Note: {note}")
    if filled.extra:
        typer.echo(f"{filled.extra:,} predicted images are no id of {template.name}: left out.")
    typer.echo(f"Written: {out}, {filled.rows:,} rows, columns as in {template.name}")
    if filled.missing:
        typer.echo(
            f"{len(filled.missing):,} {'id has' if len(filled.missing) == 1 else 'ids have'} no "
            f"prediction, {missing!r} stands there: "
            f"{first_few(filled.missing)}. Exit status 1."
        )
        raise typer.Exit(1)


def _pairs(given: list[str], option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        name, sign, value = text.rpartition("=")
        if not sign or not name or not value:
            raise LabelError(f"{option} is COLUMN=FINDING, got {text!r}.")
        pairs[name] = value
    return pairs
