"""How far a run is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

LINE_EVERY_S = 15.0


@contextmanager
def progress(
    total: int, *, doing: str = "Reading", done: str = "read"
) -> Iterator[Callable[[], None]]:
    """Show on standard error how many of ``total`` are done, the rate and the time left.

    Args:
        total: how many there are.
        doing: what is done, before the bar.
        done: the same in lines: "30 of 100 read".

    Yields:
        A function to be called after each.
    """
    if sys.stderr.isatty():
        with _bar(total, doing) as advance:
            yield advance
    else:
        yield _lines(total, done)


@contextmanager
def steps(words: Mapping[str, str]) -> Iterator[Callable[[str, int, int], None]]:
    """Show how far a run of several steps is, one bar or line each.

    Args:
        words: name of a step → what is done in it, such as "Reading".

    Yields:
        A function of a step, how many are done, and of how many.
    """
    with ExitStack() as open_bars:
        bars: dict[str, Callable[[], None]] = {}
        shown: dict[str, int] = {}

        def tell(step: str, done: int, total: int) -> None:
            if step not in bars:
                open_bars.close()
                doing = words.get(step, step)
                bars[step] = open_bars.enter_context(
                    progress(total, doing=doing, done=f"({doing.lower()})")
                )
            for _ in range(done - shown.get(step, 0)):
                bars[step]()
            shown[step] = done

        yield tell


@contextmanager
def _bar(total: int, doing: str) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.1f} a second" if task.speed else "", style="dim")

    columns = (
        TextColumn(doing),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def _lines(total: int, word: str) -> Callable[[], None]:
    begun = last = time.monotonic()
    done = 0

    def advance() -> None:
        nonlocal done, last
        done += 1
        now = time.monotonic()
        if now - last >= LINE_EVERY_S and done < total:
            last = now
            rate = done / (now - begun)
            left = (total - done) / rate
            print(
                f"{done} of {total} {word}, {rate:.1f} a second, {duration(left)} left",
                file=sys.stderr,
                flush=True,
            )

    return advance


def duration(seconds: float) -> str:
    """Seconds as minutes:seconds or hours:minutes:seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
