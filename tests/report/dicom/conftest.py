"""Headers and records made by hand, and the programs that judge what is made of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset

from hilum.domain import Affine, Heatmap, finding
from hilum.imaging import write_dicom
from hilum.imaging.dicomfile import open_dicom, quiet
from hilum.report.dicom import ResultFacts, to_bytes

pytest.importorskip("highdicom", reason="needs highdicom: pip install 'hilum[serve]'")

SIZE = (120, 100)
FACTS = ResultFacts(
    bundle="chest14 0.2.0",
    bundle_digest="ab" * 32,
    hilum="0.1.0",
    made_at=1_795_333_075.25,
    utc_offset_min=480,
)


def header(folder: Path, stored: np.ndarray | None = None, **facts: Any) -> Dataset:
    """The header of a drawn file, as the reader of files gives it."""
    if stored is None:
        stored = np.arange(SIZE[0] * SIZE[1], dtype=np.uint16).reshape(SIZE)
    facts = {"bits_stored": 14, **facts} if stored.dtype.itemsize == 2 else facts
    path = write_dicom(folder / "source.dcm", stored, **facts)
    with quiet():
        return open_dicom(path.read_bytes()).dataset


def prediction(key: str, probability: float, decision: str, **changes: Any) -> dict[str, Any]:
    return {
        "finding": key,
        "label": finding(key).label,
        "logit": 0.5,
        "probability": probability,
        "operating_point": 0.4,
        "decision": decision,
        "calibrated": True,
        **changes,
    }


def record(**changes: Any) -> dict[str, Any]:
    """A reading with a finding of each decision and a box."""
    made = {
        "image": "a.dcm",
        "format": "dicom",
        "shape": list(SIZE),
        "predictions": [
            prediction("effusion", 0.87, "present", spread=0.02),
            prediction("pleural_thickening", 0.123456789, "absent", calibrated=False),
            prediction("lymphangitic_carcinomatosis", 0.41, "abstained"),
        ],
        "gate": {"accepted": True, "reasons": [], "flags": [], "distance": None, "limit": None},
        "notes": [
            {"code": "rotated", "message": "The picture is rotated by 4°.", "warning": True},
            {"code": "syntax", "message": "Told by nobody.", "warning": False},
        ],
        "acquisition": {"view": "PA"},
        "preview": "previews/a.jpg",
        "heatmaps": {},
        "boxed": ["effusion"],
        "boxes": [
            {
                "finding": "effusion",
                "label": "Effusion",
                "score": 0.7,
                "xywh": [10.5, 20.0, 30.0, 40.25],
                "origin": "detector",
                "zones": ["right lower", "left upper"],
                "in_lungs": 0.8,
                "size_mm": [30.1, 40.2],
            }
        ],
    }
    return made | changes


def refusal(**changes: Any) -> dict[str, Any]:
    made = {
        "image": "a.dcm",
        "stage": "gate",
        "reasons": [{"code": "lateral", "message": "This is a lateral view.", "warning": True}],
        "gate": None,
        "acquisition": None,
        "preview": None,
    }
    return made | changes


def masks() -> np.ndarray:
    """Two lungs on half the size of the picture."""
    made = np.zeros((2, SIZE[0] // 2, SIZE[1] // 2), bool)
    made[0, 10:50, 5:20] = made[1, 12:48, 30:45] = True
    return made


def heatmaps(*findings: str) -> list[Heatmap]:
    rng = np.random.default_rng(3)
    to_stored = Affine.scale(SIZE[1] / 7, SIZE[0] / 7)
    return [
        Heatmap(key, rng.normal(1, 2, (7, 7)).astype(np.float32), to_stored)
        for key in findings or ("effusion",)
    ]


def program(name: str) -> str:
    """The path of a program of dcmtk or dicom3tools."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name}: apt install dcmtk dicom3tools")
    return found


def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program(name), *map(str, arguments)], capture_output=True, text=True, check=False
    )


def faults(made: Dataset, folder: Path) -> list[str]:
    """What dciodvfy calls an error."""
    path = folder / "made.dcm"
    path.write_bytes(to_bytes(made))
    told = run("dciodvfy", "-new", path).stderr.splitlines()
    assert any(line.strip() and " - " not in line for line in told), told  # it names the IOD
    return [line for line in told if line.startswith("Error")]
