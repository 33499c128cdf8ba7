"""What tests of audits ask for."""

from __future__ import annotations

import pytest

from hilum.audit import Options


@pytest.fixture
def options() -> Options:
    """Few draws, so that tests stay quick."""
    return Options(samples=200, seeds=2)
