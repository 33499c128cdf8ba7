"""A bundle as a function of grey levels: probabilities and features, without the gate.

For measuring and auditing alone: pictures that the gate would refuse are scored too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.bundles import Bundle
from hilum.domain import Radiograph, Refusal, Source
from hilum.reading.cropping import lungs_for, part_of
from hilum.reading.lungs import LungReader
from hilum.reading.scale import Scale
from hilum.runtime import Graph
from hilum.transforms.preprocess import prepare


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """Scores pictures with one bundle. May be called by several threads at once.

    Attributes:
        bundle: what it scores with.
        graph: of the bundle.
        scale: from logits to probabilities.
        lungs: what finds the lungs, for a bundle that looks at them alone; None for others.
    """

    bundle: Bundle
    graph: Graph
    scale: Scale
    lungs: LungReader | None = None

    @classmethod
    def of(cls, bundle: Bundle, *, threads: int = 1) -> Scorer:
        """Make a scorer.

        Raises:
            InvalidCard: the graph cannot be loaded, or lacks what the card names.
            BundleError: the bundle looks at lungs that another bundle finds than is here.
        """
        graph = Graph.open(bundle, threads=threads)
        crops = bool(bundle.card.preprocessing.crop)
        lungs = lungs_for(bundle, threads=threads) if crops else None
        return cls(bundle, graph, Scale.of(bundle.card, {}), lungs)

    @property
    def thresholds(self) -> dict[str, float]:
        """Operating points on the card, by finding."""
        points = self.scale.operating_points
        return dict(zip(self.bundle.card.keys, points, strict=True))

    def __call__(
        self, pixels: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Probabilities [findings] and features [width]; NaN where the network gave none.

        Args:
            pixels: grey levels in [0, 1], [rows, columns].
        """
        spec, part = self.bundle.card.preprocessing, None
        if self.lungs is not None:
            shown = Radiograph(pixels, Source("", "png", pixels.shape))
            part, _ = part_of(shown, self.lungs(shown), spec)
        batch, _ = prepare(pixels, spec, part)
        out = self.graph(batch[None])
        told = [p.probability for p in self.scale.predictions(out.logits[0])]
        return np.array(told, np.float32), None if out.features is None else out.features[0]


@dataclass(frozen=True, slots=True)
class LungBoxes:
    """Where both lungs lie, with a little air around; None where nobody can say."""

    reader: LungReader

    def __call__(self, radiograph: Radiograph) -> tuple[int, int, int, int] | None:
        """Left, top, width and height in pixels of the radiograph."""
        found = self.reader(radiograph)
        return None if isinstance(found, Refusal) or not found.plausible else found.crop()
