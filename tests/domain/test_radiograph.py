import numpy as np
import pytest

from hilum.domain import Note, Prediction, Radiograph, Reading, Refusal, Source
from hilum.domain.radiograph import Acquisition
from hilum.domain.reading import GateVerdict

SOURCE = Source("a.png", "png", (2, 3))


def test_pixels_cannot_be_changed() -> None:
    radiograph = Radiograph(np.zeros((2, 3), np.float32), SOURCE)
    with pytest.raises(ValueError, match="read-only"):
        radiograph.pixels[0, 0] = 1


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((2, 3)), np.zeros((2, 3, 1), np.float32), np.zeros((0, 3), np.float32)],
)
def test_pixels_of_another_kind_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="must be float32"):
        Radiograph(pixels, SOURCE)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_pixels_out_of_range_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="must lie in"):
        Radiograph(np.full((2, 3), value, np.float32), SOURCE)


def test_a_finding_is_present_from_its_operating_point() -> None:
    assert Prediction("mass", 0.0, 0.3, 0.3).present
    assert not Prediction("mass", 0.0, 0.29, 0.3).present


def test_probabilities_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="must lie in"):
        Prediction("mass", 0.0, float("nan"), 0.5)


def test_a_reading_knows_its_findings() -> None:
    found = (Prediction("mass", 1.0, 0.9, 0.5), Prediction("nodule", -1.0, 0.1, 0.5))
    reading = Reading(SOURCE, Acquisition(), "tiny 1.0.0", "0" * 64, found, GateVerdict())
    assert reading["nodule"].probability == 0.1
    assert reading.present == found[:1]
    assert reading.heatmap("mass") is None
    with pytest.raises(KeyError, match="this bundle has"):
        reading["hernia"]


def test_a_refusal_says_why() -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        Refusal("a.png", "gate", ())
    assert not GateVerdict(reasons=(Note("lateral", "…"),)).accepted


@pytest.mark.parametrize(
    ("part", "expected"),
    [("CHEST", True), ("TÓRAX / THORAX", True), ("Lungs", True), ("HAND", False), (None, None)],
)
def test_whether_a_chest_was_examined(part: str | None, expected: bool | None):
    assert Acquisition(body_part=part).of_chest is expected
