"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with radiographs, DICOM files and label tables that lies beside the checkout."""
    folder = Path(os.environ.get("HILUM_SHARED", ROOT.parent / "shared"))
    if not (folder / "radiographs" / "manifest.csv").is_file():
        pytest.skip(f"no test material at {folder.name}/: set HILUM_SHARED to its folder")
    return folder
