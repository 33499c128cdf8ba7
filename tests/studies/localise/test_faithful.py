"""The question of faithfulness: the network rebuilt, in disorder, and what is shown."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.domain import Radiograph, Source
from hilum.evaluation.calibration import Calibrator
from hilum.evaluation.faithfulness import likeness
from hilum.phantoms import draw_chest
from hilum.studies.localise import faithful
from hilum.studies.localise.cases import held_out
from hilum.studies.localise.maps import KINDS, Eye
from hilum.studies.localise.shuffled import STEPS, shuffled


@pytest.fixture(scope="module")
def eye():
    return Eye.of()


@pytest.fixture(scope="module")
def chest():
    return draw_chest(np.random.default_rng(0), size=(320, 320)).pixels


def test_the_rebuilt_network_gives_the_shipped_maps(eye, chest):
    shipped = eye.maps([chest])[0]
    rebuilt = eye.rebuilt(chest, eye.backbone, eye.head)
    # the graph's maps hold the bias as well, the same everywhere
    apart = shipped - shipped.mean((1, 2), keepdims=True)
    again = rebuilt - rebuilt.mean((1, 2), keepdims=True)
    assert np.abs(apart - again).max() < 1e-3 * np.abs(apart).max()


def test_weights_keep_their_values_and_lose_their_places(eye, chest):
    own = eye.rebuilt(chest, eye.backbone, eye.head)
    changed = []
    for _, backbone, head in shuffled(eye, 0):
        assert sorted(head.flatten().tolist()) == sorted(eye.head.flatten().tolist())
        pairs = zip(backbone.net.parameters(), eye.backbone.net.parameters(), strict=True)
        changed.append(sum(bool((a != b).any()) for a, b in pairs))
        like = likeness(eye.rebuilt(chest, backbone, head)[0], own[0])
        assert like is None or like < 0.9
    assert changed[0] == 0
    assert changed == sorted(changed)
    assert len(changed) == len(STEPS)


def test_every_kind_of_map_has_one_a_finding(eye, chest):
    radiograph = Radiograph(chest, Source("a.png", "png", chest.shape))
    for look in KINDS.values():
        found = look(eye, radiograph)
        assert found.shape[0] == len(eye.bundle.card.findings)
        assert np.isfinite(found).all()


def test_a_radiograph_is_asked_and_shown(eye, chest):
    at = 2
    halved = Calibrator(0.5, -1.0, "platt", positives=1, negatives=1)
    looked = [
        faithful.Looked(f"p{number}", at, halved, pixels, eye.maps([pixels])[0][at])
        for number, pixels in enumerate((chest, np.ascontiguousarray(chest[:, ::-1])))
    ]
    removed = faithful._removed(eye, looked[0], (0,))
    assert len(removed[faithful.RANDOM]) == 1
    whole = 0.5 * eye.logits(chest[None])[0, at] - 1.0  # calibrated, as a reading tells it
    for found in removed.values():
        assert found[0].deletion.score[0] == found[0].insertion.score[-1] == pytest.approx(whole)
    like = faithful._likeness(eye, looked, (0,))
    assert set(like) == {faithful.ANOTHER, *STEPS}
    areas = {
        name: {
            curve: {"value": getattr(found[0], curve).area, "low": None, "high": None}
            for curve in faithful.CURVES
        }
        for name, found in removed.items()
    }
    shown = faithful.show(
        {
            "images": 2, "patients": 2, "cells": [10, 10], "areas": areas, "likeness": like,
            "gains": {faithful.RANDOM: {c: {"value": 0.5, "low": 0.1, "high": 0.9}
                                        for c in faithful.CURVES}},
            "curves": {
                name: [found[0].deletion.score.tolist(), found[0].insertion.score.tolist()]
                for name, found in removed.items()
            },
        }
    )  # fmt: skip
    assert [len(table.rows) for table in shown.tables] == [3, 1, 1 + len(STEPS)]
    assert shown.tables[1].rows[0][1] == "**+0.50 (+0.10 to +0.90)**"
    assert len(shown.figures["curves"]().axes[0].lines) == 6


def test_the_held_out_radiographs_and_their_boxes(shared):
    from hilum.studies.localise.cases import cases_of

    table = held_out(shared / "radiographs")
    cases = cases_of(table, shared / "radiographs")
    assert (len(table), len(cases), len({case.patient for case in cases})) == (42, 32, 26)
    assert all((case.xywh >= 0).all() and (case.xywh[:2] + case.xywh[2:] <= 1.001).all()
               for case in cases)  # fmt: skip
