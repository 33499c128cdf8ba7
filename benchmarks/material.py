"""What is read: drawn radiographs as DICOM, and bundles for it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Unpack

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.bundles import Bundle, available, load, save
from hilum.bundles.card import Card, CardFinding, Graph, Preprocessing
from hilum.domain import Refusal
from hilum.domain.findings import CHEST14
from hilum.imaging import DicomFacts, write_dicom
from hilum.phantoms import draw_chest
from hilum.reading import Reader

SYNTAXES = {
    "explicit": "plain",
    "rle": "RLE",
    "jpeg-lossless": "JPEG lossless",
    "jpeg-ls": "JPEG-LS",
    "jpeg-2000": "JPEG 2000",
}
"""Transfer syntaxes as ``hilum.imaging.write_dicom`` names them → in words."""

NETWORK_PX = 224
GRAIN = 6.0
"""Standard deviation of the noise in stored values of 12 bits: what a detector adds, so that the
codecs find no smoother picture than they would in a hospital."""


def dicom_files(
    folder: Path,
    size: tuple[int, int],
    syntaxes: Iterable[str] = SYNTAXES,
    *,
    alike: bool = False,
    **facts: Unpack[DicomFacts],
) -> dict[str, Path]:
    """A drawn chest of 12 bits in each transfer syntax.

    Args:
        folder: where they go; files that are there already are taken.
        size: (rows, columns). The chest is drawn at half of it and enlarged, to save time.
        syntaxes: as ``hilum.imaging.write_dicom`` names them.
        alike: whether all have the same noise; else every file has its own.
        facts: for their headers.

    Returns:
        Paths by transfer syntax.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {syntax: folder / f"{syntax}.dcm" for syntax in syntaxes}
    if all(path.exists() for path in paths.values()):
        return paths
    half = (max(64, size[0] // 2), max(64, size[1] // 2))
    drawn = draw_chest(np.random.default_rng(0), size=half)
    large = cv2.resize(drawn.pixels, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    grey = np.asarray(large, np.float32)
    spacing = drawn.spacing_mm * half[0] / size[0]
    for seed, (syntax, path) in enumerate(paths.items()):
        write_dicom(
            path,
            _stored(grey, 0 if alike else seed),
            **{
                "bits_stored": 12,
                "transfer_syntax": syntax,
                "age": "045Y",
                "spacing_mm": (spacing, spacing),
                **facts,
            },
        )
    return paths


def densenet(folder: Path) -> tuple[Path, Path]:
    """TorchXRayVision's DenseNet121 with random weights, as a bundle and as its own state.

    Both compute the same numbers; this is checked here.

    Returns:
        The bundle's folder, and the file with the state for TorchXRayVision.
    """
    import torch
    import torchxrayvision as xrv

    from hilum.export.bundle import export_bundle
    from hilum.export.graph import round_weights
    from hilum.models.network import build_network
    from hilum.models.tasks import Task

    bundle, state = folder / "densenet121", folder / "densenet121.pt"
    if bundle.exists() and state.exists():
        return bundle, state
    torch.manual_seed(0)
    theirs = xrv.models.DenseNet(weights=None, num_classes=len(CHEST14))
    pictures = 2048 * torch.rand(4, 1, NETWORK_PX, NETWORK_PX) - 1024
    _settle(theirs, pictures)
    ours = build_network(backbone="densenet121", tasks=[Task("multi-label", CHEST14)]).eval()
    # The two builders name their parts alike; a part that is missing would raise.
    ours.backbone.net.load_state_dict(
        {f"features.{name}": tensor for name, tensor in theirs.features.state_dict().items()}
    )
    ours.head.last.load_state_dict(theirs.classifier.state_dict())
    round_weights(ours)
    backbone = ours.backbone.net.state_dict()
    theirs.features.load_state_dict(
        {name.removeprefix("features."): tensor for name, tensor in backbone.items()}
    )
    theirs.classifier.load_state_dict(ours.head.last.state_dict())
    with torch.inference_mode():
        apart = float((ours(pictures) - theirs(pictures)).abs().max())
    if not apart < 1e-3:
        raise RuntimeError(
            f"the two DenseNets differ by {apart:.2g}: they are not the same network"
        )
    torch.save(theirs.state_dict(), state)
    export_bundle(ours, _densenet_card(), b"", pictures.numpy(), bundle)
    return bundle, state


def reading_bundle(name: str, file: Path, folder: Path) -> tuple[str | None, str]:
    """A bundle with which the drawn radiograph is read and not refused.

    Args:
        name: of a bundle that comes with the package, or a path.
        file: the drawn radiograph.
        folder: for a copy of the bundle without feature statistics, where its gate refuses the
            drawing: a network that knows real radiographs may rightly do so.

    Returns:
        What to give to ``Reader.of`` or ``--bundle``, None without such a bundle; and what is to
        be said of it.
    """
    if name not in available() and not Path(name).exists():
        return None, f"the package holds no bundle {name}"
    bundle = load(name)
    found = Reader.of(bundle).read(file)
    if not isinstance(found, Refusal):
        return name, f"bundle {bundle} as it is"
    without = folder / "without-gate"
    if not without.exists():
        _without_gate(bundle, without)
    again = Reader.of(without).read(file)
    if isinstance(again, Refusal):
        raise RuntimeError(f"the drawn radiograph is refused: {again.reasons[0].message}")
    why = found.reasons[0].code
    return str(without), f"bundle {bundle} without its feature statistics, which refuse it: {why}"


def _without_gate(bundle: Bundle, out: Path) -> None:
    card = bundle.card
    model = bundle.read_bytes(card.graph.file)
    save(card.model_copy(update={"gate": None}), {card.graph.file: model}, out)


def _stored(grey: NDArray[np.float32], seed: int) -> NDArray[np.uint16]:
    noise = np.random.default_rng(seed).standard_normal(grey.shape, np.float32)
    return np.clip(grey * 4095 + GRAIN * noise, 0, 4095).round().astype(np.uint16)


def _settle(network, pictures) -> None:
    """Give batch normalisation the statistics of random pictures, so that numbers stay small."""
    import torch

    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        network.train()(pictures)
    network.eval()


def _densenet_card() -> Card:
    return Card(
        name="densenet121-random",
        version="0.0.1",
        summary="DenseNet121 with random weights.",
        intended_use="Measuring speed.",
        licence="Apache-2.0",
        network="densenet121",
        findings=tuple(CardFinding(key=key) for key in CHEST14),
        preprocessing=Preprocessing(
            size=(NETWORK_PX, NETWORK_PX), fit="centre-crop", value_range=(-1024.0, 1024.0)
        ),
        graph=Graph(features="features", cams="cams"),
    )
