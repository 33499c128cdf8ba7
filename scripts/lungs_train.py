"""Train ``lungs`` through its rounds, measure it, and write the bundle.

    python scripts/lungs_train.py recipes/masks/lungs.toml --data runs/lungs-data \
        --weights CHECKPOINTS -o runs/lungs [--shared ../shared]

The same command goes on where an earlier one stopped, from the last whole epoch. With --shared the
bundle is measured on the lung boxes of the COVID-19 image data collection that lie there, once, and
the numbers go onto its card.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch

from hilum.bundles import Bundle
from hilum.bundles.card import Result
from hilum.datasets.columns import Columns, read_csv
from hilum.export.masks import export_masks, round_to_half
from hilum.training.lungs.card import card_of
from hilum.training.lungs.make import Made, make_network
from hilum.training.lungs.measure import (
    box_results,
    compare,
    read_lung_boxes,
    tune_results,
    usable_result,
)
from hilum.training.lungs.recipe import LungsRecipe, read_lungs_recipe
from hilum.training.segmentation.examples import Examples
from hilum.transforms.preprocess import normalise

NEVER_SEEN = {"nih14": ("val", "test")}
"""Official parts whose patients no round saw."""


def main() -> None:
    """Train, round, measure, export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="made by scripts/lungs_data.py")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--shared", type=Path, help="folder with radiographs/ and labels/")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    cv2.setNumThreads(1)
    recipe = read_lungs_recipe(given.recipe)
    made = make_network(
        recipe, Examples.load(given.data), weights=given.weights, out=given.out, say=print
    )
    round_to_half(made.network)
    results = tune_results(made.network, made.examples, recipe.input)
    if given.shared:
        with tempfile.TemporaryDirectory() as folder:
            results += _measured(_written(recipe, made, [], Path(folder)), given.shared)
    bundle = _written(recipe, made, results, given.out)
    for result in results:
        print(f"{result.metric}, {result.split}: {result.value} ({result.low} to {result.high})")
    print(f"{bundle} is in {given.out / recipe.bundle.name}")


def _written(recipe: LungsRecipe, made: Made, results: list[Result], out: Path) -> Bundle:
    real = [at for at, source in enumerate(made.examples.source) if source != "phantoms"][:16]
    grey = np.asarray(made.examples.pictures[real], np.float32) / np.float32(255)
    card = card_of(recipe, made, results)
    return export_masks(made.network, card, normalise(grey, recipe.input), out / card.name)


def _measured(bundle: Bundle, shared: Path) -> list[Result]:
    folder = shared / "radiographs"
    reference = read_lung_boxes(
        shared / "labels" / "ieee8023_lung_bounding_boxes.json.gz", folder / "manifest.csv"
    )
    split = "ieee8023, images with lung boxes: no image of this collection was trained on"
    results = box_results(compare(bundle, reference, folder), split=split, seed=0)
    for source, parts in NEVER_SEEN.items():
        for part in parts:
            where = {"source": source, "official_split": part}
            columns = Columns(image="file", patient="patient_id", where=where)
            table = read_csv(folder / "manifest.csv", columns)
            images = [folder / str(image) for image in table.images]
            results.append(usable_result(bundle, images, split=f"{source}, official {part}"))
    return results


if __name__ == "__main__":
    main()
