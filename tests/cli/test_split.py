import gzip
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from hilum.datasets.table import load, save
from hilum.domain import LabelTable, State
from hilum.phantoms import draw_chest


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(120), 2)
    table = LabelTable(
        images=[f"{at}.png" for at in range(240)],  # type: ignore[arg-type]
        findings=("mass", "edema"),
        states=np.stack([rng.random(240) < p for p in (0.3, 0.1)], 1).astype(np.uint8),
        patients=patients.astype(str),
        columns={
            "source": np.where(patients % 3, "ward", "clinic"),
            "date": [f"20{10 + p % 12}" for p in patients.tolist()],  # type: ignore[dict-item]
            "split": np.where(patients < 80, "train", "test"),
        },
    )
    save(table, tmp_path / "labels.csv")
    return tmp_path / "labels.csv"


@pytest.fixture
def run(hilum):
    def call(*arguments: object) -> tuple[int, str]:
        done = hilum(*(str(a) for a in arguments))
        return done.status, done.out + done.err

    return call


@pytest.mark.parametrize(
    ("options", "parts", "method"),
    [
        ([], ["train", "tune", "test"], "shares"),
        (["--parts", "a=1,b=1"], ["a", "b"], "shares"),
        (["--folds", 3, "--spread", "source"], ["fold 0", "fold 1", "fold 2"], "shares"),
        (["--column", "split"], ["train", "test"], "column split"),
        (["--time", "date", "--parts", "old=60,new=40"], ["old", "new"], "time, by date"),
    ],
)
def test_ways_to_split(run, labels: Path, options: list, parts: list[str], method: str) -> None:
    out = labels.parent / "out"
    status, said = run("split", labels, "-o", out, *options)
    assert status == 0, said
    facts = json.loads((out / "split.json").read_text())
    assert list(facts["parts"]) == parts
    assert facts["method"] == method
    assert facts["duplicates"] == {"treated": "not searched", "compared": 0, "not_compared": 240}
    assert facts["digest"][:12] in said
    assert "give --images" in said


def test_a_split_for_each_source(run, labels: Path) -> None:
    status, said = run("split", labels, "-o", labels.parent / "out", "--leave-out", "source")
    assert status == 0, said
    for source in ("ward", "clinic"):
        assert (labels.parent / "out" / source / "split.json").is_file()


def test_lists_of_images(run, labels: Path) -> None:
    (labels.parent / "one.txt").write_text("0.png 0 0\n1.png 1 0\n\n")
    (labels.parent / "two.txt").write_text("2.png\n")
    lists = f"train={labels.parent / 'one.txt'},test={labels.parent / 'two.txt'}"
    status, said = run("split", labels, "-o", labels.parent / "out", "--lists", lists)
    assert status == 0, said
    assert "237 images are in no part" in said


def test_lists_of_names_with_spaces_compressed(run, tmp_path: Path) -> None:
    names = ["a 1.png", "b 1.png", "c.png"]
    table = LabelTable(names, (), np.zeros((3, 0), np.uint8), names)  # type: ignore[arg-type]
    save(table, tmp_path / "labels.csv")
    (tmp_path / "one.txt.gz").write_bytes(gzip.compress(b"a 1.png\r\nc.png 1 0\r\n"))
    (tmp_path / "two.txt").write_text("b 1.png\n")
    lists = f"train={tmp_path / 'one.txt.gz'},test={tmp_path / 'two.txt'}"
    given = ("split", tmp_path / "labels.csv", "-o", tmp_path / "out", "--lists")
    status, said = run(*given, lists.replace("test=", "train="))
    assert status == 2
    assert "a name of its own, got 'train'" in said
    status, said = run(*given, lists)
    assert status == 0, said
    facts = json.loads((tmp_path / "out" / "split.json").read_text())
    assert {part: said["images"] for part, said in facts["parts"].items()} == {
        "train": 2,
        "test": 1,
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--folds", 3, "--column", "split"], "Choose one of"),
        (["--folds", 3, "--parts", "a=1,b=1"], "--parts does nothing with --folds"),
        (["--column", "split", "--seed", 1], "--seed does nothing with --column"),
        (["--leave-out", "source", "--spread", "source"], "--spread does nothing with --leave-out"),
        (["--time", "date", "--survival", "mass,date"], "--survival does nothing with --time"),
        (["--workers", 2], "--workers does nothing without --images"),
        (["--parts", "a=1,a=2"], "every part needs a name of its own, got 'a'"),
        (["--parts", "a=1,b=nan"], "needs a share above 0"),
        (["--time", "source"], "no date in ISO 8601"),
        (["--parts", "train"], "wanted are shares"),
        (["--column", "ward"], r"no column 'ward'"),
        (["--lists", "train=none.txt"], "no file 'none.txt'"),
        (["--survival", "mass"], "a finding and a column"),
        (["--spread", "sex"], "no column 'sex'"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_written(
    run, labels: Path, options: list, message: str
) -> None:
    status, said = run("split", labels, "-o", labels.parent / "out", *options)
    assert status == 2
    assert message in said
    assert not (labels.parent / "out").exists()


def test_a_second_split_into_the_same_folder_is_refused(run, labels: Path) -> None:
    assert run("split", labels, "-o", labels.parent / "out")[0] == 0
    status, said = run("split", labels, "-o", labels.parent / "out", "--seed", 1)
    assert status == 2
    assert "holds a split already" in said


def test_subsets(run, labels: Path) -> None:
    folder = labels.parent
    assert run("split", labels, "-o", folder / "split")[0] == 0
    status, said = run("subset", labels, "-o", folder / "train.csv", "--split", folder / "split")
    assert status == 0, said
    train = load(folder / "train.csv")
    facts = json.loads((folder / "split" / "split.json").read_text())
    assert len(train) == facts["parts"]["train"]["images"]

    status, said = run("subset", labels, "-o", folder / "b.csv", "--balanced", "--cap", 5)
    assert status == 0, said
    balanced = (load(folder / "b.csv").states == State.PRESENT).sum(0)
    assert balanced.min() == 5
    assert "5 of each class, because of --cap" in said
    status, said = run("subset", labels, "-o", folder / "b.csv", "--balanced")
    assert status == 0, said
    assert re.search(r"(\d+) of each class, because edema has \1; see --at-least", said)

    shares = "mass=0.5,no_finding=0.2"
    status, said = run("subset", labels, "-o", folder / "c.csv", "--images", 50, "--shares", shares)
    assert status == 0, said
    drawn = load(folder / "c.csv")
    assert len(drawn) == 50
    assert int((drawn.states[:, 0] == State.PRESENT).sum()) >= 25

    status, said = run("subset", labels, "-o", folder / "d.parquet", "--labels", 0.2)
    assert status == 0, said
    few = load(folder / "d.parquet")
    assert len(few) == 240
    assert (few.columns["labelled"] == "yes").sum() == pytest.approx(48, abs=2)

    status, said = run(
        "subset", labels, "-o", folder / "e.csv", "--where", "source=ward", "--findings", "edema"
    )
    assert status == 0, said
    ward = load(folder / "e.csv")
    assert ward.findings == ("edema",)
    assert set(ward.columns["source"]) == {"ward"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--part", "test"], "--part does nothing without --split"),
        (["--seed", 1], "--seed does nothing"),
        (["--where", "source"], "wanted is COLUMN=VALUE"),
        (["--cap", 5], "--cap goes with --balanced"),
        (["--images", 5], "--shares with --images"),
        (["--where", "source=moon"], "No row has 'source=moon'"),
        (["--findings", "hernia"], "no findings"),
        (["--at-least", 1000], "no finding is present on 1000"),
    ],
)
def test_subsets_that_cannot_be(run, labels: Path, options: list, message: str) -> None:
    status, said = run("subset", labels, "-o", labels.parent / "x.csv", *options)
    assert status == 2
    assert message in said
    assert not (labels.parent / "x.csv").exists()


def test_tables_as_one(run, labels: Path) -> None:
    out = labels.parent / "both.csv"
    given = ("datasets", "join", f"a={labels}", f"b={labels}")
    status, said = run(*given, "-o", out)
    assert status == 2
    assert "240 images of two tables have the same file name: a/0.png and b/0.png" in said
    assert not out.exists()
    status, said = run(*given, "-o", out, "--same-patients", "a,b")
    assert status == 0, said
    assert len(np.unique(load(out).patients)) == 120
    status, said = run(*given, "-o", out, "--different-images")
    assert status == 0, said
    both = load(out)
    assert len(both) == 480
    assert both.images[0] == "a/0.png"
    status, said = run("datasets", "join", f"a={labels}", f"a={labels}", "-o", out)
    assert status == 2
    assert "each name once" in said
    status, said = run("datasets", "join", f"a={labels}", "-o", out, "--findings", "opacity")
    assert status == 0, said
    wide = load(out)
    assert wide.findings == ("opacity",)
    assert set(np.unique(wide.states)) == {State.PRESENT, State.UNMENTIONED}
    assert "opacity is one-sided: it is absent on no image" in said


@pytest.mark.parametrize(
    ("out", "message"),
    [("labels.csv", "one of the tables"), ("no/x.csv", "no folder"), ("x.txt", "saved as .csv")],
)
def test_a_place_where_no_table_can_be_written(run, labels: Path, out: str, message: str) -> None:
    before = labels.read_bytes()
    for command in (("subset", labels), ("datasets", "join", f"a={labels}")):
        status, said = run(*command, "-o", labels.parent / out)
        assert status == 2
        assert message in " ".join(said.split())
    assert labels.read_bytes() == before


def test_names_from_data_are_shown_as_they_are(run, tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(4)]
    table = LabelTable(
        images=names,  # type: ignore[arg-type]
        findings=("mass",),
        states=np.zeros((4, 1), np.uint8),
        patients=names,  # type: ignore[arg-type]
        columns={"ward": ["[red]x", "../y", "[red]x", ""]},  # type: ignore[dict-item]
    )
    save(table, tmp_path / "labels.csv")
    status, said = run(
        "split", tmp_path / "labels.csv", "-o", tmp_path / "out", "--leave-out", "ward"
    )
    assert status == 0, said
    assert "[red]x" in said
    assert "1 images are in no part: 1 have no ward." in said
    assert "each image is its own patient" in said
    found = {p.parent.name: json.loads(p.read_text()) for p in tmp_path.glob("out/*/split.json")}
    assert {name: facts["options"]["value"] for name, facts in found.items()} == {
        "_red_x": "[red]x", "_y": "../y"
    }  # fmt: skip


def test_many_folds_are_shown_in_short(run, labels: Path) -> None:
    status, said = run("split", labels, "-o", labels.parent / "out", "--folds", 12)
    assert status == 0, said
    assert "12 parts" in said
    assert "median" in said
    assert "fold 3" not in said


def test_near_duplicates_are_kept_together_or_refused(run, tmp_path: Path) -> None:
    names = []
    for seed in range(5):
        pixels = draw_chest(np.random.default_rng(seed), size=(300, 280)).pixels
        for name, part in ((f"{seed}.png", pixels), (f"{seed}-crop.png", pixels[15:, 10:])):
            cv2.imwrite(str(tmp_path / name), np.rint(255 * part))
            names.append(name)
    table = LabelTable(
        images=[*names, "none.png"],  # type: ignore[arg-type]
        findings=("mass",),
        states=np.zeros((11, 1), np.uint8),
        patients=[*names, "nobody"],  # type: ignore[arg-type]
        columns={"part": ["train", "test"] * 5 + ["test"]},  # type: ignore[dict-item]
    )
    save(table, tmp_path / "labels.csv")
    given = ("split", tmp_path / "labels.csv", "--images", tmp_path)
    status, said = run(*given, "-o", tmp_path / "a", "--column", "part")
    assert status == 2
    assert "5 pairs of near-duplicate pictures stand in two parts" in said
    assert len((tmp_path / "a" / "duplicates.csv").read_text().splitlines()) == 6
    assert not (tmp_path / "a" / "split.json").exists()
    status, said = run(*given, "-o", tmp_path / "b", "--parts", "x=1,y=1")
    assert status == 1, said
    assert "1 images were not compared" in said
    assert "5 pairs of near-duplicate pictures, 5 of them between two patients" in said
    assert "Not compared: 1 of 11 images: none.png: no file" in said
    facts = json.loads((tmp_path / "b" / "split.json").read_text())
    assert facts["duplicates"] == {
        "treated": "kept together", "compared": 10, "not_compared": 1
    }  # fmt: skip
