"""The radiographs of ChestX-ray14 with the twenty labels of S2, and a frozen network's features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.split import folds
from hilum.domain import LabelTable, State
from hilum.domain.text import coded
from hilum.errors import LabelError
from hilum.studies.arms import load_study
from hilum.studies.running import Bench
from hilum.training.cross_validation import features_of_frozen
from hilum.training.material import labels_and_tasks
from hilum.training.recipe import Recipe

COUNTS = {
    "atelectasis": 4003, "cardiomegaly": 1034, "consolidation": 1234, "edema": 599,
    "effusion": 3804, "emphysema": 315, "fibrosis": 689, "hernia": 89, "infiltration": 9192,
    "mass": 2068, "nodule": 2602, "pleural_thickening": 1068, "pneumonia": 298,
    "pneumothorax": 2004, "pneumoperitoneum": 103, "pneumomediastinum": 40,
    "subcutaneous_emphysema": 70, "tortuous_aorta": 446, "aortic_calcification": 185,
    "no_finding": 58494,
}  # fmt: skip
"""S2's classes in its order, with its numbers of images."""

FOLDS = 5
FEWEST = 5
"""Images that a class needs, so that every fold can hold one."""


@dataclass(frozen=True, slots=True, eq=False)
class Twenty:
    """Images of one class each.

    Attributes:
        classes: keys, those with too few images left out.
        answer: number of the class, int64 [images].
        features: float32 [images, width].
        patients: number of the patient, int64 [images].
        roads: number of the road, int64 [images].
        fold: int64 [images].
        several: images with several findings, which went to the rarest of them.
        left: classes left out → their images.
    """

    classes: tuple[str, ...]
    answer: NDArray[np.int64]
    features: NDArray[np.float32]
    patients: NDArray[np.int64]
    roads: NDArray[np.int64]
    fold: NDArray[np.int64]
    several: int
    left: dict[str, int]


def plain_recipe() -> Recipe:
    """The study levers' plain arm: 224 px, no augmentation, the whole backbone frozen."""
    levers = load_study("levers")
    return levers.recipe_for(levers.arm("plain"), 0)


def labels_of_twenty(bench: Bench) -> LabelTable:
    """The same rows with S2's labels in place of the fourteen findings.

    Raises:
        LabelError: the table has no such labels.
    """
    recipe = plain_recipe()
    said = recipe.data.model_copy(update={"labels": "lt20", "findings": tuple(COUNTS)})
    return labels_and_tasks(recipe.model_copy(update={"data": said}), bench.data)[0]


def features_of_rows(bench: Bench, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Features of some rows of train and val: computed once, and remembered."""
    recipe = plain_recipe()
    material = bench.material(recipe)
    features = features_of_frozen(recipe, material, weights=bench.weights, store=bench.store)
    place = np.full(len(material.table), -1)
    place[material.rows] = np.arange(len(material.rows))
    return features[place[rows]]


def load_twenty(bench: Bench) -> Twenty:
    """Read labels, and features: computed once, and remembered.

    Raises:
        LabelError: the table has no such labels, or hardly any class.
    """
    recipe = plain_recipe()
    material = bench.material(recipe)
    rows = material.rows
    features = features_of_rows(bench, rows)
    table = labels_of_twenty(bench).rows(rows)
    answer, several = rarest(table.states == State.PRESENT)
    if material.labelled.strata is None:
        raise LabelError("The column that says by which road an image came is missing.")
    numbers = np.bincount(answer[answer >= 0], minlength=len(COUNTS))
    kept = numbers >= FEWEST
    if kept.sum() < 3:
        raise LabelError(f"Only {int(kept.sum())} classes of lt20 have {FEWEST} images.")
    use = np.flatnonzero((answer >= 0) & kept[answer])
    place = np.cumsum(kept) - 1
    table, answer = table.rows(use), place[answer[use]]
    classes = tuple(key for key, there in zip(COUNTS, kept, strict=True) if there)
    return Twenty(
        classes,
        answer,
        features[use],
        coded(table.patients)[1].astype(np.int64),
        material.labelled.strata[rows][use],
        fold_of(table, classes, answer),
        several,
        {key: int(n) for key, n, there in zip(COUNTS, numbers, kept, strict=True) if not there},
    )


def rarest(present: NDArray[np.bool_]) -> tuple[NDArray[np.int64], int]:
    """The class of each image: the rarest of its findings; −1 where it has none.

    Returns:
        Number of the class, [images], and how many images had several.
    """
    number = present.sum(0)
    rank = np.where(present, number, np.iinfo(np.int64).max)
    answer = np.where(present.any(1), rank.argmin(1), -1)
    return answer, int((present.sum(1) > 1).sum())


def fold_of(
    table: LabelTable, classes: tuple[str, ...], answer: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Five folds by patient, the classes spread evenly."""
    states = np.where(answer[:, None] == np.arange(len(classes)), State.PRESENT, State.ABSENT)
    own = LabelTable(table.images, classes, states.astype(np.uint8), table.patients)
    split = folds(own, np.arange(len(own)), FOLDS, np.random.default_rng(0))
    fold = np.zeros(len(own), np.int64)
    for number, rows in enumerate(split.parts.values()):
        fold[rows] = number
    return fold


def known(data: Twenty) -> str:
    """What the numbers are of, for captions."""
    patients = len(np.unique(data.patients))
    return f"{len(data.answer):,} images of {patients:,} patients, {len(data.classes)} classes"
