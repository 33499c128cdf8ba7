import csv
import gzip

import numpy as np
import pytest

from hilum import audit
from hilum.datasets.collections.siim_covid19 import COLLECTION
from hilum.domain import State
from hilum.errors import LabelError
from hilum.imaging import read
from hilum.studies.asking import markdown
from hilum.studies.questions import Inquiry
from hilum.studies.running import Bench
from hilum.studies.s0 import STUDY, chain, leak, tables
from hilum.studies.s0.drawn import draw_tree

KFOLD = (
    "patientid,studyid,series_id,imageid,SeriesNumber,InstanceNumber,Negative for Pneumonia,"
    "Typical Appearance,Indeterminate Appearance,Atypical Appearance,label,hasbox,fold\n"
    "p,s1,x,a,1,1,1,0,0,0,none 1 0 0 1 1,False,0\n"
    "p,s2,y,b,1,1,0,1,0,0,opacity 1 10 20 50 40 opacity 1 100 20 130 80,True,0\n"
    "q,s3,z,c,1,1,0,0,0,1,none 1 0 0 1 1,False,1\n"
)


def bench(tmp_path, data=None):
    return Bench(data or tmp_path, tmp_path, tmp_path / "out", tell=lambda _: None)


def test_the_study_is_made_of_questions():
    assert isinstance(STUDY, Inquiry)
    assert [one.name for one in STUDY.questions] == ["tables", "leak", "chain"]


def test_the_download_is_written_from_the_published_table_and_joined_again(tmp_path):
    (tmp_path / "train_kfold.csv").write_text(KFOLD)
    numbers = tables.measure(bench(tmp_path), (0,))
    found = {one["what"]: one["found"] for one in numbers["counts"]}
    assert found["images"] == 3
    assert found["negative without a box"] == 1
    assert found["not negative without a box"] == 1
    assert found["not negative with a box"] == 1
    assert numbers["crop"]["accuracy"] == pytest.approx(2 / 3)
    # both boxes of b: from 10 to 130 across, from 20 to 80 down
    assert numbers["survey"]["width_px"] == [120.0] * 5
    assert numbers["survey"]["aspect"] == [2.0] * 5
    assert numbers["survey"]["boxes_an_image"] == {"2": 1}
    shown = tables.show(numbers)
    assert "| negative without a box | 1,736 | 1,736 | 1 |" in markdown(shown.tables[0])
    assert "2 on 1" in shown.words[1]


def test_without_the_published_table_it_is_said(tmp_path):
    (tmp_path / "data").mkdir()
    with pytest.raises(LabelError, match=r"siim_covid19_train_kfold\.csv lies neither in"):
        tables.measure(bench(tmp_path, tmp_path / "data"), (0,))


def test_the_counts_of_the_challenge(shared, tmp_path):
    numbers = tables.measure(bench(tmp_path, shared / "radiographs"), (0,))
    assert all(one["found"] == one["expected"] for one in numbers["counts"])
    what = {one["what"]: one["found"] for one in numbers["counts"]}
    assert {key: what[key] for key in tables.THEIRS} == tables.THEIRS
    # negatives are never cropped, 4,294 of 4,598 others are
    assert numbers["crop"]["auroc"][0] == pytest.approx((1 + 4294 / 4598) / 2)
    with gzip.open(shared / "labels" / "siim_covid19_train_kfold.csv.gz", "rt") as file:
        assert numbers["survey"]["images"] == sum(
            r["hasbox"] == "True" for r in csv.DictReader(file)
        )


def test_a_drawn_tree_has_the_layout_of_the_challenge(tmp_path):
    tree = draw_tree(tmp_path, train=13, test=12, side=96, seed=0)
    table = COLLECTION.variants["original"].read(tree.folder)
    assert len(table) == 13
    assert all(name.startswith("train/") for name in table.images.tolist())
    classes = (table.states[:, :4] == State.PRESENT).sum(0)
    assert classes.tolist() == [tree.studies["train"].count(k) for k in range(4)]
    assert min(classes) >= 3
    assert table.boxes is not None
    negative = np.flatnonzero(table.states[:, 0] == State.PRESENT)
    assert not np.isin(negative, table.boxes.row).any()
    # stored inverted or not, it is read the right way round: the middle of the chest is bright
    for file in sorted((tree.folder / "train").rglob("*.dcm"))[:6]:
        pixels = read(file).pixels
        assert pixels[70:90, 38:58].mean() > pixels[30:50, 20:35].mean()
    ids = (tree.sample).read_text().splitlines()[1:]
    assert len(ids) == 24


def test_a_perfect_submission_scores_one(tmp_path):
    tree = draw_tree(tmp_path, train=12, test=12, side=96, seed=1)
    answers = COLLECTION.variants["original"].read(tree.answers)
    said = chain.siim_reference(answers)
    lines = [f"{k},{chain_string(v)}" for k, v in said.items()]
    (tmp_path / "submission.csv").write_text("Id,PredictionString\n" + "\n".join(lines) + "\n")
    scored = chain.score(tree.answers, tmp_path / "submission.csv")
    assert scored["mean"][0] == pytest.approx(1.0)
    assert all(right == number for right, number in scored["right"].values())


def chain_string(said):
    return " ".join(
        f"{one.label} {one.confidence:g} {' '.join(f'{v:g}' for v in one.box)}" for one in said
    )


def test_the_chain_is_shown():
    numbers = {
        "seed": 0,
        "train": [4, 5, 3, 3],
        "test": [3, 3, 3, 3],
        "steps": [{"typed": "hilum convert a b", "status": 0, "seconds": 2.4}],
        "rows": 24,
        "missing": 0,
        "example": "x_study,negative 1 0 0 1 1",
        "score": {
            "each": {"negative": [0.5, 0.4, 0.6], "opacity": [0.0, None, None]},
            "mean": [0.25, None, None],
            "right": {"negative": [2, 3]},
        },
    }
    shown = chain.show(numbers)
    assert "| `hilum convert a b` | 0 | 2 |" in markdown(shown.tables[0])
    assert "| negative | 0.680 | 2 of 3 | 0.500 (0.400 to 0.600) |" in markdown(shown.tables[1])
    assert "| all | 0.5887 | 2 of 3 | 0.250 |" in markdown(shown.tables[1])


def test_a_reference_box_lies_in_the_lungs():
    mask = np.zeros((100, 80), bool)
    mask[20:90, 10:70] = True
    for seed in range(20):
        left, top, wide, high = leak.reference_box(mask, np.random.default_rng(seed))
        assert left >= 10
        assert top >= 20
        assert left + wide <= 70
        assert top + high <= 90


def test_shape_alone_finds_the_crop_and_nothing_else():
    rng = np.random.default_rng(0)
    positive = np.arange(80) % 2 == 0
    whole = np.column_stack([np.full(80, 384), rng.integers(340, 430, 80)])
    cut = np.where(positive[:, None], whole // 3, whole)
    options = audit.Options(samples=100, seeds=1)
    found = {}
    for name, sizes in (("whole", whole), ("boxes", cut)):
        table = leak.table_of(name, positive.tolist(), sizes)
        value = leak.shape_alone(table, sizes, options).value
        assert value is not None
        found[name] = value
    assert found["boxes"] == pytest.approx(1.0)
    assert 0.3 < found["whole"] < 0.7


@pytest.mark.slow
def test_the_box_crop_tells_a_label_drawn_by_lot(tmp_path, monkeypatch):
    monkeypatch.setattr(leak, "PEOPLE", 60)
    numbers = leak.measure(bench(tmp_path), (0,))
    arms = numbers["arms"]
    assert arms["boxes"]["probe"][0] > 0.95
    assert {v["code"]: v["outcome"] for v in arms["boxes"]["lines"]}["border-alone"] == "fails"
    for way in ("whole", "lungs"):
        low, high = arms[way]["probe"][1:]
        assert low < 0.5 < high or abs(arms[way]["probe"][0] - 0.5) < 0.2
    assert len(leak.show(numbers).tables) == 3


def test_too_few_studies_for_four_kinds_are_refused(tmp_path):
    with pytest.raises(LabelError, match="6 studies: 12 or more"):
        draw_tree(tmp_path, train=12, test=6, side=96, seed=1)
