"""Errors from what single patients move a number by, against draws and DeLong's."""

import numpy as np
import pytest

from hilum.evaluation import Reference, auroc, bootstrap, delong, intervals
from hilum.evaluation.appraisal.clustered import auroc_part, gap, share_part, stated


def material(n=600, a_patient=3, seed=1):
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n // a_patient), a_patient)
    shared = rng.normal(size=n // a_patient)[patients]
    truth = (rng.random(n // a_patient) < 0.35)[patients]
    scores = truth + shared + 0.5 * rng.normal(size=n)
    return truth, scores.round(2), patients


def test_auroc_is_the_same_as_elsewhere():
    truth, scores, patients = material()
    part = auroc_part(truth, scores, patients, int(patients.max()) + 1)
    assert part.measure.value == pytest.approx(auroc(truth, scores).value, abs=1e-12)
    assert part.moves.sum() == pytest.approx(0, abs=1e-12)


def test_with_an_image_a_patient_the_interval_is_delongs():
    truth, scores, _ = material(a_patient=1)
    mine = stated(auroc_part(truth, scores, np.arange(len(truth)), len(truth)), 0.95)
    theirs = delong(truth, scores)[0]
    assert mine.high - mine.low == pytest.approx(theirs.high - theirs.low, rel=0.01)


def test_with_several_images_a_patient_the_interval_is_that_of_draws_by_patient():
    truth, scores, patients = material()
    mine = stated(auroc_part(truth, scores, patients, int(patients.max()) + 1), 0.95)
    reference = Reference.of(truth, patients)
    drawn = intervals(reference, scores, rng=np.random.default_rng(0), samples=4000).each[0]
    naive = delong(truth, scores)[0]
    assert mine.high - mine.low == pytest.approx(drawn.high - drawn.low, rel=0.08)
    assert naive.high - naive.low < 0.8 * (mine.high - mine.low)


def test_a_gap_counts_what_both_groups_share():
    """Groups that lie across patients: the error of the gap is that of draws by patient."""
    truth, scores, patients = material(n=900)
    inside = np.arange(len(truth)) % 3 == 0  # an image of every patient
    groups = int(patients.max()) + 1
    sides = [
        auroc_part(truth[part], scores[part], patients[part], groups) for part in (inside, ~inside)
    ]
    found, p_value = gap(*sides, 0.95)

    def apart(weights):
        values = [
            auroc(truth[part], scores[part], weights=weights[part]).value
            for part in (inside, ~inside)
        ]
        return None if None in values else values[0] - values[1]

    drawn = bootstrap(apart, patients, rng=np.random.default_rng(0), samples=600)
    assert found.value == pytest.approx(drawn.value, abs=1e-12)
    assert found.high - found.low == pytest.approx(drawn.high - drawn.low, rel=0.12)
    assert 0 <= p_value <= 1


def test_p_values_of_no_gap_are_spread_evenly():
    """Under no difference, about one in twenty falls under 0.05."""
    rng = np.random.default_rng(3)
    under = 0
    for _ in range(300):
        patients = np.repeat(np.arange(150), 2)
        truth = (rng.random(150) < 0.4)[patients]
        scores = truth + rng.normal(size=150)[patients] + 0.3 * rng.normal(size=300)
        inside = (rng.random(150) < 0.4)[patients]
        sides = [
            auroc_part(truth[part], scores[part], patients[part], 150) for part in (inside, ~inside)
        ]
        under += gap(*sides, 0.95)[1] < 0.05
    assert 5 <= under <= 30


def test_a_share_counts_patients():
    patients = np.repeat(np.arange(40), 5)
    right = (np.arange(40) % 2 == 0)[patients]
    whole = stated(share_part(right, patients, 40, "no positive"), 0.95)
    alone = stated(share_part(right, np.arange(200), 200, "no positive"), 0.95)
    assert whole.value == alone.value == 0.5
    assert (whole.high - whole.low) / (alone.high - alone.low) == pytest.approx(5**0.5, rel=0.03)


@pytest.mark.parametrize(
    ("truth", "reason"),
    [
        ([1] * 20, "no negative among 20 images"),
        ([0] * 20, "no positive among 20 images"),
        ([1] * 3 + [0] * 17, "3 patients with the finding"),
        ([1] * 17 + [0] * 3, "3 patients without the finding"),
    ],
)
def test_too_few_have_no_interval_and_no_p_value(truth, reason):
    truth = np.array(truth, np.bool_)
    part = auroc_part(truth, np.linspace(0, 1, 20), np.arange(20), 20)
    found = stated(part, 0.95)
    assert found.low is None
    assert reason in found.reason
    assert gap(part, part, 0.95)[1] is None


def test_scores_that_never_vary_have_no_interval():
    truth = np.arange(40) % 2 == 0
    part = auroc_part(truth, truth.astype(float), np.arange(40), 40)
    assert stated(part, 0.95).low is None
    assert stated(part, 0.95).value == 1.0
