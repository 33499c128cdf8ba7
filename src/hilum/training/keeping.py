"""Checkpoints: numbers and tensors alone, whole on disk or not there."""

from __future__ import annotations

import os
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch

from hilum.errors import RunError

BEST, LAST = "best.ckpt", "last.ckpt"


def keep(state: dict[str, Any], file: Path) -> None:
    """Write a checkpoint; the one that was there stays until the new one is whole.

    Args:
        state: tensors, numbers, text, and lists and dictionaries of these.
        file: where.

    Raises:
        RunError: it cannot be written; the message says why, and the old one is left.
    """
    partial = file.with_suffix(".partial")
    try:
        with partial.open("wb") as out:
            torch.save(state, out)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)
    except (OSError, RuntimeError) as error:  # torch turns a full disk into a RuntimeError
        partial.unlink(missing_ok=True)
        chain = (error, error.__cause__, error.__context__)
        told = (one.strerror for one in chain if isinstance(one, OSError) and one.strerror)
        raise RunError(
            f"{file} cannot be written: {next(told, 'perhaps the disk is full')}. What was kept "
            "before is whole: make room, and the same command goes on from there."
        ) from error


def kept(file: Path) -> dict[str, Any]:
    """Read a checkpoint, its checksums compared.

    Raises:
        RunError: it is damaged, or holds anything that would have to be run to be read.
    """
    try:
        with zipfile.ZipFile(file) as archive:  # torch itself takes flipped bytes for weights
            damaged = archive.testzip()
        if damaged is None:
            return torch.load(file, map_location="cpu", weights_only=True)
        raise zipfile.BadZipFile(damaged)
    except (
        OSError, RuntimeError, EOFError, ValueError, KeyError, IndexError, TypeError,
        AttributeError, AssertionError, NotImplementedError, zlib.error,
        zipfile.BadZipFile, pickle.UnpicklingError,
    ) as error:  # fmt: skip  # whatever a damaged archive of pickled numbers leads to
        raise RunError(
            f"{file} is damaged, or holds more than numbers, and is not read; remove its folder "
            "to train that network again."
        ) from error
