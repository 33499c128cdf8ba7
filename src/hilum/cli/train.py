"""``hilum train``: radiographs and labels → a bundle."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

USAGE = 2
"""Exit status of a process that ends because another one that learns with it has failed."""
STOPPED = 75
"""Exit status of a run that was asked to stop and can go on (EX_TEMPFAIL of sysexits.h)."""


def train(
    recipe: Annotated[
        str,
        typer.Argument(help="Name of a shipped recipe (`hilum recipes list`), or a TOML file."),
    ] = "default",
    data: Annotated[
        Path,
        typer.Option(help="Folder a class, or of the recipe's table and images; or a pack."),
    ] = ...,  # type: ignore[assignment]
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of the run; runs/RECIPE if left out.")
    ] = None,
    weights: Annotated[
        Path, typer.Option(help="Folder of the weights to start from (safetensors).")
    ] = Path(),
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of everything random, in place of the recipe's.")
    ] = None,
    time_limit: Annotated[
        str, typer.Option(help="Stop cleanly after this time, such as 8h, 90m or 1h30m.")
    ] = "",
    preview: Annotated[
        Path | None,
        typer.Option(help="Draw augmented radiographs into this picture, and train nothing."),
    ] = None,
    find_rate: Annotated[
        bool, typer.Option("--find-rate", help="Look for a learning rate, and train nothing.")
    ] = False,
) -> None:
    """Train a network and leave a bundle that `hilum read --bundle` can use.

    The same command goes on where an earlier run of it stopped.
    """
    from rich.console import Console

    from hilum import recipes
    from hilum.errors import MissingExtra, RunError, Stopped

    console = Console(highlight=False)
    try:
        from hilum.report.run.terminal import summary
        from hilum.training.machine import first_to_tell, is_first, leave
        from hilum.training.recipe import load_recipe
        from hilum.training.run import train as run
        from hilum.training.trying import draw_preview, sweep
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"Training needs {error.name}; install it with: pip install 'hilum[train]'"
        ) from error
    path = recipes.locate(recipe)
    said = load_recipe(path)
    if seed is not None:
        said = said.model_copy(update={"seed": seed})
    if not data.is_dir():
        raise RunError(f"No folder {data}.")
    if preview is not None:
        for warning in draw_preview(said, data=data, out=preview):
            console.print(f"Warning: {warning}")
        console.print(f"Drawn: {preview}")
        return
    if find_rate:
        console.print(sweep(said, data=data, weights=weights).to_text())
        return
    folder = out or Path("runs") / path.stem
    stopping = Stopping(seconds(time_limit) if time_limit else None)
    try:
        with stopping:
            run(said, data=data, weights=weights, out=folder, stop=stopping)
    except Stopped as why:
        if first_to_tell():
            console.print(str(why))
        raise typer.Exit(STOPPED) from why
    except Exception as error:
        if first_to_tell():
            raise
        raise typer.Exit(USAGE) from error  # another process has said why
    finally:
        first = is_first()
        leave()
    if first:
        console.print(summary(folder))


def seconds(text: str) -> float:
    """Seconds of a duration.

    Raises:
        RecipeError: it is none.

    Example:
        >>> seconds("8h"), seconds("1h30m"), seconds("45")
        (28800.0, 5400.0, 45.0)
    """
    from hilum.errors import RecipeError

    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text.strip())
    if not match or not match.group(0):
        raise RecipeError(f"--time-limit {text!r} is no duration; write 8h, 90m, 1h30m or 600s.")
    hours, minutes, rest = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + rest


class Stopping:
    """Why a run should stop: its time is up, Ctrl-C, or a signal of the cluster's.

    A second Ctrl-C stops at once; what was kept last is still there.

    Args:
        limit_s: seconds that it may take; None without a limit.
    """

    def __init__(self, limit_s: float | None) -> None:
        self._end = None if limit_s is None else time.monotonic() + limit_s
        self._why = ""
        self._before: dict[int, object] = {}

    def __call__(self) -> str:
        """Why the run should stop, or ""."""
        if self._end is not None and time.monotonic() > self._end:
            return "The time limit is reached."
        return self._why

    def __enter__(self) -> Stopping:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._asked)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _asked(self, number: int, _frame: FrameType | None) -> None:
        if self._why:
            raise KeyboardInterrupt
        name = "Ctrl-C" if number == signal.SIGINT else "a signal"
        self._why = f"Asked to stop by {name}."
        typer.echo(f"{self._why} Stopping after this step …", err=True)
