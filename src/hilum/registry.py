"""Tables of contents: a name → ``"module:attribute"``, imported only when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from hilum.errors import UnknownName


class Registry(Mapping[str, str]):
    """An immutable table of names and the places where they are defined.

    Args:
        kind: what the names stand for, in the singular ("finding", "backbone"); used in messages.
        entries: pairs of a name and ``"module:attribute"``.

    Raises:
        ValueError: a name stands twice.

    Example:
        >>> Registry("number", [("pi", "math:pi")]).resolve("pi")
        3.141592653589793
    """

    def __init__(self, kind: str, entries: Iterable[tuple[str, str]]) -> None:
        self.kind = kind
        self._places: dict[str, str] = {}
        for name, place in entries:
            if name in self._places:
                raise ValueError(f"{kind} {name!r} is registered twice")
            self._places[name] = place

    def __getitem__(self, name: str) -> str:
        if name not in self._places:
            raise UnknownName(unknown(self.kind, name, self._places))
        return self._places[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def resolve(self, name: str) -> Any:
        """Import and return what ``name`` stands for.

        Raises:
            UnknownName: no such name; the message lists near matches.
        """
        module, _, attribute = self[name].partition(":")
        return getattr(import_module(module), attribute)


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that ``name`` is no ``kind``, and which known names come near it."""
    names = list(known)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(sorted(names))}."
    return f"Unknown {kind} {name!r}; {hint}"
