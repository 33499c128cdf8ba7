"""A small collection in every transfer syntax and raster format, and what a destination holds."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from hilum.datasets.convert import Options, plan, run
from hilum.datasets.convert.work import work
from hilum.imaging import write_dicom
from hilum.imaging.write import TRANSFER_SYNTAXES
from hilum.phantoms import draw_chest

SECRET = "MILLER"


def stored(seed, top=4095, size=(300, 280)):
    """A drawn chest of its own as stored values."""
    pixels = draw_chest(np.random.default_rng(seed), size=size).pixels
    return np.rint(pixels * top).astype(np.uint16 if top > 255 else np.uint8)


def chest_file(path, seed=0, **facts):
    """A drawn chest of 12 bits as DICOM, whose header is full of what must not get out."""
    return write_dicom(
        path,
        stored(seed),
        **{
            "bits_stored": 12,
            "window": (2048, 4096),
            "patient_name": f"{SECRET}^JANE",
            "patient_id": f"{SECRET}-1",
            "description": f"{SECRET} thorax",
            "age": "093Y",
            "sex": "F",
            "spacing_mm": (1.5, 1.5),
            **facts,
        },
    )


@pytest.fixture(scope="session")
def collection(tmp_path_factory):
    """Every transfer syntax, three raster formats, a copy, a text and a cut file."""
    root = tmp_path_factory.mktemp("collection") / "study"
    ward = root / f"{SECRET} JANE" / "2021"
    ward.mkdir(parents=True)
    for seed, syntax in enumerate(TRANSFER_SYNTAXES):
        if syntax == "jpeg":
            write_dicom(ward / f"{SECRET}-jpeg.dcm", stored(seed, 255), transfer_syntax=syntax)
        else:
            chest_file(ward / f"{SECRET}-{syntax}.dcm", seed, transfer_syntax=syntax)
    cv2.imwrite(str(root / "a.png"), stored(20, 65535))
    cv2.imwrite(str(root / "b.jpg"), stored(21, 255))
    cv2.imwrite(str(root / "c.tif"), stored(22, 65535))
    (root / "copy").mkdir()
    (root / "copy" / "rle.dcm").write_bytes((ward / f"{SECRET}-rle.dcm").read_bytes())
    (root / "e.dcm").write_text("no picture")
    whole = (ward / f"{SECRET}-explicit.dcm").read_bytes()
    (root / "f.dcm").write_bytes(whole[: len(whole) // 2])
    return root


@pytest.fixture(scope="session")
def many(tmp_path_factory):
    """Sixty files of their own, in three folders."""
    root = tmp_path_factory.mktemp("many") / "study"
    base = stored(0)
    for number in range(60):
        folder = root / f"ward{number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        rows = np.roll(base, number, axis=0)
        write_dicom(folder / f"{number:03}.dcm", rows, bits_stored=12, window=(2048, 4096),
                    transfer_syntax=("explicit", "rle", "jpeg-ls")[number % 3])  # fmt: skip
    return root


def contents(out: Path) -> dict[str, bytes]:
    """Every file of a destination but the lock."""
    files = {p.relative_to(out).as_posix(): p for p in sorted(out.rglob("*")) if p.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if name != "private/.lock"}


def rows(path: Path) -> list[dict[str, str]]:
    """A table."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def quick(sources, out, options=None, **more):
    """A whole conversion within this process; decoders run apart as ever."""

    def engine(requests):
        for request in requests:
            yield work(replace(request, apart=True))

    return run(plan(sources, out, options or Options(), **more), engine)


def command(*arguments) -> list[str]:
    """The command line in a process of its own."""
    return [sys.executable, "-m", "hilum", "convert", *map(str, arguments)]


def hilum(*arguments, **more):
    """Run the command line in a process of its own."""
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=os.environ | {"COLUMNS": "200"},
        **more,
    )
