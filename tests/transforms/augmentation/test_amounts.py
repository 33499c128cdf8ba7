import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from hilum.transforms.augmentation import Add, Choices, Gamma, Rotate
from hilum.transforms.augmentation.amounts import draw, draw_each


@pytest.mark.parametrize(
    ("said", "amount"),
    [
        (3, 3.0),
        ([-5, 5], (-5.0, 5.0)),
        ([1, 2, 3], Choices((1.0, 2.0, 3.0))),
        ({"choices": [1, 2]}, Choices((1.0, 2.0))),
    ],
)
def test_amounts_are_read_and_written_back(said, amount):
    adapter = TypeAdapter(Add)
    step = adapter.validate_python({"do": "add", "by_255": said})
    assert step.by_255 == amount
    assert adapter.validate_json(adapter.dump_json(step)) == step


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([5, -5], "begins with the smaller"),
        (300, "300 lies outside -255 to 255"),
        ([0, 300], "300 lies outside"),
        ({"choices": []}, "none is given"),
        ({"choices": [1], "other": 2}, "is expected"),
        ([1], "is expected"),
        ("a lot", "is expected"),
        (True, "is expected"),
        (float("nan"), "nan lies outside"),
    ],
)
def test_what_is_no_amount_is_told(said, why):
    with pytest.raises(ValidationError, match=why):
        Add(by_255=said)


def test_a_fixed_number_costs_no_random_number():
    rng = np.random.default_rng(0)
    assert draw(2.5, rng) == 2.5
    assert rng.random() == np.random.default_rng(0).random()


def test_ranges_are_filled_evenly_and_choices_are_equally_likely():
    rng = np.random.default_rng(0)
    drawn = np.array([draw((2.0, 4.0), rng) for _ in range(4000)])
    assert 2 <= drawn.min() < 2.01
    assert 3.99 < drawn.max() <= 4
    counts, _ = np.histogram(drawn, 4, (2, 4))
    assert (abs(counts - 1000) < 5 * np.sqrt(750)).all()  # five standard deviations
    chosen = [draw(Choices((1.0, 5.0, 9.0)), rng) for _ in range(3000)]
    values, counts = np.unique(chosen, return_counts=True)
    assert values.tolist() == [1, 5, 9]
    assert (abs(counts - 1000) < 5 * np.sqrt(667)).all()


def test_each_pixel_draws_its_own():
    rng = np.random.default_rng(0)
    field = draw_each((0.5, 1.0), (200, 200), rng)
    assert field.dtype == np.float32
    assert 0.5 <= field.min() < field.max() <= 1
    assert field.mean() == pytest.approx(0.75, abs=0.004)
    assert set(np.unique(draw_each(Choices((1.0, 3.0)), (50, 50), rng))) == {1, 3}
    assert (draw_each(2.0, (3, 3), rng) == 2).all()


@pytest.mark.parametrize("step", [Rotate(degrees=(-3, 7)), Gamma(exponent=(0.7, 1.3))])
def test_steps_stay_within_their_ranges(step):
    name = next(iter(step.sample(np.random.default_rng(0))))
    low, high = getattr(step, name)
    drawn = [step.sample(np.random.default_rng(seed))[name] for seed in range(500)]
    assert low <= min(drawn) < low + 0.05 * (high - low)
    assert high - 0.05 * (high - low) < max(drawn) <= high
