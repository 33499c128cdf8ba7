"""What a conversion will take, by converting a few files of it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hilum.datasets.convert.plan import Plan
from hilum.datasets.convert.processes import Engine
from hilum.datasets.convert.work import Request, Result

FEW = 4
"""Files that are tried a worker: the first of each, which loads libraries, is not counted."""

SPARE = 1.1


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a conversion will take.

    Attributes:
        tried: files that were converted to find out.
        seconds: for what is to be done.
        bytes: of the pictures that are to be written.
        free: bytes free where they go.
    """

    tried: int
    seconds: float
    bytes: int
    free: int

    @property
    def missing(self) -> int:
        """Bytes that will be missing, by the estimate and a tenth; 0 where it fits."""
        return max(0, int(SPARE * self.bytes) - self.free)


def estimate(plan: Plan, engine: Engine, *, workers: int) -> Estimate:
    """Convert a few files without writing them, and draw the line on.

    Args:
        plan: what is to be done.
        engine: that will do it.
        workers: of the engine.
    """
    tried = [replace(request, images=None) for request in spread(plan.todo, workers)]
    results = list(engine(plan.requests(tried)))
    return drawn_on(results, plan.out, len(plan.todo), workers=workers)


def drawn_on(results: Sequence[Result], out: Path, count: int, *, workers: int) -> Estimate:
    """What some files will take, by a few that were converted.

    Args:
        results: of the few, in the order in which they came.
        out: the destination.
        count: how many are to be done.
        workers: of the engine.
    """
    counted = results[workers:] or results
    mean_s = sum(r.seconds for r in counted) / max(1, len(counted))
    mean_bytes = sum(r.bytes for r in results) / max(1, len(results))
    return Estimate(len(results), mean_s * count / workers, int(mean_bytes * count), free(out))


def spread(todo: Sequence[Request], workers: int) -> list[Request]:
    """A few files at even distances.

    Members of an archive that is read in its order are taken only where there is nothing else: one
    in the middle costs half of the archive.
    """
    few = FEW * workers
    anywhere = [request for request in todo if not request.file.in_order]
    if not anywhere:
        return list(todo[:few])
    return anywhere[:: max(1, len(anywhere) // few)][:few]


def free(out: Path) -> int:
    """Bytes free where a folder is or will be."""
    place = next(path for path in (out, *out.absolute().parents) if path.exists())
    return shutil.disk_usage(place).free
