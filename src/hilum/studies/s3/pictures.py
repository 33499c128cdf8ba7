"""Small whole radiographs of a cohort, for what cannot be remembered as features."""

from __future__ import annotations

import hashlib
import json

import numpy as np
from numpy.typing import NDArray

from hilum.bundles.card import Preprocessing
from hilum.datasets.files import find_images
from hilum.datasets.side_by_side import in_order
from hilum.errors import LabelError, Stopped
from hilum.imaging import read
from hilum.studies.running import Bench
from hilum.studies.s3.cohort import Cohort
from hilum.transforms.preprocess import fit


def grey_of(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey levels in [0, 1] of stored pictures."""
    return np.multiply(pictures, 1 / 255, dtype=np.float32)


def small_pictures(bench: Bench, cohort: Cohort, side: int) -> NDArray[np.uint8]:
    """Radiographs at a small size, uint8 [images, side, side]; read once, and remembered.

    Raises:
        Stopped: it was asked to.
        LabelError: a radiograph is not there.
        IntakeError: one cannot be read.
    """
    names = json.dumps([side, cohort.table.images.tolist()])
    file = bench.store / f"s3-pictures-{hashlib.sha256(names.encode()).hexdigest()[:16]}.npy"
    if file.exists():
        return np.load(file)
    bench.store.mkdir(parents=True, exist_ok=True)
    spec = Preprocessing(size=(side, side))
    paths = [path for path in find_images(cohort.table, bench.data).paths if path is not None]
    if len(paths) < len(cohort.table):
        raise LabelError("The manifest names a radiograph that is not in the folder.")

    def small(at: int) -> NDArray[np.uint8]:
        if why := bench.stop():
            raise Stopped(f"{why} The same command begins the pictures again.")
        grey = fit(read(paths[at], longest_px=512).pixels, spec)[0]
        return np.rint(grey * 255).astype(np.uint8)

    found = np.stack(list(in_order(small, list(range(len(paths))), 1)))
    partial = file.with_name(f"partial-{file.name}")
    np.save(partial, found)
    partial.replace(file)
    return found
