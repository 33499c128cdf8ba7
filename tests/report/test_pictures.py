"""What is lit, how strongly, and where."""

import base64
from dataclasses import replace

import cv2
import numpy as np
import pytest

from hilum.domain import Affine, Heatmap, Prediction
from hilum.report import pictures


def spot(value: float, at=(1, 5), background: float = -2.0) -> np.ndarray:
    values = np.full((7, 7), background, np.float32)
    values[at] = value
    return values


def lit(values: np.ndarray, probability: float = 0.9, affine=None) -> np.ndarray:
    """How far the overlay departs from grey, [70, 70]."""
    grey = np.full((70, 70), 90, np.uint8)
    heatmap = Heatmap("mass", values, affine or Affine.scale(10, 10))
    drawn = pictures.overlay(grey, (70, 70), heatmap, Prediction("mass", 0, probability, 0.5))
    return np.abs(drawn.astype(int) - 90).max(axis=2)


def test_a_preview_keeps_grey_and_aspect(make):
    radiograph = make.radiograph(shape=(2001, 1000))
    small = pictures.preview(radiograph)
    assert small.shape == (768, 384)
    nearest = cv2.resize(radiograph.pixels, (384, 768), interpolation=cv2.INTER_AREA) * 255
    assert np.abs(small - nearest).max() <= 1.01


@pytest.mark.parametrize("shape", [(1700, 1300), (1, 1600), (1536, 2), (768, 768), (10, 20)])
def test_previews_fit_and_small_pictures_are_left_alone(make, shape):
    small = pictures.preview(make.radiograph(shape=shape))
    assert max(small.shape) == min(768, max(shape))
    assert min(small.shape) >= 1


def test_evidence_lights_up_where_it_lies():
    y, x = np.unravel_index(lit(spot(5.0)).argmax(), (70, 70))
    assert 10 <= y < 20
    assert 50 <= x < 60


def test_the_grid_is_placed_by_its_map():
    # a network that saw only the right half
    affine = Affine.scale(5, 10).then(Affine.shift(35, 0))
    change = lit(spot(5.0, at=(1, 0)), affine=affine)
    y, x = np.unravel_index(change.argmax(), (70, 70))
    assert 10 <= y < 20
    assert 35 <= x < 40
    assert change[:, :34].max() == 0


def test_only_evidence_for_the_finding_is_lit():
    assert lit(np.full((7, 7), -3.0, np.float32)).max() == 0


@pytest.mark.parametrize(
    ("value", "probability"),
    [(0.2, 0.9), (5.0, 0.05)],
    ids=["a peak of a fifth of a logit", "far below the operating point"],
)
def test_weak_evidence_stays_faint(value, probability):
    strong = lit(spot(5.0)).max()
    assert lit(spot(value), probability).max() < strong / 3


def test_strength_is_what_the_module_says():
    heatmap = Heatmap("mass", spot(4.0, background=1.0), Affine())
    full = pictures.strength(heatmap, Prediction("mass", 0, 0.5, 0.5))
    assert full.max() == pytest.approx(1.0)
    assert full.min() == pytest.approx(0.25)
    half = pictures.strength(heatmap, Prediction("mass", 0, 0.25, 0.5))
    np.testing.assert_allclose(half, full / 2)


def test_grids_carry_the_positive_evidence(make):
    reading = make.reading(shape=(120, 100))
    (group,) = pictures.grids(reading.heatmaps, (120, 100))
    assert (group["h"], group["w"]) == (7, 7)
    assert group["to"] == pytest.approx([1 / 7, 0, 0, 0, 1 / 7, 0], abs=1e-6)
    peak, data = group["maps"]["effusion"]
    values = np.frombuffer(base64.b64decode(data), np.uint8).reshape(7, 7) * peak / 255
    np.testing.assert_allclose(values, np.maximum(reading.heatmaps[1].values, 0), atol=peak / 255)


def test_grids_of_another_size_get_a_group_of_their_own(make):
    first, second, _ = make.reading().heatmaps
    other = replace(second, values=np.zeros((3, 4), np.float32))
    groups = pictures.grids((first, other), (120, 100))
    assert [(g["h"], g["w"], *g["maps"]) for g in groups] == [
        (7, 7, "cardiomegaly"),
        (3, 4, "effusion"),
    ]


def test_shown_are_the_present_or_the_nearest(make):
    assert [p.finding for p in pictures.shown_findings(make.reading())] == ["effusion"]
    quiet = make.reading(probabilities=(0.05, 0.1, 0.045))  # hernia is nearest to its 0.05
    assert [p.finding for p in pictures.shown_findings(quiet)] == ["hernia"]
