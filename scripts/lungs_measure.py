"""Measure a bundle that draws lungs on what it never saw, and write it anew with the numbers.

    python scripts/lungs_measure.py runs/lungs-3/lungs --shared SHARED -o lungs

SHARED holds ``radiographs/`` and ``labels/``: the lung boxes that readers drew for the COVID-19
image data collection, and official parts of ChestX-ray14 that no round saw.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hilum.bundles import load, save
from hilum.datasets.columns import Columns, read_csv
from hilum.training.lungs.measure import box_results, compare, read_lung_boxes, usable_result

NEVER_SEEN = {"nih14": ("val", "test")}
"""Official parts whose patients no round saw."""


def main() -> None:
    """Measure, and write a copy of the bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    given = parser.parse_args()
    bundle, folder = load(given.bundle), given.shared / "radiographs"
    reference = read_lung_boxes(
        given.shared / "labels" / "ieee8023_lung_bounding_boxes.json.gz", folder / "manifest.csv"
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
    for result in results:
        print(f"{result.metric}, {result.split}: {result.value} ({result.low} to {result.high})")
    card = bundle.card.model_copy(update={"results": (*bundle.card.results, *results)})
    save(card, {name: bundle.read_bytes(name) for name in card.files}, given.out)
    print(f"The bundle with these numbers is in {given.out}")


if __name__ == "__main__":
    main()
