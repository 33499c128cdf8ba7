"""Prediction strings of the SIIM-FISABIO-RSNA challenge: "opacity 0.9 10 20 30 40 none 0.1 0 …"."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from hilum.datasets.source import read_columns
from hilum.domain import LabelTable, State
from hilum.domain.text import first_few, repeated
from hilum.errors import LabelError
from hilum.evaluation.localisation import Said
from hilum.evaluation.localisation.siim import IMAGE, STUDY

ID, STRING = "Id", "PredictionString"

APPEARANCES = {
    "negative": "negative_for_pneumonia",
    "typical": "typical_appearance",
    "indeterminate": "indeterminate_appearance",
    "atypical": "atypical_appearance",
}
"""Label in a string → key of the finding."""

_KNOWN = {*STUDY, *IMAGE}
_GROUP = 6


def read_prediction_strings(path: Path) -> dict[str, tuple[Said, ...]]:
    """Read a submission, or a reference written as one.

    Args:
        path: CSV with the columns Id and PredictionString; groups of six words: label, confidence,
            left, top, right, bottom.

    Raises:
        LabelError: an id stands twice, or a string is no such groups.
    """
    cells = read_columns(path, [ID, STRING])
    ids = cells[ID].tolist()
    twice = repeated(ids)
    if twice:
        raise LabelError(f"{path.name}: {len(twice)} ids stand twice: {first_few(twice)}.")
    found: dict[str, tuple[Said, ...]] = {}
    odd: list[str] = []
    flat: list[str] = []
    for name, written in zip(ids, cells[STRING].tolist(), strict=True):
        try:
            found[name] = parsed(written)
        except FlatBox as error:
            flat.append(f"{name}: {error}")
        except ValueError:
            odd.append(name)
    if flat:
        raise LabelError(
            f"{path.name}: boxes of {len(flat)} ids have no area: {first_few(flat, quoted=False)}; "
            f"a box is left, top, right, bottom."
        )
    if odd:
        raise LabelError(
            f"{path.name}: {len(odd)} strings are no groups of label, confidence, left, top, "
            f"right, bottom: {first_few(odd)}; labels are {', '.join((*STUDY, *IMAGE))}."
        )
    return found


class FlatBox(ValueError):
    """A box that ends where it begins, or before."""


def parsed(written: str) -> tuple[Said, ...]:
    """What a string says.

    Raises:
        ValueError: it is no groups of six words with a known label and finite numbers.
        FlatBox: likewise, of a box without area.
    """
    words = written.split()
    said: list[Said] = []
    for at in range(0, len(words), _GROUP):
        label, *rest = words[at : at + _GROUP]
        confidence, left, top, right, bottom = (float(word) for word in rest)
        if label not in _KNOWN or not all(
            map(math.isfinite, (confidence, left, top, right, bottom))
        ):
            raise ValueError(label)
        if not (right > left and bottom > top):
            raise FlatBox(" ".join(rest[1:]))
        said.append(Said(label, confidence, (left, top, right, bottom)))
    return tuple(said)


def written(said: Iterable[Said]) -> str:
    """The string of what is said.

    Example:
        >>> written([Said("none", 1.0), Said("opacity", 0.25, (10.0, 20.5, 30.0, 40.0))])
        'none 1 0 0 1 1 opacity 0.25 10 20.5 30 40'
    """
    return " ".join(
        f"{one.label} {one.confidence:.6g} {' '.join(f'{v:.6g}' for v in one.box)}" for one in said
    )


def siim_reference(table: LabelTable) -> dict[str, tuple[Said, ...]]:
    """The labels of ``siim-covid19`` as the challenge's own reference, to score against.

    An image without a box counts as "none", as the challenge had it, also where the readers drew
    boxes on another image of its study.

    Args:
        table: of the collection siim-covid19.

    Raises:
        LabelError: a column or finding is missing, or a study has not one appearance.
    """
    if table.boxes is None or not set(APPEARANCES.values()) <= set(table.findings):
        raise LabelError(
            "These labels are not those of siim-covid19: boxes or classes are lacking."
        )
    columns = [table.findings.index(key) for key in APPEARANCES.values()]
    present = table.states[:, columns] == State.PRESENT
    if (present.sum(1) != 1).any():
        raise LabelError(f"{int((present.sum(1) != 1).sum())} images have not one appearance.")
    labels = list(APPEARANCES)
    found: dict[str, tuple[Said, ...]] = {}
    for study, row in zip(table.column("study").tolist(), present, strict=True):
        found[f"{study}_study"] = (Said(labels[int(row.argmax())], 1.0),)
    for row, image in enumerate(table.images.tolist()):
        keys, boxes = table.boxes.of(row)
        drawn = boxes[keys == "opacity"]
        found[f"{Path(image).stem}_image"] = tuple(
            Said("opacity", 1.0, (x, y, x + w, y + h)) for x, y, w, h in drawn.tolist()
        ) or (Said("none", 1.0),)
    return found


def siim_patients(table: LabelTable) -> dict[str, str]:
    """Whom each id of :func:`siim_reference` is of."""
    images = [f"{Path(image).stem}_image" for image in table.images.tolist()]
    studies = [f"{study}_study" for study in table.column("study").tolist()]
    return dict(zip((*studies, *images), 2 * table.patients.tolist(), strict=True))


def said_of_study(probability: Mapping[str, float]) -> tuple[Said, ...]:
    """The four appearances of a study, from the probabilities of their findings."""
    return tuple(Said(label, probability[key]) for label, key in APPEARANCES.items())


def said_of_image(
    none: float | None, boxes: Sequence[tuple[float, Sequence[float]]]
) -> tuple[Said, ...]:
    """What is said of an image.

    Args:
        none: confidence that there is no opacity; without it, 1 minus that of the surest box.
        boxes: score, and left, top, width, height.
    """
    surest = max((score for score, _ in boxes), default=0.0)
    said = [Said("none", float(np.clip(1 - surest if none is None else none, 0, 1)))]
    for score, (x, y, w, h) in boxes:
        said.append(Said("opacity", score, (x, y, x + w, y + h)))
    return tuple(said)
