from dataclasses import replace

import numpy as np
import pytest

from hilum.domain import Acquisition, GateVerdict, Radiograph, Source, View
from hilum.errors import InvalidCard
from hilum.phantoms import draw_chest
from hilum.reading.gate import LIMIT, LIMIT_UNLIKE, Gate, Statistics, limit

GATE = Gate(None)


@pytest.fixture(scope="module")
def chest() -> Radiograph:
    pixels = draw_chest(np.random.default_rng(0), size=(256, 256)).pixels.copy()
    return Radiograph(pixels, Source("a.dcm", "dicom", (256, 256)), Acquisition(age_years=50.0))


def said(radiograph: Radiograph, **facts: object) -> tuple[set[str], set[str]]:
    changed = replace(radiograph, acquisition=replace(radiograph.acquisition, **facts))
    verdict = GATE.look(changed)
    return {n.code for n in verdict.reasons}, {n.code for n in verdict.flags}


def with_pixels(radiograph: Radiograph, pixels: np.ndarray) -> Radiograph:
    source = replace(radiograph.source, shape=pixels.shape)
    return replace(radiograph, pixels=np.ascontiguousarray(pixels, np.float32), source=source)


def test_a_drawn_chest_is_let_through(chest: Radiograph) -> None:
    assert said(chest) == (set(), set())


@pytest.mark.parametrize("modality", ["CT", "MR", "MG", "US", "NM", "IO", "PX"])
def test_other_modalities_are_refused(chest: Radiograph, modality: str) -> None:
    assert said(chest, modality=modality)[0] == {"modality"}


@pytest.mark.parametrize("modality", ["CR", "DX", "SC", None])
def test_projection_radiographs_are_not(chest: Radiograph, modality: str | None) -> None:
    assert not said(chest, modality=modality)[0]


@pytest.mark.parametrize("part", ["HAND", "HIP", "LHAND", "CSPINE", "L SPINE", "BREAST", "KNEE"])
def test_other_body_parts_are_refused(chest: Radiograph, part: str) -> None:
    assert said(chest, body_part=part)[0] == {"body-part"}


@pytest.mark.parametrize("part", ["CHEST", "PORT CHEST", "THORAX", "TORAX AP", "RIBS", None])
def test_chests_are_not(chest: Radiograph, part: str | None) -> None:
    assert said(chest, body_part=part) == (set(), set())


def test_an_unknown_part_is_flagged(chest: Radiograph) -> None:
    assert said(chest, body_part="WHOLEBODY") == (set(), {"body-part"})


def test_views_and_ages(chest: Radiograph) -> None:
    assert said(chest, view=View.LATERAL)[0] == {"lateral"}
    assert said(chest, view=View.OTHER) == (set(), {"view"})
    assert said(chest, age_years=3.0) == (set(), {"child"})
    assert said(chest, age_years=None) == (set(), {"age-unknown"})


def test_pictures_that_are_nothing_are_refused(chest: Radiograph) -> None:
    noise = np.random.default_rng(0).random((256, 256))
    assert said(with_pixels(chest, noise))[0] == {"noise-only"}
    assert said(with_pixels(chest, np.full((256, 256), 0.5)))[0] == {"blank"}
    assert said(with_pixels(chest, chest.pixels[:100]))[0] == {"too-small", "aspect"}
    assert said(replace(chest, chroma=0.4))[0] == {"coloured"}
    assert said(replace(chest, chroma=0.01)) == (set(), {"coloured-marks"})


def test_a_picture_that_was_made_smaller_is_judged_by_the_shape_of_its_file(
    chest: Radiograph,
) -> None:
    strip = with_pixels(chest, chest.pixels[:64])
    long = replace(strip, source=replace(strip.source, shape=(500, 2000)))
    (reason,) = GATE.look(long).reasons
    assert reason.code == "aspect"
    assert reason.message.startswith("500 × 2000 px")
    small = with_pixels(chest, chest.pixels[:100, :100])
    assert said(replace(small, source=replace(small.source, shape=(1000, 1000))))[0] == set()


def test_spoilt_chests_are_flagged_not_refused(chest: Radiograph) -> None:
    assert said(with_pixels(chest, np.rot90(chest.pixels))) == (set(), {"turned"})
    reasons, flags = said(with_pixels(chest, 1 - chest.pixels))
    assert (reasons, "inverted" in flags) == (set(), True)


def statistics(rng: np.random.Generator) -> tuple[Statistics, np.ndarray]:
    base = np.abs(rng.normal(1, 0.2, (400, 32))).astype(np.float32)
    return Statistics.fit(base, rng), base


def test_one_in_a_hundred_lies_beyond_a_distance_of_one() -> None:
    rng = np.random.default_rng(0)
    fitted, _ = statistics(rng)
    new = np.abs(rng.normal(1, 0.2, (4000, 32))).astype(np.float32)
    assert 0.002 < (fitted.distance(new) > 1).mean() < 0.04
    strange = np.abs(rng.normal(0, 1, (100, 32))).astype(np.float32)
    assert (fitted.distance(strange) > LIMIT).mean() > 0.98


def test_statistics_survive_being_written() -> None:
    fitted, base = statistics(np.random.default_rng(1))
    again = Statistics.from_bytes(fitted.to_bytes())
    assert np.allclose(again.distance(base), fitted.distance(base), rtol=5e-3)


def test_distance_does_not_depend_on_the_length_of_features() -> None:
    fitted, base = statistics(np.random.default_rng(2))
    assert np.allclose(fitted.distance(base), fitted.distance(base * 7), rtol=1e-4)


def test_broken_statistics_are_refused() -> None:
    with pytest.raises(InvalidCard, match="cannot be read"):
        Statistics.from_bytes(b"not an archive")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unit": float("nan")}, "not finite"),
        ({"variance": np.full(16, np.inf, np.float32)}, "not finite"),
        ({"rest": 0.0}, "not above 0"),
        ({"unit": -1.0}, "not above 0"),
        ({"variance": np.zeros(16, np.float32)}, "not above 0"),
        ({"variance": np.ones(3, np.float32)}, "do not agree"),
        ({"mean": np.full(32, "x")}, "cannot be read"),
    ],
)
def test_statistics_that_would_let_everything_pass_are_refused(changes, message) -> None:
    fitted, _ = statistics(np.random.default_rng(1))
    with pytest.raises(InvalidCard, match=message):
        Statistics.from_bytes(replace(fitted, **changes).to_bytes())


def test_statistics_of_another_network_are_refused() -> None:
    fitted, _ = statistics(np.random.default_rng(1))
    with pytest.raises(InvalidCard, match=r"of 32 features, the graph gives \[31\]"):
        Gate(fitted).judge(GateVerdict(limit=LIMIT), np.ones(31, np.float32))


def test_a_distance_that_is_no_number_refuses() -> None:
    fitted, base = statistics(np.random.default_rng(3))
    verdict = Gate(fitted).judge(GateVerdict(limit=LIMIT), base[0] * np.float32("nan"))
    assert [n.code for n in verdict.reasons] == ["not-a-frontal-chest"]


def test_far_features_refuse_and_near_ones_do_not() -> None:
    fitted, base = statistics(np.random.default_rng(3))
    gate, verdict = Gate(fitted), GateVerdict(limit=LIMIT)
    assert gate.judge(verdict, base[0]).accepted
    far = gate.judge(verdict, np.eye(32, dtype=np.float32)[0])
    assert [n.code for n in far.reasons] == ["not-a-frontal-chest"]
    assert far.distance is not None
    assert far.distance > LIMIT


def test_without_statistics_a_flag_says_so() -> None:
    verdict = GATE.judge(GateVerdict(limit=LIMIT), None)
    assert [n.code for n in verdict.flags] == ["no-feature-gate"]
    assert verdict.limit is None


def test_limits() -> None:
    assert limit(0.8, turned=False) == LIMIT
    assert limit(0.2, turned=False) == LIMIT_UNLIKE
    assert limit(0.8, turned=True) == LIMIT
    assert limit(0.6, turned=True) == LIMIT_UNLIKE
