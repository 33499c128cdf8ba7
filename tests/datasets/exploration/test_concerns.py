import numpy as np
import pytest

from hilum.datasets.exploration import explore
from hilum.domain import LabelTable
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
    ("unlabelled", {"mass": "1 0"}, {}, "1 of 3 images (33.3%) says nothing"),
    ("contradiction", {"mass": "10", "no_finding": "11"}, {}, "Mass with No finding (1)"),
    ("contradiction", {"viral_pneumonia": "11", "pneumonia": "01"}, {}, "Viral pneumonia without"),
    ("one-source", {"mass": "1100"}, {"source": list("aabb")}, "Mass (a)"),
    ("one-source-judged", {"mass": "10  "}, {"source": list("aabb")}, "Mass (a, AUROC "),
    ("one-sided", {"mass": many("1", 12) + "10" * 12}, {"source": ["a"] * 12 + ["b"] * 24},
     "never absent: Mass (a, 12)."),
    ("one-sided", {"mass": many("0", 40) + "10" * 40},
     {"source": ["a"] * 40 + ["b"] * 40 + ["c"] * 40}, "never present: Mass (a, 40)."),
    ("shortcut", {"mass": many("10")}, {"view": ["PA"] * 30 + ["AP"] * 30}, "'view' alone"),
    ("split-leak", {"mass": "01"}, {"split": ["train", "test"]}, "1 patient stands in two parts"),
    ("split-without", {"mass": "01"}, {"split": ["train", "test"]}, "'train' of the split has no"),
    ("age-impossible", {"mass": "01"}, {"age_years": np.array([414, 40])}, "1 of 2 images"),
    ("age-missing", {"mass": "01"}, {"age_years": np.array([np.nan, 40])}, "has no age"),
    ("view-missing", {"mass": "01"}, {"view": ["", "PA"]}, "has no view"),
    ("sex-missing", {"mass": "01"}, {"sex": ["", "F"]}, "has no sex"),
    ("two-sexes", {"mass": "01"}, {"sex": ["M", "F"]}, "1 patient has images of both sexes"),
    ("younger-later", {"mass": "01"},
     {"age_years": np.array([50, 40]), "visit": np.array([0, 1])}, "1 patient is more than"),
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


def test_a_shortcut_is_not_made_of_few_patients_with_many_images():
    """Finding and sex belong to 20 patients and are independent: chance names few tables."""
    named, chances = 0, []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        has, sex = (np.repeat(rng.random(20) < share, 20) for share in (0.2, 0.5))
        table = LabelTable(
            images=[f"{i}.png" for i in range(400)],  # type: ignore[arg-type]
            findings=("mass",),
            states=has.astype(np.uint8)[:, None],
            patients=[f"p{i // 20}" for i in range(400)],  # type: ignore[arg-type]
            columns={"sex": np.where(sex, "F", "M")},
        )
        found = explore(table, rng=rng)
        named += "shortcut" in {c.code for c in found.concerns}
        chances += [s.tells[0].chance for s in found.strata if s.tells[0].chance is not None]
    assert named <= 4  # chance alone is beyond its 95 % in 2 of 40
    assert np.median(chances) > 0.65  # over images it would be .55


@pytest.mark.parametrize("over", ["patients", "images"])
def test_a_shortcut_says_what_was_shuffled(make, over):
    """40 patients of two images; the view is the patient's, or differs between their images."""
    views = ["PA"] * 40 + ["AP"] * 40 if over == "patients" else ["PA", "AP"] * 40
    letters = "00" * 20 + "01" * 20
    patients = "".join(2 * letter for letter in distinct(40))
    found = codes_of(make({"mass": letters}, patients, columns={"view": views}))
    assert f"95 % of shuffles of the labels over {over} give less" in found["shortcut"]


@pytest.mark.parametrize(
    ("names", "count"),
    [
        (["7", "007", "8"], 1), (["a", " A ", "b"], 1), (["0", "00", "000"], 2),
        (["10", "1", "p01"], 0),
    ],
)  # fmt: skip
def test_patients_whose_identifiers_are_alike(names, count):
    table = LabelTable(
        images=["x.png", "y.png", "z.png"],  # type: ignore[arg-type]
        findings=("mass",),
        states=np.zeros((3, 1), np.uint8),
        patients=names,
    )
    message = codes_of(table).get("patients-alike", "")
    assert message.startswith(f"{count} patient") == bool(count)
    assert ("'x.png' and 'y.png'" in message) == bool(count)


@pytest.mark.parametrize(
    ("images", "named"),
    [
        (["a/1.png", "b/1.png", "b/2.png"], True),
        (["a/1.png", "b/2.png", "b/3.png"], False),
        ([f"p{i}/frontal.png" for i in range(20)], False),
    ],
)
def test_file_names_in_several_rows(make, images, named):
    found = codes_of(make({"mass": "0" * len(images)}, images=images))
    assert ("same-name" in found) == named
    assert not named or "1 file name stands in several rows: '1.png'" in found["same-name"]
