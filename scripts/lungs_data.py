"""Make the folder that ``lungs`` learns from: drawn chests and radiographs without masks.

    python scripts/lungs_data.py RADIOGRAPHS -o runs/lungs-data

RADIOGRAPHS holds ``manifest.csv`` with the columns file, source, patient_id and official_split.
Taken are the official training images of ``nih14`` and all of ``paediatric``, whose licences let a
model that learnt from them be shipped. Nothing of ``ieee8023`` is read: its lung boxes are what
the network is checked against.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hilum.datasets.columns import Columns, read_csv
from hilum.training.lungs.data import decode, draw, sample, write_table

TAKEN = {
    "nih14": {"source": "nih14", "official_split": "train"},
    "paediatric": {"source": "paediatric"},
}


def main() -> None:
    """Draw, decode, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("radiographs", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--side", type=int, default=192, help="rows and columns in pixels")
    parser.add_argument("--most", type=int, default=400, help="radiographs of each collection")
    parser.add_argument("--drawn", type=int, default=800, help="chests to draw")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    examples = list(draw(given.out, given.drawn, given.side, seed=given.seed))
    for source, where in TAKEN.items():
        columns = Columns(image="file", patient="patient_id", where=where)
        table = read_csv(given.radiographs / "manifest.csv", columns)
        table = sample(table, given.most, seed=given.seed)
        examples += decode(given.out, source, table, given.radiographs, given.side)
        print(f"{source}: {len(table)} radiographs")
    write_table(given.out, examples)
    print(f"{given.drawn} drawn chests, {len(examples) - given.drawn} radiographs in {given.out}")


if __name__ == "__main__":
    main()
