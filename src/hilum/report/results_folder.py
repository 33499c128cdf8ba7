"""A folder that an exploration, an evaluation or an audit fills."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from hilum.errors import RunError
from hilum.lock import hold

_OWN = ".hilum"


class ResultsFolder:
    """Files of one kind of results: prepared aside, then put into their places by :meth:`finish`.

    A later run replaces the files of an earlier one and touches no others. No other run may write
    into the folder until this one is closed.

    Example:
        >>> with ResultsFolder.open(out, "evaluation") as folder:   # doctest: +SKIP
        ...     folder.write_text("note.txt", "…")
        ...     folder.finish()
    """

    def __init__(
        self, out: Path, kind: str, earlier: frozenset[str], *, held: int, made: bool
    ) -> None:
        self.path = out
        self.kind = kind
        self._earlier = earlier
        self._held = held
        self._made = made
        self._aside = out / _OWN / "tmp"
        self._names: list[str] = []

    @classmethod
    def open(cls, out: Path, kind: str) -> ResultsFolder:
        """Take a folder that is new, empty, or holds earlier results of the same kind.

        Args:
            out: the folder.
            kind: what fills it, as a word for messages: "exploration", "evaluation", "audit".

        Raises:
            RunError: it is a file, holds other files, cannot be written, or another run writes
                into it.
        """
        made = not out.exists()
        try:
            earlier = _earlier(out, kind)
            (out / _OWN).mkdir(parents=True, exist_ok=True)
            held = hold(out / _OWN / "lock", out)
            shutil.rmtree(out / _OWN / "tmp", ignore_errors=True)
            (out / _OWN / "tmp").mkdir()
        except OSError as error:
            raise _cannot_write(out, error) from error
        return cls(out, kind, earlier, held=held, made=made)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Clear what was prepared and not finished, and let other runs write."""
        own = self.path / _OWN
        shutil.rmtree(self._aside, ignore_errors=True)
        os.close(self._held)
        if not (own / self._list).exists():
            shutil.rmtree(own, ignore_errors=True)
            if self._made and not any(self.path.iterdir()):
                self.path.rmdir()

    @property
    def names(self) -> frozenset[str]:
        """Files that were prepared so far."""
        return frozenset(self._names)

    def _place(self, name: str) -> Path:
        self._names.append(name)
        path = self._aside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write a file; may be called by several threads at once.

        Raises:
            RunError: the disk refuses.
        """
        try:
            self._place(name).write_bytes(data)
        except OSError as error:
            raise _cannot_write(self.path, error) from error

    def write_text(self, name: str, text: str) -> None:
        """Write a text file.

        Raises:
            RunError: the disk refuses.
        """
        self.write_bytes(name, text.encode("utf-8", "backslashreplace"))

    def write_csv(self, name: str, header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> int:
        """Write rows as CSV (RFC 4180, lines ended by a line feed); None becomes an empty cell.

        Returns:
            How many rows there were.

        Raises:
            RunError: the disk refuses.
        """
        count = 0
        try:
            with self._place(name).open(
                "w", encoding="utf-8", errors="backslashreplace", newline=""
            ) as file:
                written = csv.writer(file, lineterminator="\n")
                written.writerow(header)
                for count, row in enumerate(rows, 1):  # noqa: B007  how many there were
                    written.writerow([_cell(value) for value in row])
        except OSError as error:
            raise _cannot_write(self.path, error) from error
        return count

    def finish(self) -> None:
        """Put all files into their places, and take away those of an earlier run.

        Raises:
            RunError: a file that Hilum did not write stands in a place; or the disk refuses.
        """
        names = dict.fromkeys(self._names)
        foreign = [n for n in names if (self.path / n).exists() and n not in self._earlier]
        if foreign:
            raise RunError(
                f"{self.path / foreign[0]} is not of an earlier {self.kind} and would be lost; "
                f"move it, or choose another folder with -o."
            )
        try:
            self._keep_list(sorted({*names, *self._earlier}))
            for name in names:
                (self.path / name).parent.mkdir(parents=True, exist_ok=True)
                (self._aside / name).replace(self.path / name)
            for name in self._earlier - set(names):
                (self.path / name).unlink(missing_ok=True)
            self._keep_list(sorted(names))
            for folder in {(self.path / name).parent for name in self._earlier} - {self.path}:
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
        except OSError as error:
            raise _cannot_write(self.path, error) from error
        self._earlier = frozenset(names)

    @property
    def _list(self) -> str:
        return f"{self.kind}.json"

    def _keep_list(self, names: list[str]) -> None:
        draft = self._aside / f"{self._list}.draft"
        draft.write_text(json.dumps({"files": names}, indent=1), "utf-8")
        draft.replace(self.path / _OWN / self._list)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else value


def _earlier(out: Path, kind: str) -> frozenset[str]:
    """Names of the files that earlier results of this kind have.

    Raises:
        RunError: the folder holds something else.
    """
    if out.exists() and not out.is_dir():
        raise RunError(f"{out} is a file, and results need a folder; choose another with -o.")
    listed = out / _OWN / f"{kind}.json"
    if not listed.exists():
        others = out.exists() and any(entry.name != _OWN for entry in out.iterdir())
        if others or any((out / _OWN).glob("*.json")):
            raise RunError(
                f"The folder {out} holds files that are not results of an earlier {kind}; "
                f"choose an empty or a new one with -o."
            )
        return frozenset()
    try:
        return frozenset(json.loads(listed.read_text("utf-8"))["files"])
    except (ValueError, KeyError, TypeError):
        raise RunError(
            f"{listed} is damaged, so that nobody knows which files in {out} are of an earlier "
            f"{kind}; choose another folder with -o."
        ) from None


def _cannot_write(out: Path, error: OSError) -> RunError:
    return RunError(
        f"The output folder {out} cannot be written: {error.strerror}; choose another with -o."
    )
