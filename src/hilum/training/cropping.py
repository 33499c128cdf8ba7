"""Pictures of a run cut to the lungs, by the code that reading cuts them with."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from hilum.bundles import load
from hilum.bundles.card import Preprocessing
from hilum.datasets.pack import Pack
from hilum.domain import Radiograph
from hilum.errors import RecipeError
from hilum.reading.cropping import part_of
from hilum.reading.lungs import LungReader
from hilum.transforms.preprocess import Part

FINDER = "lungs"
"""The bundle that finds lungs for crops."""

WHOLE = "whole.txt"
"""In the folder of a pack of crops: names of pictures whose lungs were not found, a line each."""


class Parts:
    """What is cut out of each radiograph. May be called by several threads at once.

    Args:
        spec: of the input.
        folder: of the pack; names of pictures that stay whole are kept there.
    """

    def __init__(self, spec: Preprocessing, folder: Path) -> None:
        self._spec, self._reader = spec, LungReader.of(FINDER)
        self._file, self._lock = folder / WHOLE, Lock()

    def __call__(self, radiograph: Radiograph) -> Part:
        """Both lungs with the margin; the whole picture where they are not found."""
        part, notes = part_of(radiograph, self._reader(radiograph), self._spec)
        if notes:
            with self._lock, self._file.open("a", encoding="utf-8") as file:
                file.write(f"{radiograph.source.name}\n")
        return part


def parts(spec: Preprocessing, folder: Path) -> Parts | None:
    """What cuts pictures for an input; None where it shows them whole."""
    return Parts(spec, folder) if spec.crop else None


def with_finder(spec: Preprocessing) -> Preprocessing:
    """The input with the digest of the bundle that finds the lungs, where it is cropped to them.

    Raises:
        RecipeError: the recipe names another.
    """
    if not spec.crop:
        return spec
    digest = load(FINDER).digest
    if spec.crop_by not in (None, digest):
        raise RecipeError(
            f"input.crop_by: {spec.crop_by[:12]}… is not the digest of the bundle {FINDER}, which "
            f"is {digest[:12]}…; leave it out."
        )
    return spec.model_copy(update={"crop_by": digest})


def crop_in_words(spec: Preprocessing) -> str:
    """What a pack of such pictures is called; empty where they are whole."""
    if not spec.crop:
        return ""
    return f"{spec.crop} with a margin of {spec.crop_margin:g}, by {with_finder(spec).crop_by}"


def shown_whole(images: Pack) -> str:
    """How many pictures of a pack of crops are whole, for their lungs were not found."""
    file = images.path / WHOLE
    named = set(file.read_text("utf-8").split("\n")) if file.exists() else set[str]()
    whole = sum(name in named for name in images.names.tolist())
    return (
        f"input.crop: no lungs on {whole:,} of {len(images):,} pictures, which the network learns "
        f"from whole, as it reads such pictures."
    )
