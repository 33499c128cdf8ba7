"""What a bundle says of labelled images: predictions in place of pictures and heatmaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from hilum.datasets.files import find_images
from hilum.datasets.predictions import Predictions, doubt
from hilum.domain import LabelTable, Reading, Refusal
from hilum.domain.text import first_few, text
from hilum.errors import LabelError, RunError
from hilum.imaging import FoundFile
from hilum.reading.many import read_many
from hilum.reading.reader import Reader

MISSING = "no-file"

_Said = tuple[str, tuple[float, ...] | None, str]


def predict(
    reader: Reader,
    table: LabelTable,
    folder: Path,
    *,
    workers: int,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Predictions:
    """Read the images of a table, and keep probabilities alone.

    Args:
        reader: without heatmaps, made with ``threads=1``.
        table: names the images; labels are not looked at.
        folder: that the images lie in, as :func:`hilum.datasets.files.find_images` finds them.
        workers: radiographs at a time.
        tell: told how many are read, and of how many.

    Returns:
        A row an image that was read. Images without a file, and those that the bundle refuses, are
        in ``refused`` with the reason.

    Raises:
        RunError: no such folder, none of the images in it, or none could be read.
    """
    paths = find_images(table, folder).paths
    names = table.images.tolist()
    refused = {name: MISSING for name, path in zip(names, paths, strict=True) if path is None}
    files = [
        FoundFile(path, name) for name, path in zip(names, paths, strict=True) if path is not None
    ]
    images: list[str] = []
    values: list[tuple[float, ...]] = []
    read = read_many(files, reader, workers=workers, finish=_kept)
    for done, (name, said, why) in enumerate(read, 1):
        if said is None:
            refused[name] = why
        else:
            images.append(name)
            values.append(said)
        tell(done, len(files))
    card = reader.bundle.card
    if not images:
        raise RunError(
            f"{reader.bundle} read none of the {len(names):,} images: "
            f"{first_few(sorted(set(refused.values())), quoted=False)}."
        )
    doubted = [row.key for row in card.findings if not row.calibration.trusted]
    return Predictions(
        name=str(reader.bundle),
        images=text(images),
        findings=card.keys,
        values=np.array(values, np.float64),
        thresholds={row.key: row.operating_point.threshold for row in card.findings},
        refused=refused,
        card=card,
        sha256=reader.bundle.digest,
        warnings=tuple(doubt(doubted)),
    )


def judge(
    bundle: str,
    table: LabelTable,
    folder: Path,
    *,
    parts: Sequence[str] = (),
    workers: int = 1,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Predictions:
    """Read the labelled images of some parts with a bundle.

    Args:
        bundle: name, folder or file.
        table: of labels.
        folder: that the images lie in.
        parts: of the table's split; all rows where there are none, or the table has no split.
        workers: radiographs at a time, at most.
        tell: told how many are read, and of how many.

    Raises:
        BundleError: the bundle cannot be loaded.
        LabelError: it reads none of the findings that the labels tell of.
        RunError: as :func:`predict`.
    """
    wanted = [part for part in parts if part]
    if wanted and "split" in table.columns:
        rows = np.flatnonzero(np.isin(table.columns["split"].astype(str), wanted))
        table = table.rows(rows) if len(rows) else table
    reader = Reader.of(bundle, threads=1, heatmaps=False)
    if not set(reader.bundle.card.keys) & set(table.findings):
        raise LabelError(f"{reader.bundle} reads none of the findings that the labels tell of.")
    return predict(reader, table, folder, workers=min(workers, len(table)), tell=tell)


def _kept(result: Reading | Refusal) -> _Said:
    if isinstance(result, Refusal):
        return result.name, None, " ".join(dict.fromkeys(note.code for note in result.reasons))
    return result.source.name, tuple(p.probability for p in result.predictions), ""
