"""The card of a bundle that was made from a published network."""

from __future__ import annotations

import json
import math
from importlib.metadata import version

from hilum.bundles.card import (
    Calibration,
    Card,
    CardFinding,
    Graph,
    OperatingPoint,
    Preprocessing,
    StartingWeights,
)
from hilum.bundles.published import PublishedNetwork
from hilum.export.published.obtaining import KNOWN, Obtained
from hilum.export.published.terms import learnt_from, licence

VERSION = "1.0.0"
FIT = "centre-crop"
"""The package's own: the middle square, then resized."""


def preprocessing(network: PublishedNetwork) -> Preprocessing:
    """How a radiograph becomes the network's input."""
    return Preprocessing(
        size=(network.size_px, network.size_px), fit=FIT, value_range=network.value_range
    )


def card_of(network: PublishedNetwork, obtained: Obtained, graph: Graph) -> Card:
    """The card; digests and parity are filled in when it is written.

    Args:
        network: its entry in the catalogue.
        obtained: the file that its tensors came from.
        graph: the ends of its ONNX graph.
    """
    learnt = ", ".join(name for name, _ in learnt_from(network))
    return Card(
        name=network.name,
        version=VERSION,
        summary=network.summary,
        intended_use=network.intended_use,
        not_for=(*network.not_for, *_cautions(network)),
        licence=licence(network),
        network=f"{network.backbone} of {network.publisher} ({network.theirs}), weights as "
        "published, in single precision",
        findings=tuple(_finding(o.key, o.threshold) for o in network.taken),
        preprocessing=preprocessing(network),
        graph=graph,
        start=(
            StartingWeights(
                name=f"{network.publisher} {network.theirs}",
                licence=network.licence,
                origin=f"{network.url}; learnt from {learnt}; those images may test nothing that "
                "begins with it",
                sha256=obtained.sha256,
            ),
        ),
        provenance=_provenance(network, obtained),
    )


def _finding(key: str, threshold: float | None) -> CardFinding:
    assert threshold is not None
    return CardFinding(
        key=key,
        calibration=Calibration(fitted_on="nothing: the sigmoid of the output as published"),
        operating_point=OperatingPoint(threshold=threshold, rule="as published"),
    )


def _cautions(network: PublishedNetwork) -> tuple[str, ...]:
    if network.sigmoids == 1:
        return ()
    caution = (
        "Calling findings present or absent at its published operating points: they seem to be far "
        "too high (`operating points` in the provenance of its card says why)."
    )
    return (caution,)


def _provenance(network: PublishedNetwork, obtained: Obtained) -> dict[str, str]:
    left = [o.label or f"number {at}" for at, o in enumerate(network.outputs) if not o.is_taken]
    said = {
        "source": network.url,
        "file": f"{obtained.name}, SHA-256 {obtained.sha256}, {obtained.believed}"
        + (f" ({network.digest_from})" if obtained.believed == KNOWN else ""),
        "licence": f"{network.licence}, {network.licence_url}; shown and accepted when it was made",
        "terms": " ".join(f"{name}: {words}" for name, words in learnt_from(network)),
        "citation": network.citation,
        "measured": "Hilum had not measured it when this bundle was made.",
        "scores": "The sigmoid of an output, which nobody has calibrated: no probability. The "
        "package shows other numbers (op_norm): s / 2t below the operating point t, 1 - (1 - s) / "
        "2(1 - t) from there on, so that 0.5 is the operating point; the order is the same.",
        "operating points": _points(network),
        "preprocessing": "The middle square, resized, grey 0 to 1 as -1024 to 1024, as the package "
        "does. Hilum resizes by areas, the package by a Gaussian and straight lines: outputs "
        "differ a little (docs/published.md). Of DICOM files Hilum applies the rescale and window.",
        "outputs left out": ", ".join(left) + " (not trained, or without operating point)"
        if left
        else "none",
        "gate": "none: no statistics of the radiographs that it learnt from; only header and "
        "picture are judged, and each reading says so (no-feature-gate).",
        "parity pictures": "drawn by code",
        "recipe": json.dumps({"model": {"backbone": network.backbone, "head": "linear"}}),
    }
    return said | {name: version(name) for name in ("hilum", "torch", "timm", "onnx")}


def _points(network: PublishedNetwork) -> str:
    said = "As published, on the sigmoid of an output."
    if network.sigmoids == 1:
        return said
    once = "; ".join(
        f"{o.key} {math.log(o.threshold / (1 - o.threshold)):.4f}"
        for o in network.taken
        if o.threshold is not None
    )
    return (
        f"{said} The publisher's script for them (model_calibrate.py) applies the sigmoid twice, "
        "its package once, and so does this bundle: decisions are those of the package. Taken back "
        f"to one sigmoid, they would be: {once}."
    )
