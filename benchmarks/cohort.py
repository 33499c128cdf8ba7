"""The images of a training recipe, and how its run divided them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.columns import Columns, read_csv
from hilum.datasets.split import by_column, folds
from hilum.domain import LabelTable, Split
from hilum.evaluation import Reference
from hilum.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Cohort:
    """The rows of a recipe.

    Attributes:
        recipe: of the run.
        table: its label table.
        split: parts "train" and "tune", and "test" where the recipe has one.
        rows: of train and tune, in the order that folds are made of.
        outer: the folds of the run.
    """

    recipe: Recipe
    table: LabelTable
    split: Split
    rows: NDArray[np.int64]
    outer: Split

    @classmethod
    def of(cls, recipe: Recipe, data: Path) -> Cohort:
        """Divide as the run of a recipe does.

        Args:
            recipe: of the run; it must name a stratum.
            data: folder of its table.
        """
        said = recipe.data
        columns = Columns(
            image=said.image,
            patient=said.patient,
            labels=said.labels,
            separator=said.separator,
            columns={"part": said.split, "stratum": said.stratum},
            where=said.where,
        )
        table = read_csv(data / said.table, columns, said.findings)
        parts = {"train": said.train, "tune": said.tune}
        split = by_column(table, "part", parts | ({"test": said.test} if said.test else {}))
        rows = np.concatenate([split.parts["train"], split.parts["tune"]])
        outer = folds(table, rows, recipe.folds, np.random.default_rng(recipe.data.split_seed))
        return cls(recipe, table, split, rows, outer)

    def reference(self, images: tuple[str, ...]) -> Reference:
        """Targets, patients and strata of some images, in their order."""
        place = {image: i for i, image in enumerate(self.table.images)}
        rows = [place[image] for image in images]
        targets, mask = self.table.targets()
        return Reference.of(
            targets[rows],
            [self.table.patients[i] for i in rows],
            mask=mask[rows],
            strata=[self.table.columns["stratum"][i] for i in rows],
            findings=self.table.findings,
        )
