"""Sides that are timed in turns, and what their times say of each other."""

from __future__ import annotations

import importlib
import multiprocessing
import statistics
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

Side = Callable[[], float]
"""Does its work once and returns the seconds that it took."""


@dataclass(frozen=True, slots=True)
class Times:
    """What one side took, round by round.

    Attributes:
        seconds: one a round, at least one.
    """

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median in seconds."""
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        ms = [1000 * s for s in (self.median, min(self.seconds), max(self.seconds))]
        places = 1 if ms[0] < 100 else 0
        return f"{ms[0]:,.{places}f} ({ms[1]:,.{places}f}–{ms[2]:,.{places}f})"


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as long the slow side takes.

    Attributes:
        of_medians: the slow side's median over the fast side's.
        pairs: the same within each round.
    """

    of_medians: float
    pairs: tuple[float, ...]

    @property
    def median_of_pairs(self) -> float:
        """Median of the ratios within the rounds."""
        return statistics.median(self.pairs)

    def __str__(self) -> str:
        ends = f"{min(self.pairs):.2f}–{max(self.pairs):.2f}"
        return f"{self.of_medians:.2f} × (by rounds {self.median_of_pairs:.2f}, {ends})"


def ratio(slow: Times, fast: Times) -> Ratio:
    """Compare two sides that were timed in the same rounds."""
    pairs = tuple(a / b for a, b in zip(slow.seconds, fast.seconds, strict=True))
    return Ratio(slow.median / fast.median, pairs)


def interleave(sides: Mapping[str, Side], *, repeat: int, warm_up: int = 1) -> dict[str, Times]:
    """Time sides in turns, A B A B …, so that whatever slows the machine meets all of them.

    Args:
        sides: by name, in the order of a round.
        repeat: rounds that count, at least 1.
        warm_up: rounds before them that do not.
    """
    if repeat < 1:
        raise ValueError(f"repeat must be at least 1, got {repeat}")
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(-warm_up, repeat):
        for name, side in sides.items():
            seconds = side()
            if turn >= 0:
                taken[name].append(seconds)
    return {name: Times(tuple(seconds)) for name, seconds in taken.items()}


def command(line: Callable[[], Sequence[str]], allowed: Collection[int] = frozenset({0})) -> Side:
    """A side that starts a new process and waits for its end.

    Args:
        line: gives the command line, anew each time.
        allowed: exit statuses that count as done.
    """

    def side() -> float:
        arguments = list(line())
        begun = time.perf_counter()
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - begun
        if done.returncode not in allowed:
            raise RuntimeError(f"{arguments} ended with {done.returncode}:\n{done.stderr}")
        return seconds

    return side


class Worker:
    """A process that holds one side ready: neither side disturbs the other's threads or memory."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def send(self, *arguments: Any) -> None:
        """Begin a call."""
        self._connection.send(arguments)

    def receive(self) -> tuple[float, Any]:
        """Seconds and answer of the call."""
        try:
            return self._connection.recv()
        except EOFError:
            raise RuntimeError("a side of the benchmark failed; its error stands above") from None

    def __call__(self, *arguments: Any) -> tuple[float, Any]:
        """Call and wait."""
        self.send(*arguments)
        return self.receive()

    def side(self, *arguments: Any) -> Side:
        """A side that makes this call."""
        return lambda: self(*arguments)[0]


@contextmanager
def worker(maker: str, *arguments: Any) -> Iterator[Worker]:
    """Start a process.

    Args:
        maker: "module:function"; called with the arguments in the process, it returns what each
            call of the worker calls.
        arguments: of the maker.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, maker, arguments))
    process.start()
    there.close()
    held = Worker(here)
    try:
        held.receive()  # it is ready
        yield held
    finally:
        here.close()  # tells it to end
        process.join()


def _serve(connection: Connection, maker: str, arguments: tuple[Any, ...]) -> None:
    module, _, name = maker.partition(":")
    work = getattr(importlib.import_module(module), name)(*arguments)
    connection.send((0.0, None))
    while True:
        try:
            call = connection.recv()
        except EOFError:
            return
        begun = time.perf_counter()
        answer = work(*call)
        connection.send((time.perf_counter() - begun, answer))
