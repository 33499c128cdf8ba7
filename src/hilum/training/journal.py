"""What a network's training says of each epoch: a line of JSON, and an event file for TensorBoard.

The line is written before the checkpoint of its epoch. A run that goes on then finds in the journal
every line up to its checkpoint's step, and perhaps one more, which :meth:`Journal.open` takes out.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

from hilum.errors import RunError
from hilum.report.run.epochs import read_epochs

EVENTS = "tensorboard"
"""Folder of the event files, beside the journal."""


class Journal:
    """The epochs of one network, appended to; it holds after a kill at any moment.

    Attributes:
        lines: the epochs so far, as read and written.

    Example:
        >>> with Journal.open(folder / "epochs.jsonl", step=0) as journal:     # doctest: +SKIP
        ...     journal.write({"epoch": 0, "step": 35, "train_loss": 0.31})
    """

    def __init__(self, path: Path, lines: list[dict[str, Any]]) -> None:
        self.path, self.lines = path, lines
        self._file = path.open("a", encoding="utf-8")
        self._events = _Events(path.parent / EVENTS, lines) if not without_tensorboard() else None

    @classmethod
    def open(cls, path: Path, step: int) -> Self:
        """Open a journal at a checkpoint.

        A last line that was cut is dropped, and so are lines of later steps than the checkpoint's:
        those epochs will be learnt again. The event files are made anew from what is left.

        Args:
            path: the file; its folder is made.
            step: steps that the checkpoint has taken; 0 for a network that begins.

        Raises:
            RunError: a line is damaged, or the disk refuses.
        """
        kept = [line for line in read_epochs(path) if line["step"] <= step]
        text = "".join(map(_dump, kept))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.read_text("utf-8", "replace") != text:
                draft = path.with_name(f"{path.name}.draft")
                with draft.open("w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(path)
            return cls(path, kept)
        except OSError as error:
            raise _cannot_write(path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, line: Mapping[str, Any]) -> None:
        """Append an epoch; it has reached the disk when this returns.

        Args:
            line: at least ``epoch`` and ``step``; ``train_loss``, ``tune_loss``, ``lr``,
                ``seconds``, ``memory_mb``, ``images_per_s``; ``tune``: metric → "mean" or finding →
                number; ``concerns``. A number that is not finite is written as null.

        Raises:
            RunError: the disk refuses.
        """
        finite = _finite(dict(line))
        try:
            self._file.write(_dump(finite))
            self._file.flush()
            os.fsync(self._file.fileno())
            if self._events is not None:
                self._events.write(finite)
        except OSError as error:
            raise _cannot_write(self.path, error) from error
        self.lines.append(finite)

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        if self._events is not None:
            self._events.close()


def without_tensorboard() -> str:
    """Why no event files are written, to be said once in a run; "" where they are."""
    if find_spec("tensorboardX") is not None:
        return ""
    return (
        "No event files for TensorBoard: tensorboardX is not installed (pip install tensorboardX)."
    )


def scalars(line: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The numbers of an epoch under the names that TensorBoard groups them by.

    Example:
        >>> dict(scalars({"epoch": 0, "train_loss": 0.5, "tune": {"auroc": {"mean": None}}}))
        {'loss/train': 0.5}
    """
    names = {
        "train_loss": "loss/train",
        "tune_loss": "loss/tune",
        "lr": "learning_rate",
        "images_per_s": "speed/images_per_s",
        "seconds": "speed/seconds",
        "memory_mb": "memory/mb",
    }
    for key, name in names.items():
        if line.get(key) is not None:
            yield name, float(line[key])
    for metric, values in line.get("tune", {}).items():
        for finding, value in values.items():
            if value is not None:
                yield f"{metric}/{finding}", float(value)


class _Events:
    """One event file, named without the machine's name, which TensorBoard's own writers put in."""

    def __init__(self, folder: Path, lines: list[dict[str, Any]]) -> None:
        from tensorboardX import RecordWriter
        from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]

        folder.mkdir(exist_ok=True)
        for earlier in folder.glob("events.out.tfevents.*"):
            earlier.unlink()
        self._event = Event
        self._file = RecordWriter(str(folder / f"events.out.tfevents.{time.time_ns()}.hilum"))
        self._add(Event(wall_time=time.time(), file_version="brain.Event:2"))
        for line in lines:
            self.write(line)
        self._file.flush()

    def write(self, line: Mapping[str, Any]) -> None:
        from tensorboardX.summary import scalar

        for name, value in scalars(line):
            self._add(
                self._event(wall_time=time.time(), step=line["step"], summary=scalar(name, value))
            )
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _add(self, event: Any) -> None:
        self._file.write(event.SerializeToString())


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _dump(line: Mapping[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n"


def _cannot_write(path: Path, error: OSError) -> RunError:
    return RunError(
        f"{path.parent.name}/{path.name} cannot be written: {error.strerror}. Make room, or mend "
        "what is in the way; the same command goes on from the last checkpoint."
    )
