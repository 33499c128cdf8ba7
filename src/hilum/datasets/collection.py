"""What Hilum knows of a published collection: where its files are, and what must be found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hilum.domain import LabelTable


@dataclass(frozen=True, slots=True)
class Count:
    """A published number that a complete copy must show.

    Attributes:
        what: in words: "images", "patients", "Hernia".
        expected: the number.
        found: counts it in the table.
    """

    what: str
    expected: int
    found: Callable[[LabelTable], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One set of labels of a collection.

    Attributes:
        about: what it is, in a sentence.
        read: folder of the collection → table. Its images are paths relative to that folder where
            the files are there, and bare names where they are not. Raises LabelError.
        counts: what a complete copy must show: published numbers, with their source in a comment.
    """

    about: str
    read: Callable[[Path], LabelTable]
    counts: tuple[Count, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A published collection.

    Attributes:
        name: as the command line calls it.
        title: its name in full.
        about: what it holds, in a sentence or two.
        citation: of its paper.
        licence: under which it may be used, as its publisher says.
        home: address of the page that offers it.
        layout: where the files lie, a line each, as downloaded.
        files: patterns below the folder, such as "images_*/images/*.png", that find the images.
        variants: sets of labels by name; the first is the one taken without a word.
        labels: label as published → key of a finding, or None where the label is left out, with
            the reason in ``undecided``.
        undecided: label → why it is mapped to no finding.
        same_images_as: names of collections that hold the same pictures, in whole or in part.
    """

    name: str
    title: str
    about: str
    citation: str
    licence: str
    home: str
    layout: str
    files: tuple[str, ...]
    variants: Mapping[str, Variant]
    labels: Mapping[str, str | None] = field(default_factory=dict)
    undecided: Mapping[str, str] = field(default_factory=dict)
    same_images_as: tuple[str, ...] = ()
