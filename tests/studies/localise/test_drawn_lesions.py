"""Boxes of a detector as maps beside others, and how the page shows what they are worth."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.bundles.card import BoxKind, Preprocessing
from hilum.domain.findings import finding
from hilum.phantoms.lesions import FINDINGS
from hilum.studies.localise.drawn_lesions import (
    GRID,
    LOOKS_LIKE,
    NEW,
    laid_on,
    of_kinds,
    show,
    standard,
)
from hilum.studies.localise.ways import MEASURES

pytestmark = pytest.mark.train


def test_boxes_of_some_kinds_come_as_shares_of_the_picture() -> None:
    card = SimpleNamespace(
        boxes=(BoxKind(key="consolidation"), BoxKind(key="nodule")),
        preprocessing=Preprocessing(size=(100, 200)),
    )
    drawn = np.zeros((4, 6), np.float32)
    drawn[0] = [20, 10, 60, 60, 0.75, 0]
    drawn[1] = [20, 10, 60, 60, 0.5, 1]
    drawn[2] = [20, 10, 20, 60, 0.25, 0]  # no width
    bundle = SimpleNamespace(card=card)
    boxes, scores = of_kinds(bundle, drawn, ("consolidation",))  # type: ignore[arg-type]
    assert boxes == pytest.approx(np.array([[0.1, 0.1, 0.2, 0.5]]))
    assert scores.tolist() == [0.75]


def test_scores_are_laid_on_cells_the_highest_last() -> None:
    laid = laid_on(np.array([[0, 0, 0.5, 0.5], [0.25, 0.25, 0.5, 0.5]]), np.array([0.25, 0.75]))
    assert laid.shape == (GRID, GRID)
    assert (laid[0, 0], laid[GRID // 2 - 1, GRID // 2 - 1], laid[-1, -1]) == (0.25, 0.75, 0)
    assert float(standard(laid).std()) == pytest.approx(1, abs=1e-5)
    assert not standard(np.zeros((GRID, GRID), np.float32)).any()


def test_what_stands_for_what_is_in_the_vocabulary_and_can_be_drawn() -> None:
    for key, lesions in LOOKS_LIKE.items():
        assert finding(key).key == key
        assert set(lesions) <= set(FINDINGS)


def test_the_page_shows_every_number_that_was_found() -> None:
    one = {name: {"value": 0.25, "low": 0.125, "high": 0.5} for name in MEASURES}
    curve = {
        "false_boxes": [0.0, 0.5], "sensitivity": [0.5, 1.0], "rates": [1.0],
        "at": [[1.0, 0.9, 1.0]],
    }  # fmt: skip
    shown = show({
        "chests": 100, "boxes": 30, "images": 25, "patients": 24, "none": 2,
        "phantoms": [
            {"kind": "nodule", "value": 0.875, "low": 0.8, "high": 0.9, "images": 25},
            {"kind": None, "value": 0.875, "low": None, "high": None, "images": None},
        ],
        "froc": {"nodule": curve},
        "ways": dict.fromkeys(NEW, one),
        "differences": [{"new": NEW[0], "old": "other"} | one],
    })  # fmt: skip
    phantoms, ways, gains = shown.tables
    assert phantoms.rows == (("nodule", "0.875 (0.800 to 0.900)"), ("mean", "0.875"))
    assert "25 of 100" in phantoms.caption
    assert [row[0] for row in ways.rows] == list(NEW)
    assert ways.rows[0][1] == "0.25 (0.12 to 0.50)"
    assert gains.rows[0][:2] == (f"{NEW[0]}, less other", "**+0.25 (+0.12 to +0.50)**")
    assert shown.words[0].startswith("On 2 of the 30 ")
    pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'hilum[analyse]'")
    assert shown.figures["froc"]().axes[0].get_xscale() == "log"
