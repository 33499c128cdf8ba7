"""Drawn radiographs: what the laws do not cover."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.domain import View
from hilum.phantoms import (
    Lesion,
    Phantom,
    demo_study,
    draw_blank,
    draw_chest,
    draw_hand,
    draw_lateral,
)

SMALL = (160, 160)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_opacities_brighten_and_a_pneumothorax_darkens():
    for finding, brighter in (
        ("consolidation", True),
        ("effusion", True),
        ("nodule", True),
        ("pneumothorax", False),
    ):
        without = draw_chest(rng(2), size=SMALL)
        phantom = draw_chest(rng(2), size=SMALL, lesions=[Lesion(finding, "right", 0.8)])
        inside = phantom.masks[finding]
        change = float((phantom.pixels - without.pixels)[inside].mean())
        assert (change > 0.02) if brighter else (change < -0.01), finding


def test_a_lesion_lies_on_the_side_that_was_asked_for():
    for side, sign in (("left", 1), ("right", -1)):
        for finding in ("consolidation", "effusion", "nodule", "pneumothorax"):
            phantom = draw_chest(rng(3), size=SMALL, lesions=[Lesion(finding, side, 0.5)])
            at = np.argwhere(phantom.masks[finding])[:, 1].mean()
            heart = np.argwhere(phantom.masks["heart"])[:, 1].mean()
            assert sign * (at - heart) > 0, (finding, side)


def test_a_large_heart_is_wider_than_half_of_the_chest():
    for seed in range(4):
        phantom = draw_chest(rng(seed), size=SMALL, lesions=[Lesion("cardiomegaly", extent=0.5)])
        chest = phantom.masks["lung_left"] | phantom.masks["lung_right"]
        columns = np.flatnonzero(chest.any(0))
        ratio = phantom.boxes["heart"][2] / (columns[-1] - columns[0] + 1)
        assert ratio > 0.53
        usual = draw_chest(rng(seed), size=SMALL)
        assert usual.boxes["heart"][2] / (columns[-1] - columns[0] + 1) < 0.5


def test_two_lesions_of_a_kind_have_a_mask_each():
    pair = [Lesion("nodule", "left"), Lesion("nodule", "right")]
    masks = draw_chest(rng(), size=SMALL, lesions=pair).masks
    assert {"nodule", "nodule-2"} <= set(masks)
    assert not (masks["nodule"] & masks["nodule-2"]).any()


def test_spacing_follows_the_size():
    coarse, fine = (draw_chest(rng(), size=(n, n)) for n in (100, 200))
    assert coarse.spacing_mm == pytest.approx(2 * fine.spacing_mm)
    assert 300 < fine.spacing_mm * 200 < 480  # mm: a chest fits


def test_views_are_named():
    assert draw_chest(rng(), size=SMALL, view="AP").view is View.AP
    assert draw_lateral(rng(), size=SMALL).view is View.LATERAL
    assert draw_hand(rng(), size=SMALL).view is View.OTHER


def test_a_blank_is_constant_until_noise_is_asked_for():
    assert np.ptp(draw_blank(rng(), size=SMALL).pixels) == 0
    assert draw_blank(rng(), size=SMALL, noise=0.1).pixels.std() == pytest.approx(0.1, rel=0.1)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="at least 64 × 64"):
        draw_chest(rng(), size=(63, 200))
    with pytest.raises(ValueError, match="'PA' or 'AP'"):
        draw_chest(rng(), size=SMALL, view="LL")
    with pytest.raises(ValueError, match="no phantom has the finding 'hernia'"):
        Lesion("hernia")
    with pytest.raises(ValueError, match="extent must lie"):
        Lesion("nodule", extent=1.5)
    with pytest.raises(ValueError, match="side must be"):
        Lesion("nodule", "both")
    with pytest.raises(ValueError, match="has no side"):
        Lesion("cardiomegaly", "left")


def test_a_phantom_keeps_what_it_was_given():
    pixels = np.zeros((4, 4), np.float32)
    phantom = Phantom(pixels, 1.0, View.OTHER, {"empty": np.zeros((4, 4), bool)})
    assert phantom.boxes == {}
    with pytest.raises(ValueError, match="read-only"):
        phantom.pixels[0, 0] = 1
    with pytest.raises(ValueError, match="mask 'm' must be bool"):
        Phantom(pixels.copy(), 1.0, View.OTHER, {"m": np.zeros((4, 5), bool)})
    with pytest.raises(ValueError, match="pixels must be float32"):
        Phantom(np.zeros((4, 4)), 1.0, View.OTHER)


def test_the_example_study_holds_its_variants():
    study = {file.name: file for file in demo_study(rng(7), size=SMALL)}
    assert len(study) == 11
    normal = study["01-normal.dcm"].phantom.pixels
    assert np.array_equal(study["05-monochrome1.dcm"].phantom.pixels, normal)
    assert study["05-monochrome1.dcm"].facts["photometric"] == "MONOCHROME1"
    assert np.allclose(study["06-inverted.dcm"].phantom.pixels, 1 - normal)
    assert np.array_equal(study["07-rotated.dcm"].phantom.pixels, np.rot90(normal))
    sharp, soft = (
        np.abs(np.diff(p)).mean() for p in (normal, study["08-blurred.dcm"].phantom.pixels)
    )
    assert soft < 0.7 * sharp
    assert {"effusion", "nodule", "cardiomegaly"} <= {
        m for f in study.values() for m in f.phantom.masks
    }
    assert study["11-cut-short.dcm"].keep < 1
    assert study["01-normal.dcm"].keep == 1
