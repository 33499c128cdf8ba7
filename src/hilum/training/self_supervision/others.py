"""Pictures beyond a recipe's table that a backbone may learn from without labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.columns import Columns, read_csv
from hilum.datasets.pack import Pack
from hilum.domain import LabelTable
from hilum.domain.text import Text
from hilum.errors import LabelError, RecipeError
from hilum.training.recipe import Recipe
from hilum.training.rows import Labelled, Rows, load_images
from hilum.training.views import Kept, Views
from hilum.transforms.augmentation import needs_lungs


@dataclass(frozen=True, slots=True, eq=False)
class Others:
    """Pictures without labels.

    Attributes:
        images: pictures.
        names: of their files.
        patients: of each.
        kept: activations of the frozen part, as :attr:`.Material.kept`; None without.
    """

    images: Pack
    names: Text
    patients: Text
    kept: Kept | None = field(default=None)

    def rows(self, recipe: Recipe) -> Rows:
        """As batches are made of them."""
        count = len(self.names)
        nothing = Labelled(np.zeros((count, 0), np.float32), np.zeros((count, 0), np.bool_),
                           self.patients)  # fmt: skip
        every: NDArray[np.int64] = np.arange(count)
        policy = recipe.augmentation.build()
        return Rows(self.images, nothing, every, spec=recipe.input, policy=policy, seed=recipe.seed)

    def served(self, recipe: Recipe) -> Rows | Views:
        """The same, as remembered activations where there are any."""
        rows = self.rows(recipe)
        if self.kept is None:
            return rows
        return Views(self.kept, {at: at for at in range(len(rows))}, rows)


def others_of(recipe: Recipe, table: LabelTable, folder: Path, cache: Path) -> Others | None:
    """Decode the pictures of ``self_supervision.others``; None where there are none.

    Args:
        recipe: of the run.
        table: of all its rows, those of the test among them.
        folder: of the data.
        cache: folder of the pack that radiographs are decoded into.

    Raises:
        LabelError: no such table, or one of its patients stands in the recipe's as well.
        RecipeError: the augmentation crops to lungs, which are not looked for here.
        RunError, PackError: pictures cannot be read.
    """
    part = recipe.self_supervision
    if part is None or not part.others:
        return None
    if needs_lungs(recipe.augmentation.build()):
        raise RecipeError("self_supervision.others: not with an augmentation that crops to lungs.")
    found = [
        read_csv(
            folder / one.table, Columns(image=one.image, patient=one.patient, where=one.where), ()
        )
        for one in part.others
    ]
    images = np.concatenate([one.images for one in found])
    patients = np.concatenate([one.patients for one in found])
    shared = np.unique(patients[np.isin(patients, table.patients)])
    if len(shared):
        raise LabelError(
            f"self_supervision.others: {len(shared):,} of its {len(np.unique(patients)):,} "
            "patients stand in the recipe's own table, so that folds that hold them out would "
            "have shown their pictures. Leave their rows out with where, or give the sources ids "
            "of their own."
        )
    both = LabelTable(images, (), np.zeros((len(images), 0), np.uint8), patients)
    pack = load_images(both, folder, recipe.input, cache)
    return Others(pack, both.images, both.patients)
