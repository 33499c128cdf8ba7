"""Shows pictures to a bundle's network after chains of steps; the gate is not asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.bundles import Bundle
from hilum.datasets.side_by_side import in_order
from hilum.domain import Radiograph
from hilum.errors import IntakeError, Stopped
from hilum.imaging import read
from hilum.reading.cropping import lungs_for, part_of
from hilum.reading.lungs import LungReader
from hilum.reading.rounds.measuring.store import Found, LookStore, key
from hilum.reading.scale import Scale
from hilum.runtime import Graph
from hilum.transforms.preprocess import LONGEST_PX, Part, normalise
from hilum.transforms.rounds import Chain, look

Floats = NDArray[np.float64]
Tell = Callable[[str, int, int], None]
_KEEP_EVERY = 4


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """A bundle's network and its scale. May be used by several threads at once.

    Attributes:
        bundle: what looks.
        graph: of the bundle.
        scale: from logits to probabilities, at the prevalence of the bundle's training.
        runtime: what runs the graph.
        lungs: what finds the lungs, for a bundle that looks at them alone; None for others.
    """

    bundle: Bundle
    graph: Graph
    scale: Scale
    runtime: str = "onnxruntime"
    lungs: LungReader | None = None

    @classmethod
    def of(cls, bundle: Bundle, *, runtime: str = "onnxruntime") -> Eye:
        """Make one.

        Raises:
            InvalidCard: the graph cannot be loaded.
            MissingExtra: the runtime is not installed.
            BundleError: the bundle looks at lungs that another bundle finds than is here.
        """
        graph = Graph.open(bundle, threads=1, runtime=runtime)
        crops = bool(bundle.card.preprocessing.crop)
        lungs = lungs_for(bundle, runtime=runtime) if crops else None
        return cls(bundle, graph, Scale.of(bundle.card, {}), runtime, lungs)

    @property
    def network(self) -> str:
        """What looks, for a :class:`LookStore`: bundle, size of its input, and runtime."""
        rows, columns = self.bundle.card.preprocessing.size
        return f"{self.bundle.digest} at {rows} x {columns} by {self.runtime}"

    def part(self, radiograph: Radiograph) -> Part | None:
        """What it is shown of a radiograph; None where that is the whole."""
        if self.lungs is None:
            return None
        return part_of(radiograph, self.lungs(radiograph), self.bundle.card.preprocessing)[0]

    def probabilities(self, logits: NDArray[np.float32], finding: str) -> Floats:
        """Calibrated probabilities of one finding from logits [..., findings]."""
        at = self.bundle.card.keys.index(finding)
        odds = self.scale.calibrators[at].log_odds(logits[..., at].astype(np.float64))
        return np.exp(-np.logaddexp(0.0, -np.asarray(odds)))


@dataclass(frozen=True, slots=True)
class Picture:
    """One image that is looked at.

    Attributes:
        name: in the label table.
        path: of its file.
        digest: SHA-256 of the file; empty where the system refused it.
    """

    name: str
    path: Path
    digest: str

    @classmethod
    def of(cls, name: str, path: Path) -> Picture:
        """A picture with the digest of its file."""
        try:
            with path.open("rb") as file:
                return cls(name, path, hashlib.file_digest(file, "sha256").hexdigest())
        except OSError:
            return cls(name, path, "")


def see(
    eye: Eye,
    pictures: Sequence[Picture],
    chains: Sequence[Chain],
    store: LookStore,
    *,
    workers: int = 1,
    tell: Tell = lambda step, done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, str]:
    """Fill the store: every picture after every chain. What it holds already is not done again.

    Each file is decoded once, however many chains there are.

    Args:
        eye: what looks.
        pictures: at what.
        chains: after which steps.
        store: where the logits go.
        workers: pictures at a time.
        tell: told "look", how many pictures are done, and of how many.
        stop: asked between pictures; True ends with Stopped, and what is done is kept.

    Returns:
        Image → why nothing was seen of it: the code of its intake error, "not-finite", or
        "changed", where the file is no longer the one that its digest was taken of.

    Raises:
        Stopped: it was asked to stop.
    """
    keys = [key(chain) for chain in chains]
    seen = {name: store.images_with(name) for name in dict.fromkeys(keys)}
    todo: list[tuple[Picture, list[Chain]]] = []
    for picture in pictures:
        left = {
            name: chain
            for name, chain in zip(keys, chains, strict=True)
            if picture.digest not in seen[name]
        }
        if left:
            todo.append((picture, list(left.values())))
    unseen: dict[str, str] = {}
    waiting: list[Found] = []
    tell("look", 0, len(todo))
    try:
        results = in_order(lambda item: _shown(eye, *item), todo, workers)
        for done, ((picture, wanted), found) in enumerate(zip(todo, results, strict=True), 1):
            if isinstance(found, str):
                unseen[picture.name] = found
            else:
                rows = zip(wanted, found, strict=True)
                waiting += [(key(chain), picture.digest, row) for chain, row in rows]
            if done % _KEEP_EVERY == 0:
                store.add(waiting)
                waiting = []
            tell("look", done, len(todo))
            if stop():
                raise Stopped(f"Stopped after {done} of {len(todo)} pictures; the rest is left.")
    finally:
        store.add(waiting)
    return unseen


def _shown(eye: Eye, picture: Picture, chains: list[Chain]) -> list[NDArray[np.float32]] | str:
    if Picture.of(picture.name, picture.path).digest != picture.digest:
        return "changed"
    try:
        radiograph = read(picture.path, name=picture.name, longest_px=LONGEST_PX)
    except IntakeError as error:
        return error.code
    spec = eye.bundle.card.preprocessing
    rows: list[NDArray[np.float32]] = []
    for grey, _ in look(radiograph.pixels, chains, spec, eye.part(radiograph)):
        logits = eye.graph(normalise(grey, spec)[None]).logits[0]
        if not np.isfinite(logits).all():
            return "not-finite"
        rows.append(logits)
    return rows
