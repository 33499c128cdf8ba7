import numpy as np
import pytest

from hilum.errors import RunError, UnknownName
from hilum.evaluation.calibration import restate
from hilum.reading import Scale


def logits(*values):
    return np.array(values, np.float32)


def test_probabilities_are_restated_and_decisions_stay(tiny_card):
    plain = Scale.of(tiny_card, {})
    scale = Scale.of(tiny_card, {"effusion": 0.02, "Pneumonia": 0.1})
    assert (plain.prevalence, scale.prevalence) == ("training", "effusion=0.02, pneumonia=0.1")
    for effusion in np.linspace(-8, 8, 101):
        before = plain.predictions(logits(effusion, -effusion, 0.4))
        after = scale.predictions(logits(effusion, -effusion, 0.4))
        assert [p.present for p in before] == [p.present for p in after]
        assert after[0].probability == pytest.approx(restate(before[0].probability, 0.2, 0.02))
        assert after[1].probability == pytest.approx(restate(before[1].probability, 0.01, 0.1))
        assert after[2] == before[2]


def test_far_logits_do_not_overflow(tiny_card):
    low, high, _ = Scale.of(tiny_card, {}).predictions(logits(-3e38, 3e38, 0))
    assert (low.probability, high.probability) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("prevalence", "error", "message"),
    [
        ({"pnuemonia": 0.1}, UnknownName, "did you mean pneumonia"),
        ({"mass": 0.1}, UnknownName, "finding of this bundle 'mass'"),
        ({"effusion": 5}, RunError, "between 0 and 1, such as 0.05, got 5"),
        ({"effusion": 0.0}, RunError, "between 0 and 1"),
        ({"effusion": float("nan")}, RunError, "got nan"),
        ({"pleural_thickening": 0.1}, RunError, "does not state the prevalence"),
        ({"effusion": 0.1, "Effusion": 0.2}, RunError, "effusion is given twice"),
    ],
)
def test_prevalences_that_make_no_sense(tiny_card, prevalence, error, message):
    with pytest.raises(error, match=message):
        Scale.of(tiny_card, prevalence)


def test_a_prevalence_that_leaves_no_operating_point(tiny_card):
    fields = tiny_card.model_dump()
    fields["findings"][0]["operating_point"]["threshold"] = 1 - 1e-12
    card = type(tiny_card).model_validate(fields)
    with pytest.raises(RunError, match="leaves no operating point between 0 and 1"):
        Scale.of(card, {"effusion": 1 - 1e-12})
