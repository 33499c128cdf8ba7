"""The package can be imported without highdicom and reportlab, and then names the extra."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from hilum.errors import MissingExtra
from hilum.report.pdf import PdfPage, pdf
from tests.report.dicom.conftest import FACTS, header, record
from tests.report.dicom.test_objects import MAKE


@pytest.fixture
def bare(monkeypatch):
    """As if neither library were installed."""
    found = importlib.util.find_spec

    def find_spec(name, *rest):
        return None if name in ("highdicom", "reportlab") else found(name, *rest)

    for module in ("hilum.report.dicom.finishing", "hilum.report.pdf"):
        monkeypatch.setattr(f"{module}.find_spec", find_spec)


@pytest.mark.parametrize("kind", MAKE)
def test_objects_name_the_extra(kind, bare, tmp_path):
    with pytest.raises(MissingExtra, match=r"hilum\[serve\]"):
        MAKE[kind](header(tmp_path), FACTS, record())


def test_the_pdf_names_the_extra(bare):
    with pytest.raises(MissingExtra, match=r"hilum\[serve\]"):
        pdf([PdfPage(record(), FACTS, np.zeros((9, 9), np.uint8))])


def test_importing_loads_neither(repository):
    import subprocess
    import sys

    code = (
        "import sys, hilum.report.dicom, hilum.report.pdf; "
        "print([name for name in ('highdicom', 'reportlab') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=repository
    )
    assert done.stdout.strip() == "[]"
