"""Measures how far Hilum's resizing lies from TorchXRayVision's: the table of docs/published.md.

    python scripts/published_preprocessing.py ../shared/radiographs/*/

Both cut the middle square. The package smooths with a Gaussian and interpolates (scikit-image),
Hilum averages areas. Neither needs weights: pictures are compared at 224 pixels, and what the
difference does to a trained network is shown with the bundle `chest14` at its own size.
Needs torchxrayvision. Writes no picture.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torchxrayvision as xrv
from numpy.typing import NDArray

from hilum.bundles import load
from hilum.bundles.card import Preprocessing
from hilum.errors import IntakeError
from hilum.imaging import find_files, read
from hilum.phantoms import draw_chest
from hilum.runtime import Graph
from hilum.transforms.preprocess import fit, normalise

SIZE_PX = 224
PAGE = Path(__file__).resolve().parents[1] / "docs" / "published.md"
BEGIN, END = "<!-- begin preprocessing -->\n", "<!-- end preprocessing -->"
MOST = 40
"""Radiographs of a folder, drawn with a fixed seed."""
Picture = NDArray[np.float32]


def theirs(grey: Picture, size: int) -> Picture:
    """The package's crop and resizing, grey in [0, 1]."""
    image = xrv.datasets.normalize(grey * 255, 255)[None]
    small = xrv.datasets.XRayResizer(size)(xrv.datasets.XRayCenterCrop()(image))
    return (small[0] / 2048 + 0.5).astype(np.float32)


def ours(grey: Picture, size: int) -> Picture:
    """Hilum's, likewise."""
    return fit(grey, Preprocessing(size=(size, size), fit="centre-crop"))[0]


def row(name: str, pictures: Sequence[Picture]) -> str:
    """A line of the table."""
    bundle = load("chest14")
    spec, graph = bundle.card.preprocessing, Graph.open(bundle, threads=1)
    grey = [np.abs(theirs(p, SIZE_PX) - ours(p, SIZE_PX)).mean() for p in pictures]
    odds = [
        np.abs(
            graph(normalise(theirs(p, spec.size[0]), spec)[None]).logits
            - graph(normalise(ours(p, spec.size[0]), spec)[None]).logits
        )
        for p in pictures
    ]
    return (
        f"| {name} | {len(pictures)} | {np.mean(grey):.2%} | {np.max(grey):.2%} | "
        f"{np.median(odds):.2f} | {np.quantile(odds, 0.95):.2f} |"
    )


def some(folder: Path) -> list[Picture]:
    """Pictures of a folder."""
    files = find_files([folder]).files
    chosen = np.random.default_rng(0).permutation(len(files))[:MOST]
    pictures: list[Picture] = []
    for at in sorted(chosen):
        try:
            pictures.append(read(files[at]).pixels)
        except IntakeError:
            continue
    return pictures


def main() -> None:
    """Write the table into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="*", help="folders of radiographs, a row each")
    arguments = parser.parse_args()
    drawn = [draw_chest(np.random.default_rng(seed)).pixels for seed in range(MOST // 4)]
    lines = [
        "| pictures | number | grey, mean | worst picture | log-odds, median | log-odds, 95 % |",
        "|---|---|---|---|---|---|",
        row("drawn, 1,024 px", drawn),
        *(row(f"`{folder.name}`", some(folder)) for folder in arguments.folders),
    ]
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    table = "\n".join(lines)
    PAGE.write_text(f"{before}{BEGIN}{table}\n{END}{after}", "utf-8")
    print(table)


if __name__ == "__main__":
    main()
