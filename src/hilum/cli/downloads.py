"""How far downloads are: bars for each and all on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hilum.cli.progress import LINE_EVERY_S, duration

if TYPE_CHECKING:
    from hilum.datasets.fetch import Step

_EVERY_S = 0.1
"""A bar for all is drawn anew no more often: a thousand files may be behind it."""


@contextmanager
def downloads() -> Iterator[tuple[Callable[[Step], None], Callable[[str], None]]]:
    """Show on standard error how many bytes are here, the rate and the time left, and all notes.

    Yields:
        A function for each step, to be called from any thread, and one for a line of text.
    """
    if sys.stderr.isatty():
        with _bars() as shown:
            yield shown
    else:
        lines = _Lines()
        yield lines.step, _print


@contextmanager
def _bars() -> Iterator[tuple[Callable[[Step], None], Callable[[str], None]]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    tasks: dict[str, TaskID] = {}
    lock, last = threading.Lock(), [0.0]
    with Progress(*columns, console=Console(stderr=True)) as progress:

        def say(text: str) -> None:
            progress.console.print(text, markup=False, highlight=False)

        def everything() -> None:
            """Files wait unseen; when the first moves, a bar for all is put below."""
            files = [progress.tasks[task] for name, task in tasks.items() if name]
            sizes = [task.total for task in files]
            total = None if None in sizes else sum(size or 0 for size in sizes)
            done = round(sum(task.completed for task in files))
            if "" not in tasks:
                tasks[""] = progress.add_task("all", total=total, completed=done)
            progress.update(tasks[""], total=total, completed=done)

        def step(one: Step) -> None:
            if one.note:
                say(f"{one.name}: {one.note}")
            if one.done < 0:
                return
            with lock:
                if one.name not in tasks:
                    tasks[one.name] = progress.add_task(
                        one.name, total=one.size, completed=one.done, visible=False
                    )
                    return
                ended = one.done == one.size
                progress.update(
                    tasks[one.name], completed=one.done, total=one.size, visible=not ended
                )
                now = time.monotonic()
                if ended or now - last[0] >= _EVERY_S:
                    last[0] = now
                    everything()

        yield step, say


class _Lines:
    """A line every few seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[str, Step] = {}
        self._begun = self._last = time.monotonic()
        self._before = 0

    def step(self, one: Step) -> None:
        """Take a step of one file."""
        if one.note:
            _print(f"{one.name}: {one.note}")
        if one.done < 0:
            return
        with self._lock:
            if one.name not in self._files:
                self._before += one.done
            self._files[one.name] = one
            now = time.monotonic()
            if now - self._last >= LINE_EVERY_S:
                self._last = now
                _print(self._line(now - self._begun))

    def _line(self, seconds: float) -> str:
        files = self._files.values()
        done, sizes = sum(file.done for file in files), [file.size for file in files]
        rate = max(0, done - self._before) / seconds
        text = f"{done / 1e6:,.1f} MB here, {rate / 1e6:,.1f} MB/s"
        if None in sizes:
            return text
        total = sum(size or 0 for size in sizes)
        left = f", {duration((total - done) / rate)} left" if rate else ""
        ended = sum(file.done == file.size for file in files)
        return f"{text}, of {total / 1e6:,.1f} MB{left}; {ended} of {len(self._files)} files"


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
