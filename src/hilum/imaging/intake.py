"""A file → a radiograph, or an error that says why not."""

from __future__ import annotations

import math
from pathlib import Path

from hilum.domain import Radiograph
from hilum.errors import IntakeError, NotAnImage, UnsupportedImage
from hilum.imaging.dicom import Voi, read_dicom
from hilum.imaging.limits import MAX_FILE_BYTES
from hilum.imaging.raster import read_raster
from hilum.imaging.sniff import sniff


def read(
    path: Path | str,
    *,
    name: str | None = None,
    voi: Voi = "file",
    window: tuple[float, float] | None = None,
) -> Radiograph:
    """Read one radiograph: DICOM, PNG, JPEG or TIFF, told by its bytes.

    Safe to call from several threads at once.

    Args:
        path: the file.
        name: what the source is to be called; the file's base name where None.
        voi: "ignore" leaves out windows and VOI LUTs of a DICOM header.
        window: (centre, width ≥ 1) to show instead, in modality values; DICOM only.

    Returns:
        The radiograph: float32 in [0, 1], MONOCHROME2.

    Raises:
        IntakeError: the file cannot become a radiograph: NotAnImage, DamagedFile,
            UnsupportedImage, InvalidHeader; IntakeError itself where the system refuses the file.
        ValueError: a window that is not finite or narrower than 1.
    """
    if window is not None and not (all(map(math.isfinite, window)) and window[1] >= 1):
        raise ValueError(f"window {window!r}: give a finite centre and a width of 1 or more")
    data = load(Path(path))
    kind = sniff(data)
    called = Path(path).name if name is None else name
    if kind == "dicom":
        return read_dicom(data, called, voi=voi, window=window)
    return read_raster(data, called, kind)


def load(path: Path) -> bytes:
    """Read a file's bytes, up to 512 MiB.

    Raises:
        NotAnImage: it is a folder or a device.
        UnsupportedImage: it is larger.
        IntakeError: the system refuses it.
    """
    try:
        if path.exists() and not path.is_file():
            raise NotAnImage("The path is a folder or a device, no file.")
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise UnsupportedImage(
                f"The file has {size / 1024**2:,.0f} MiB; more than {MAX_FILE_BYTES // 1024**2} "
                "MiB are not read. A radiograph has 10 to 50."
            )
        return path.read_bytes()
    except OSError as error:
        raise IntakeError(
            f"The file cannot be opened ({error.strerror or type(error).__name__}); check that it "
            "exists and that you may read it."
        ) from error
