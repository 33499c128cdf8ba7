"""What every network of a run learns from: labels, split, pictures."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.column_map import load_map, read_mapped
from hilum.datasets.columns import Columns, read_csv
from hilum.datasets.folders import read_folders
from hilum.datasets.pack import Pack, is_pack
from hilum.datasets.saved_split import How, load_split, save_split
from hilum.datasets.split import by_column, divide
from hilum.datasets.table import load
from hilum.domain import LabelTable, Split, State
from hilum.domain.text import coded, first_few
from hilum.errors import LabelError, RunError
from hilum.models.outputs import settle
from hilum.models.tasks import Task
from hilum.training.machine import Machine
from hilum.training.recipe import Recipe
from hilum.training.rows import Labelled, Rows, load_images
from hilum.transforms.augmentation import Policy

PARTS = ("train", "tune", "test")


@dataclass(frozen=True, slots=True)
class Material:
    """What every network of a run shares.

    Attributes:
        table: all rows that the recipe keeps; its findings are those of the tasks, in order.
        tasks: what is asked.
        split: parts "train", "tune" and, where there is one, "test".
        images: pictures, one a row of the table.
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
    kept: NDArray[np.float16] | None = None
    place: dict[int, int] = field(default_factory=dict)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows of train and tune, which networks may see."""
        return np.concatenate([self.split.parts["train"], self.split.parts["tune"]])

    def served(self, recipe: Recipe, rows: NDArray[np.int64], policy: Policy | None = None) -> Rows:
        """Some rows as batches are made of them."""
        return Rows(
            self.images, self.labelled, rows, spec=recipe.input, policy=policy, seed=recipe.seed
        )


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
    if machine.first:
        load_images(table, folder, recipe.input, out / "images")
    machine.fabric.barrier()
    material = material_of(recipe, table, tasks, folder, out / "images", split)
    for part in ("train", "tune"):
        if not material.labelled.mask[split.parts[part]].any():
            raise LabelError(
                f"The {len(split.parts[part]):,} rows of {part} hold no label that counts: nothing "
                "can be learnt of them. Divide anew, or look at what the findings are."
            )
    machine.on_first(lambda: _claim_data(out / "data.json", table, split, material.notes))
    return material


def material_of(
    recipe: Recipe,
    table: LabelTable,
    tasks: tuple[Task, ...],
    folder: Path,
    cache: Path,
    split: Split | None = None,
) -> Material:
    """What networks learn from, of a table and its split.

    Args:
        recipe: says what counts.
        table: from :func:`labels_and_tasks`.
        tasks: likewise.
        folder: of the data, or a pack.
        cache: folder of the pack that radiographs are decoded into.
        split: None where there is but one part, "train".
    """
    targets, mask = table.targets()
    settled = settle(tasks, targets, mask)
    left_out = _left_out(tasks, settled.none, settled.several, settled.unsure)
    images = load_images(table, folder, recipe.input, cache)
    stratum = table.columns.get(_stratum(recipe))
    strata = None if stratum is None else coded(stratum)[1].astype(np.int64)
    labelled = Labelled(settled.targets, settled.mask, table.patients, strata)
    split = split or Split.of(table, {"train": np.arange(len(table))})
    notes = (*table.notes, *left_out)
    return Material(table, tasks, split, images, labelled, (targets, mask), notes)


def read_labels(recipe: Recipe, folder: Path) -> LabelTable:
    """The label table of a recipe, whichever way the folder holds it.

    Raises:
        LabelError: it is not there, or not what the recipe says.
    """
    said = recipe.data
    wanted = recipe.findings
    if said.image:
        keep = {"split": said.split} if said.split else {}
        keep |= {"stratum": said.stratum} if said.stratum else {}
        columns = Columns(
            image=said.image,
            patient=said.patient,
            labels=said.labels,
            separator=said.separator,
            findings={} if said.labels else {key: key for key in wanted},
            columns={("part" if name == "split" else name): at for name, at in keep.items()},
            where=said.where,
        )
        return read_csv(folder / said.table, columns, wanted)
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
    wanted = recipe.findings or tuple(
        key
        for key, states in zip(table.findings, table.states.T, strict=True)
        if {State.PRESENT, State.ABSENT} <= set(np.unique(states).tolist())
    )
    if not wanted:
        raise LabelError(
            "The table has no finding that is present on some images and absent on others."
        )
    if "no_finding" in wanted and "no_finding" not in table.findings:
        table = _with_no_finding(table)
    lacking = [key for key in wanted if key not in table.findings]
    if lacking:
        raise LabelError(f"The table does not hold {first_few(lacking)}; it has "
                         f"{first_few(table.findings)}.")  # fmt: skip
    at = [table.findings.index(key) for key in wanted]
    table = replace(table, findings=wanted, states=table.states[:, at])
    tasks = tuple(Task(one.kind, one.findings or wanted) for one in recipe.task)
    return table, tasks


def _with_no_finding(table: LabelTable) -> LabelTable:
    """A table with a column more: nothing is present or uncertain, and something is absent."""
    present = (table.states == State.PRESENT).any(1)
    clear = np.isin(table.states, (State.ABSENT, State.UNMENTIONED)).all(1)
    said = clear & (table.states == State.ABSENT).any(1)
    own = np.select([present, said], [State.ABSENT, State.PRESENT], State.UNMENTIONED)
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
    if not column and "split" in table.columns:
        named = set(np.unique(table.columns["split"]).tolist())
        if {"train", "tune"} <= named:
            parts = {part: part for part in PARTS if part in named}
            return by_column(table, "split", parts)
    if column:
        parts = {"train": said.train, "tune": said.tune}
        return by_column(table, column, parts | ({"test": said.test} if said.test else {}))
    if (folder / "split.json").exists():
        return load_split(folder, table)
    shares: dict[str, float] = dict(zip(PARTS, said.shares, strict=True))
    rng = np.random.default_rng(recipe.seed)
    split = divide(table, shares, rng)
    how = How("shares", {"shares": shares, "seed": recipe.seed}, "not searched")
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


def _claim_data(file: Path, table: LabelTable, split: Split, notes: tuple[str, ...]) -> None:
    content = hashlib.sha256("\n".join(table.images).encode())
    content.update(table.states.tobytes() + "\n".join(table.patients).encode())
    told: dict[str, Any] = {
        "digest": content.hexdigest(),
        "split_digest": split.digest,
        "images": len(table),
        "patients": len(np.unique(table.patients)),
        "parts": {
            part: {
                "images": len(rows),
                "patients": len(np.unique(table.patients[rows])),
                "positives": {
                    key: int((table.states[rows, at] == State.PRESENT).sum())
                    for at, key in enumerate(table.findings)
                },
                "negatives": {
                    key: int((table.states[rows, at] == State.ABSENT).sum())
                    for at, key in enumerate(table.findings)
                },
            }
            for part, rows in split.parts.items()
        },
        "notes": list(notes),
    }
    claim(file, json.dumps(told, indent=1, ensure_ascii=False) + "\n", "other data")


def claim(file: Path, said: str, other: str) -> None:
    """Write what a run is of, or see that it is the same run.

    Raises:
        RunError: the folder holds a run of something else.
    """
    if file.exists() and file.read_text(encoding="utf-8") != said:
        raise RunError(
            f"{file.parent} holds a run of {other}; choose another folder with -o, or remove it."
        )
    partial = file.with_name(f"{file.name}.partial")
    partial.write_text(said, encoding="utf-8")
    partial.replace(file)
