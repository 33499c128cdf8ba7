"""The vocabulary of findings: a row each, in a file by place in the chest.

``chestxray14`` holds the fourteen that come first, ``verdicts`` what is said of a whole picture or
patient, ``infections``, ``lung``, ``pleura``, ``mediastinum`` (heart, vessels, hila), ``wall``
(bones, soft tissue, diaphragm, abdomen) and ``devices`` the others.
"""

from __future__ import annotations

from collections.abc import Iterator

from hilum.domain.findings import (
    chestxray14,
    devices,
    infections,
    lung,
    mediastinum,
    pleura,
    verdicts,
    wall,
)
from hilum.domain.findings.definition import Finding
from hilum.errors import UnknownName
from hilum.registry import unknown

__all__ = ["CHEST14", "Finding", "all_findings", "finding", "from_label", "known_finding", "wider"]

_ROWS: tuple[Finding, ...] = (
    *chestxray14.ROWS, *verdicts.ROWS, *infections.ROWS, *lung.ROWS, *pleura.ROWS,
    *mediastinum.ROWS, *wall.ROWS, *devices.ROWS,
)  # fmt: skip


def _fold(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


_BY_KEY = {row.key: row for row in _ROWS}
_BY_SPELLING: dict[str, Finding] = {}
for _row in _ROWS:
    for _text in {_fold(t) for t in (_row.key, _row.name, _row.label, *_row.synonyms)}:
        if _text in _BY_SPELLING:
            raise ValueError(f"{_text!r} names two findings")
        _BY_SPELLING[_text] = _row

CHEST14 = tuple(row.key for row in chestxray14.ROWS)
"""The fourteen findings of ChestX-ray14, in that collection's order."""


def finding(key: str) -> Finding:
    """The finding of that key.

    Raises:
        UnknownName: no such key; the message lists near matches.
    """
    if key not in _BY_KEY:
        raise UnknownName(unknown("finding", key, _BY_KEY))
    return _BY_KEY[key]


def from_label(text: str) -> Finding:
    """The finding that a published table means, whatever its case, spaces and underscores.

    Raises:
        UnknownName: no finding is spelt so; the message lists near matches.

    Example:
        >>> from_label("Pleural Thickening").key
        'pleural_thickening'
    """
    found = _BY_SPELLING.get(_fold(text))
    if found is None:
        raise UnknownName(unknown("finding", text, (row.label for row in _ROWS)))
    return found


def wider(key: str) -> tuple[str, ...]:
    """The findings that are present whenever this one is, nearest first.

    Raises:
        UnknownName: no such key.

    Example:
        >>> wider("sars")
        ('viral_pneumonia', 'pneumonia')
    """
    found: dict[str, None] = {}
    waiting = list(finding(key).parents)
    while waiting:
        parent = waiting.pop(0)
        if parent not in found:
            found[parent] = None
            waiting.extend(finding(parent).parents)
    return tuple(found)


def known_finding(key: str) -> bool:
    """Whether a key stands in the vocabulary."""
    return key in _BY_KEY


def all_findings() -> Iterator[Finding]:
    """Every finding, in the order of the vocabulary."""
    return iter(_ROWS)
