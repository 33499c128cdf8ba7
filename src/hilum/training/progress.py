"""What a run says while it learns: a bar with the time left, or a line an epoch."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Told:
    """Progress over all networks of a run, on standard error.

    Args:
        names: of the networks, in the order in which they learn.
        steps: that each takes.
        quiet: say nothing at all: for processes that learn beside the first.
    """

    def __init__(self, names: Sequence[str], steps: int, *, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet)
        self._names, self._steps = list(names), steps
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            disable=quiet or not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("", total=max(1, steps * len(self._names)))
        self._at, self._began, self._learnt = 0, time.monotonic(), 0

    def __enter__(self) -> Self:
        self._began = time.monotonic()  # what was prepared before is no step
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def network(self, name: str) -> None:
        """A network begins, or is found done."""
        self._at = self._names.index(name)
        self.step(0, learnt=False)

    def step(self, step: int, *, learnt: bool = True) -> None:
        """A step of the present network is done.

        Args:
            step: how many of this network are.
            learnt: False where they were done by an earlier run.
        """
        self._learnt += learnt
        self._bar.update(self._task, completed=self._at * self._steps + step)

    def epoch(self, line: Mapping[str, Any], *, best: bool, of: int) -> None:
        """An epoch is over; ``line`` is what the journal holds of it."""
        tune = line.get("tune") or {}
        mean, dice = (tune.get(metric, {}).get("mean") for metric in ("auroc", "dice"))
        numbers = [f"loss {line['train_loss']:.4f}", f"tune {line['tune_loss']:.4f}"]
        numbers += [f"AUROC {mean:.3f}"] if mean is not None else []
        numbers += [f"Dice {dice:.3f}"] if dice is not None else []
        boxes = tune.get("ap50", {}).get("mean")
        numbers += [f"AP {boxes:.3f}"] if boxes is not None else []
        head = f"{self._names[self._at]} · epoch {line['epoch']} of {of}"
        told = f"{head} · {' · '.join(numbers)}{' · best so far' if best else ''}"
        self._bar.update(self._task, description=told)
        if self._bar.disable:
            self.console.print(f"{told}{self._left()}", highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Something that the user must know."""
        self.console.print(text, highlight=False, soft_wrap=True, markup=False)

    def _left(self) -> str:
        done = self._bar.tasks[0].completed
        if not self._learnt:
            return ""
        each = (time.monotonic() - self._began) / self._learnt
        return f" · {duration(each * (self._steps * len(self._names) - done))} left"


def duration(seconds: float) -> str:
    """A duration in words.

    Example:
        >>> duration(42), duration(600), duration(9000)
        ('42 s', '10 min', '2 h 30 min')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
