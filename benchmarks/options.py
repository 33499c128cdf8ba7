"""What every script is told."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that the command line decides.

    Attributes:
        folder: for files that are made on the way.
        repeat: rounds; None for what the script thinks right.
        size: (rows, columns) of the drawn radiographs.
        bundle: what `cold` and `memory` read with: a name, a folder or a .hilum file.
        cascade: what `cascade` reads with: a name or a TOML file.
        files: how many files the small and the large reading run have.
        links: how many files one worker of `intake` reads.
        converted: files that `convert` is timed with, and files of its large run.
        served: radiographs of `serve_load` and `serve_kill`.
        kills: of `serve_kill`.
        data: folder of the radiographs; None for the one beside the checkout.
    """

    folder: Path
    repeat: int | None = None
    size: tuple[int, int] = (3000, 2500)
    bundle: str = "chest14"
    cascade: str = "covid-then-findings"
    files: tuple[int, int] = (50, 1000)
    links: int = 2000
    converted: tuple[int, int] = (300, 2000)
    served: int = 2000
    kills: int = 50
    data: Path | None = None

    def rounds(self, usual: int) -> int:
        """Rounds to run."""
        return usual if self.repeat is None else self.repeat


def shared() -> Path:
    """The folder with radiographs and weights that lies beside the checkout."""
    return Path(os.environ.get("HILUM_SHARED", ROOT.parent / "shared"))
