"""Lungs of a radiograph are found once, though zones of boxes, crops and results ask for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import local

from hilum.domain import GateVerdict, Radiograph, Refusal
from hilum.reading.lungs import LungFields, LungReader


@dataclass(frozen=True, slots=True, eq=False)
class LungsOnce(LungReader):
    """Finds lungs, and remembers those of the radiograph that a thread asked for last."""

    _last: local = field(default_factory=local)

    @classmethod
    def around(cls, reader: LungReader | None) -> LungsOnce:
        """The same reader, with a memory; without one that of the bundle ``lungs``."""
        found = LungReader.of("lungs") if reader is None else reader
        return cls(found.bundle, found.gate, found.graph)

    def __call__(
        self, radiograph: Radiograph, looked: GateVerdict | None = None
    ) -> LungFields | Refusal:
        """Find the lungs; see :class:`hilum.reading.lungs.LungReader`."""
        last = getattr(self._last, "found", None)
        if last is not None and last[0] is radiograph:
            return last[1]
        found = LungReader.__call__(self, radiograph, looked)
        self._last.found = (radiograph, found)
        return found

    def forget(self) -> None:
        """Let go of the picture that this thread asked for last."""
        self._last.found = None
