"""How to search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hilum.similarity.confirmation import THRESHOLD
from hilum.similarity.threads import processors
from hilum.similarity.turning import EVERY, MIRRORED, UPRIGHT, Turning

Progress = Callable[[str, int, int], None]
"""Told the step ("describe", "search", "align"), how many are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to search.

    Attributes:
        threshold: score that a pair needs, in (0, 1].
        turned: look for pictures turned by 90°, 180° or upside down as well; takes up to four times
            as long. Mirrored ones are always looked for.
        threads: how many work at a time; None for one a processor. The result is the same.
        progress: told how far it is.
    """

    threshold: float = THRESHOLD
    turned: bool = False
    threads: int | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"a threshold lies in (0, 1], got {self.threshold}")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"at least 1 thread works, got {self.threads}")

    @property
    def workers(self) -> int:
        """Threads."""
        return self.threads or processors()

    @property
    def turnings(self) -> Sequence[Turning]:
        """How pictures may be turned."""
        return EVERY if self.turned else (UPRIGHT, MIRRORED)

    def steps(self, step: str, total: int) -> Callable[[int], None]:
        """A function to be told how many more are done of a step."""
        done = 0

        def tell(more: int) -> None:
            nonlocal done
            done += more
            if self.progress is not None:
                self.progress(step, done, total)

        return tell
