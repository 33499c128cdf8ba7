"""Small collections of drawn chests of several sizes and formats, with labels and boxes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from hilum.datasets.pack import PackSpec
from hilum.datasets.pack.packing import Packing
from hilum.domain import LabelTable, State
from hilum.domain.boxes import Boxes
from hilum.domain.text import text
from hilum.imaging import write_dicom
from hilum.phantoms import draw_chest

SIZES = [(200, 160), (160, 200), (256, 256), (90, 240), (320, 200)]
SQUASH = PackSpec((64, 64), "squash")
SHORT = PackSpec((64, 64), "short-side")


def make_collection(folder: Path, count: int = 10, *, prefix: str = "") -> LabelTable:
    """Draw chests; image 3 is DICOM, the others PNG."""
    rng = np.random.default_rng(len(prefix))
    chests = [draw_chest(rng, size=size).pixels for size in SIZES]
    (folder / "a").mkdir(exist_ok=True)
    names = []
    for at in range(count):
        pixels = np.roll(chests[at % len(SIZES)], at, axis=1)
        name = f"a/{prefix}{at}.{'dcm' if at == 3 else 'png'}"
        if at == 3:
            stored = np.rint(pixels * 4095).astype(np.uint16)
            write_dicom(folder / name, stored, bits_stored=12)
        else:
            cv2.imwrite(str(folder / name), np.rint(pixels * 255).astype(np.uint8))
        names.append(name)
    rows = np.array([0, 1, 1, 3]) % count
    return LabelTable(
        images=text(names),
        findings=("mass", "nodule"),
        states=np.arange(2 * count).reshape(count, 2).astype(np.uint8) % len(State),
        patients=text([f"{prefix}p{at // 2}" for at in range(count)]),
        columns={
            "age_years": np.array([np.nan if at % 3 == 0 else 20.5 + at for at in range(count)]),
            "visit": np.array([-1 if at % 4 == 0 else at for at in range(count)]),
            "ward": text([f"w{at % 2}" for at in range(count)]),
        },
        boxes=Boxes(
            rows,
            text(["mass", "mass", "nodule", "nodule"]),
            np.array([[10, 20, 30, 40], [0, 0, 200, 160], [5.5, 6.5, 7, 8], [60, 30, 20, 9.0]]),
            np.arange(count) % 2 == 0,
        ),
    )


def fill(
    out: Path, table: LabelTable, images: Path, spec: PackSpec, *, workers: int = 2, **options
) -> Packing:
    """Pack a table to its end."""
    with Packing.open(out, table, images, spec=spec, **options) as packing:
        for _ in packing.run(workers):
            pass
        packing.finish()
    return packing


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a pack, but for the lock, which holds the number of a process."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and path.name != ".lock"]
    return {path.name: path.read_bytes() for path in files}
