"""The files that a DICOMDIR lists: a medium's table of contents (PS3.3 F.3, PS3.10 8.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import pydicom

from hilum.errors import DamagedFile, IntakeError, NotAnImage
from hilum.imaging.dicomfile import PARSE_ERRORS, UNDEFINED_LENGTH, quiet
from hilum.imaging.limits import MAX_MEMBERS
from hilum.imaging.member import refused_by_system

_MEDIA_STORAGE = b"1.2.840.10008.1.3.10"
_SEQUENCE_END = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
_MAX_BYTES = 64 * 1024**2
_HARMLESS = re.compile(r"[^/\\:\x00]+")


@dataclass(frozen=True, slots=True)
class Referenced:
    """A file that a DICOMDIR lists.

    Attributes:
        path: where it should lie.
        name: relative to the DICOMDIR's folder, POSIX.
        problem: why it is not to be read; None where it may be.
    """

    path: Path
    name: str
    problem: IntakeError | None = None


def is_dicomdir(path: Path) -> bool:
    """Whether a file says that it is a DICOMDIR.

    Raises:
        OSError: the system refuses the file.
    """
    with path.open("rb") as file:
        head = file.read(1024)
    return head[128:132] == b"DICM" and _MEDIA_STORAGE in head[132:]


def referenced(path: Path) -> tuple[Referenced, ...]:
    """List the images of a DICOMDIR, in its order.

    Records of other kinds (reports, presentation states) and those not in use are left out.
    Lower-case names, as some systems show those of a CD, are found, too.

    Args:
        path: the DICOMDIR.

    Returns:
        Files below the DICOMDIR's folder. Those that are missing, or that it places elsewhere,
        have a problem; so has the DICOMDIR itself, in the last place, if it was cut.

    Raises:
        IntakeError: it cannot be opened or parsed, or lists no image.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DamagedFile(
                f"The DICOMDIR has more than {_MAX_BYTES // 1024**2} MiB; give the folder instead."
            )
        data = path.read_bytes()
    except OSError as error:
        raise refused_by_system(error) from error
    listed, cut = _file_ids(data), _is_cut(data)
    if not (listed or cut):
        raise NotAnImage("The DICOMDIR lists no images; give the folder instead.")
    found = [_referenced(path.parent, parts) for parts in dict.fromkeys(listed)]
    if cut:
        problem = DamagedFile(
            "The DICOMDIR breaks off: it was cut. What it listed from there on is not known; give "
            "the folder instead."
        )
        found.append(Referenced(path, path.name, problem))
    return tuple(found)


def _is_cut(data: bytes) -> bool:
    """Whether the Directory Record Sequence (0004,1220) ends before it says; pydicom is lenient."""
    at = data.find(b"\x04\x00\x20\x12")
    explicit = data[at + 4 : at + 6] == b"SQ"
    begins = at + (12 if explicit else 8)
    length = int.from_bytes(data[begins - 4 : begins], "little")
    if at < 0 or begins > len(data):
        return True
    if length == UNDEFINED_LENGTH:
        return _SEQUENCE_END not in data[begins:]
    return begins + length > len(data)


def _file_ids(data: bytes) -> list[tuple[str, ...]]:
    """Referenced File ID (0004,1500) of each image record in use."""
    try:
        with quiet():
            dataset = cast("Any", pydicom).dcmread(BytesIO(data))
            records = dataset.get("DirectoryRecordSequence") or ()
            images = [record for record in records if _is_image(record)]
            listed = [_components(record.get("ReferencedFileID")) for record in images]
    except PARSE_ERRORS as error:
        raise DamagedFile(
            f"The DICOMDIR cannot be parsed ({type(error).__name__}): it was cut or overwritten. "
            "Give the folder instead."
        ) from error
    return [parts for parts in listed if parts][:MAX_MEMBERS]


def _is_image(record: Any) -> bool:
    in_use = record.get("RecordInUseFlag")
    return record.get("DirectoryRecordType") == "IMAGE" and (in_use is None or in_use != 0)


def _components(value: Any) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    return (value,) if isinstance(value, str) else tuple(str(part) for part in value)


def _referenced(folder: Path, parts: tuple[str, ...]) -> Referenced:
    if not all(_HARMLESS.fullmatch(part) and part not in (".", "..") for part in parts):
        return Referenced(folder / "DICOMDIR" / _shown(parts), _shown(parts), _outside())
    path = folder.joinpath(*parts)
    lower = folder.joinpath(*(part.lower() for part in parts))
    if not path.exists() and lower.exists():
        path = lower
    if not path.resolve().is_relative_to(folder.resolve()):
        return Referenced(path, _shown(parts), _outside())
    if not path.is_file():
        missing = IntakeError("The DICOMDIR lists this file, and it is not there; copy it, too.")
        return Referenced(path, _shown(parts), missing)
    return Referenced(path, path.relative_to(folder).as_posix())


def _outside() -> IntakeError:
    return DamagedFile(
        "The DICOMDIR places this file outside of its own folder, or gives it a name that no "
        "medium may have (PS3.10 8.2); it is not read."
    )


def _shown(parts: tuple[str, ...]) -> str:
    text = "/".join(re.sub(r"[/\\:]|[^ -~]", "_", part)[:64] for part in parts[:8])
    return "/".join(part for part in text.split("/") if part.strip(".")) or "unnamed"
