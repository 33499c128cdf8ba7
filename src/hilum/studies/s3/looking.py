"""Features of frozen networks, a vector a radiograph and sight; computed once, and remembered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.bundles import load
from hilum.datasets.files import find_images
from hilum.domain import Refusal
from hilum.errors import IntakeError, LabelError, Stopped
from hilum.imaging import read
from hilum.reading.lungs import LungReader
from hilum.studies.running import Bench
from hilum.studies.s3.cohort import Cohort
from hilum.studies.s3.networks import Frozen
from hilum.studies.s3.sights import SIGHTS, sights
from hilum.transforms.preprocess import LONGEST_PX

SIDE = 224
PIECE = 32
"""Radiographs whose features are kept in one file, so that a stopped look goes on."""
SHOWN = {"chest14": tuple(SIGHTS), "imagenet": ("whole", "masked"), "random": ("whole",)}
"""Which sights each is shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What networks see.

    Attributes:
        seen: bool [images], radiographs on which lungs were found; of others there is nothing.
        features: network and sight → float32 [images, width].
    """

    seen: NDArray[np.bool_]
    features: Mapping[tuple[str, str], NDArray[np.float32]]


def look(bench: Bench, cohort: Cohort) -> Looked:
    """Look at every radiograph of a cohort with every network, at every sight.

    Raises:
        Stopped: it was asked to; the same call goes on.
        LabelError: a radiograph is not there, or on hardly any lungs are found.
        RecipeError: the weights are not there.
    """
    store = bench.store / f"s3-{_digest(cohort)}"
    store.mkdir(parents=True, exist_ok=True)
    count = len(cohort.table)
    pieces = [np.arange(at, min(at + PIECE, count)) for at in range(0, count, PIECE)]
    missing = [at for at in range(len(pieces)) if not (store / f"{at}.npz").exists()]
    if missing:
        networks = {name: Frozen(name, bench.weights, SIDE) for name in SHOWN}
        paths = find_images(cohort.table, bench.data).paths
        lungs = LungReader.of()
        for done, at in enumerate(missing, 1):
            if why := bench.stop():
                raise Stopped(f"{why} What is done is kept: the same command goes on.")
            found = _piece([paths[row] for row in pieces[at].tolist()], networks, lungs)
            partial = store / f"partial-{at}.npz"
            np.savez(partial, allow_pickle=False, **found)
            partial.replace(store / f"{at}.npz")
            if done % 5 == 0:
                bench.tell(f"looked at {pieces[at][-1] + 1:,} of {count:,} radiographs")
    return _gathered([store / f"{at}.npz" for at in range(len(pieces))])


def _gathered(files: list[Path]) -> Looked:
    parts = []
    for file in files:
        with np.load(file) as kept:
            parts.append(dict(kept))
    every = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    seen = every.pop("seen").astype(np.bool_)
    if seen.mean() < 0.5:
        raise LabelError(f"Lungs were found on {int(seen.sum())} of {len(seen)} radiographs only.")
    keyed = {(name, sight): every[f"{name} {sight}"] for name in SHOWN for sight in SHOWN[name]}
    return Looked(seen, keyed)


def _piece(
    paths: list[Path | None], networks: Mapping[str, Frozen], lungs: LungReader
) -> dict[str, NDArray[np.float32]]:
    seen = np.zeros(len(paths), np.float32)
    pictures: dict[str, list[NDArray[np.float32]]] = {sight: [] for sight in SIGHTS}
    for at, path in enumerate(paths):
        if path is None:
            raise LabelError("The manifest names a radiograph that is not in the folder.")
        try:
            radiograph = read(path, longest_px=LONGEST_PX)
        except IntakeError:
            continue
        found = lungs(radiograph)
        if isinstance(found, Refusal) or not found.plausible:
            continue
        seen[at] = 1
        for sight, grey in sights(radiograph.pixels, found, SIDE).items():
            pictures[sight].append(grey)
    out: dict[str, NDArray[np.float32]] = {"seen": seen}
    for name, network in networks.items():
        for sight in SHOWN[name]:
            some = pictures[sight] or [np.zeros((SIDE, SIDE), np.float32)]
            features = network(np.stack(some))
            spread = np.zeros((len(paths), features.shape[1]), np.float32)
            spread[seen > 0] = features[: int(seen.sum())]
            out[f"{name} {sight}"] = spread
    return out


def _digest(cohort: Cohort) -> str:
    said = {
        "images": cohort.table.images.tolist(),
        "chest14": load("chest14").digest,
        "lungs": load("lungs").digest,
        "shown": SHOWN,
    }
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
