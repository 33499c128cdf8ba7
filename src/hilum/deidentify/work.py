"""One file → one clean file on the disk, and what became of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hilum.datasets.convert.whole import write_whole
from hilum.deidentify import pseudonyms
from hilum.deidentify.instance import CleanFile, clean_dicom
from hilum.deidentify.picture import clean_picture
from hilum.deidentify.rules import Pixels, Rules
from hilum.errors import IntakeError, NotCleaned
from hilum.imaging import FoundFile, load
from hilum.imaging.sniff import sniff


@dataclass(frozen=True, slots=True)
class Request:
    """One file to clean.

    Attributes:
        file: where it lies.
        number: its place among the files that were found, from 1.
        key: stands for it and its state in the journal.
        rules: what is kept.
        pixels: what becomes of text in the pixels.
        files: the folder for what is written.
        data: its bytes, where they had to be loaded already.
    """

    file: FoundFile
    number: int
    key: str
    rules: Rules
    pixels: Pixels
    files: Path
    data: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one file; nothing here leads back to it without the secret.

    Attributes:
        key: as in the request.
        number: as in the request.
        file: what was written, below the output's ``files``; "" where it was refused.
        bytes: of what was written.
        row: what the manifest tells.
        code: why it was refused; "" where it was not.
        message: the same in words.
        seconds: that it took.
        stop: why nothing can be written any more.
        trace: places in the code, for an error in Hilum itself.
    """

    key: str
    number: int
    file: str = ""
    bytes: int = 0
    row: dict[str, Any] = field(default_factory=dict[str, Any])
    code: str = ""
    message: str = ""
    seconds: float = 0.0
    stop: str = ""
    trace: str = ""


def work(request: Request) -> Result:
    """Clean one file; of one that cannot be cleaned nothing is written, and the result says why."""
    begun = time.perf_counter()
    blank = Result(request.key, request.number)
    try:
        data = load(request.file) if request.data is None else request.data
        clean = _cleaned(request, data)
    except (IntakeError, NotCleaned) as error:
        return replace(blank, code=error.code, message=str(error))
    name = pseudonyms.name(request.rules.secret, data) + clean.suffix
    try:
        write_whole(request.files / name, clean.data)
    except OSError as error:
        return replace(blank, stop=error.strerror or type(error).__name__)
    return replace(
        blank, file=name, bytes=len(clean.data), row=_row(clean),
        seconds=time.perf_counter() - begun,
    )  # fmt: skip


def _cleaned(request: Request, data: bytes) -> CleanFile:
    if sniff(data) == "dicom":
        return clean_dicom(data, request.rules, request.pixels)
    return clean_picture(request.file, data, request.pixels)


def _row(clean: CleanFile) -> dict[str, Any]:
    blacked = [[one.left, one.top, one.right, one.bottom] for one in clean.regions]
    return {
        "patient": clean.patient,
        "sop_instance_uid": clean.uid,
        "rows_px": clean.size[0],
        "columns_px": clean.size[1],
        "blacked": blacked,
    }
