"""Lungs first: what a bundle that looks at the lungs alone is shown of a radiograph."""

from __future__ import annotations

from hilum.bundles import Bundle
from hilum.bundles.card import Preprocessing
from hilum.domain import Note, Radiograph, Refusal
from hilum.errors import BundleError
from hilum.reading.lungs import TURNED, LungFields, LungReader
from hilum.transforms.preprocess import Part

WHOLE = "lungs-not-cropped"
"""Code of the note that tells that a picture was shown whole, for its lungs were not found."""


def lungs_for(bundle: Bundle, *, threads: int = 1, runtime: str = "onnxruntime") -> LungReader:
    """What finds the lungs for a bundle: the one that its crop names, or the one called "lungs".

    Raises:
        BundleError: the bundle was made with crops by another one than "lungs" is here.
        MissingExtra: the runtime is not installed.
    """
    reader = LungReader.of("lungs", threads=threads, runtime=runtime)
    wanted = bundle.card.preprocessing.crop_by
    if wanted is not None and wanted != reader.bundle.digest:
        raise BundleError(
            f"bundle {bundle} looks at lungs that a bundle of the digest {wanted[:12]}… finds; "
            f"{reader.bundle}, which is here, has {reader.bundle.digest[:12]}…. Install the Hilum "
            f"that the bundle was made with, or train it anew."
        )
    return reader


def part_of(
    radiograph: Radiograph, lungs: LungFields | Refusal, spec: Preprocessing
) -> tuple[Part, tuple[Note, ...]]:
    """What is shown of a radiograph, the same in training and in reading.

    Args:
        radiograph: the picture.
        lungs: what was found on it.
        spec: of a bundle that crops.

    Returns:
        Both lungs and the spec's margin; the whole picture, and a note that says why, where they
        were not found or not believed.
    """
    if isinstance(lungs, LungFields) and lungs.plausible:
        return lungs.crop(spec.crop_margin), ()
    rows, columns = radiograph.shape
    note = Note(
        WHOLE,
        f"{why(lungs)}, so the network, which learnt from crops to the lungs, was shown the whole "
        f"picture. {said(lungs)}".strip(),
    )
    return (0, 0, columns, rows), (note,)


def why(lungs: LungFields | Refusal) -> str:
    """Why lungs are not used, in a few words that begin a sentence."""
    notes = () if isinstance(lungs, Refusal) else lungs.concerns
    turned = any(note.code == TURNED for note in notes)
    return "The picture may be turned" if turned else "The lungs were not found"


def said(lungs: LungFields | Refusal) -> str:
    """What speaks against taking what was found for lungs, in a sentence or two."""
    notes = lungs.reasons if isinstance(lungs, Refusal) else lungs.concerns
    return " ".join(note.message for note in notes[:2])
