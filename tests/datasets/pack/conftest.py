"""Packs of drawn chests."""

from __future__ import annotations

from pathlib import Path

import pytest

from hilum.domain import LabelTable
from tests.datasets.pack.drawn import SHORT, SQUASH, fill, make_collection


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LabelTable]:
    """The folder of the images, and their table."""
    folder = tmp_path_factory.mktemp("drawn")
    return folder, make_collection(folder)


@pytest.fixture(scope="session")
def squashed(drawn: tuple[Path, LabelTable], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of 64 × 64 px."""
    out = tmp_path_factory.mktemp("packs") / "squashed"
    fill(out, drawn[1], drawn[0], SQUASH)
    return out


@pytest.fixture(scope="session")
def proportioned(drawn: tuple[Path, LabelTable], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack that keeps proportions, short side 64 px."""
    out = tmp_path_factory.mktemp("packs") / "proportioned"
    fill(out, drawn[1], drawn[0], SHORT)
    return out
