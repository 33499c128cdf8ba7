"""A file → a radiograph, or an error that says why not."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from hilum.domain import Radiograph
from hilum.errors import MissingExtra, NotAnImage, UnsupportedImage
from hilum.imaging.archive import InOrder
from hilum.imaging.dicom import Voi, read_dicom
from hilum.imaging.files import FoundFile, find_file
from hilum.imaging.limits import MAX_FILE_BYTES
from hilum.imaging.member import refused_by_system
from hilum.imaging.raster import read_raster
from hilum.imaging.sniff import misnamed, sniff


def read(  # noqa: PLR0913  (each is a choice of its own)
    path: Path | str | FoundFile,
    *,
    data: bytes | None = None,
    name: str | None = None,
    voi: Voi = "file",
    window: tuple[float, float] | None = None,
    longest_px: int | None = None,
    reduced: bool = False,
    mend: bool = False,
) -> Radiograph:
    """Read one radiograph: DICOM, PNG, JPEG or TIFF, told by its bytes.

    Safe to call from several threads at once.

    Args:
        path: the file; an archive or a DICOMDIR with one image, a member of an archive
            (``study.zip/1.dcm``), or one of what :func:`hilum.imaging.find_files` found.
        data: its bytes, where they are loaded already.
        name: what the source is to be called; the file's base name where None.
        voi: "ignore" leaves out windows and VOI LUTs of a DICOM header.
        window: (centre, width ≥ 1) to show instead, in modality values; DICOM only.
        longest_px: shrink the picture by area to this longest side, which takes less time and
            memory than shrinking what comes back; never enlarged. ``source.to_source`` leads back
            to the stored pixels, and spacings stay those of the stored pixels.
        reduced: decode grey JPEG 2000 and HTJ2K of a DICOM file at the lowest resolution that still
            has ``longest_px``: three to four times faster, with edges off by some grey levels.
        mend: put right what the picture shows to be wrong in its header, where that is beyond
            doubt; a note tells what was done. Without it a warning tells what is doubtful.

    Returns:
        The radiograph: float32 in [0, 1], MONOCHROME2.

    Raises:
        IntakeError: the file cannot become a radiograph: NotAnImage, DamagedFile,
            UnsupportedImage, InvalidHeader, UnsafeArchive; IntakeError itself where the system
            refuses the file.
        ValueError: a window that is not finite or narrower than 1; a longest side below 1;
            ``reduced`` without a longest side.
        MissingExtra: ``reduced`` without Pillow.
    """
    if window is not None and not (all(map(math.isfinite, window)) and window[1] >= 1):
        raise ValueError(f"window {window!r}: give a finite centre and a width of 1 or more")
    if longest_px is not None and longest_px < 1:
        raise ValueError(f"longest_px {longest_px}: give 1 or more")
    if reduced:
        check_reduced(longest_px)
    file = path if isinstance(path, FoundFile) else find_file(path)
    data = load(file) if data is None else data
    kind = sniff(data)
    called = file.name if name is None else name
    if kind == "dicom":
        return read_dicom(
            data, called, voi=voi, window=window, longest_px=longest_px, reduced=reduced, mend=mend
        )
    radiograph = read_raster(data, called, kind, longest_px=longest_px, mend=mend)
    note = misnamed(file.name, kind)
    return radiograph if note is None else replace(radiograph, notes=(*radiograph.notes, note))


def check_reduced(longest_px: int | None) -> None:
    """Check that pictures can be decoded at a lower resolution.

    Raises:
        ValueError: no longest side says how low.
        MissingExtra: Pillow is not installed.
    """
    if longest_px is None:
        raise ValueError("reduced: give longest_px as well, which says how low it may go")
    if find_spec("PIL") is None:
        raise MissingExtra(
            "Decoding JPEG 2000 at a lower resolution needs Pillow: pip install 'hilum[reduced]'"
        )


def load(path: Path | str | FoundFile, in_order: InOrder | None = None) -> bytes:
    """Read a file's bytes, up to 512 MiB.

    Args:
        path: the file, or one that was found.
        in_order: makes reading all members of a compressed TAR archive linear in their number.

    Raises:
        NotAnImage: it is a folder or a device.
        UnsupportedImage: it is larger.
        DamagedFile: its archive was cut, changed or damaged.
        IntakeError: the system refuses it; or it has a ``problem``, which is raised.
    """
    file = path if isinstance(path, FoundFile) else find_file(path)
    if file.problem is not None:
        raise type(file.problem)(*file.problem.args)
    try:
        if file.member is None:
            return _load_whole(file.path)
        if in_order is None:
            return file.member.load(file.path)
        return in_order.load(file.path, file.member)
    except OSError as error:
        raise refused_by_system(error) from error


def _load_whole(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise NotAnImage("The path is a folder or a device, no file.")
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise UnsupportedImage(
            f"The file has {size / 1024**2:,.0f} MiB; more than {MAX_FILE_BYTES // 1024**2} "
            "MiB are not read. A radiograph has 10 to 50."
        )
    return path.read_bytes()
