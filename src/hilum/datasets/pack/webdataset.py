"""A pack as WebDataset shards: TAR files to be streamed from object storage."""

from __future__ import annotations

import json
import math
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from hilum.datasets.columns import tidy
from hilum.datasets.pack.reader import Pack
from hilum.datasets.side_by_side import in_order
from hilum.domain import LabelTable, State
from hilum.domain.boxes import Boxes
from hilum.domain.text import text
from hilum.errors import RunError
from hilum.imaging import encode_png

FOLDER = "webdataset"
SHARD_BYTES = 10**9

_BLOCK = 512
_STATE = {State.PRESENT: 1, State.ABSENT: 0, State.UNCERTAIN: -1}


def write_webdataset(
    pack: Pack,
    *,
    workers: int,
    shard_bytes: int = SHARD_BYTES,
    advance: Callable[[], object] = lambda: None,
) -> tuple[Path, ...]:
    """Write the pictures and labels of a pack as ``webdataset/shard-000000.tar`` in its folder.

    Each picture is a PNG without loss and a JSON of the same name: image, patient, labels (1
    present, 0 absent, -1 uncertain; those not mentioned are left out), the table's columns, boxes
    in pixels of the picture, and the map to the image file. The folder appears whole or not at
    all, in the place of an earlier one. The same pack gives the same bytes.

    Args:
        pack: whole, not a selection.
        workers: pictures at a time.
        shard_bytes: a shard holds at most so much, unless one picture is larger.
        advance: called after each picture.

    Returns:
        The shards.

    Raises:
        RunError: the disk refuses.
        PackError: the pack has no labels.
    """
    out = pack.path / FOLDER
    partial, old = out.with_name(f".{FOLDER}.partial"), out.with_name(f".{FOLDER}.old")
    table, boxes = pack.table, pack.boxes

    def members(row: int) -> tuple[bytes, bytes]:
        said = json.dumps(_facts(pack, table, boxes, row), ensure_ascii=False, allow_nan=False)
        return encode_png(pack[row]), said.encode("utf-8")

    try:
        for left in (partial, old):
            shutil.rmtree(left, ignore_errors=True)
        partial.mkdir()
        with ExitStack() as opened:
            made = in_order(members, range(len(pack)), workers)
            opened.callback(made.close)
            shards = _Shards(partial, shard_bytes, opened)
            for row, (png, said) in enumerate(made):
                shards.add(f"{row:08d}", {"png": png, "json": said})
                advance()
        if out.exists():
            out.rename(old)
        partial.rename(out)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise RunError(
            f"{out} cannot be written ({error.strerror}); the pack itself is whole. Make room, and "
            "the same command writes the shards."
        ) from error
    return tuple(sorted(out.glob("shard-*.tar")))


class _Shards:
    """TAR files, one begun when the one before is full."""

    def __init__(self, folder: Path, most: int, opened: ExitStack) -> None:
        self._folder, self._most, self._opened = folder, most, opened
        self._number, self._bytes = -1, math.inf
        self._tar: tarfile.TarFile | None = None

    def add(self, key: str, files: dict[str, bytes]) -> None:
        size = sum(_BLOCK + math.ceil(len(data) / _BLOCK) * _BLOCK for data in files.values())
        if self._tar is None or self._bytes + size > self._most - tarfile.RECORDSIZE:
            self._begin()
        assert self._tar is not None
        for suffix, data in files.items():
            member = tarfile.TarInfo(f"{key}.{suffix}")  # no time, no owner
            member.size = len(data)
            self._tar.addfile(member, BytesIO(data))
        self._bytes += size

    def _begin(self) -> None:
        if self._tar is not None:
            self._tar.close()
        self._number, self._bytes = self._number + 1, 0
        path = self._folder / f"shard-{self._number:06d}.tar"
        self._tar = self._opened.enter_context(
            tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
        )


def _facts(pack: Pack, table: LabelTable, boxes: Boxes | None, row: int) -> dict[str, Any]:
    states = zip(table.findings, table.states[row].tolist(), strict=True)
    facts: dict[str, Any] = {
        "image": str(table.images[row]),
        "patient": str(table.patients[row]),
        "labels": {key: _STATE[State(state)] for key, state in states if state in _STATE},
    }
    columns = {name: _plain(name, values[row]) for name, values in sorted(table.columns.items())}
    facts["columns"] = {name: value for name, value in columns.items() if value is not None}
    if boxes is not None and boxes.annotated[row]:
        facts["boxes"] = list(_boxes(boxes, row))
    return facts | {"to_source": [list(line) for line in pack.to_source(row).matrix]}


def _boxes(boxes: Boxes, row: int) -> Iterator[dict[str, Any]]:
    for finding, xywh in zip(*boxes.of(row), strict=True):
        yield {"finding": str(finding), "xywh": [round(value, 3) for value in xywh.tolist()]}


def _plain(name: str, value: Any) -> str | int | float | None:
    """A cell as JSON holds it; None where it is not known."""
    if isinstance(value, np.floating):
        return None if np.isnan(value) else float(value)
    if isinstance(value, np.integer):
        return None if value == tidy(Path(name), name, text([""]))[0] else int(value)
    return str(value) or None
