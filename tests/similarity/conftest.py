"""A small collection of drawn radiographs."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.phantoms import draw_chest

PICTURES = 24


@pytest.fixture(scope="session")
def chests():
    """uint8 [rows, columns] each, of two views and several shapes."""
    sizes = [(320, 320), (320, 280), (300, 330)]
    return [
        np.rint(
            255
            * draw_chest(
                np.random.default_rng(number), size=sizes[number % 3], view=("PA", "AP")[number % 2]
            ).pixels
        ).astype(np.uint8)
        for number in range(PICTURES)
    ]
