"""A filled submission of prediction strings against what is so, as the challenge scores it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hilum.datasets.label_files import read_label_file
from hilum.datasets.source import read_header
from hilum.datasets.submission.strings import (
    ID,
    STRING,
    read_prediction_strings,
    siim_patients,
    siim_reference,
)
from hilum.domain.text import first_few
from hilum.evaluation.localisation import Said, SiimScore, siim_score

_SEED = 67


@dataclass(frozen=True, slots=True)
class Scored:
    """What a submission came to.

    Attributes:
        name: of its file.
        sha256: of its file.
        score: the six average precisions and their mean.
        ids: of the reference.
        right: by appearance: studies whose surest word is theirs, and studies of that appearance.
        boxes: predicted around opacities, and those of the reference.
        patients: how many intervals draw; 0 where they are not known, and every id is drawn alone.
        notes: what was assumed, and what nothing was said of.
    """

    name: str
    sha256: str
    score: SiimScore
    ids: int
    right: Mapping[str, tuple[int, int]]
    boxes: tuple[int, int]
    patients: int
    notes: tuple[str, ...]


def is_submission(path: Path) -> bool:
    """Whether a file is one of prediction strings: CSV with the columns Id and PredictionString."""
    named = path.is_file() and path.name.endswith((".csv", ".csv.gz"))
    return named and list(read_header(path)) == [ID, STRING]


def score_submission(
    path: Path, labels: Path, columns: str = "", *, samples: int = 2000, seed: int = 0
) -> Scored:
    """Score a submission.

    Args:
        path: CSV with Id and PredictionString.
        labels: what is so: the labels of ``siim-covid19``, as :func:`read_label_file` takes them,
            or a CSV with Id and PredictionString.
        columns: what the labels' columns mean.
        samples: draws of patients for the intervals.
        seed: of the draws.

    Raises:
        LabelError: strings that cannot be read, or labels of another kind.
        EvaluationError: ids that have no reference, or labels that do not belong to theirs.
    """
    said = read_prediction_strings(path)
    patients: dict[str, str] | None = None
    if not columns and is_submission(labels):
        reference = read_prediction_strings(labels)
    else:
        table = read_label_file(labels, columns)
        reference, patients = siim_reference(table), siim_patients(table)
    score = siim_score(
        reference, said, rng=np.random.default_rng([seed, _SEED]), patients=patients,
        samples=samples,
    )  # fmt: skip
    known = 0 if patients is None else len(set(patients.values()))
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Scored(
        name=path.name,
        sha256=digest,
        score=score,
        ids=len(reference),
        right=_right(reference, said),
        boxes=(_opacities(said), _opacities(reference)),
        patients=known,
        notes=_notes(reference, said, known),
    )


def _right(
    reference: Mapping[str, Sequence[Said]], said: Mapping[str, Sequence[Said]]
) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for name, truth in reference.items():
        if not name.endswith("_study"):
            continue
        label = truth[0].label
        surest = max(said.get(name, ()), key=lambda one: one.confidence, default=None)
        right, total = found.get(label, (0, 0))
        found[label] = (right + int(surest is not None and surest.label == label), total + 1)
    return found


def _opacities(strings: Mapping[str, Sequence[Said]]) -> int:
    return sum(one.label == "opacity" for said in strings.values() for one in said)


def _notes(
    reference: Mapping[str, Sequence[Said]], said: Mapping[str, Sequence[Said]], patients: int
) -> tuple[str, ...]:
    silent = [name for name in reference if not said.get(name)]
    notes: list[str] = []
    if silent:
        notes.append(
            f"Nothing is said of {len(silent):,} of {len(reference):,} ids, which count as missed: "
            f"{first_few(silent)}."
        )
    if not patients:
        notes.append("Patients are not known: intervals draw each id on its own.")
    return tuple(notes)
