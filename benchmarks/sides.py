"""The two sides of `reading`, each made in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Bundles = Mapping[str, tuple[str, str]]
"""Side → where its bundle lies, and the runtime."""


def hilum_side(bundles: Bundles, threads: int) -> Callable[..., Any]:
    """Hilum: ``call(bundle, paths, workers)`` reads the files and counts the readings.

    One worker reads with a network of ``threads`` threads, several with one thread each.
    """
    from pathlib import Path

    from hilum.domain import Reading
    from hilum.imaging import FoundFile
    from hilum.reading import Reader, read_many

    alone, shared = (
        {name: Reader.of(where, threads=n, runtime=how) for name, (where, how) in bundles.items()}
        for n in (threads, 1)
    )

    def call(bundle: str, paths: Sequence[str], workers: int = 1) -> int:
        if workers == 1:
            found = [_checked(alone[bundle].read(path)) for path in paths]
        else:
            files = [FoundFile(Path(path), f"{i}.dcm") for i, path in enumerate(paths)]
            found = list(read_many(files, shared[bundle], workers=workers, finish=_checked))
        return len(found)

    def _checked(item: Any) -> int:
        if not isinstance(item, Reading) or not item.heatmaps:
            raise RuntimeError(f"no reading with heatmaps: {item}")
        return len(item.predictions)

    return call


def hilum_stages(bundles: Bundles, threads: int) -> Callable[..., dict[str, float]]:
    """Hilum's steps one by one: ``call(bundle, path)`` gives seconds a step."""
    from hilum.imaging import read
    from hilum.reading import Reader
    from hilum.transforms.preprocess import LONGEST_PX, prepare

    readers = {
        name: Reader.of(where, threads=threads, runtime=how)
        for name, (where, how) in bundles.items()
    }

    def call(bundle: str, path: str) -> dict[str, float]:
        reader = readers[bundle]
        marks = [time.perf_counter()]
        radiograph = read(path, longest_px=LONGEST_PX)
        marks.append(time.perf_counter())
        reader.gate.look(radiograph)
        marks.append(time.perf_counter())
        pixels, _ = prepare(radiograph.pixels, reader.bundle.card.preprocessing)
        marks.append(time.perf_counter())
        reader.graph(pixels[None])
        marks.append(time.perf_counter())
        names = ("decoding, to grey levels", "picture checks", "to the input's size", "network")
        return {n: b - a for n, a, b in zip(names, marks, marks[1:], strict=False)}

    return call


def xrv_side(state: str, threads: int) -> Callable[..., Any]:
    """TorchXRayVision: ``call(paths, engine, heatmap)`` runs its README's chain on each file.

    ``engine`` is that of its XRayResizer, "skimage" unless told otherwise. ``heatmap`` is
    "features" (feature map × weights of the head, for all findings, in the same forward pass: the
    cheapest there is), or "gradient" (its notebook `heatmaps.ipynb`: gradient of one finding at
    the input, squared and blurred).
    """
    import torch
    import torchvision
    import torchxrayvision as xrv

    torch.set_num_threads(threads)
    findings = torch.load(state, weights_only=True)["classifier.bias"].numel()
    model = xrv.models.DenseNet(weights=None, num_classes=findings, apply_sigmoid=True)
    model.load_state_dict(torch.load(state, weights_only=True))
    model.eval()

    def call(paths: Sequence[str], engine: str = "skimage", heatmap: str = "features") -> int:
        transform = torchvision.transforms.Compose(
            [xrv.datasets.XRayCenterCrop(), xrv.datasets.XRayResizer(224, engine=engine)]
        )
        for path in paths:
            image = torch.from_numpy(transform(xrv.utils.load_image(path)))[None]
            (_by_features if heatmap == "features" else _by_gradient)(model, image)
        return len(paths)

    return call


def _by_features(model: Any, image: Any) -> tuple[Any, Any]:
    """Probabilities, and class activation maps from the same pass."""
    import torch

    with torch.inference_mode():
        maps = torch.nn.functional.relu(model.features(image))
        probabilities = torch.sigmoid(model.classifier(maps.mean((2, 3))))
        cams = torch.einsum("bchw,fc->bfhw", maps, model.classifier.weight)
    return probabilities.numpy(), cams.numpy()


def _by_gradient(model: Any, image: Any) -> tuple[Any, Any]:
    """Probabilities, and how strongly each pixel would change the first of them."""
    import skimage.filters
    import torch

    image.requires_grad_()
    probabilities = model(image)
    slope = torch.autograd.grad(probabilities[:, 0].sum(), image)[0][0, 0]
    blurred = skimage.filters.gaussian(slope.numpy() ** 2, sigma=5, truncate=3.5)
    return probabilities.detach().numpy(), blurred
