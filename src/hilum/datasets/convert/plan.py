"""What is to be done before anything is: which files, under which folders, what is done already."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hilum.datasets.convert import folder, layout
from hilum.datasets.convert.options import Options
from hilum.datasets.convert.wayback import PRIVATE
from hilum.datasets.convert.work import Request
from hilum.errors import IntakeError, RunError
from hilum.imaging import FoundFile, InOrder, find_files, load

Classes = Callable[[Sequence[FoundFile], Sequence[str]], Sequence[str]]
"""(files, their absolute paths) → the class of each."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is to be done.

    Attributes:
        out: the destination.
        facts: what decides the pictures' bytes and places.
        files: all files that were found.
        todo: those that earlier runs have not finished.
        size: bytes of ``todo``, as far as they are known.
        numbers: absolute path of a folder → its number, in the layout "tree".
        passed_over: files that do not look like radiographs.
        unlistable: folders that the system does not let be listed.
    """

    out: Path
    facts: dict[str, Any]
    files: int
    todo: tuple[Request, ...]
    size: int
    numbers: dict[str, str]
    passed_over: int
    unlistable: tuple[str, ...]

    def requests(self, chosen: Sequence[Request]) -> Iterator[Request]:
        """Some of what is to be done, with the bytes of files that must be loaded in order."""
        in_order = InOrder()
        try:
            for request in chosen:
                yield _loaded(request, in_order)
        finally:
            in_order.close()


def plan(
    sources: Sequence[Path | str],
    out: Path | str,
    options: Options,
    *,
    classes: Classes | None = None,
    classes_by: str = "",
) -> Plan:
    """Find the files of a conversion and what is left of them; nothing is written.

    Args:
        sources: files, folders, archives, DICOMDIRs.
        out: the destination.
        options: what the pictures shall be.
        classes: gives each file its class, for the layout "class".
        classes_by: what the classes come from, in words; another run must say the same.

    Raises:
        RunError: no files; a source that holds the destination, or lies in it; the destination
            holds something else.
        LabelError: a file has no class.
    """
    out, paths = Path(out), [Path(source) for source in sources]
    _apart(paths, out)
    facts = options.facts() | {"classes": classes_by or None}
    folder.check(out, facts)
    found = find_files(paths)
    if not found.files:
        where = ", ".join(map(str, paths[:3]))
        raise RunError(
            f"No radiographs in {where}: no DICOM, PNG, JPEG or TIFF file was found among "
            f"{found.passed_over} files."
        )
    files = found.files
    names = [layout.source_path(file) for file in files]
    numbers: dict[str, str] = {}
    folders: Sequence[str] = [""] * len(files)
    if options.layout == "tree":
        known = layout.read_numbers(out / PRIVATE / "folders.csv")
        folders, numbers = layout.made_up_tree(files, names, known)
    elif options.layout == "class":
        if classes is None:
            raise RunError("The layout 'class' needs classes.")
        folders = classes(files, names)
    images = Path(os.path.abspath(out)) / folder.IMAGES  # noqa: PTH100
    states: dict[Path, str] = {}
    requests = [
        Request(replace_path(file), name, _state(file, states), where, options, images)
        for file, name, where in zip(files, names, folders, strict=True)
    ]
    todo = tuple(folder.left(out, requests))
    size = sum(request.file.bytes or 0 for request in todo)
    return Plan(
        out, facts, len(files), todo, size, numbers, found.passed_over, found.unlistable
    )  # fmt: skip


def replace_path(file: FoundFile) -> FoundFile:
    """The file under its absolute path: a process elsewhere has another working folder."""
    return replace(file, path=Path(os.path.abspath(file.path)))  # noqa: PTH100


def _apart(sources: Sequence[Path], out: Path) -> None:
    """Check that no picture made here would be read as a source."""
    inside = out.resolve()
    for source in sources:
        place = source.resolve()
        if place == inside:
            raise RunError(f"{out} is source and destination at once; choose another folder.")
        if inside.is_relative_to(place):
            raise RunError(
                f"The destination {out} lies in the source {source}, so that its pictures would be "
                "read as sources by the next run; choose a folder outside of it."
            )
        if place.is_relative_to(inside):
            raise RunError(
                f"The source {source} lies in the destination {out}; choose a folder outside of it."
            )


def _state(file: FoundFile, known: dict[Path, str]) -> str:
    """A text that changes with a file's size or time of change; that of the archive of a member."""
    if file.path not in known:
        try:
            status = file.path.stat()
            known[file.path] = f"{status.st_size} {status.st_mtime_ns}"
        except OSError:
            known[file.path] = "missing"
    return known[file.path]


def _loaded(request: Request, in_order: InOrder) -> Request:
    if not request.file.in_order:
        return request
    try:
        return replace(request, data=load(request.file, in_order))
    except IntakeError as error:
        return replace(request, file=replace(request.file, problem=error))
