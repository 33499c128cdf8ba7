import numpy as np
import pytest

from hilum.datasets.exploration import coded
from hilum.datasets.exploration.patients import count_patients, days_of
from hilum.datasets.exploration.people import SEXES, age_groups, count_people


def count(table):
    return count_patients(table, coded(table.patients))


def test_images_a_patient_and_what_few_hold(make):
    found = count(make({"mass": "000000"}, "aaaabc"))
    assert found.images == {1: 2, 4: 1}
    assert found.held_by_few == pytest.approx(4 / 6)
    assert (found.visits, found.gaps_days) == (None, None)


@pytest.mark.parametrize(
    ("columns", "visits", "by"),
    [
        ({"visit": np.array([0, 0, 1, -1, 5])}, {1: 1, 2: 1}, "visit"),
        ({"visit": np.array([-1] * 5), "study": list("xxyzz")}, {1: 1, 2: 1}, "study"),
        ({"date": ["2020-01-01", "2020-01-01", "", "", ""]}, {1: 1}, "date"),
    ],
)
def test_visits(make, columns, visits, by):
    found = count(make({"mass": "00000"}, "aaabb", columns=columns))
    assert (found.visits, found.visits_by) == (visits, by)


def test_days_between_visits_are_of_one_patient_and_rise(make):
    dates = ["2020-03-01", "2020-02-01", "2020-03-01", "2020-03-04", "2020-03"]
    found = count(make({"mass": "00000"}, "aaabb", columns={"date": dates}))
    assert found.gaps_days == {29: 1}
    days = np.array([7.0, 2.0, np.nan, 1.0, 1.0])
    found = count(make({"mass": "00000"}, "aaabb", columns={"days": days}))
    assert (found.gaps_days, found.gaps_by) == ({5: 1}, "days")


def test_days_of_dates():
    dates = np.array(["1970-01-02", "1970-01-02T10:00", "1970-01", "", "nonsense!!"],
                     object)  # fmt: skip
    np.testing.assert_array_equal(days_of(dates), [1, 1, np.nan, np.nan, np.nan])


def test_ages_and_sexes(make):
    columns = {
        "age_years": np.array([3, 4.9, 61, 62, np.nan, 130, -2]),
        "sex": list("FFMF") + [""] * 3,
    }
    people = count_people(
        t := make({"mass": "0" * 7}, "aabbcde", columns=columns), coded(t.patients)
    )
    assert people is not None
    assert people.images[0, SEXES.index("F")] == 2
    assert people.images.sum() == 4
    assert people.patients[0, SEXES.index("F")] == 1
    assert people.patients[12, SEXES.index("M")] == 1  # b: 61 years, first called M
    assert people.patients.sum() == 2
    assert (people.impossible, people.age_unknown, people.sex_unknown) == (2, 1, 3)
    assert people.two_sexes == 1
    assert people.age_quantiles[0] == 3


def test_nobody_becomes_younger(make):
    columns = {"age_years": np.array([60, 50, 40, 41, 42]), "visit": np.array([0, 1, 0, 1, 2])}
    table = make({"mass": "0" * 5}, "aabbb", columns=columns)
    people = count_people(table, coded(table.patients))
    assert people is not None
    assert people.younger_later == 1


def test_no_age_and_no_sex(make):
    table = make({"mass": "0"})
    assert count_people(table, coded(table.patients)) is None


def test_age_groups_have_sharp_edges():
    number, names = age_groups(np.array([0, 17.9, 18, 39, 40, 80, 120, 121, -1, np.nan]))
    assert [names[i] for i in number] == [
        "0 to 17", "0 to 17", "18 to 39", "18 to 39", "40 to 59", "80 and more", "80 and more",
        "", "", "",
    ]  # fmt: skip
