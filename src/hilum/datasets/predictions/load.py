"""Predictions from CSV, Parquet, the folder of ``hilum read`` or the folder of a run."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilum.bundles import available, load
from hilum.bundles.card import Card
from hilum.bundles.store import parse
from hilum.datasets.predictions.cells import IMAGE, fold, from_cells
from hilum.datasets.source import read_columns
from hilum.domain.text import Text, first_few, repeated, text
from hilum.errors import LabelError, MissingExtra
from hilum.evaluation.logistic import sigmoid

Scale = Literal["probabilities", "logits", "scores"]

READINGS, REFUSED, RUN = "findings.csv", "refused.csv", ".hilum/run.json"
HELD_OUT = "out-of-fold.npz"

OUT_OF_FOLD = (
    "Predictions are out of fold: each image was judged by a network that saw nothing of its "
    "patient, but by several networks, not by the one that ships."
)
FITTED_HERE = (
    "The calibration was fitted on these very rows, so that calibration looks better here than on "
    "new ones; AUROC and average precision hardly gain by it."
)


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a model says of images; a row an image, each once.

    Attributes:
        name: of the model or the file.
        images: names, text [images].
        findings: keys, one a column.
        values: float64 [images, findings]; NaN where nothing is said. Probabilities in [0, 1]
            unless ``scale`` is "scores".
        scale: "probabilities", also where logits were given, or "scores".
        thresholds: finding → operating point of the bundle that gave them.
        refused: image → why the model did not read it.
        out_of_fold: whether every image was judged by a network that saw nothing of its patient,
            on rows that the calibration was fitted on.
        labels: label table that lies beside them; None where there is none.
        card: of the bundle that gave them; None where it is not known.
        sha256: of the file.
        warnings: what makes numbers of them misleading.
        notes: what was left out or assumed.
    """

    name: str
    images: Text
    findings: tuple[str, ...]
    values: NDArray[np.float64]
    scale: Scale = "probabilities"
    thresholds: Mapping[str, float] = field(default_factory=dict[str, float])
    refused: Mapping[str, str] = field(default_factory=dict[str, str])
    out_of_fold: bool = False
    labels: Path | None = None
    card: Card | None = None
    sha256: str = ""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_predictions(
    path: Path,
    *,
    scale: Scale = "probabilities",
    image: str = "",
    columns: Mapping[str, str] | None = None,
) -> Predictions:
    """Read predictions.

    Args:
        path: a CSV (also .gz) or Parquet file with a row an image and a column a finding, or with
            columns image, finding and probability; the folder of ``hilum read``; or the folder of
            a run of ``hilum train``, whose out-of-fold predictions are taken.
        scale: what the numbers of a file are; logits become probabilities by the logistic function.
        image: column with the image's name; looked for where "".
        columns: column → finding, where names do not tell; others are looked up in the vocabulary,
            "prob_" and the like before them passed over.

    Raises:
        LabelError: no such file, no column of images or findings, rows of one image that disagree,
            numbers that are none, infinite, or outside [0, 1] where probabilities are expected.
        MissingExtra: Parquet without pyarrow.
    """
    if path.is_dir():
        found = _of_folder(path)
        if scale != "probabilities" or image or columns:
            raise LabelError(
                f"{path.name} is a folder of Hilum's own, whose columns and scale are known: leave "
                f"out what is said of them."
            )
        return found
    cells = _cells(path)
    found = from_cells(path.name, cells, image=image, columns=columns or {})
    made = Predictions(
        name=_stem(path),
        images=found.images,
        findings=found.findings,
        values=_on_scale(path.name, found.findings, found.values, scale),
        scale="scores" if scale == "scores" else "probabilities",
        thresholds=found.thresholds,
        sha256=_sha256(path),
        notes=found.notes,
    )
    if scale == "logits":
        said = "The numbers were taken for logits: probability = 1 / (1 + exp(-logit))."
        made = replace(made, notes=(*made.notes, said))
    return made


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").rpartition(".")[0] or path.name


def _cells(path: Path) -> dict[str, NDArray[Any]]:
    """Columns as text, or as numbers where the file holds numbers."""
    if not path.is_file():
        raise LabelError(
            f"No predictions {path.name} in {path.parent.name or '.'}: give a .csv, .csv.gz or "
            f".parquet file, the folder of `hilum read`, or the folder of a run."
        )
    if path.suffix == ".parquet":
        return _parquet(path)
    return dict(read_columns(path))


def _parquet(path: Path) -> dict[str, NDArray[Any]]:
    """Columns of a Parquet file: numbers as float64, NaN for null; everything else as text."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra(
            "Parquet needs pyarrow: pip install 'hilum[analyse]', or use a .csv."
        ) from error
    try:
        with parquet.ParquetFile(path) as file:
            names = [n for n in file.schema_arrow.names if not n.startswith("__index_level_")]
            twice = repeated(names)
            if twice:
                raise LabelError(f"{path.name}: columns {twice} stand twice; rename them.")
            read = file.read(columns=names)
    except (pa.ArrowException, OSError) as error:
        raise LabelError(f"{path.name} is damaged or no Parquet file.") from error
    if not read.num_rows:
        raise LabelError(f"{path.name} holds no row.")
    cells: dict[str, NDArray[Any]] = {}
    for name in names:
        values = read.column(name)
        if pa.types.is_nested(values.type) or pa.types.is_binary(values.type):
            continue
        numeric = pa.types.is_floating(values.type) or pa.types.is_integer(values.type)
        if numeric and fold(name) not in IMAGE:
            cells[name] = values.cast(pa.float64()).to_numpy()
            continue
        cells[name] = text(values.cast(pa.string()).fill_null("").to_pylist())
    return cells


def _on_scale(
    name: str, findings: tuple[str, ...], values: NDArray[np.float64], scale: Scale
) -> NDArray[np.float64]:
    infinite = np.isinf(values)
    if infinite.any():
        at = [
            key
            for key, some in zip(findings, np.any(infinite, axis=0).tolist(), strict=True)
            if some
        ]
        raise LabelError(
            f"{name}: {int(infinite.sum()):,} numbers are infinite, in {first_few(at)}; leave "
            f"those cells empty, which says that there is no prediction."
        )
    if scale == "scores":
        return values
    known = values[~np.isnan(values)]
    outside = known[(known < 0) | (known > 1)]
    if scale == "probabilities":
        if len(outside):
            raise LabelError(_outside(name, findings, values, outside))
        return values
    if len(known) and not len(outside):
        raise LabelError(
            f"{name}: all {len(known):,} numbers lie in [0, 1], where logits would not all lie: "
            f"they look like probabilities already. Leave out --logits."
        )
    return sigmoid(values)


def _outside(
    name: str,
    findings: tuple[str, ...],
    values: NDArray[np.float64],
    outside: NDArray[np.float64],
) -> str:
    at = [
        f"{key} {np.nanmin(column):.4g} to {np.nanmax(column):.4g}"
        for key, column in zip(findings, values.T, strict=True)
        if bool(((column < 0) | (column > 1)).any())
    ]
    low, high = outside.min(), outside.max()
    advice = (
        "if they are logits say --logits, if they are scores of another kind say --scores"
        if low < 0
        else "if they are percentages divide them by 100, if logits say --logits"
        if high <= 100
        else "if they are scores that are no probabilities say --scores"
    )
    return (
        f"{name}: {len(outside):,} of {values.size:,} numbers lie outside [0, 1] and are no "
        f"probabilities: {first_few(at, quoted=False)}; {advice}."
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of_folder(folder: Path) -> Predictions:
    if (folder / HELD_OUT).is_file():
        return _of_run(folder)
    if (folder / READINGS).is_file():
        return _of_readings(folder)
    if (folder / "recipe.json").is_file():
        raise LabelError(
            f"The run {folder.name} keeps no out-of-fold predictions: it has no folds (recipe: "
            f"folds = 5) or has not ended. Evaluate its bundle: --bundle RUN/NAME --data FOLDER."
        )
    raise LabelError(
        f"{folder.name} is neither the folder of `hilum read` (it lacks {READINGS}) nor of a run "
        f"(it lacks {HELD_OUT}); give a file of predictions, or --bundle and --data."
    )


def _of_readings(folder: Path) -> Predictions:
    file = folder / READINGS
    cells = read_columns(file)
    found = from_cells(READINGS, cells, image="image", columns={})
    refused: dict[str, str] = {}
    if (folder / REFUSED).is_file() and _has_rows(folder / REFUSED):
        rows = read_columns(folder / REFUSED, ["image", "code"])
        refused = dict(zip(rows["image"].tolist(), rows["code"].tolist(), strict=True))
    facts = _json(folder / RUN)
    bundle = facts.get("bundle", {})
    notes = list(found.notes)
    if facts.get("prevalence", "training") != "training":
        notes.append(f"Probabilities were restated for the prevalence {facts['prevalence']}.")
    doubted: list[str] = []
    if "calibrated" in cells:
        doubted = sorted(set(cells["finding"][cells["calibrated"] == "no"].tolist()))
    name = " ".join(str(bundle[k]) for k in ("name", "version") if k in bundle) or folder.name
    return Predictions(
        name=name,
        images=found.images,
        findings=found.findings,
        values=_on_scale(READINGS, found.findings, found.values, "probabilities"),
        thresholds=found.thresholds,
        refused=refused,
        sha256=_sha256(file),
        card=_shipped(bundle),
        warnings=(*doubt(doubted), *_unfinished(folder)),
        notes=tuple(notes),
    )


def doubt(findings: Iterable[str]) -> Iterator[str]:
    """That the calibration of some findings is not to be trusted; nothing where there are none."""
    named = list(findings)
    if named:
        yield (
            f"The bundle's calibration of {first_few(named, quoted=False)} stands on too few "
            f"positives to be trusted."
        )


def _shipped(bundle: Mapping[str, Any]) -> Card | None:
    """The card of the bundle that read, where it comes with the package."""
    if bundle.get("name") not in available():
        return None
    found = load(str(bundle["name"]))
    return found.card if found.digest == bundle.get("digest") else None


def _unfinished(folder: Path) -> Iterator[str]:
    file = folder / "readings.json"
    if not file.is_file():
        return
    with file.open(encoding="utf-8") as opened:
        begun = opened.read(4096)  # facts of the run come first
    if '"complete": false' in begun:
        yield (
            f"The reading in {folder.name} was stopped before its end: images that it did not come "
            f"to are missing here (`hilum read --resume` goes on)."
        )


def _has_rows(path: Path) -> bool:
    with path.open(encoding="utf-8") as file:
        return sum(1 for line, _ in zip(file, range(2), strict=False) if line.strip()) > 1


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, OSError) as error:
        raise LabelError(f"{path.name} of {path.parent.parent.name} is damaged.") from error


def _of_run(folder: Path) -> Predictions:
    held = _held(folder)
    recipe = _json(folder / "recipe.json")
    name = str(recipe.get("bundle", {}).get("name", ""))
    file = folder / name / "card.json"
    if not name or not file.is_file():
        raise LabelError(
            f"The run {folder.name} has not ended in a bundle, whose card names its findings; let "
            f"`hilum train` finish."
        )
    card = parse(file.read_bytes(), where=str(file))
    logits = held["logits"].astype(np.float64)
    if logits.ndim != 2 or logits.shape != (len(held["images"]), len(card.findings)):
        raise LabelError(f"{HELD_OUT} of {folder.name} and its bundle speak of other findings.")
    slopes = np.array([row.calibration.slope for row in card.findings])
    shifts = np.array([row.calibration.intercept for row in card.findings])
    labels = folder / "images" / "labels.csv"
    return Predictions(
        name=f"{card.name} {card.version}, out of fold",
        images=text(held["images"].tolist()),
        findings=card.keys,
        values=sigmoid(logits * slopes + shifts),
        out_of_fold=True,
        labels=labels if labels.is_file() else None,
        card=card,
        sha256=_sha256(folder / HELD_OUT),
        warnings=(OUT_OF_FOLD, FITTED_HERE),
    )


def _held(folder: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(folder / HELD_OUT, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise LabelError(f"{HELD_OUT} of {folder.name} is damaged.") from error
    absent = {"logits", "images"} - held.keys()
    if absent:
        raise LabelError(
            f"{HELD_OUT} of {folder.name} is of an older version of Hilum: it lacks "
            f"{', '.join(sorted(absent))}; train again, or evaluate the bundle on images."
        )
    return held
