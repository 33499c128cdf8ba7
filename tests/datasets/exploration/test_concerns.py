import numpy as np
import pytest

from hilum.datasets.exploration import explore
from hilum.domain.boxes import Boxes


def codes_of(table, **more):
    return {
        c.code: c.message for c in explore(table, rng=np.random.default_rng(0), **more).concerns
    }


def many(letters: str, times: int = 30) -> str:
    return "".join(letter * times for letter in letters)


def distinct(n: int) -> str:
    return "".join(chr(0x4E00 + i) for i in range(n))


CASES = [
    ("no-findings", {}, {}, "no column of a finding"),
    ("empty-class", {"mass": "000"}, {}, "No image shows Mass."),
    ("rare", {"mass": "1000"}, {}, "Fewer than 10 images show Mass (1)."),
    ("never-absent", {"mass": "1 1"}, {}, "absent: Mass"),
    ("unlabelled", {"mass": "1 0"}, {}, "1 of 3 images (33.3%) say nothing"),
    ("contradiction", {"mass": "10", "no_finding": "11"}, {}, "Mass with No finding (1)"),
    ("contradiction", {"viral_pneumonia": "11", "pneumonia": "01"}, {}, "Viral pneumonia without"),
    ("one-source", {"mass": "1100"}, {"source": list("aabb")}, "Mass (a)"),
    ("one-source-judged", {"mass": "10  "}, {"source": list("aabb")}, "Mass (a, AUROC "),
    ("shortcut", {"mass": many("10")}, {"view": ["PA"] * 30 + ["AP"] * 30}, "'view' alone"),
    ("split-leak", {"mass": "01"}, {"split": ["train", "test"]}, "1 patients stand in two parts"),
    ("split-without", {"mass": "01"}, {"split": ["train", "test"]}, "'train' of the split has no"),
    ("age-impossible", {"mass": "01"}, {"age_years": np.array([414, 40])}, "1 of 2 images"),
    ("age-missing", {"mass": "01"}, {"age_years": np.array([np.nan, 40])}, "have no age"),
    ("view-missing", {"mass": "01"}, {"view": ["", "PA"]}, "have no view"),
    ("sex-missing", {"mass": "01"}, {"sex": ["", "F"]}, "have no sex"),
    ("two-sexes", {"mass": "01"}, {"sex": ["M", "F"]}, "1 patients have images of both sexes"),
    ("younger-later", {"mass": "01"},
     {"age_years": np.array([50, 40]), "visit": np.array([0, 1])}, "1 patients are more than"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "findings", "columns", "words"), CASES)
def test_each_concern_is_raised(make, code, findings, columns, words):
    n = len(next(iter(findings.values()), "00"))
    one_patient = code in {"split-leak", "two-sexes", "younger-later"}
    patients = "a" * n if one_patient else distinct(n)
    assert words in codes_of(make(findings, patients, columns=columns))[code]


def test_many_images_of_few_patients(make):
    table = make({"mass": many("10", 60)}, "a" * 20 + distinct(100))
    assert "hold 17% of all images (one of them 20)" in codes_of(table)["few-patients"]


def test_a_box_without_its_label(make):
    boxes = Boxes(np.array([0]), np.array(["mass"]), np.array([[0, 0, 9, 9]]), np.array([True] * 2))
    assert "Mass (1)" in codes_of(make({"mass": "01"}, boxes=boxes))["box-without-label"]


def test_a_sound_table_raises_none(make):
    n = 200
    rng = np.random.default_rng(0)
    letters = "".join(rng.choice(["1", "0"], n))
    columns = {
        "source": rng.choice(["a", "b"], n),
        "view": ["PA"] * n,
        "sex": ["F"] * n,
        "age_years": rng.integers(20, 80, n),
        "split": rng.choice(["train", "test"], n),
    }
    assert codes_of(make({"mass": letters}, distinct(n), columns=columns)) == {}


def test_a_shortcut_by_chance_is_not_named(make):
    n = 24
    letters = "1" * 12 + "0" * 12
    sources = [str(i % 12) for i in range(12)] * 2
    assert "shortcut" not in codes_of(
        make({"mass": letters}, distinct(n), columns={"source": sources})
    )
