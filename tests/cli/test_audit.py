"""``hilum audit`` from the command line."""

import json

import cv2
import numpy as np
import pytest

from hilum.datasets.table import save
from tests.audit.drawn import table_of

pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'hilum[analyse]'")

N = 48
HAS = np.arange(N) % 2


@pytest.fixture
def labels(tmp_path):
    table = table_of(
        {"effusion": HAS, "covid_19": [3] * N},
        source=["a", "a", "b", "b"] * (N // 4),
        split=["train"] * 24 + ["test"] * 24,
    )
    save(table, tmp_path / "labels.csv")
    return tmp_path / "labels.csv"


def said(tmp_path, values, name="said.csv"):
    lines = [f"image-{i}.png,{v:.6f}" for i, v in enumerate(values)]
    (tmp_path / name).write_text("\n".join(["image,effusion", *lines]) + "\n")
    return tmp_path / name


def test_a_label_table_alone(hilum, labels, tmp_path):
    done = hilum("audit", "--labels", labels, "-o", tmp_path / "out", "--samples", 100)
    assert done.status == 0, done.err
    assert "PASSES    Do patients stand in training and testing alike?" in done.out
    assert "NOT ASKED What does the border" in done.out
    assert (tmp_path / "out" / "index.html").is_file()


def test_predictions_and_an_earlier_version(hilum, labels, tmp_path):
    rng = np.random.default_rng(0)
    new = np.clip(HAS * 0.4 + rng.random(N) * 0.6, 0, 1)
    done = hilum("audit", said(tmp_path, new), "--labels", labels, "-o", tmp_path / "out",
                 "--earlier", said(tmp_path, new, "old.csv"), "--samples", 100, "--seeds", 1,
                 "--test", "test")  # fmt: skip
    assert done.status == 0, done.out
    held = json.loads((tmp_path / "out" / "audit.json").read_text("utf-8"))
    assert held["images"] == 24
    codes = {v["code"]: v for v in held["verdicts"]}
    assert codes["drift"]["outcome"] == "not asked"  # a CSV has no thresholds
    assert codes["near-constant"]["outcome"] == "passes"
    same = said(tmp_path, np.full(N, 0.25))
    done = hilum("audit", same, "--labels", labels, "-o", tmp_path / "out", "--samples", 100)
    assert done.status == 1
    assert "FAILS     Do outputs differ between images?" in done.out


def test_a_bundle_looks_at_pictures(hilum, labels, tmp_path, tiny_bundle):
    place = tmp_path / "pictures"
    place.mkdir()
    for i in range(N):
        grain = np.random.default_rng(i).random((9, 8), np.float32)
        pixels = cv2.resize(grain, (64, 72), interpolation=cv2.INTER_CUBIC).clip(0, 1)
        cv2.imwrite(str(place / f"image-{i}.png"), np.rint(255 * pixels).astype("u1"))
    arguments = ("--labels", labels, "--data", place, "--bundle", tiny_bundle.location,
                 "--samples", 100, "--seeds", 1, "--workers", 2)  # fmt: skip
    done = hilum("audit", *arguments, "-o", tmp_path / "out", "--earlier", tiny_bundle.location)
    assert done.status in (0, 1), done.err
    held = json.loads((tmp_path / "out" / "audit.json").read_text("utf-8"))
    codes = {v["code"]: v for v in held["verdicts"]}
    assert held["model"] == "tiny 1.2.3"
    assert codes["drift"]["number"]["value"] == 0.0
    assert codes["source-in-features"]["outcome"] != "not asked"
    assert codes["border-alone"]["outcome"] in ("passes", "warns", "fails", "not asked")
    done = hilum("audit", *arguments, "-o", tmp_path / "probe", "--probe", "--sample", 30)
    held = json.loads((tmp_path / "probe" / "audit.json").read_text("utf-8"))
    assert "a probe on the features of tiny 1.2.3" in held["model"]
    assert held["images"] <= 30


def test_what_cannot_be_asked_is_told(hilum, labels, tmp_path):
    out = ("-o", tmp_path / "out")
    for arguments, words in (
        (("--labels", tmp_path / "none.csv"), "none.csv"),
        (("--labels", labels, "--bundle", "chest14"), "--data"),
        (("--labels", labels, "--where", "source=c"), "No row of the table has source = c"),
        (("--labels", labels, "--where", "source"), "COLUMN=VALUE"),
        (("--labels", labels, "--test", "tune"), "'tune'"),
        (("--labels", labels, "--finding", "efusion"), "Effusion"),
        (("--labels", labels, "--finding", "mass"), "no labels of 'mass'"),
        (("--labels", tmp_path), "--columns"),
        (("--labels", labels, "--source", "raod"), "no column 'raod'; it has ['source', 'split']"),
        (("--labels", labels, "--seed", "-1"), "--seed"),
    ):
        done = hilum("audit", *arguments, *out)
        assert done.status == 2, arguments
        assert words in done.err
        assert not (tmp_path / "out" / "index.html").exists()


def test_what_predictions_lack_or_have_besides_is_told(hilum, labels, tmp_path):
    rng = np.random.default_rng(1)
    file = said(tmp_path, np.clip(HAS * 0.4 + rng.random(N) * 0.6, 0, 1))
    file.write_text(file.read_text("utf-8") + "other-1.png,0.5\nother-2.png,0.5\n", "utf-8")
    out = ("--labels", labels, "-o", tmp_path / "out", "--samples", 100)
    done = hilum("audit", file, *out)
    assert "2 images of said.csv are not among the rows" in done.out
    assert "'other-1.png', 'other-2.png'" in done.out
    done = hilum("audit", file, *out, "--test", "tune")
    assert done.status == 2


def test_the_part_that_is_judged_is_the_one_that_must_share_nothing(hilum, tmp_path):
    table = table_of(
        {"effusion": HAS}, [f"p{i % 24}" for i in range(N)],
        split=["train"] * 24 + ["tune"] * 24,
    )  # fmt: skip
    save(table, tmp_path / "labels.csv")
    out = ("--labels", tmp_path / "labels.csv", "-o", tmp_path / "out", "--samples", 100)
    done = hilum("audit", *out)
    assert "NOT ASKED Do patients stand" in done.out
    done = hilum("audit", *out, "--test", "tune")
    assert done.status == 1
    assert "24 patients with 24 of 24 test images" in done.out


def test_an_earlier_version_may_be_what_hilum_read(hilum, labels, tmp_path):
    read = tmp_path / "read"
    read.mkdir()
    old = np.tile([0.2, 0.9], N // 2)
    rows = [f"image-{i}.png,effusion,{p},0.5" for i, p in enumerate(old)]
    header = "image,finding,probability,operating_point"
    (read / "findings.csv").write_text("\n".join([header, *rows]) + "\n")
    new = np.where(np.arange(N) < 12, 0.9, old)
    arguments = (said(tmp_path, new), "--labels", labels, "--samples", 100)
    done = hilum("audit", *arguments, "-o", tmp_path / "out", "--earlier", read)
    held = json.loads((tmp_path / "out" / "audit.json").read_text("utf-8"))
    [drift] = [v for v in held["verdicts"] if v["code"] == "drift"]
    assert drift["number"]["value"] == 6 / N, done.err
    assert "6 to present and 0 to absent" in drift["words"]


def test_anyones_csv_is_the_one_that_was_named(hilum, tmp_path):
    """A column map names a table; the file that was given is read, not its neighbour."""
    rows = [f"{i}.png,p{i},{'effusion' if i % 2 else ''},{'ab'[i // 2 % 2]}" for i in range(48)]
    (tmp_path / "mine.csv").write_text("\n".join(["file,who,says,road", *rows]) + "\n")
    (tmp_path / "map.toml").write_text(
        'table = "theirs.csv"\nimage = "file"\npatient = "who"\nlabels = "says"\n'
        '[columns]\nroad = "road"\n'
    )
    done = hilum("audit", "--labels", tmp_path / "mine.csv", "--columns", tmp_path / "map.toml",
                 "-o", tmp_path / "out", "--samples", 100, "--source", "road")  # fmt: skip
    assert done.status == 0, done.err
    assert json.loads((tmp_path / "out" / "audit.json").read_text("utf-8"))["images"] == 48
