"""Draw chests with boxes: the folder that the recipe ``phantom-boxes`` learns from.

    python scripts/boxes_data.py runs/drawn-boxes --count 1000

Drawn chests are for trying detection out, for tests and to begin a training with; they say nothing
of how well boxes are drawn on radiographs of people.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.progress import Progress

from hilum.training.detection.drawn import TABLE, draw_folder


def main() -> None:
    """Draw, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=1000, help="chests to draw")
    parser.add_argument("--side", type=int, default=256, help="rows and columns in pixels")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with Progress() as progress:
        task = progress.add_task("drawing", total=given.count)
        table = draw_folder(
            given.folder,
            given.count,
            given.side,
            seed=given.seed,
            advance=lambda: progress.advance(task),
        )
    assert table.boxes is not None
    print(f"{len(table)} chests with {len(table.boxes)} boxes: {given.folder / TABLE}")


if __name__ == "__main__":
    main()
