"""``hilum evaluate``: predictions and labels → how good a model is, how sure that is, and where."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hilum.errors import LabelError, MissingExtra, RunError

if TYPE_CHECKING:
    from hilum.datasets.predicted_boxes import BoxFile
    from hilum.datasets.predictions import Asked, Predictions
    from hilum.domain import LabelTable
    from hilum.evaluation.appraisal import Appraisal, Options
    from hilum.evaluation.appraisal.results import Input
    from hilum.report.results_folder import ResultsFolder

WORDS = {
    "reading": "Reading",
    "ranking": "Ranking",
    "decisions": "Deciding",
    "findings": "Measuring findings",
    "groups": "Comparing groups",
    "comparison": "Comparing with baselines",
    "heatmaps": "Looking at heatmaps",
    "sheets": "Drawing sheets",
}


def evaluate(
    predictions: Annotated[
        Path | None,
        typer.Argument(
            help="Predictions: a CSV or Parquet file with a column of images and one a finding; "
            "the folder of `hilum read`; the folder of a run of `hilum train` (out of fold); or a "
            "submission with Id and PredictionString, scored as the SIIM challenge does.",
            show_default=False,
        ),
    ] = None,
    *,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Label table; with --columns anyone's CSV, or the folder of a collection.  "
            "[default, for a run: its own]",
            show_default=False,
        ),
    ] = None,
    columns: Annotated[
        str,
        typer.Option(
            metavar="MAP|COLLECTION",
            help="What the labels' columns mean: a column map (.toml), or a collection such as "
            "chestxray14 or chestxray14:2017.",
        ),
    ] = "",
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the page; new, or of an earlier run.")
    ] = Path("evaluation"),
    bundle: Annotated[
        str | None,
        typer.Option(help="Read the images with this bundle first, in place of PREDICTIONS."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="With --bundle: folder that the labels' images lie in.")
    ] = None,
    test: Annotated[
        str,
        typer.Option(
            metavar="PART",
            help="Test the rows of this part of the labels' split.  [default: all but tune rows]",
        ),
    ] = "",
    tune: Annotated[
        str,
        typer.Option(metavar="PART", help="Fix thresholds on the rows of this part, not tested."),
    ] = "",
    tune_on: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Fix thresholds on these predictions, not tested."),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(metavar="OTHER", help="Predictions of another model for the same images."),
    ] = None,
    within: Annotated[
        str,
        typer.Option(
            metavar="COLUMN", help="AUROC within the values of this column too, such as source."
        ),
    ] = "",
    subgroups: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN,…",
            help="Compare these groups with the rest.  [default: age, sex, view, source, visit]",
        ),
    ] = None,
    point: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE",
            help="Operating point: youden, sensitivity=0.9, specificity=0.95, cost=1:10, "
            "threshold=0.5, card. May be repeated.",
        ),
    ] = None,
    prevalence: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FINDING=SHARE",
            help="Restate PPV and NPV for this prevalence. May be repeated.",
        ),
    ] = None,
    finding: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FINDING|COLUMN=FINDING",
            help="Measure this finding alone; or say which column of the predictions tells of it. "
            "May be repeated.",
        ),
    ] = None,
    image_column: Annotated[
        str, typer.Option(help="Column of the predictions with the image.")
    ] = "",
    logits: Annotated[
        bool, typer.Option("--logits", help="The predictions are logits, not probabilities.")
    ] = False,
    scores: Annotated[
        bool,
        typer.Option(
            "--scores", help="They are scores of another kind: ranked alone, not calibrated."
        ),
    ] = False,
    uncertain: Annotated[
        str, typer.Option(metavar="present|absent", help="Uncertain labels.  [default: left out]")
    ] = "",
    unmentioned: Annotated[
        str,
        typer.Option(metavar="present|absent", help="Findings not mentioned.  [default: left out]"),
    ] = "",
    task: Annotated[
        str,
        typer.Option(
            metavar="multi-label|one-of", help="one-of: one finding is present on every image."
        ),
    ] = "multi-label",
    survival: Annotated[
        str,
        typer.Option(
            metavar="DAYS,EVENT",
            help="Column of days to the event (or to the end of observation), and the finding that "
            "is the event.",
        ),
    ] = "",
    risk: Annotated[
        str, typer.Option(metavar="FINDING", help="With --survival: whose score is the risk.")
    ] = "",
    boxes: Annotated[
        Path | None,
        typer.Option(
            help="CSV of predicted boxes, measured against those of the labels; without "
            "PREDICTIONS an image's score is that of its surest box."
        ),
    ] = None,
    sheets: Annotated[
        bool,
        typer.Option(
            "--sheets",
            help="With --bundle: draw a sheet a finding, with its best and worst heatmaps beside "
            "readers' boxes, and what was decided rightly and wrongly.",
        ),
    ] = False,
    samples: Annotated[int, typer.Option(min=1, help="Bootstrap draws of patients.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="With --bundle: radiographs at a time.  [default: processors]"),
    ] = None,
) -> None:
    """Say how good a model is, how sure that is, and where it fails.

    Thresholds are fixed on tune rows, given, or the bundle's own; never on the rows that are
    tested. Patients, not images, are drawn for the intervals.

    Exit status: 0 done; 1 done, but images could not be read by the bundle; 2 nothing was done.
    """
    from rich.console import Console

    from hilum.cli.progress import steps
    from hilum.datasets.image_sizes import boxed
    from hilum.datasets.predictions import check, match
    from hilum.datasets.predictions.localised import highest
    from hilum.evaluation.appraisal import appraise
    from hilum.reading.predict import judge
    from hilum.report.evaluation import summary, write
    from hilum.report.evaluation.sheets import Looker, make_sheets
    from hilum.report.results_folder import ResultsFolder

    if predictions is not None and _submission(
        predictions, labels, columns, out, draws=(samples, seed), said={
            "--bundle": bundle, "--test": test, "--tune": tune, "--tune-on": tune_on,
            "--compare": compare, "--within": within, "--subgroups": subgroups, "--point": point,
            "--prevalence": prevalence, "--finding": finding, "--survival": survival,
            "--boxes": boxes, "--sheets": sheets, "--logits": logits, "--scores": scores,
        },
    ):  # fmt: skip
        return
    _check_sources(predictions, bundle, data, boxes)
    if sheets and bundle is None:
        raise LabelError(
            "--sheets asks a bundle for heatmaps: give --bundle NAME and --data FOLDER with it."
        )
    _check_extra()
    renamed, only = _findings(finding or [])
    asked = _asked(
        (test, tune, within, task),
        (uncertain, unmentioned),
        survival=survival,
        risk=risk,
        subgroups=subgroups,
    )
    options = _options(point, prevalence, subgroups, samples=samples, seed=seed)
    with steps(WORDS) as tell:
        given = None
        if predictions is not None:
            given = _read(predictions, _scale(logits, scores), image_column, renamed)
        table, source = _labels(labels, columns, given)
        check(table, asked)
        others = [
            None if path is None else _read(path, _scale(logits, scores), image_column, renamed)
            for path in (tune_on, compare)
        ]
        many = workers or _processors()
        table, (drawn, on, unseen) = boxed(
            table, boxes, data if sheets or boxes else None, part=asked.test, workers=many
        )
        if given is None and bundle is None and drawn is not None:
            given = highest(drawn, on)
        if given is None:
            with ResultsFolder.open(out, "evaluation") as folder:
                given = judge(
                    str(bundle),
                    table,
                    Path(data or ""),
                    parts=(asked.test, asked.tune) if asked.test else (),
                    workers=many,
                    tell=lambda done, total: tell("reading", done, total),
                )
                _keep(given, folder)
                folder.finish()  # reading takes longest: it is kept, whatever comes
        with ResultsFolder.open(out, "evaluation") as folder:
            if bundle is not None:
                _keep(given, folder)
            matched = match(
                given,
                table,
                replace(asked, findings=only),
                tuned_on=others[0],
                other=others[1],
                labels=source,
            )
            found = appraise(matched, options, days=asked.survival[0], tell=tell)
            if drawn is not None:
                found = _with_boxes(found, on, drawn, part=test, unseen=unseen)
            if sheets and bundle is not None and data is not None:
                looker = Looker.of(bundle, table, data, drawn=drawn, workers=many)
                make_sheets(matched, looker, folder, tell=tell)
            page = write(found, folder)
    Console().print(summary(found, page))
    if bundle is not None and given.refused:
        typer.echo(
            f"NOT read: {len(given.refused):,} images; why is in {out / 'refused.csv'}. Exit "
            f"status 1."
        )
        raise typer.Exit(1)


def _submission(
    path: Path,
    labels: Path | None,
    columns: str,
    out: Path,
    *,
    said: dict[str, object],
    draws: tuple[int, int],
) -> bool:
    """Score Id and PredictionString as the SIIM challenge does; False where it is another file."""
    from rich.console import Console

    from hilum.datasets.submission import is_submission, score_submission
    from hilum.report.evaluation.submission import score_summary, write_score
    from hilum.report.results_folder import ResultsFolder

    if not is_submission(path):
        return False
    given = [name for name, value in said.items() if value]
    if given:
        raise LabelError(
            f"{path.name} is a submission of prediction strings, which is scored as the challenge "
            f"does: leave out {', '.join(given)}."
        )
    if labels is None:
        raise LabelError(
            "What is right? Give the labels with --labels, and --columns siim-covid19 where they "
            "are the collection's own tables."
        )
    found = score_submission(path, labels, columns, samples=draws[0], seed=draws[1])
    with ResultsFolder.open(out, "evaluation") as folder:
        write_score(found, folder)
        folder.finish()
    Console().print(score_summary(found))
    typer.echo(f"Numbers: {out / 'score.csv'}, {out / 'score.json'}")
    return True


def _check_sources(
    predictions: Path | None, bundle: str | None, data: Path | None, boxes: Path | None
) -> None:
    if predictions is not None and bundle is not None:
        raise LabelError("Give PREDICTIONS, or --bundle NAME with --data FOLDER; one of the two.")
    if (bundle is None) != (data is None):
        raise LabelError("--bundle and --data go together: what reads, and the images it reads.")
    if predictions is None and bundle is None and boxes is None:
        raise LabelError(
            "What is to be evaluated? Give PREDICTIONS, or --bundle NAME with --data FOLDER, or "
            "--boxes FILE."
        )


def _check_extra() -> None:
    """What is needed at the end is missed at the beginning."""
    lacking = [name for name in ("matplotlib", "sklearn", "scipy") if find_spec(name) is None]
    if lacking:
        raise MissingExtra(
            f"`hilum evaluate` needs {', '.join(lacking)}: pip install 'hilum[analyse]'."
        )


def _scale(logits: bool, scores: bool) -> Literal["probabilities", "logits", "scores"]:
    if logits and scores:
        raise LabelError("Choose one of --logits and --scores.")
    return "logits" if logits else "scores" if scores else "probabilities"


def _read(
    path: Path,
    scale: Literal["probabilities", "logits", "scores"],
    image_column: str,
    renamed: dict[str, str],
) -> Predictions:
    from hilum.datasets.predictions import read_predictions

    if path.is_dir():
        return read_predictions(path)
    return read_predictions(path, scale=scale, image=image_column, columns=renamed)


def _labels(
    labels: Path | None, columns: str, given: Predictions | None
) -> tuple[LabelTable, Input]:
    import hashlib

    from hilum.datasets.label_files import read_label_file
    from hilum.evaluation.appraisal.results import Input

    path = labels or (given.labels if given is not None else None)
    if path is None:
        raise LabelError("What is right? Give the label table with --labels.")
    table = read_label_file(path, columns)
    digest = table.digest()
    if path.is_file():
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    words = f"read as {columns}" if columns else ""
    return table, Input("labels", path.name, digest, words)


def _with_boxes(
    found: Appraisal, table: LabelTable, drawn: BoxFile, *, part: str, unseen: tuple[str, ...]
) -> Appraisal:
    from hilum.datasets.predictions.localised import localise
    from hilum.evaluation.appraisal.few import as_sure

    measured, notes = localise(
        table, drawn, part=part, samples=found.samples, level=found.level, seed=found.seed
    )
    told = tuple(dict.fromkeys((*found.notes, *notes, *unseen)))
    return replace(found, localisation=as_sure(measured, found.patients), notes=told)


def _keep(given: Predictions, folder: ResultsFolder) -> None:
    """Keep what the bundle said, so that it need not be read again."""
    rows = (
        (image, *(f"{value:.9g}" for value in values))
        for image, values in zip(given.images.tolist(), given.values.tolist(), strict=True)
    )
    folder.write_csv("predictions.csv", ("image", *given.findings), rows)
    folder.write_csv("refused.csv", ("image", "code"), sorted(given.refused.items()))


def _findings(given: list[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Column → finding of those that are renamed, and keys of those that are measured alone."""
    from hilum.domain import from_label

    renamed = dict(text.split("=", 1) for text in given if "=" in text)
    return renamed, tuple(from_label(text).key for text in given if "=" not in text)


def _asked(
    rows: tuple[str, str, str, str],
    policy: tuple[str, str],
    *,
    survival: str,
    risk: str,
    subgroups: str | None,
) -> Asked:
    from hilum.datasets.predictions import Asked
    from hilum.domain import from_label

    test, tune, within, task = rows
    if task not in ("multi-label", "one-of"):
        raise LabelError(f"--task is multi-label or one-of, not {task!r}.")
    days, _, event = (part.strip() for part in survival.partition(","))
    if survival and not (days and event):
        raise LabelError(
            "--survival takes the column of days and the finding that is the event: days,death."
        )
    named = _named(subgroups) or ()
    return Asked(
        test={"val": "tune", "valid": "tune"}.get(test, test),
        tune={"val": "tune", "valid": "tune"}.get(tune, tune),
        within=within,
        attributes=tuple(n for n in named if n not in ("age", "age_years")),
        task=task,
        uncertain=_target("--uncertain", policy[0]),
        unmentioned=_target("--unmentioned", policy[1]),
        survival=(days, from_label(event).key if event else ""),
        risk=from_label(risk).key if risk else "",
    )


def _target(option: str, word: str) -> float | None:
    known = {"": None, "present": 1.0, "absent": 0.0}
    if word not in known:
        raise LabelError(f"{option} is present or absent, not {word!r}; left out without it.")
    return known[word]


def _named(subgroups: str | None) -> tuple[str, ...] | None:
    if subgroups is None:
        return None
    names = (name.strip() for name in subgroups.split(","))
    return tuple("age" if name == "age_years" else name for name in names if name)


def _options(
    point: list[str] | None,
    prevalence: list[str] | None,
    subgroups: str | None,
    *,
    samples: int,
    seed: int,
) -> Options:
    from hilum.domain import from_label
    from hilum.evaluation.appraisal import Options, PointRule

    shares: dict[str, tuple[float, ...]] = {}
    for text in prevalence or []:
        name, _, share = text.partition("=")
        try:
            value = float(share)
        except ValueError:
            value = 0.0
        if not 0 < value < 1:
            raise RunError(f"--prevalence takes FINDING=SHARE, such as pneumonia=0.02, not {text}.")
        key = from_label(name).key
        shares[key] = (*shares.get(key, ()), value)
    return Options(
        points=tuple(PointRule.parse(rule) for rule in point) if point else None,
        prevalences=shares,
        subgroups=_named(subgroups),
        samples=samples,
        seed=seed,
    )


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
