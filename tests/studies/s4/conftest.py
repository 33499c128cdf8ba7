"""A small cohort in the layout of the manifest, with drawn chests."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from hilum.phantoms import draw_chest

HEAD = (
    "file", "source", "patient_id", "view", "findings", "survival", "sex", "age", "licence",
    "permissive", "official_split", "out_w", "out_h", "orig_w", "orig_h", "extra", "source_repo",
)  # fmt: skip


def write_manifest(folder: Path, *, dead: int = 10, alive: int = 14, mixed: bool = False) -> Path:
    """Patients with one or two images; those who died are older and have darker pictures."""
    rng = np.random.default_rng(0)
    chest = draw_chest(rng, size=(64, 64)).pixels
    rows = []
    for at in range(dead + alive):
        died = at < dead
        age = f"{float(70 + at % 9 if died else 40 + at % 9)}" if at % 5 else ""
        extra = f"offset={at * 7 % 24}|intubated={'NY'[died]};copy"
        for image in range(1 + at % 2):
            name = f"p{at}-{image}.png"
            survival = "N" if died and not (mixed and at == 0 and image == 0) else "Y"
            rows.append((
                name, "ieee8023", f"p{at}", "PA", "COVID-19" if at % 3 else "SARS", survival,
                "FM"[at % 2], age, "unstated; source https://one.example/x" if at % 4 else "CC BY",
                "False", "", 64, 64, 600 + at, 500, extra, "r",
            ))  # fmt: skip
            grey = (chest + rng.random((64, 64)) / 9) * (100 if died else 200)
            cv2.imwrite(str(folder / name), grey.astype(np.uint8))
    rows.append(("other.png", "nih14", "q1", "PA", "Mass", "", "F", "50.0", "free", "True", "train",
                 64, 64, 64, 64, "", "r"))  # fmt: skip
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEAD, *rows])
    return folder


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 24 patients, 10 of whom died."""
    return write_manifest(tmp_path_factory.mktemp("cohort"))
