"""Predictions into an organiser's CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.predicted_boxes import BoxFile
from hilum.datasets.predictions import Predictions
from hilum.datasets.predictions.names import rows_of, stem
from hilum.datasets.submission.strings import APPEARANCES, said_of_image, said_of_study, written
from hilum.datasets.submission.template import Found, Template, find, findings_of
from hilum.domain import finding
from hilum.domain.text import coded, first_few, text
from hilum.errors import LabelError, RunError

STUDY, IMAGE, OPACITY = "_study", "_image", "opacity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a template is filled.

    Attributes:
        missing: cell of an id without a prediction; None refuses such ids.
        columns: column → finding, where names do not tell.
        keep: columns that stay as they are.
        threshold: probability from which a finding is present, for labels and for 1 and 0; None
            takes the operating points of the bundle that predicted.
        decide: write 1 and 0 in place of probabilities.
        studies: image → study, for ids of studies; told from the images' folders where empty.
        boxes: for ids of images; those of opacities are taken.
    """

    missing: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    keep: Sequence[str] = ()
    threshold: float | None = None
    decide: bool = False
    studies: Mapping[str, str] = field(default_factory=dict[str, str])
    boxes: BoxFile | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """A filled template.

    Attributes:
        csv: its text.
        rows: ids.
        missing: ids without a prediction, filled with what was given for them.
        extra: predicted images that are no id.
        notes: what was assumed.
    """

    csv: str
    rows: int
    missing: tuple[str, ...]
    extra: int
    notes: tuple[str, ...]

    def save(self, out: Path) -> None:
        """Write the file, whole or not at all.

        Raises:
            RunError: it exists, or cannot be written.
        """
        if out.exists():
            raise RunError(f"{out} exists; remove it or choose another with -o.")
        draft = out.with_name(f".{out.name}.part")
        try:
            draft.write_text(self.csv, encoding="utf-8")
            draft.replace(out)
        except OSError as error:
            raise RunError(f"{out} cannot be written: {error.strerror}.") from error


def fill(predictions: Predictions, template: Template, wanted: Wanted | None = None) -> Submission:
    """Fill a template: its ids and columns stay, in their order.

    Args:
        predictions: of the model.
        template: the organiser's.
        wanted: how.

    Returns:
        The submission.

    Raises:
        LabelError: ids without a prediction (unless a value is given for them), columns that
            nothing fills, decisions without a threshold, or boxes of which none is an opacity.
    """
    wanted = wanted or Wanted()
    if template.kind == "strings":
        return _strings(predictions, template, wanted)
    found = find(template, predictions.images)
    _check(template, found.missing, wanted)
    notes = _notes(found)
    if template.kind == "labels":
        _whole(predictions, predictions.values[found.row[found.row >= 0]])
        present = _decided(predictions, predictions.findings, wanted)
        labels = [finding(key).label for key in predictions.findings]
        cells = [
            " ".join(label for label, yes in zip(labels, row, strict=True) if yes)
            for row in present.tolist()
        ]
        columns = {template.others[0]: _placed(cells, found, wanted.missing)}
    else:
        keys = findings_of(template, predictions.findings, columns=wanted.columns, keep=wanted.keep)
        numbers = _columns(predictions, keys, wanted, found.row[found.row >= 0])
        notes += [f"Column {name!r} holds {key}." for name, key in keys.items() if name != key]
        columns = {name: _placed(cells, found, wanted.missing) for name, cells in numbers.items()}
        unused = [key for key in predictions.findings if key not in keys.values()]
        if unused:
            notes.append(f"Predicted, but no column asks for: {first_few(unused, quoted=False)}.")
    return Submission(
        template.written(columns), len(template.rows), found.missing, found.extra, tuple(notes)
    )


def _columns(
    predictions: Predictions, keys: Mapping[str, str], wanted: Wanted, asked: NDArray[np.int64]
) -> dict[str, list[str]]:
    at = [predictions.findings.index(key) for key in keys.values()]
    values = predictions.values[:, at]
    _whole(predictions, values[asked])
    if wanted.decide or wanted.threshold is not None:
        values = _decided(predictions, tuple(keys.values()), wanted).astype(np.float64)
    return {
        name: [f"{value:.9g}" for value in column]
        for name, column in zip(keys, values.T.tolist(), strict=True)
    }


def _whole(predictions: Predictions, values: NDArray[np.float64]) -> None:
    """Refuse empty cells, which would be written as absent, or as nan."""
    empty = int(np.isnan(values).sum())
    if empty:
        raise LabelError(
            f"{predictions.name}: {empty:,} of the cells that are asked for are empty."
        )


def _decided(predictions: Predictions, keys: Sequence[str], wanted: Wanted) -> NDArray[np.bool_]:
    """Which findings are present, [images, findings]."""
    if wanted.threshold is not None and not 0 <= wanted.threshold <= 1:
        raise LabelError(f"A threshold lies in [0, 1]; {wanted.threshold} does not.")
    at = [predictions.findings.index(key) for key in keys]
    points = [
        predictions.thresholds.get(key) if wanted.threshold is None else wanted.threshold
        for key in keys
    ]
    lacking = [key for key, point in zip(keys, points, strict=True) if point is None]
    if lacking:
        raise LabelError(
            f"{predictions.name} holds no operating point of {first_few(lacking)}: say from which "
            f"probability a finding is present with --threshold."
        )
    return predictions.values[:, at] >= np.array(points, np.float64)


def _check(template: Template, missing: Sequence[str], wanted: Wanted) -> None:
    if len(missing) == len(template.rows):
        raise LabelError(
            f"None of the {len(missing):,} ids of {template.path.name} has a prediction: such as "
            f"{first_few(missing[:2])}."
        )
    if missing and wanted.missing is None:
        raise LabelError(
            f"{len(missing):,} of {len(template.rows):,} ids of {template.path.name} have no "
            f"prediction: {first_few(missing)}. Say what to write for them with --missing VALUE."
        )


def _notes(found: Found) -> list[str]:
    return [f"Ids were matched to images by {found.how}."] if found.how else []


def _placed(cells: list[str], found: Found, missing: str | None) -> list[str]:
    return [(missing or "") if row < 0 else cells[row] for row in found.row.tolist()]


def _strings(predictions: Predictions, template: Template, wanted: Wanted) -> Submission:
    """Ids of studies and of images, each with its string."""
    ids = template.rows.tolist()
    odd = [name for name in ids if not name.endswith((STUDY, IMAGE))]
    if odd:
        raise LabelError(
            f"{template.path.name}: {len(odd):,} ids end in neither {STUDY} nor {IMAGE}: "
            f"{first_few(odd)}."
        )
    lacking = [key for key in APPEARANCES.values() if key not in predictions.findings]
    if lacking:
        raise LabelError(
            f"{predictions.name} does not tell of {first_few(lacking)}, which studies are asked "
            f"for."
        )
    studies = _of_studies(predictions, wanted)
    images, notes = _of_images(predictions, wanted)
    filled: list[str] = []
    missing: list[str] = []
    used: set[str] = set()
    for name in ids:
        bare, kind = name[: -len(STUDY)], name[-len(STUDY) :]
        said = (studies if kind == STUDY else images).get(bare)
        used.add(name)
        if said is None:
            missing.append(name)
        filled.append(wanted.missing or "" if said is None else said)
    _check(template, missing, wanted)
    extra = sum(f"{image}{IMAGE}" not in used for image in images)
    return Submission(
        template.written({template.others[0]: filled}),
        len(ids),
        tuple(missing),
        extra,
        tuple(notes),
    )


def _of_studies(predictions: Predictions, wanted: Wanted) -> dict[str, str]:
    """Study → string, of the mean probabilities of its images."""
    at = [predictions.findings.index(key) for key in APPEARANCES.values()]
    _whole(predictions, predictions.values[:, at])
    names = text([_study(name, wanted.studies) for name in predictions.images.tolist()])
    kinds, row = coded(names)
    counts = np.bincount(row, minlength=len(kinds))
    means = np.stack(
        [np.bincount(row, predictions.values[:, k], len(kinds)) / counts for k in at], axis=1
    )
    return {
        study: written(said_of_study(dict(zip(APPEARANCES.values(), values, strict=True))))
        for study, values in zip(kinds.tolist(), means.tolist(), strict=True)
        if study
    }


def _study(image: str, studies: Mapping[str, str]) -> str:
    """The study of an image: as told, or the folder above that of its series; "" for neither."""
    if studies:
        return studies.get(image) or studies.get(stem(image), "")
    parts = PurePosixPath(image.replace("\\", "/")).parts
    if len(parts) >= 3:
        return parts[-3]
    return image.removesuffix(STUDY) if image.endswith(STUDY) else ""


def _of_images(predictions: Predictions, wanted: Wanted) -> tuple[dict[str, str], list[str]]:
    """Image → string: confidence of none, and boxes."""
    notes: list[str] = []
    drawn: dict[int, list[tuple[float, Sequence[float]]]] = {}
    if wanted.boxes is None:
        notes.append("No boxes were given: images say none alone, and opacity nowhere.")
    else:
        opacity = wanted.boxes.findings == OPACITY
        if len(opacity) and not opacity.any():
            others = list(dict.fromkeys(wanted.boxes.findings.tolist()))
            raise LabelError(
                f"{wanted.boxes.name} holds boxes of {first_few(others)}; the challenge asks for "
                f"boxes of opacities ({OPACITY})."
            )
        if not opacity.all():
            notes.append(
                f"{int((~opacity).sum()):,} boxes of other findings than {OPACITY} are left out."
            )
        names, at = coded(wanted.boxes.images[opacity])
        corners, scores = wanted.boxes.xywh[opacity], wanted.boxes.scores[opacity]
        rows, how = rows_of(names, predictions.images)
        if how:
            notes.append(f"Boxes were matched to images by {how}.")
        lost = int((rows < 0).sum())
        if lost:
            notes.append(f"Boxes on {lost:,} images without predictions are left out.")
        for box in np.flatnonzero(rows[at] >= 0).tolist():
            one = (float(scores[box]), corners[box].tolist())
            drawn.setdefault(int(rows[at[box]]), []).append(one)
    key = OPACITY if OPACITY in predictions.findings else ""
    of_none = APPEARANCES["negative"]
    column = predictions.findings.index(key or of_none)
    _whole(predictions, predictions.values[:, column])
    none = 1 - predictions.values[:, column] if key else predictions.values[:, column]
    what = "1 − probability of opacity" if key else "the probability of a negative study"
    notes.append(f"Confidence of none is {what}.")
    strings = {
        stem(image).removesuffix(IMAGE): written(
            said_of_image(float(none[row]), drawn.get(row, []))
        )
        for row, image in enumerate(predictions.images.tolist())
    }
    return strings, notes
