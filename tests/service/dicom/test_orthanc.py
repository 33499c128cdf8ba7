"""What needs a real archive: each file of the folder ``orthanc``, run in a network of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.service.orthanc import run_tests, why_not

FILES = sorted((Path(__file__).parent / "orthanc").glob("test_*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_with_a_real_orthanc(file: Path):
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    run_tests(file)
