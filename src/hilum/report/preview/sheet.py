"""A sheet of augmented radiographs: what a network would be shown, before it is trained.

A row holds a radiograph, plain and then as the first epochs would change it, with what was done.
Boxes and masks are drawn where they were carried to. Below each picture stand its grey levels, over
those of the plain one. What looks wrong is said in red.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hilum.errors import RunError
from hilum.report.preview.tiles import FAINT, INK, RED, Image, beside, heading, tile
from hilum.report.preview.words import described, faults, told
from hilum.transforms.augmentation import Picture, Policy, apply, concerns


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A radiograph to show.

    Attributes:
        name: to write above it.
        row: in the table; with the seed and the epoch it decides what is drawn, as in training.
        picture: at the size of the network's input.
    """

    name: str
    row: int
    picture: Picture


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A drawn sheet.

    Attributes:
        image: uint8 [rows, columns, 3], blue, green, red.
        concerns: what is wrong with the policy or with pictures on the sheet, a sentence each.
    """

    image: Image
    concerns: tuple[str, ...]


def preview(
    policy: Policy, examples: Sequence[Example], *, seed: int, out: Path, epochs: int = 6
) -> tuple[str, ...]:
    """Draw a sheet and save it.

    Args:
        policy: of the recipe.
        examples: radiographs, a row each.
        seed: of the recipe.
        out: PNG or JPEG file.
        epochs: how many augmented pictures of each.

    Returns:
        What is wrong, a sentence each; empty where all is well.

    Raises:
        RunError: the file cannot be written.
    """
    drawn = sheet(policy, examples, seed=seed, epochs=epochs)
    suffix = out.suffix.lower()
    if suffix not in {".png", ".jpg", ".jpeg"}:
        raise RunError(f"{out.name}: the sheet is a picture; end its name in .png or .jpg.")
    _, data = cv2.imencode(suffix, drawn.image)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(data.tobytes())
    except OSError as error:
        raise RunError(f"{out} cannot be written: {error.strerror}.") from error
    return drawn.concerns


def sheet(policy: Policy, examples: Sequence[Example], *, seed: int, epochs: int = 6) -> Sheet:
    """Draw a sheet: a row a radiograph, a column an epoch.

    Args:
        policy: what to draw from.
        examples: radiographs, at least one.
        seed: with epoch and row decides everything random: ``default_rng([seed, epoch, row])``.
        epochs: how many augmented pictures of each.
    """
    said: list[str] = list(concerns(policy))
    rows = []
    for example in examples:
        plain = example.picture
        tiles = [tile(plain, plain, [(example.name, INK)])]
        for epoch in range(epochs):
            drawn = policy.draw(np.random.default_rng([seed, epoch, example.row]))
            done = apply(plain, drawn)
            wrong = faults(plain, drawn)
            said += [f"{example.name}, epoch {epoch + 1}: {fault}." for fault in wrong]
            lines = [(line, FAINT) for line in told(drawn)] or [("nothing", FAINT)]
            lines += [(f"! {fault}", RED) for fault in wrong]
            lost = len(plain.boxes) - len(done.boxes)
            lines += [(f"{lost} of {len(plain.boxes)} boxes out of sight", FAINT)] if lost else []
            tiles.append(tile(done, plain, lines))
        rows.append(beside(tiles))
    names = ["plain", *(f"epoch {epoch + 1}" for epoch in range(epochs))]
    head = heading(described(policy), concerns(policy), names)
    return Sheet(np.concatenate([head, *rows]), tuple(said))
