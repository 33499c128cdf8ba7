import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from hilum.datasets.exploration.readers import agree, compare_readers
from hilum.domain import State
from hilum.errors import LabelError
from hilum.evaluation import bootstrap


def readers(n=400, patients=150, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.3
    a, b = (np.where(rng.random(n) < 0.15, ~truth, truth).astype(np.uint8) for _ in "ab")
    return a, b, rng.integers(0, patients, n)


def test_kappa_agrees_with_scikit_learn_and_its_interval_with_the_bootstrap():
    a, b, patients = readers()
    told = agree("mass", a, b, patients)
    assert told.kappa.value == pytest.approx(cohen_kappa_score(a, b))

    def kappa(weights):
        return float(cohen_kappa_score(a, b, sample_weight=weights))

    drawn = bootstrap(kappa, patients, rng=np.random.default_rng(1), samples=300)
    assert told.kappa.low == pytest.approx(drawn.low, abs=0.02)
    assert told.kappa.high == pytest.approx(drawn.high, abs=0.02)


def test_with_one_image_a_patient_the_variance_is_that_of_fleiss_cohen_and_everitt():
    a, b, _ = readers()
    n = len(a)
    told = agree("mass", a, b, np.arange(n))
    p = np.array([[np.mean((a == i) & (b == j)) for j in (0, 1)] for i in (0, 1)])
    rows, columns = p.sum(1), p.sum(0)
    same, chance = np.trace(p), float(rows @ columns)
    k = (same - chance) / (1 - chance)
    one = sum(p[i, i] * (1 - (rows[i] + columns[i]) * (1 - k)) ** 2 for i in (0, 1))
    two = (1 - k) ** 2 * sum(p[i, j] * (columns[i] + rows[j]) ** 2 for i, j in ((0, 1), (1, 0)))
    three = (k - chance * (1 - k)) ** 2
    error = np.sqrt((one + two - three) / n) / (1 - chance)
    assert told.kappa.low is not None
    half = (told.kappa.value or 0) - told.kappa.low
    assert half == pytest.approx(1.96 * error * np.sqrt(n / (n - 1)), rel=1e-3)


@pytest.mark.parametrize(
    ("a", "b", "value", "reason"),
    [
        ([1, 1], [1, 1], None, "present on every image"),
        ([0, 0], [0, 0], None, "absent on every image"),
        ([2, 3], [1, 1], None, "no image that both call"),
        ([0, 1], [0, 1], 1.0, "never differ"),
        ([0, 1], [1, 0], -1.0, "1 patient"),
        ([1, 1], [0, 0], 0.0, "1 patient"),
    ],
)
def test_kappa_without_an_interval_says_why(a, b, value, reason):
    told = agree("mass", np.array(a, np.uint8), np.array(b, np.uint8), np.zeros(2, int))
    assert told.kappa.value == value
    assert reason in told.kappa.reason
    assert told.kappa.low is None


def test_tables_are_joined_by_image_and_finding(make):
    one = make(
        {"mass": "1010", "edema": "1111"}, images=["a/0.png", "a/1.png", "a/2.png", "a/3.png"]
    )
    two = make({"hernia": "000", "mass": "01?"}, images=["a/2.png", "a/1.png", "a/0.png"])
    found = compare_readers(one, two)
    assert (found.images, found.only_this, found.only_other) == (3, 1, 0)
    (mass,) = found.findings
    assert (mass.both_present, mass.only_this, mass.only_other, mass.both_absent) == (0, 1, 1, 0)
    assert mass.undecided == 1
    assert State(one.states[found.rows[0], found.columns[0, 0]]) == State.PRESENT


def test_names_join_where_no_path_does(make):
    one = make({"mass": "10"}, images=["a/0.png", "a/1.png"])
    two = make({"mass": "10"}, images=["0.png", "2.png"])
    assert compare_readers(one, two).images == 1


@pytest.mark.parametrize(
    ("findings", "images", "message"),
    [
        ({"edema": "1"}, ["0.png"], "no finding in common"),
        ({"mass": "1"}, ["else.png"], "no image in common"),
    ],
)
def test_tables_with_nothing_in_common_are_refused(make, findings, images, message):
    with pytest.raises(LabelError, match=message):
        compare_readers(make({"mass": "1"}), make(findings, images=images))
