"""Sheets: which radiographs stand on them, and what is drawn."""

import numpy as np
import pytest

from hilum.domain import (
    Acquisition,
    Affine,
    FoundBox,
    GateVerdict,
    Heatmap,
    Prediction,
    Radiograph,
    Reading,
    Source,
)
from hilum.evaluation.appraisal.matched import Matched
from hilum.report.evaluation.sheets.cases import choose
from hilum.report.evaluation.sheets.drawing import MODEL, REFERENCE, SIDE_PX, sheet, tile

SCORES = (0.9, 0.8, 0.7, 0.2, 0.1, 0.6, 0.55, 0.3, 0.05)
THERE = (1, 1, 1, 1, 1, 0, 0, 0, 0)


def matched(scores=SCORES, there=THERE, mask=None) -> Matched:
    n = len(scores)
    return Matched(
        title="mine",
        images=np.array([f"{i}.png" for i in range(n)], object),
        patients=np.array([f"p{i}" for i in range(n)], object),
        findings=("effusion",),
        names=("Pleural effusion",),
        targets=np.array(there, np.bool_)[:, None],
        mask=np.ones((n, 1), np.bool_) if mask is None else np.array(mask, np.bool_)[:, None],
        scores=np.array(scores)[:, None],
        tested=np.ones(n, np.bool_),
        tuned=np.zeros(n, np.bool_),
        thresholds={"effusion": 0.5},
    )


def by_section(cases):
    found = {}
    for case in cases:
        found.setdefault(case.section, []).append(case.image.removesuffix(".png"))
    return found


def test_right_ones_are_the_surest_and_wrong_ones_those_it_was_surest_of():
    found = by_section(choose(matched(), {}, each=2)["effusion"])
    assert found == {
        "found": ["0", "1"], "false-alarm": ["5", "6"], "missed": ["4", "3"], "absent": ["8", "7"],
    }  # fmt: skip


def test_cells_that_nobody_knows_are_on_no_sheet():
    cases = choose(matched(mask=[1, 0, 1, 1, 1, 1, 1, 1, 1]), {})["effusion"]
    assert "1.png" not in {case.image for case in cases}


@pytest.mark.parametrize(
    ("evidence", "best", "worst"),
    [
        ({}, None, None),
        ({0: (0.4, 0.1)}, ["0"], None),
        # much of the evidence in a box that covers nearly everything is nothing
        ({0: (0.4, 0.1), 1: (0.9, 0.85)}, ["0"], ["1"]),
        ({0: (None, 0.3), 1: (0.1, 0.05), 2: (0.5, 0.1)}, ["2", "1"], ["0"]),
        ({i: (i / 10, 0.0) for i in range(7)}, ["6", "5"], ["0", "1"]),
    ],
)
def test_heatmaps_are_ranked_by_the_evidence_beyond_chance(evidence, best, worst):
    told = {(f"{row}.png", "effusion"): value for row, value in evidence.items()}
    found = by_section(choose(matched(), told, each=2)["effusion"])
    assert (found.get("best"), found.get("worst")) == (best, worst)


def reading(shape=(640, 512)) -> Reading:
    pixels = np.full(shape, 0.4, np.float32)
    values = np.zeros((7, 7), np.float32)
    values[5, 1] = 4.0
    radiograph = Radiograph(pixels, Source("a.png", "png", shape))
    return Reading(
        source=radiograph.source,
        acquisition=Acquisition(),
        bundle="drawn 1.0.0",
        bundle_digest="ab" * 32,
        predictions=(Prediction("effusion", 2.0, 0.9, 0.5),),
        gate=GateVerdict(),
        heatmaps=(Heatmap("effusion", values, Affine.scale(shape[1] / 7, shape[0] / 7)),),
        radiograph=radiograph,
        boxed=("effusion",),
        boxes=(FoundBox("effusion", 0.8, (20, 190, 60, 50), "detector"),),
    )


def test_a_tile_has_the_heatmap_and_the_boxes_in_their_colours():
    blue, orange = np.array(REFERENCE[::-1]), np.array(MODEL[::-1])
    drawn = tile(reading(), "effusion", [(0.5, 0.1, 0.9, 0.4)], [((0.1, 0.5, 0.4, 0.9), 0.8)])
    assert drawn.shape == (SIDE_PX, SIDE_PX, 3)

    def near(colour):
        return np.abs(drawn.astype(int) - colour).max(2) < 40

    factor, left = SIDE_PX / 640, (SIDE_PX - 512 * SIDE_PX / 640) / 2
    rows, columns = np.nonzero(near(blue))
    assert rows.min() == pytest.approx(64 * factor, abs=3)
    assert rows.max() == pytest.approx(256 * factor, abs=3)
    assert columns.min() == pytest.approx(left + 256 * factor, abs=3)
    assert near(orange).sum() > 100
    red = drawn[..., 2].astype(int) - drawn[..., 0]
    assert red.max() > 60  # the heatmap


def test_a_sheet_without_any_box_of_readers_says_so_and_has_its_rows():
    cases = choose(matched(), {}, each=2)["effusion"]
    tiles = {(c.image, "effusion"): np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8) for c in cases}
    whole = sheet(matched(), "effusion", cases, tiles)
    gone = {key: image for key, image in tiles.items() if key[0] != "4.png"}
    assert whole.shape[0] > 4 * SIDE_PX
    assert sheet(matched(), "effusion", cases, gone).shape == whole.shape
    without = {key: i for key, i in tiles.items() if key[0] not in {"3.png", "4.png"}}
    assert sheet(matched(), "effusion", cases, without).shape[0] < whole.shape[0] - SIDE_PX
