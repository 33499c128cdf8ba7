"""Between two rounds of ``lungs``: give the radiographs of its folder new masks, in place.

    python scripts/lungs_label.py runs/lungs-data --bundle runs/lungs-1/lungs --teacher --drawn 0.35

With --teacher a classical teacher corrects and judges what the bundle proposes; without, the
bundle's own masks count where they are sure and formed like lungs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hilum.bundles import load
from hilum.training.lungs.data import read_table, write_table
from hilum.training.lungs.labelling import label, with_drawn


def main() -> None:
    """Propose, judge, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="made by scripts/lungs_data.py")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--teacher", action="store_true")
    parser.add_argument("--drawn", type=float, default=1.0, help="share of drawn chests kept")
    given = parser.parse_args()
    examples = with_drawn(read_table(given.data), given.drawn)
    found = label(load(given.bundle), given.data, examples, teaching=given.teacher)
    write_table(given.data, found.examples)
    for source, count in found.of.items():
        print(f"{source}: {found.kept.get(source, 0)} of {count} have a mask now")
    print("not kept for:", ", ".join(f"{why} {n}" for why, n in sorted(found.why_not.items())))


if __name__ == "__main__":
    main()
