"""What a score adds to age and sex."""

import numpy as np
import pytest

from hilum.errors import EvaluationError
from hilum.evaluation import auroc, auroc_with_covariates


def cohort(rng, patients=250, of_score=1.0, of_age=1.0):
    """Two radiographs a patient; death by age and by what the score shows."""
    age, sex = rng.normal(60, 15, patients), rng.integers(0, 2, patients)
    shown = rng.normal(size=patients)
    odds = of_age * (age - 60) / 15 + of_score * shown - 0.5
    dead = rng.random(patients) < 1 / (1 + np.exp(-odds))
    who = np.repeat(np.arange(patients), 2)
    score = shown[who] + 0.3 * rng.normal(size=len(who))
    return dead[who], score, np.column_stack([age, sex])[who], who


def ask(dead, score, known, who, **more):
    return auroc_with_covariates(
        dead, score, known, patients=who, rng=np.random.default_rng(0), samples=200, **more
    )


def test_a_score_that_tells_something_adds_to_age_and_sex():
    dead, score, known, who = cohort(np.random.default_rng(0))
    found = ask(dead, score, known, who, names=("age", "sex"))
    assert found.names == ("age", "sex")
    assert found.folds == 5
    assert found.score.value == auroc(dead, score).value
    assert found.together.value > found.covariates.value + 0.05
    assert found.gain.difference.low > 0
    assert found.gain.difference.value == found.together.value - found.covariates.value
    assert found.covariates.low < found.covariates.value < found.covariates.high
    # Age alone, of which the model is a rising function, ranks as well as the model.
    assert found.covariates.value == pytest.approx(auroc(dead, known[:, 0]).value, abs=0.04)


def test_noise_adds_nothing():
    rng = np.random.default_rng(1)
    gains, alone = [], []
    for _ in range(12):
        dead, _, known, who = cohort(rng, patients=100, of_score=0)
        found = ask(dead, rng.normal(size=len(who)), known, who)
        gains.append(found.gain.difference.value)
        dead, _, known, who = cohort(rng, patients=100, of_score=0, of_age=0)
        alone.append(ask(dead, rng.normal(size=len(who)), known, who).together.value)
    assert np.mean(gains) < 0.01
    # A model that knows nothing is at chance: not below it, as folds pooled would be.
    assert np.mean(alone) == pytest.approx(0.5, abs=0.04)


def test_a_patient_is_asked_about_by_a_model_that_never_saw_them():
    """Noise that is equal in both radiographs of a patient would tell, had it been learnt."""
    rng = np.random.default_rng(2)
    who = np.repeat(np.arange(60), 4)
    dead = (rng.random(60) < 0.5)[who]
    known = rng.normal(size=(60, 25))[who]
    found = ask(dead, rng.normal(size=len(who)), known, who)
    assert found.covariates.value < 0.65


def test_unknown_ages_are_allowed():
    rng = np.random.default_rng(0)
    dead, score, known, who = cohort(rng)
    known[rng.random(len(who)) < 0.3, 0] = np.nan
    holes = ask(dead, score, known, who)
    assert 0.5 < holes.covariates.value < holes.together.value
    known[:, 1] = np.nan
    assert ask(dead, score, known, who).together.defined


def test_too_few_deaths_are_undefined():
    known = np.arange(8.0)
    one = ask([1, 1, 0, 0, 0, 0, 0, 0], np.arange(8.0), known, [0, 0, 1, 2, 3, 4, 5, 6])
    assert one.together.reason == "too few patients with the event, or without it"
    assert one.gain.p_value is None
    assert one.folds == 0
    none = ask([0] * 8, np.arange(8.0), known, range(8))
    assert none.covariates.reason == "no positive among 8 images"


@pytest.mark.parametrize(
    ("score", "known", "more", "message"),
    [
        ([1, np.nan], [1, 2], {}, "score hold"),
        ([1, 2], [1, np.inf], {}, "covariates hold infinity; NaN stands for unknown"),
        ([1, 2], [1, 2, 3], {}, "covariates have 3 rows where 2 were expected"),
        ([1, 2], [1, 2], {"names": ("a", "b")}, "2 names were given for 1 covariates"),
    ],
)
def test_what_does_not_fit(score, known, more, message):
    with pytest.raises(EvaluationError, match=message):
        ask([0, 1], score, known, [0, 1], **more)
