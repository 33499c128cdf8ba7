"""Label tables made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.domain import LabelTable, State
from hilum.domain.boxes import Boxes

LETTERS = {"1": State.PRESENT, "0": State.ABSENT, "?": State.UNCERTAIN, " ": State.UNMENTIONED}


def table_of(
    findings: dict[str, str],
    patients: str = "",
    *,
    columns: dict | None = None,
    boxes: Boxes | None = None,
    images: list[str] | None = None,
) -> LabelTable:
    """A table from letters: one an image, ``1`` present, ``0`` absent, ``?`` uncertain, space."""
    n = len(patients) or len(next(iter(findings.values())))
    states = np.zeros((n, len(findings)), np.uint8)
    for at, letters in enumerate(findings.values()):
        states[:, at] = [LETTERS[letter] for letter in letters]
    return LabelTable(
        images=images or [f"{i}.png" for i in range(n)],  # type: ignore[arg-type]
        findings=tuple(findings),
        states=states,
        patients=list(patients) or [f"p{i}" for i in range(n)],  # type: ignore[arg-type]
        columns=columns or {},
        boxes=boxes,
    )


@pytest.fixture
def make():
    """A function that makes a label table."""
    return table_of


@pytest.fixture
def random_table():
    """300 images of 120 patients, five findings, all states, all columns that matter."""
    rng = np.random.default_rng(3)
    n = 300
    keys = ("mass", "edema", "hernia", "effusion", "nodule")
    states = rng.choice(4, (n, len(keys)), p=[0.6, 0.25, 0.05, 0.1]).astype(np.uint8)
    return LabelTable(
        images=[f"{i}.png" for i in range(n)],  # type: ignore[arg-type]
        findings=keys,
        states=states,
        patients=[f"p{i}" for i in rng.integers(0, 120, n)],  # type: ignore[arg-type]
        columns={
            "source": rng.choice(["a", "b", "c", ""], n, p=[0.5, 0.3, 0.1, 0.1]),
            "view": rng.choice(["PA", "AP", ""], n),
            "sex": rng.choice(["F", "M", ""], n),
            "age_years": rng.choice([np.nan, -1, 3, 17.9, 18, 44, 90, 150], n),
            "visit": rng.integers(-1, 4, n),
        },
    )
