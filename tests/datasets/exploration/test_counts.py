import numpy as np
import pytest

from hilum.datasets.exploration import coded, explore
from hilum.datasets.exploration.counts import count_findings, unlabelled_images
from hilum.domain import State
from hilum.evaluation import wilson


def test_images_and_patients_are_counted_in_each_state(make):
    table = make({"mass": "110? 0", "edema": "??  ??"}, "aabbcc")
    mass, edema = count_findings(table, coded(table.patients))
    assert mass.states == (2, 2, 1, 1)
    assert (mass.present, mass.absent) == (2, 2)
    assert mass.by_image == wilson(2, 4)
    assert mass.by_patient == wilson(1, 3)  # a has it; b and c are judged
    assert not edema.by_image.defined
    assert not edema.by_patient.defined


def test_a_patient_who_has_it_once_has_it(random_table):
    counts = count_findings(random_table, coded(random_table.patients))
    for at, count in enumerate(counts):
        by_patient: dict[str, set[int]] = {}
        for who, state in zip(random_table.patients, random_table.states[:, at], strict=True):
            by_patient.setdefault(who, set()).add(int(state))
        judged = [s for s in by_patient.values() if s & {State.PRESENT, State.ABSENT}]
        having = [s for s in judged if State.PRESENT in s]
        assert count.by_patient == wilson(len(having), len(judged))


def test_images_that_say_nothing(make):
    table = make({"mass": "1  ?", "edema": "0   "})
    assert unlabelled_images(table) == 2


@pytest.mark.parametrize("rows", [1, 60_001])
def test_columns_as_numbers(rows):
    values = np.array([f"v{i % 7}" for i in range(rows)], object)
    codes = coded(values)
    assert [codes.values[i] for i in codes.number] == values.tolist()
    assert codes.counts().sum() == rows


def test_chestxray14_has_its_published_counts(chestxray14):
    found = explore(chestxray14, rng=np.random.default_rng(0))
    assert (found.images, found.people_count) == (112_120, 30_805)
    counts = {c.finding: c.present for c in found.findings}
    assert (counts["infiltration"], counts["consolidation"], counts["hernia"]) == (
        19_894,
        4_667,
        227,
    )
    probability = found.together.probability(of="infiltration", given="consolidation")
    assert (probability.positives, probability.images) == (1_221, 4_667)
    assert found.people is not None
    assert found.people.images.sum() + found.people.age_unknown == 112_120


@pytest.fixture(scope="session")
def chestxray14(shared):
    from hilum.datasets.collections import COLLECTIONS

    collection = COLLECTIONS.resolve("chestxray14")
    return next(iter(collection.variants.values())).read(shared / "labels")
