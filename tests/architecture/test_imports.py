"""What is imported when: reading must stay light."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from hilum.cli.demo import write_study
from hilum.phantoms import demo_study

HEAVY = {
    "torch", "torchvision", "timm", "lightning", "sklearn", "scipy", "pandas", "matplotlib",
    "pyarrow", "openvino", "onnx",
}  # fmt: skip


def imported_by(code: str, *arguments: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after running ``code``."""
    tail = (
        "\nimport json, sys\n"
        "print('\\n' + json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    )
    command = [sys.executable, "-c", code + tail, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_study(demo_study(np.random.default_rng(0), size=(512, 512))[:1], folder)
    return folder


def test_importing_hilum_is_light():
    loaded = imported_by("import hilum")
    assert not loaded & (HEAVY | {"numpy", "cv2", "pydicom", "onnxruntime"})


def test_help_is_light():
    code = (
        "from hilum.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert not end.code\n"
    )
    loaded = imported_by(code)
    assert "typer" in loaded
    assert not loaded & (HEAVY | {"numpy", "cv2", "pydicom", "onnxruntime"})


def test_the_command_read_imports_nothing_of_training(study, tmp_path):
    code = (
        "import sys\nfrom hilum.cli import main\n"
        "try:\n    main(['read', sys.argv[1], '-o', sys.argv[2]])\n"
        "except SystemExit as end:\n    assert end.code in (None, 0, 1), end.code\n"
    )
    loaded = imported_by(code, str(study), str(tmp_path / "out"))
    assert {"numpy", "cv2", "pydicom", "onnxruntime"} <= loaded
    assert not loaded & HEAVY


def test_hilum_read_imports_nothing_of_training(study):
    code = (
        "import sys, hilum\nfrom hilum.errors import HilumError\n"
        "try:\n    hilum.read(sys.argv[1])\n"
        "except HilumError as error:\n    assert error.code == 'refused', error\n"
    )
    loaded = imported_by(code, str(study / "01-normal.dcm"))
    assert "onnxruntime" in loaded
    assert not loaded & HEAVY
