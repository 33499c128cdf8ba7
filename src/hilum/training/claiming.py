"""A run's folder is of one recipe and of the same data: what says so, and what refuses others."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from hilum.domain import State
from hilum.domain.text import first_few
from hilum.errors import RunError
from hilum.training.environment import keep_environment
from hilum.training.examinations import column_of_view
from hilum.training.recipe import Recipe

if TYPE_CHECKING:
    from hilum.training.material import Material


def claim_folder(recipe: Recipe, out: Path) -> None:
    """Write the recipe into a run's folder, or see that the folder is of the same recipe.

    Raises:
        RunError: it is of another.
    """
    out.mkdir(parents=True, exist_ok=True)
    said, file = recipe.model_dump_json(indent=1), out / "recipe.json"
    if file.exists() and not any(out.rglob("epochs.jsonl")):
        file.unlink()  # nothing has been learnt by it
    if not (file.exists() and _says(file, recipe)):
        claim(file, said, "another recipe")
    keep_environment(out / "environment.json")


def _says(file: Path, recipe: Recipe) -> bool:
    """Whether a file holds the same recipe; one written before a key was known lacks the key."""
    try:
        return Recipe.model_validate_json(file.read_bytes()) == recipe
    except ValidationError:
        return False


def claim_data(file: Path, material: Material) -> None:
    """Write what a run learns from, or see that it is the same.

    Raises:
        RunError: the folder holds a run of other data.
    """
    table, split = material.table, material.split
    content = hashlib.sha256("\n".join(table.images).encode())
    content.update("\n".join(v for n in sorted(table.columns) if n.startswith(column_of_view(""))
                             for v in table.columns[n]).encode())  # fmt: skip
    content.update(table.states.tobytes() + "\n".join(table.patients).encode())
    if material.masks is not None:
        content.update(material.labelled.targets.tobytes())
    if material.marked is not None:
        content.update(material.marked.digest())
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
        "notes": list(material.notes),
    }
    claim(file, json.dumps(told, indent=1, ensure_ascii=False) + "\n", "other data")


def claim(file: Path, said: str, other: str) -> None:
    """Write what a run is of, or see that it is the same run.

    Raises:
        RunError: the folder holds a run of something else.
    """
    if file.exists() and (before := file.read_text(encoding="utf-8")) != said:
        changed = _changed(before, said)
        which = f" ({first_few(changed)} differ)" if changed else ""
        raise RunError(
            f"{file.parent} holds a run of {other}{which}; choose another folder with -o, or "
            "remove it."
        )
    partial = file.with_name(f"{file.name}.partial")
    partial.write_text(said, encoding="utf-8")
    partial.replace(file)


def _changed(before: str, now: str) -> list[str]:
    """Keys in which two JSON texts differ; empty where they are no tables."""
    try:
        one, other = _flat(json.loads(before)), _flat(json.loads(now))
    except ValueError:
        return []
    return sorted(key for key in one | other if one.get(key) != other.get(key))


def _flat(value: Any, place: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {place: value} if place else {}
    found: dict[str, Any] = {}
    for key, one in value.items():
        found |= _flat(one, f"{place}.{key}" if place else key)
    return found
