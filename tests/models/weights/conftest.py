"""A small network whose weights are drawn, and the input that it was made for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hilum.bundles.card import Preprocessing

if TYPE_CHECKING:
    from hilum.models.backbones import Backbone

SMALL = "mobilenetv3_small_050"


@pytest.fixture
def spec() -> Preprocessing:
    """Input of 64 × 64 pixels from -1 to 1."""
    return Preprocessing(size=(64, 64), value_range=(-1.0, 1.0))


@pytest.fixture(scope="session")
def fresh() -> Callable[..., Backbone]:
    """Backbones as they are built, each built once and copied."""
    pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")
    from hilum.models.backbones import build_backbone

    @cache
    def built(name: str, cut: str, normalisation: str) -> Backbone:
        return build_backbone(name, cut=cut, normalisation=normalisation).eval()

    def copied(name: str = SMALL, *, cut: str = "", normalisation: str = "") -> Backbone:
        return copy.deepcopy(built(name, cut, normalisation))

    return copied


@pytest.fixture
def drawn(tmp_path: Path) -> Callable[..., Path]:
    """Writes the small network's weights, drawn, with some of them changed, to a file."""
    timm = pytest.importorskip("timm", reason="needs timm: pip install 'hilum[train]'")
    from safetensors.torch import save_file

    def write(
        name: str = "w.safetensors", *, colours: int = 3, classes: int = 5, **changes: object
    ) -> Path:
        net = timm.create_model(SMALL, pretrained=False, in_chans=colours, num_classes=classes)
        state = dict(net.state_dict())
        for key, value in changes.items():
            state.pop(key.replace("__", "."), None)
            if value is not None:
                state[key.replace("__", ".")] = value
        file = tmp_path / name
        save_file({n: t.clone() for n, t in state.items()}, file)
        return file

    return write
