from itertools import product

import numpy as np
import pytest

from hilum.datasets.exploration.together import count_together, implied
from hilum.domain import LabelTable, State
from hilum.evaluation import wilson


def test_pairs_agree_with_counting_one_by_one(random_table):
    t = count_together(random_table)
    columns = dict(zip(random_table.findings, random_table.states.T, strict=True))
    for a, b in product(t.findings, repeat=2):
        given = (columns[a] == State.PRESENT) & (columns[b] <= State.PRESENT)
        both = given & (columns[b] == State.PRESENT)
        assert t.probability(of=b, given=a) == wilson(int(both.sum()), int(given.sum()))


def test_an_empty_class_leaves_the_probability_undefined(make):
    t = count_together(make({"mass": "000", "edema": "110"}))
    undefined = t.probability(of="edema", given="mass")
    assert undefined.value is None
    assert "no image with mass" in undefined.reason
    assert t.probability(of="mass", given="edema") == wilson(0, 2)


def test_what_is_not_said_is_not_counted(make):
    t = count_together(make({"mass": "1111", "edema": "10? "}))
    assert t.probability(of="edema", given="mass") == wilson(1, 2)


def test_numbers_and_combinations_add_up_to_all_images(make):
    t = count_together(make({"mass": "1100", "no_finding": "0011", "edema": "1000"}))
    assert t.findings == ("mass", "edema")
    assert t.an_image == {0: 2, 1: 1, 2: 1}
    assert t.combinations == {(): 2, ("mass",): 1, ("mass", "edema"): 1}


@pytest.mark.parametrize("findings", [0, 1, 64, 70])
def test_any_number_of_findings(findings):
    rng = np.random.default_rng(0)
    states = rng.integers(0, 2, (50, findings)).astype(np.uint8)
    names = [str(i) for i in range(50)]
    keys = tuple(f"f{i}" for i in range(findings))
    t = count_together(LabelTable(names, keys, states, names))  # type: ignore[arg-type]
    assert sum(t.combinations.values()) == sum(t.an_image.values()) == 50 - t.unlabelled
    if not findings:
        assert t.unlabelled == 50
        return
    expected = {tuple(k for k, s in zip(keys, row, strict=True) if s) for row in states.tolist()}
    assert set(t.combinations) == expected


def test_what_nobody_judged_is_not_without_findings(make):
    t = count_together(make({"mass": "10 ?", "edema": "    "}))
    assert (t.unlabelled, t.an_image) == (1, {0: 2, 1: 1})
    assert t.combinations == {(): 2, ("mass",): 1}


def test_wider_findings_are_implied(make):
    t = count_together(make({"pneumonia": "1110", "viral_pneumonia": "1100", "mass": "1000"}))
    assert t.combinations == {
        (): 1, ("pneumonia",): 1, ("viral_pneumonia",): 1, ("viral_pneumonia", "mass"): 1,
    }  # fmt: skip
    assert t.an_image == {0: 1, 1: 2, 2: 1}
    assert t.both[0, 0] == 3
    assert implied(t.findings) == {(1, 0)}
