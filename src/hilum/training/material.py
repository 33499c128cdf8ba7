"""What every network of a run learns from: labels, split, pictures."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.column_map import load_map, read_mapped
from hilum.datasets.columns import Columns, read_csv, with_labels
from hilum.datasets.folders import read_folders
from hilum.datasets.pack import Pack, is_pack
from hilum.datasets.saved_split import How, load_split, save_split
from hilum.datasets.split import by_column, divide
from hilum.datasets.table import load
from hilum.domain import LabelTable, Split, State
from hilum.domain.text import coded, first_few, text
from hilum.errors import LabelError
from hilum.models.outputs import Settled, settle, spans
from hilum.models.tasks import Task
from hilum.training.claiming import claim_data
from hilum.training.detection.boxes import Marked, check_parts, mark, with_kinds
from hilum.training.detection.rows import BoxRows
from hilum.training.examinations import (
    Examinations,
    Views,
    examinations,
    images_of,
)
from hilum.training.machine import Machine
from hilum.training.recipe import Recipe
from hilum.training.rows import Labelled, Rows, load_images
from hilum.training.segmentation.masks import Labels as Masks
from hilum.training.segmentation.masks import areas, load_masks, with_masks
from hilum.training.segmentation.rows import Drawn, MaskRows
from hilum.training.self_supervision.others import Others, others_of
from hilum.transforms.augmentation import Policy

PARTS = ("train", "tune", "test")

ALL_THERE = (
    "Every training examination has all views, and model.views.drop is 0: nothing teaches the "
    "network to do with the view {} alone, which is what the bundle reads. Set drop, such as 0.3."
)


@dataclass(frozen=True, slots=True)
class Material:
    """What every network of a run shares.

    Attributes:
        table: all rows that the recipe keeps; its findings are those of the tasks, in order.
        tasks: what is asked.
        split: parts "train", "tune" and, where there is one, "test".
        images: pictures, one a row of the table.
        views: pictures of examinations with several views, where rows are those; None else.
        masks: uint8 [images, rows, columns], for a segmentation; None else. The targets are then
            the shares of the pictures that structures cover.
        lungs: float64 [images, 4], a box around both lungs, where the augmentation needs it.
        marked: boxes, and masks beside them, for a detection; None else. Kinds of boxes that are
            no findings of the class task then stand behind those in the targets.
        others: pictures beyond the table, to learn from without labels; None for none.
        labelled: targets and mask, rows that a task cannot learn from left out of the mask.
        said: targets and mask as the table has them.
        notes: what the user must know of the labels.
        kept: activations of the frozen part, float16 [1 + views, rows in use, …]; None without.
        place: row of the table → position in ``kept``.
    """

    table: LabelTable
    tasks: tuple[Task, ...]
    split: Split
    images: Pack
    labelled: Labelled
    said: tuple[NDArray[np.float32], NDArray[np.bool_]]
    notes: tuple[str, ...] = ()
    kept: NDArray[np.floating[Any]] | None = None
    place: dict[int, int] = field(default_factory=dict)
    views: Views | None = None
    masks: Masks | None = None
    lungs: NDArray[np.float64] | None = None
    marked: Marked | None = None
    others: Others | None = None

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows of train and tune, which networks may see."""
        return np.concatenate([self.split.parts["train"], self.split.parts["tune"]])

    def served(self, recipe: Recipe, rows: NDArray[np.int64], policy: Policy | None = None) -> Rows:
        """Some rows as batches are made of them."""
        options = {"spec": recipe.input, "policy": policy, "seed": recipe.seed}
        if self.masks is not None:
            drawn = Drawn(self.masks, recipe.task[0].opacities)
            return MaskRows(self.images, self.labelled, rows, drawn=drawn, **options)
        if self.marked is not None:
            options |= {"marked": self.marked, "findings": len(self.table.findings)}
            return BoxRows(self.images, self.labelled, rows, lungs=self.lungs, **options)
        if self.views is not None:
            return Examinations(self.views, self.labelled, rows, **options)
        return Rows(self.images, self.labelled, rows, lungs=self.lungs, **options)

    def read(self, recipe: Recipe, rows: NDArray[np.int64]) -> Rows:
        """Some rows as the bundle reads them: of several views the first, where there is one."""
        if self.views is not None:
            rows = self.views.with_first(rows)
        return Rows(self.images, self.labelled, rows, spec=recipe.input)

    def number_of_images(self, rows: NDArray[np.int64]) -> int:
        """How many images some rows have."""
        return len(rows) if self.views is None else int((self.views.index[rows] >= 0).sum())


def gather(recipe: Recipe, folder: Path, out: Path, machine: Machine) -> Material:
    """Labels, split and decoded radiographs of a recipe.

    Args:
        recipe: says what counts.
        folder: of the data, or a pack.
        out: the run's folder: the split and the decoded radiographs are kept there.
        machine: its first process writes.

    Raises:
        LabelError, RecipeError, PackError, RunError: the data are not what the recipe says.
    """
    table, tasks = labels_and_tasks(recipe, folder)
    split = machine.on_first(lambda: split_of(recipe, table, out / "split"))
    place = out / "images"
    machine.on_first(lambda: _pictures(recipe, table, folder, place) is None)
    packed = folder if is_pack(folder) else place
    if recipe.drawn:
        kept = (recipe, table, tasks, packed, place, split)
        machine.on_first(lambda: material_of(*kept, masks_in=folder) is None)
    material = material_of(recipe, table, tasks, packed, place, split, masks_in=folder)
    further = out / "other-images"
    machine.on_first(lambda: others_of(recipe, table, folder, further) is None)
    material = replace(material, others=others_of(recipe, table, folder, further))
    for part in ("train", "tune"):
        if not material.labelled.mask[split.parts[part]].any():
            raise LabelError(
                f"The {len(split.parts[part]):,} rows of {part} hold no label that counts: nothing "
                "can be learnt of them. Divide anew, or look at what the findings are."
            )
    _check_first_view(material)
    _check_structures(recipe, material)
    if material.marked is not None:
        check_parts(material.marked, material.split.parts)
    machine.on_first(lambda: claim_data(out / "data.json", material))
    return material


def material_of(
    recipe: Recipe,
    table: LabelTable,
    tasks: tuple[Task, ...],
    folder: Path,
    cache: Path,
    split: Split | None = None,
    *,
    masks_in: Path | None = None,
) -> Material:
    """What networks learn from, of a table and its split.

    Args:
        recipe: says what counts.
        table: from :func:`labels_and_tasks`.
        tasks: likewise.
        folder: of the data, or a pack.
        cache: folder of the pack that radiographs are decoded into.
        split: None where there is but one part, "train".
        masks_in: folder that masks are relative to, where it is not ``folder``.
    """
    if recipe.structures:
        return _masked(recipe, table, folder, cache, split, masks_in=masks_in or folder)
    targets, mask = table.targets()
    settled = settle(tasks, targets, mask) if tasks else Settled(targets, mask, (), (), ())
    left_out = _left_out(tasks, settled.none, settled.several, settled.unsure)
    images, views = _pictures(recipe, table, folder, cache)
    stratum = table.columns.get(_stratum(recipe))
    strata = None if stratum is None else coded(stratum)[1].astype(np.int64)
    labelled = Labelled(settled.targets, settled.mask, table.patients, strata)
    split = split or Split.of(table, {"train": np.arange(len(table))})
    notes = (*table.notes, *left_out, *_opposites(tasks, targets, mask))
    if views is not None and not views.drop and _whole(views, split):
        notes = (*notes, ALL_THERE.format(views.names[0]))
    marked = None
    if recipe.detection is not None:
        drawn = partial(_masks, recipe, folder=masks_in or folder, cache=cache)
        marked, labelled, gone = mark(
            table, images, labelled, kinds=recipe.detection.boxes,
            masks=(_mask_column(recipe), recipe.drawn, drawn),
        )  # fmt: skip
        notes = (*notes, *gone)
    said = targets, mask
    return Material(table, tasks, split, images, labelled, said, notes, views=views, marked=marked)


def _masked(
    recipe: Recipe,
    table: LabelTable,
    folder: Path,
    cache: Path,
    split: Split | None = None,
    *,
    masks_in: Path,
) -> Material:
    """As :func:`material_of`, for a segmentation."""
    images, _ = _pictures(recipe, table, folder, cache)
    masks = _masks(recipe, table, images, folder=masks_in, cache=cache)
    covered = areas(masks, len(recipe.structures))
    drawn = np.ones(covered.shape, np.bool_)
    split = split or Split.of(table, {"train": np.arange(len(table))})
    known = Labelled(covered, drawn, table.patients)
    return Material(table, (), split, images, known, (covered, drawn), table.notes, masks=masks)


def _masks(recipe: Recipe, table: LabelTable, pack: Pack, *, folder: Path, cache: Path) -> Masks:
    return load_masks(
        table.columns[_mask_column(recipe)].astype(str).tolist(),
        folder,
        pack,
        recipe.input,
        values=recipe.data.mask_values or range(1, len(recipe.drawn) + 1),
        folder_of_cache=cache.parent,
    )


def _mask_column(recipe: Recipe) -> str:
    return "mask" if recipe.data.image else recipe.data.masks


def _check_structures(recipe: Recipe, material: Material) -> None:
    if not recipe.structures:
        return
    for part in ("train", "tune"):
        covered = material.labelled.targets[material.split.parts[part]]
        lacking = [
            k for k, each in zip(recipe.structures, covered.T, strict=True) if not each.any()
        ]
        if lacking:
            raise LabelError(
                f"No mask of {part} holds {first_few(lacking)}. Look at the masks' values "
                "(data.mask_values), or divide anew."
            )


def _pictures(
    recipe: Recipe, table: LabelTable, folder: Path, cache: Path
) -> tuple[Pack, Views | None]:
    """Pictures, one a row of the table, and where there are several views those of all."""
    said = recipe.model.views
    if said is None:
        return load_images(table, folder, recipe.input, cache), None
    flat, index = images_of(table, said.names)
    pack = load_images(flat, folder, recipe.input, cache)
    known_by = index[np.arange(len(index)), (index >= 0).argmax(1)]
    return pack.select(known_by), Views(pack, index, said.names, said.drop)


def _whole(views: Views, split: Split) -> bool:
    return bool((views.index[split.parts["train"]] >= 0).all())


def _check_first_view(material: Material) -> None:
    views = material.views
    for part, rows in material.split.parts.items():
        if views is not None and not len(views.with_first(rows)):
            raise LabelError(
                f"None of the {len(rows):,} examinations of {part} has the view "
                f"{views.names[0]!r}, which the bundle reads. Name another view first in "
                "model.views.names, or divide anew."
            )


def read_labels(recipe: Recipe, folder: Path) -> LabelTable:
    """The label table of a recipe, whichever way the folder holds it.

    Raises:
        LabelError: it is not there, or not what the recipe says.
    """
    said = recipe.data
    wanted = recipe.findings
    if said.image:
        kept = {"part": said.split, "stratum": said.stratum, "mask": said.masks}
        columns = Columns(
            image=said.image,
            patient=said.patient,
            labels=said.labels,
            separator=said.separator,
            findings={} if said.labels else {key: key for key in wanted},
            columns={name: column for name, column in kept.items() if column},
            where=said.where,
            known={label: key or None for label, key in said.known.items()},
        )
        table = read_csv(folder / said.table, columns, wanted)
        return with_labels(table) if said.known else table
    if said.map:
        table = read_mapped(folder, load_map(folder / said.map))
    elif said.table:
        table = load(folder / said.table)
    elif is_pack(folder):
        table = Pack.open(folder).table
    else:
        classes = {name: key or None for name, key in said.classes.items()}
        table = read_folders(folder, classes=classes, patient_pattern=said.patient_pattern)
    for column, value in said.where.items():
        if column not in table.columns:
            raise LabelError(
                f"data.where: the table has no column {column!r}; it has "
                f"{first_few(sorted(table.columns))}."
            )
        table = table.rows(np.flatnonzero(table.columns[column].astype(str) == value))
    if not len(table):
        raise LabelError("data.where: no row is left.")
    return table


def labels_and_tasks(recipe: Recipe, folder: Path) -> tuple[LabelTable, tuple[Task, ...]]:
    """The label table with the findings that are asked for, and the tasks that ask.

    Raises:
        LabelError, RecipeError: the data are not what the recipe says.
    """
    table = read_labels(recipe, folder)
    if recipe.structures:
        return with_masks(table, _mask_column(recipe)), ()
    if recipe.detection is not None:
        table = with_kinds(table, recipe.detection.boxes, others=bool(recipe.findings))
        if not recipe.findings:
            return table.with_states((), np.zeros((len(table), 0), np.uint8)), ()
    wanted = recipe.findings or tuple(
        key
        for key, states in zip(table.findings, table.states.T, strict=True)
        if {State.PRESENT, State.ABSENT} <= set(np.unique(states).tolist())
    )
    if not wanted:
        raise LabelError(
            "The table has no finding that is present on some images and absent on others"
            + (
                f": there is one class, {first_few(table.findings)}. A folder a class needs two."
                if len(table.findings) == 1
                else "."
            )
        )
    if "no_finding" in wanted and "no_finding" not in table.findings:
        table = _with_no_finding(table)
    lacking = [key for key in wanted if key not in table.findings]
    if lacking:
        raise LabelError(f"The table does not hold {first_few(lacking)}; it has "
                         f"{first_few(table.findings)}.")  # fmt: skip
    at = [table.findings.index(key) for key in wanted]
    table = replace(table, findings=wanted, states=table.states[:, at])
    if recipe.model.views is not None:
        said = recipe.data
        table = examinations(
            table,
            recipe.model.views.names,
            group=said.group,
            view=said.view,
            agree=[name for name in (said.split or "split",) if name in table.columns],
        )
    tasks = tuple(
        Task(one.kind, one.findings or wanted)
        for one in recipe.task
        if one.kind not in ("segmentation", "detection")
    )
    return table, tasks


def _with_no_finding(table: LabelTable) -> LabelTable:
    """A table with a column more: everything else is absent; it is open where something is."""
    found = table.states[:, [key != "normal" for key in table.findings]]
    present = (found == State.PRESENT).any(1)
    clear = (found == State.ABSENT).all(1)
    own = np.select([present, clear], [State.ABSENT, State.PRESENT], State.UNMENTIONED)
    states = np.column_stack([table.states, own.astype(np.uint8)])
    return replace(table, findings=(*table.findings, "no_finding"), states=states)


def _stratum(recipe: Recipe) -> str:
    said = recipe.data
    return "stratum" if said.image and said.stratum else said.stratum


def split_of(recipe: Recipe, table: LabelTable, folder: Path) -> Split:
    """The split of a recipe: that of the table, or one drawn by patient and kept.

    Args:
        recipe: says which.
        table: to divide.
        folder: where a drawn split is kept, and found again.

    Raises:
        LabelError, LeakError: no such column or part, or a patient in two parts.
    """
    said = recipe.data
    column = "part" if said.image and said.split else said.split
    named = set(np.unique(table.columns.get("split", text([]))).tolist()) - {""}
    if not column and {"train", "tune"} <= named:
        return by_column(table, "split", {part: part for part in PARTS if part in named})
    if not column and named and "train" not in named:
        raise LabelError(
            f"The table's split names {first_few(sorted(named))} and no train; say which column "
            "and values are meant (data.split, data.train, data.tune)."
        )
    if column:
        parts = {"train": said.train, "tune": said.tune}
        return by_column(table, column, parts | ({"test": said.test} if said.test else {}))
    if (folder / "split.json").exists():
        return load_split(folder, table)
    rng = np.random.default_rng(said.split_seed)
    shares: dict[str, float] = dict(zip(PARTS, said.shares, strict=True))
    if named:  # what a publisher keeps for the test stays the test
        column_split = table.columns["split"]
        del shares["test"]
        drawn = divide(table, shares, rng, rows=np.flatnonzero(column_split == "train"))
        rest = {"test": np.flatnonzero(column_split == "test")} if "test" in named else {}
        split = Split.of(table, {**drawn.parts, **rest})
    else:
        split = divide(table, shares, rng)
    how = How("shares", {"shares": shares, "seed": said.split_seed}, "not searched")
    save_split(split, table, how, folder)
    return split


def _left_out(
    tasks: tuple[Task, ...],
    none: tuple[int, ...],
    several: tuple[int, ...],
    unsure: tuple[int, ...],
) -> list[str]:
    told = []
    for task, *counts in zip(tasks, none, several, unsure, strict=True):
        if any(counts):
            nothing, many, open_ = counts
            told.append(
                f"A task {task.kind} needs exactly one finding on every image: {nothing:,} images "
                f"with none, {many:,} with several and {open_:,} that are not fully known teach "
                "nothing. Add a finding for the rest (no_finding), or ask multi-label."
            )
    return told


def _opposites(
    tasks: tuple[Task, ...], targets: NDArray[np.float32], mask: NDArray[np.bool_]
) -> list[str]:
    """Pairs of findings of which always exactly one is present: one number would do."""
    told = []
    for task, (_, columns) in zip(tasks, spans(tasks), strict=True):
        if task.kind != "multi-label" or len(task.findings) != 2 or not mask[:, columns].all():
            continue
        one, other = task.findings
        if (targets[:, columns].sum(1) == 1).all():
            told.append(
                f"{one} and {other} are each other's opposite on every image, and so are their "
                f'numbers. Ask for one of them: data.findings = ["{other}"].'
            )
    return told
