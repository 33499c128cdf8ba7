"""A bundle's graph, ready to run, whatever runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.bundles.card import Card
from hilum.bundles.store import Bundle
from hilum.errors import InvalidCard
from hilum.registry import Registry

RUNTIMES = Registry(
    "runtime",
    [
        ("onnxruntime", "hilum.runtime.onnx:compile_graph"),
        ("openvino", "hilum.runtime.openvino:compile_graph"),
    ],
)
"""Name → ``compile_graph(model, input, outputs, *, threads) -> run``; ``run`` may be called by
several threads at once."""

BOX = 6
"""Numbers of a box: left, top, right, bottom, score, kind."""

Run = Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """What one forward pass gives.

    Attributes:
        logits: float32 [batch, findings]; [batch, 0] where the bundle has no findings.
        features: float32 [batch, width], what the gate measures; None where the graph has none.
        cams: float32 [batch, findings, h, w], whose mean over h and w plus a constant is the
            logit; None likewise.
        masks: float32 [batch, structures, h, w], log-odds that a place of the input lies in a
            structure; None likewise.
        boxes: float32 [batch, most, 6], as the card's graph describes them; None likewise.
    """

    logits: NDArray[np.float32]
    features: NDArray[np.float32] | None
    cams: NDArray[np.float32] | None
    masks: NDArray[np.float32] | None = None
    boxes: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A bundle's graph in memory. May be called by several threads at once.

    Attributes:
        bundle: where it comes from.
        run: takes the input and returns the outputs that the card names, in the order logits,
            features, cams, masks, boxes.
    """

    bundle: Bundle
    run: Run

    @classmethod
    def open(cls, bundle: Bundle, *, threads: int = 1, runtime: str = "onnxruntime") -> Graph:
        """Load the graph from the bundle's bytes; nothing is written to disk.

        Args:
            bundle: a verified bundle.
            threads: threads of one call. Several radiographs at a time are faster with one
                thread each than one radiograph with several.
            runtime: a name in :data:`RUNTIMES`.

        Raises:
            UnknownName: no such runtime.
            MissingExtra: the runtime is not installed.
            InvalidCard: the graph cannot be loaded, or lacks what the card names.
        """
        card = bundle.card.graph
        outputs = output_names(bundle.card)
        compile_graph = RUNTIMES.resolve(runtime)
        model = bundle.read_bytes(card.file)
        return cls(bundle, compile_graph(model, card.input, outputs, threads=threads))

    def __call__(self, batch: NDArray[np.float32]) -> Outputs:
        """Run the graph; its numbers are given as they are, finite or not.

        Args:
            batch: float32 [batch, channels, rows, columns], from
                :func:`hilum.transforms.preprocess.prepare`.

        Raises:
            InvalidCard: the graph gives other shapes than the card promises.
        """
        card = self.bundle.card
        found = iter(self.run(np.ascontiguousarray(batch, np.float32)))
        logits = next(found) if card.findings else np.zeros((len(batch), 0), np.float32)
        features = next(found) if card.graph.features else None
        cams = next(found) if card.graph.cams else None
        masks = next(found) if card.graph.masks else None
        boxes = next(found) if card.graph.boxes else None
        expected = (len(batch), len(card.findings))
        if logits.shape != expected or (cams is not None and cams.shape[:2] != expected):
            raise InvalidCard(
                f"bundle {self.bundle}: the graph gave logits {list(logits.shape)}"
                f"{'' if cams is None else f' and maps {list(cams.shape)}'} for {len(batch)} "
                f"pictures and {expected[1]} findings; `hilum bundles make` checks this"
            )
        drawn = (len(batch), len(card.structures))
        if masks is not None and (masks.ndim != 4 or masks.shape[:2] != drawn):
            raise InvalidCard(
                f"bundle {self.bundle}: the graph gave masks {list(masks.shape)} for {len(batch)} "
                f"pictures and {drawn[1]} structures; `hilum bundles make` checks this"
            )
        if boxes is not None and (boxes.ndim != 3 or boxes.shape[::2] != (len(batch), BOX)):
            raise InvalidCard(
                f"bundle {self.bundle}: the graph gave boxes {list(boxes.shape)} for {len(batch)} "
                f"pictures, expected {BOX} numbers a box; `hilum bundles make` checks this"
            )
        return Outputs(logits, features, cams, masks, boxes)


def output_names(card: Card) -> list[str]:
    """What a card names: logits where it has findings, features, cams, masks, boxes."""
    ends = card.graph
    logits = ends.logits if card.findings else None
    named = (logits, ends.features, ends.cams, ends.masks, ends.boxes)
    return [name for name in named if name]
