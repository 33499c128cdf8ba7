"""Masks of a label table → one array on the pictures that a network is shown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from hilum.bundles.card import Preprocessing
from hilum.datasets.pack import Pack
from hilum.domain import Affine, LabelTable
from hilum.domain.text import first_few
from hilum.errors import LabelError, RunError

Labels = NDArray[np.uint8]
"""Masks that do not overlap: 0 outside, 1, 2, … in the structures, in their order."""

ASPECT = 0.01
"""How far the aspect of a mask may be from that of its image, as a share."""


def with_masks(table: LabelTable, column: str) -> LabelTable:
    """The rows that have a mask, their findings left out.

    Raises:
        LabelError: no such column, or no row has a mask.
    """
    if column not in table.columns:
        known = first_few(sorted(table.columns)) or "none"
        raise LabelError(f"data.masks: the table has no column {column!r}; it has {known}.")
    rows = np.flatnonzero(table.columns[column].astype(str) != "")
    if not len(rows):
        raise LabelError(f"data.masks: no row has anything in the column {column!r}.")
    found = table.rows(rows)
    lost = len(table) - len(rows)
    note = f"{lost:,} of {len(table):,} images have no mask and are left out."
    notes = (*found.notes, note) if lost else found.notes
    return LabelTable(
        images=found.images,
        findings=(),
        states=np.zeros((len(rows), 0), np.uint8),
        patients=found.patients,
        columns=found.columns,
        notes=notes,
    )


def load_masks(
    files: Sequence[str],
    folder: Path,
    pack: Pack,
    spec: Preprocessing,
    *,
    values: Sequence[int],
    folder_of_cache: Path,
) -> Labels:
    """Bring masks to the pixels of packed pictures, and keep them in one file.

    Every pixel of the input takes what lies under its centre.

    Args:
        files: of the masks, relative to ``folder``, one a picture of the pack.
        folder: of the data.
        pack: the pictures, in the order of ``files``.
        spec: size of the input.
        values: what the structures have in the files.
        folder_of_cache: where they are kept in a file of their own; read where an earlier run has
            made it of the same files.

    Returns:
        uint8 [pictures, rows, columns], mapped from the cache.

    Raises:
        LabelError: masks are missing, no PNG of one channel, of another shape than their image,
            or hold other values.
        RunError: they do not fit on the disk.
    """
    shape = (len(files), *spec.size)
    cache = folder_of_cache / f"masks-{_digest(files, folder, (*spec.size, *values))}.npy"
    if cache.exists():
        return np.load(cache, mmap_mode="r")
    partial = cache.with_suffix(".partial.npy")
    wrong: list[str] = []
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        made = np.lib.format.open_memmap(partial, "w+", np.uint8, shape)
        for at, name in enumerate(track(files, "masks", transient=True)):
            found = _mask(folder / name, values, pack, at)
            if isinstance(found, str):
                wrong.append(f"{name} ({found})")
            else:
                made[at] = found
        made.flush()
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise RunError(
            f"{cache.name} takes {np.prod(shape) / 1e9:.1f} GB and cannot be written: "
            f"{error.strerror}. Make room, or take a smaller input."
        ) from error
    if wrong:
        partial.unlink()
        raise LabelError(
            f"{len(wrong):,} of {len(files):,} masks cannot be used: "
            f"{first_few(wrong, quoted=False)}. Mend them, or empty their cells."
        )
    partial.replace(cache)
    return np.load(cache, mmap_mode="r")


def areas(labels: Labels, structures: int) -> NDArray[np.float32]:
    """Share of each picture that each structure covers, float32 [pictures, structures]."""
    pixels = labels.shape[1] * labels.shape[2]
    found = [np.bincount(one.reshape(-1), minlength=structures + 1)[1:] for one in _each(labels)]
    return (np.array(found).reshape(-1, structures) / pixels).astype(np.float32)


def apart(labels: Labels, structures: int) -> NDArray[np.uint8]:
    """A mask a structure, 0 or 1, [structures, rows, columns], of labels [rows, columns]."""
    return (labels == np.arange(1, structures + 1)[:, None, None]).astype(np.uint8)


def _digest(files: Sequence[str], folder: Path, more: Sequence[object]) -> str:
    """Of names, sizes and times of change: another where a mask was drawn anew."""
    found = hashlib.sha256(repr(more).encode())
    for name in files:
        try:
            told = (folder / name).stat()
            found.update(f"{name}\0{told.st_size}\0{told.st_mtime_ns}\n".encode())
        except OSError:
            found.update(f"{name}\0\n".encode())
    return found.hexdigest()[:16]


def _each(labels: Labels) -> Iterator[Labels]:
    yield from (np.asarray(one) for one in labels)


def _mask(path: Path, values: Sequence[int], pack: Pack, at: int) -> Labels | str:
    """One mask on a picture of the pack; or what is wrong with it."""
    if not path.is_file():
        return "no such file"
    found = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None:
        return "no picture"
    if found.ndim != 2 or found.dtype != np.uint8:
        return "not one grey channel of 8 bits"
    drawn = np.asarray(found, np.uint8)
    rows, columns = drawn.shape
    high, wide = (int(pack.index[name][at]) for name in ("source_height", "source_width"))
    if abs(rows * wide / (columns * high) - 1) > ASPECT:
        return f"{rows} × {columns} pixels, its image has {high} × {wide}"
    known = np.zeros(256, np.int64) - 1
    known[[0, *values]] = range(len(values) + 1)
    labels = known[drawn]
    if (labels < 0).any():
        odd = sorted(set(np.unique(drawn[labels < 0]).tolist()))
        return f"holds {first_few(odd, quoted=False)}, structures have {list(values)}"
    # Points count from the outer corner of the first pixel, OpenCV from its centre.
    half = Affine.shift(0.5, 0.5)
    smaller = Affine.scale(columns / wide, rows / high)
    back = half.then(pack.to_source(at)).then(smaller).then(half.inverse())
    size = pack[at].shape
    return np.asarray(
        cv2.warpAffine(
            labels.astype(np.uint8),
            np.asarray(back.matrix),
            (size[1], size[0]),
            flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        ),
        np.uint8,
    )
