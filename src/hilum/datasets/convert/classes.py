"""Which class each file belongs to, under names that cannot name a patient."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

from hilum.datasets.convert.wayback import BySuffix
from hilum.domain import from_label
from hilum.domain.text import first_few
from hilum.errors import LabelError, UnknownName

_PLAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_+.,() -]{0,62}[A-Za-z0-9_+)])?")
_BETWEEN = "|"


def from_folders(names: Sequence[str], known: Collection[str] = ()) -> list[str]:
    """The class of each file by its folder: the nearest one above it that is called as a class.

    Args:
        names: of the files, as :func:`hilum.imaging.find_files` gives them.
        known: names of folders that are classes, besides those of findings
            (:mod:`hilum.domain.findings`).

    Returns:
        Labels of findings, such as "Covid-19", or one of ``known``.

    Raises:
        LabelError: a file lies in no such folder; or a name in ``known`` is not plain.
    """
    own = _own(known)
    found = [
        next(filter(None, (_label(part, own) for part in reversed(_folders(name)))), "")
        for name in names
    ]
    without = {_folders(name) for name, label in zip(names, found, strict=True) if not label}
    if without:
        shown = first_few("/".join(parts) or "." for parts in sorted(without))
        raise LabelError(
            f"{len(without)} folders are called as no finding is: {shown}. A folder's "
            "name may name a patient, so it is not taken over unseen: name those that are classes "
            "with --class, or give --table and --class-column."
        )
    return found


def from_labels(
    sources: Sequence[str], labels: Mapping[str, str], known: Collection[str] = ()
) -> list[str]:
    """The class of each file by a table.

    Args:
        sources: absolute paths of the files.
        labels: image, as the table calls it → its class, or several joined by "|". An image is the
            file whose path ends in its name.
        known: classes besides the labels of findings.

    Returns:
        Labels, several joined by "+" in alphabetical order.

    Raises:
        LabelError: a file without a row, two files for one row, or a class that is no finding.
    """
    own = _own(known)
    by_suffix = BySuffix(sources)
    found, odd = dict[str, str](), dict[str, int]()
    for image, text in labels.items():
        source = by_suffix.one(image)
        if source is None:
            continue
        named = {part.strip(): _label(part.strip(), own) for part in text.split(_BETWEEN)}
        for part in (part for part, label in named.items() if part and not label):
            odd[part] = odd.get(part, 0) + 1
        if any(named.values()):
            found[source] = "+".join(sorted({label for label in named.values() if label}))
    if odd:
        said = first_few([f"{text!r} ({count} rows)" for text, count in odd.items()], quoted=False)
        raise LabelError(
            f"{len(odd)} classes are labels of no finding: {said}. Name those that are classes "
            "with --class."
        )
    without = [source for source in sources if source not in found]
    if without:
        names = first_few(PurePosixPath(source).name for source in without)
        raise LabelError(
            f"{len(without)} of {len(sources)} files have no class in the table: {names}."
        )
    return [found[source] for source in sources]


def _own(known: Collection[str]) -> dict[str, str]:
    odd = [name for name in known if not _PLAIN.fullmatch(name)]
    if odd:
        raise LabelError(
            f"{first_few(odd)} cannot be a folder: a class is made of letters, digits and _+.,()-"
        )
    return {name.casefold(): name for name in known}


def _folders(name: str) -> tuple[str, ...]:
    return PurePosixPath(name).parts[:-1]


def _label(text: str, own: Mapping[str, str]) -> str | None:
    if text.casefold() in own:
        return own[text.casefold()]
    try:
        return from_label(text).label
    except UnknownName:
        return None
