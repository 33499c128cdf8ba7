"""``hilum audit``: whether to believe a result."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hilum.errors import LabelError, RunError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hilum.audit import Looks, Scores
    from hilum.audit.looking import Progress
    from hilum.domain import LabelTable
    from hilum.reading.scoring import Scorer

    Rows = NDArray[np.int64]

LEARNT = ("train", "tune")
"""Parts of a split that a model has seen: tuning rows chose its checkpoint."""
SAMPLE = 4000
"""Pictures that probes look at; more tell hardly more, and take longer."""


def audit(
    predictions: Annotated[
        Path | None,
        typer.Argument(
            help="Predictions of the model: CSV or Parquet, the folder of `hilum read` or of a "
            "training run. Without them a bundle scores the pictures."
        ),
    ] = None,
    *,
    labels: Annotated[
        Path,
        typer.Option(
            help="Label table as `hilum datasets table` saves it; with --columns anyone's CSV, or "
            "the folder of a collection."
        ),
    ],
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="MAP|COLLECTION",
            help="What the labels' columns mean: a column map (.toml, or columns/radiographs), or "
            "a collection such as chestxray14.",
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", help="Folder for the results; new, empty, or of an earlier audit."
        ),
    ] = Path("audit"),
    data: Annotated[Path | None, typer.Option(help="Folder of the pictures.")] = None,
    bundle: Annotated[
        str | None,
        typer.Option(help="Bundle that looks at the pictures: a name, a folder or a .hilum file."),
    ] = None,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe",
            help="Audit a model fitted here on the bundle's features, in place of the bundle's own "
            "outputs.",
        ),
    ] = False,
    earlier: Annotated[
        str | None,
        typer.Option(
            metavar="OTHER",
            help="An earlier version to compare with: a bundle, or predictions. Decisions need its "
            "operating points: those of a bundle, or of the folder of `hilum read`.",
        ),
    ] = None,
    source: Annotated[
        str, typer.Option(help="Column that tells where an image comes from.")
    ] = "source",
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="Only rows with that value; may be repeated: values of one column add up.",
        ),
    ] = None,
    finding: Annotated[
        list[str] | None, typer.Option(help="Finding to ask for; may be repeated.  [default: all]")
    ] = None,
    test: Annotated[
        str | None,
        typer.Option(
            metavar="PART",
            help="Part of the column 'split' that alone is judged: test, tune or train.",
        ),
    ] = None,
    unmentioned: Annotated[
        Literal["left-out", "absent"],
        typer.Option(help="What becomes of a finding that a table does not mention."),
    ] = "left-out",
    scale: Annotated[
        Literal["probabilities", "logits", "scores"],
        typer.Option(help="What the numbers of the predictions are."),
    ] = "probabilities",
    sample: Annotated[
        int, typer.Option(min=0, help="Pictures that are looked at, by whole patients; 0 for all.")
    ] = SAMPLE,
    samples: Annotated[int, typer.Option(min=100, help="Draws behind every interval.")] = 2000,
    seeds: Annotated[int, typer.Option(min=1, help="Times that folds are dealt anew.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Pictures at a time.  [default: processors]")
    ] = None,
) -> None:
    """Ask whether to believe a result: leakage, shortcuts, baselines, odd outputs, labels, drift.

    Exit status: 0 nothing fails; 1 something fails; 2 nothing could be asked.
    """
    from hilum.audit import Options, Subject, find_copies
    from hilum.audit import audit as ask
    from hilum.bundles import load
    from hilum.cli.progress import steps
    from hilum.datasets.label_files import read_label_file, rows_where
    from hilum.datasets.predictions.learnt import not_known
    from hilum.domain.labels import Policy
    from hilum.reading.scoring import Scorer
    from hilum.report.audit import write
    from hilum.report.results_folder import ResultsFolder

    table = rows_where(read_label_file(labels, columns or ""), where or [])
    keys = _keys(finding or [], table)
    scorer = None if bundle is None else Scorer.of(load(bundle))
    if scorer is not None and data is None:
        raise RunError("A bundle looks at pictures: name their folder with --data.")
    if source != "source":
        table.column(source)
    with ResultsFolder.open(out, "audit") as folder, steps(_WORDS) as tell:
        train, tested = _parts(table, test)
        judged = None if test is None else _part(table, test)
        scores, said = (None, ()) if predictions is None else _read(predictions, table, scale)
        if scorer is not None:
            said = (*said, *not_known(scorer.bundle.card, table))
        copies = looks = before = None
        also: tuple[str, ...] = ()
        workers = workers or _processors()
        if data is not None:
            if train is not None and tested is not None:
                copies = find_copies(table, data, (train, tested), workers=workers, progress=tell)
            rows = _sampled(table, _wanted(table, judged, scores), sample, seed)
            looks = _look(table, data, rows, scorer, workers=workers, tell=tell)
            if scores is None and scorer is not None and not probe:
                scores = _own(table, looks, scorer)
        if earlier is not None:
            before, also = _earlier(
                earlier, table, looks, data, scale=scale, workers=workers, tell=tell
            )
        subject = Subject(
            title=(predictions or labels).name if scorer is None else f"{scorer.bundle}",
            table=table, scores=scores, earlier=before, train=train, test=tested, judged=judged,
            source=source, policy=Policy(unmentioned=0.0 if unmentioned == "absent" else None),
            findings=keys, looks=looks, copies=copies,
            notes=tuple(dict.fromkeys((*said, *also))),
        )  # fmt: skip
        found = ask(subject, Options(samples=samples, seeds=seeds, seed=seed), progress=tell)
        page = write(found, folder)
    for line in found.lines:
        typer.echo(f"{line}")
        if line.outcome in ("fails", "warns"):
            typer.echo(f"          {line.words}")
    for note in found.notes:
        typer.echo(f"Note: {note}")
    told = ", ".join(f"{count} {outcome}" for outcome, count in found.counts.items() if count)
    typer.echo(f"{told}. Page: {page}")
    if found.counts["fails"]:
        raise typer.Exit(1)


_WORDS = {
    "read": "Reading pictures for copies", "describe": "Describing", "search": "Searching copies",
    "align": "Comparing pictures", "look": "Looking at pictures", "earlier": "Earlier version",
    "probe": "Fitting probes", "ask": "Asking",
}  # fmt: skip


def _keys(findings: list[str], table: LabelTable) -> tuple[str, ...]:
    from hilum.domain import from_label
    from hilum.domain.text import first_few

    keys = tuple(from_label(text).key for text in findings)
    foreign = [key for key in keys if key not in table.findings]
    if foreign:
        raise LabelError(
            f"The table has no labels of {first_few(foreign)}; it has {first_few(table.findings)}."
        )
    return keys


def _parts(table: LabelTable, test: str | None) -> tuple[Rows | None, Rows | None]:
    """Rows that a model may have learnt from, and those that are tested."""
    import numpy as np

    split = table.columns.get("split")
    if split is None:
        return None, None
    part = "tune" if test == "tune" else "test"
    train = np.flatnonzero(np.isin(split.astype(str), [name for name in LEARNT if name != part]))
    tested = np.flatnonzero(split == part)
    return (train if len(train) else None), (tested if len(tested) else None)


def _part(table: LabelTable, name: str) -> Rows:
    import numpy as np

    rows = np.flatnonzero(table.column("split") == name)
    if not len(rows):
        raise LabelError(f"No row of the table has {name!r} in its column 'split'.")
    return rows


def _wanted(table: LabelTable, judged: Rows | None, scores: Scores | None) -> Rows:
    """Rows whose pictures are worth a look: all, for probes learn from those not judged too."""
    import numpy as np

    if judged is None and scores is not None:
        return np.flatnonzero(scores.scored)
    return np.arange(len(table))


def _sampled(table: LabelTable, rows: Rows, most: int, seed: int) -> Rows:
    """Rows of patients drawn at random until there are enough."""
    import numpy as np

    from hilum.domain.text import coded

    if not most or len(rows) <= most:
        return rows
    kinds, patient = coded(table.patients[rows])
    order = np.random.default_rng(seed).permutation(len(kinds))
    total = np.cumsum(np.bincount(patient)[order])
    kept = order[: max(1, int(np.searchsorted(total, most, "right")))]
    return rows[np.isin(patient, kept)]


def _look(
    table: LabelTable,
    data: Path,
    rows: Rows,
    scorer: Scorer | None,
    *,
    workers: int,
    tell: Progress,
) -> Looks:
    from hilum.audit import Eyes, look
    from hilum.reading.lungs import LungReader
    from hilum.reading.scoring import LungBoxes

    eyes = Eyes()
    if scorer is not None:
        lungs = LungBoxes(LungReader.of())
        eyes = Eyes(scorer, f"{scorer.bundle}", scorer.bundle.card.keys, lungs)
    return look(table, data, rows, eyes, workers=workers, progress=tell)


def _own(table: LabelTable, looks: Looks, scorer: Scorer) -> Scores | None:
    """What the bundle itself says of the pictures, where its findings are among those labelled."""
    import numpy as np

    from hilum.audit import Scores

    if looks.scores is None or not set(looks.findings) & set(table.findings):
        return None
    values = np.full((len(table), len(looks.findings)), np.nan)
    values[looks.rows] = looks.scores
    return Scores(f"{scorer.bundle}", looks.findings, values, scorer.thresholds)


def _read(path: Path, table: LabelTable, scale: str) -> tuple[Scores, tuple[str, ...]]:
    """Scores in the table's rows, and what was left out or doubted."""
    import numpy as np

    from hilum.audit import Scores
    from hilum.datasets.predictions import read_predictions
    from hilum.datasets.predictions.learnt import not_known
    from hilum.datasets.predictions.names import rows_of
    from hilum.domain.text import first_few

    found = read_predictions(path, scale=scale)  # type: ignore[arg-type]
    row, by = rows_of(found.images, table.images)
    known = row >= 0
    if not known.any():
        raise LabelError(f"None of the {len(row):,} images of {path.name} is in the label table.")
    values = np.full((len(table), len(found.findings)), np.nan)
    values[row[known]] = found.values[known]
    notes = [*found.warnings, *found.notes, *not_known(found.card, table)]
    if by:
        notes.append(f"Images of {path.name} were found by {by}.")
    if not known.all():
        foreign = found.images[~known].tolist()
        notes.append(
            f"{len(foreign):,} images of {path.name} are not among the rows of the table that are "
            f"asked, and are left out: {first_few(foreign)}."
        )
    if found.refused:
        notes.append(f"{len(found.refused):,} images were refused by the model, says {path.name}.")
    scores = Scores(found.name, found.findings, values, found.thresholds,
                    probabilities=found.scale == "probabilities")  # fmt: skip
    return scores, tuple(notes)


def _earlier(
    earlier: str,
    table: LabelTable,
    looks: Looks | None,
    data: Path | None,
    *,
    scale: str,
    workers: int,
    tell: Progress,
) -> tuple[Scores, tuple[str, ...]]:
    """Scores of an earlier version, predictions or a bundle on the same pictures, and notes."""
    from hilum.audit import Eyes, look
    from hilum.bundles import load
    from hilum.datasets.predictions.learnt import not_known
    from hilum.datasets.predictions.load import HELD_OUT, READINGS
    from hilum.reading.scoring import Scorer

    path = Path(earlier)
    if path.suffix in (".csv", ".gz", ".parquet"):
        return _read(path, table, scale)
    if path.is_dir() and any((path / name).exists() for name in (READINGS, HELD_OUT)):
        return _read(path, table, "probabilities")
    scorer = Scorer.of(load(earlier))
    if looks is None or data is None:
        raise RunError("An earlier bundle looks at pictures: name their folder with --data.")
    old = scorer.bundle
    seen = look(
        table,
        data,
        looks.rows,
        Eyes(scorer, f"{old}", old.card.keys),
        workers=workers,
        progress=lambda _, done, total: tell("earlier", done, total),
    )
    found = _own(table, seen, scorer)
    if found is None:
        raise RunError(f"{old} has none of the findings of the label table.")
    return found, tuple(not_known(old.card, table))


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
