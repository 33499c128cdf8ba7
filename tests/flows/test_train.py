"""From folders to a bundle by the command line, and what is said where that cannot be."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.cli import main
from hilum.phantoms import draw_chest

pytestmark = pytest.mark.train

SIDE = 128
CLASSES = {"NORMAL": 18, "PNEUMONIA": 18}
"""Class folder → chests in it."""

RECIPE = """
folds = 3

[bundle]
name = "mine"

[model]
backbone = "test_resnet"
{model}

[input]
size = [64, 64]

[optimiser]
name = "adamw"
lr = 1e-3

[fit]
epochs = 8
batch = 8
average = 0.0
precision = "float32"
{fit}

[watch]
stop = [{stop}]
"""


def recipe(model: str = "", fit: str = "", stop: str = "") -> str:
    return RECIPE.format(model=model, fit=fit, stop=stop)


@pytest.fixture(scope="module")
def chests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder a class of drawn chests, those of PNEUMONIA with a white patch, and one more."""
    folder = tmp_path_factory.mktemp("chests")
    rng = np.random.default_rng(0)
    for name, count in CLASSES.items():
        (folder / "data" / name).mkdir(parents=True)
        for at in range(count):
            grey = (draw_chest(rng, size=(SIDE, SIDE)).pixels * 220).astype(np.uint8)
            if name == "PNEUMONIA":
                grey[40:80, 24:56] = 235
            cv2.imwrite(str(folder / "data" / name / f"{name}-{at}.png"), grey)
    new = (draw_chest(rng, size=(SIDE, SIDE)).pixels * 220).astype(np.uint8)
    cv2.imwrite(str(folder / "new.png"), new)
    return folder


@dataclass(frozen=True)
class Done:
    """What a command came to: its exit status, and all that it said, in one line."""

    status: int
    said: str


@pytest.fixture
def hilum(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Done]:
    """The command line in this process, at ``tmp_path``."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Done(int(end.value.code or 0), words(said.out + said.err))

    return run


def afresh(*arguments: str | Path, at: Path) -> Done:
    """The same in a process of its own, as a user starts it."""
    done = subprocess.run(
        [sys.executable, "-m", "hilum", *map(str, arguments)],
        cwd=at,
        env=os.environ | {"COLUMNS": "200", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return Done(done.returncode, words(done.stdout + done.stderr))


def words(text: str) -> str:
    """What was said, without frames and breaks of lines."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


def test_from_a_folder_a_class_to_readings(
    chests: Path, tmp_path: Path, hilum: Callable[..., Done]
) -> None:
    (tmp_path / "small.toml").write_text(recipe())
    command = ("train", "small.toml", "--data", chests / "data", "-o", "run")
    trained = afresh(*command, at=tmp_path)
    assert trained.status == 0, trained.said
    assert "hilum read RADIOGRAPHS -o out --bundle run/mine" in trained.said
    run = tmp_path / "run"
    for name in ("recipe.json", "data.json", "environment.json", "out-of-fold.npz", "run.html"):
        assert (run / name).is_file(), name
    for network in ("fold-0", "fold-1", "fold-2", "final"):
        lines = (run / network / "epochs.jsonl").read_text().splitlines()
        assert [json.loads(line)["epoch"] for line in lines] == list(range(1, 9))
        assert {"best.ckpt", "last.ckpt"} <= {file.name for file in (run / network).iterdir()}
    parts = json.loads((run / "data.json").read_text())["parts"]
    assert sum(part["images"] for part in parts.values()) == sum(CLASSES.values())
    assert parts["train"]["positives"]["pneumonia"] > 0
    assert hilum("bundles", "verify", run / "mine").status == 0
    read = afresh("read", chests / "new.png", "-o", "out", "--bundle", "run/mine", at=tmp_path)
    assert read.status in (0, 1), read.said  # 1: its gate knows 36 drawn chests only
    told = "".join(path.read_text() for path in (tmp_path / "out").glob("*.csv"))
    assert "new.png" in told
    before = (run / "mine" / "card.json").read_bytes()
    again = hilum(*command)
    assert again.status == 0, again.said
    assert (run / "mine" / "card.json").read_bytes() == before


def test_a_run_that_is_stopped_goes_on(
    chests: Path, tmp_path: Path, hilum: Callable[..., Done]
) -> None:
    (tmp_path / "small.toml").write_text(recipe())
    command = ("train", "small.toml", "--data", chests / "data", "-o", "run")
    stopped = hilum(*command, "--time-limit", "1s")
    assert stopped.status == 75, stopped.said
    assert "the same command goes on" in stopped.said
    assert not (tmp_path / "run" / "mine").exists()
    went_on = hilum(*command)
    assert went_on.status == 0, went_on.said
    assert (tmp_path / "run" / "mine" / "card.json").is_file()


def test_preview_draws_a_picture_and_trains_nothing(
    chests: Path, tmp_path: Path, hilum: Callable[..., Done]
) -> None:
    (tmp_path / "small.toml").write_text(recipe())
    done = hilum("train", "small.toml", "--data", chests / "data", "--preview", "sheet.png")
    assert done.status == 0, done.said
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    assert sheet.std() > 10
    assert {path.name for path in tmp_path.iterdir()} == {"small.toml", "sheet.png"}


def test_find_rate_says_what_it_found_and_trains_nothing(
    chests: Path, tmp_path: Path, hilum: Callable[..., Done]
) -> None:
    (tmp_path / "small.toml").write_text(recipe())
    done = hilum("train", "small.toml", "--data", chests / "data", "--find-rate")
    assert done.status == 0, done.said
    assert re.search(r"rate loss 1\.0e-07 0\.69", done.said), done.said
    assert re.search(r"Suggested|suggested|No rate", done.said), done.said
    assert {path.name for path in tmp_path.iterdir()} == {"small.toml"}


def test_all_faults_of_a_recipe_at_once(
    chests: Path, tmp_path: Path, hilum: Callable[..., Done]
) -> None:
    wrong = """
    sed = 1
    [data]
    findings = ["pnuemonia"]
    [model]
    backbone = "test_resnet"
    frezee = "layer1"
    [optimiser]
    lr = 1e-3
    [schedule]
    name = "cosin"
    [fit]
    epochs = 0
    """
    (tmp_path / "wrong.toml").write_text(wrong)
    done = hilum("train", "wrong.toml", "--data", chests / "data")
    assert done.status == 2
    said = done.said
    for part in (
        "sed: Unknown key 'sed'; did you mean seed",
        "data.findings: Unknown finding 'pnuemonia'; did you mean pneumonia",
        "model.frezee: Unknown key 'frezee'; did you mean freeze",
        "optimiser: say which with name; known: adam, adamw, sgd",
        "schedule: Unknown name 'cosin'; did you mean cosine",
        "fit.epochs:",
    ):
        assert part in said, said
    assert not (tmp_path / "runs").exists()


TABLE = """
folds = 0
[data]
table = "labels.csv"
image = "file"
patient = "file"
labels = "labels"
findings = ["pneumonia"]
split = "part"
[model]
backbone = "test_resnet"
[input]
size = [64, 64]
"""

REFUSED = {
    "training rows without positives": (TABLE, ("train", "tune"), "always-zero: .*pneumonia"),
    "no row to tune on": (TABLE, ("train", "train"), "tune"),
    "a cut where there is none": (recipe(model='cut = "layer9"'), None, "'layer9'.*layer4"),
    "frozen up to nothing": (recipe(model='freeze = "fc"'), None, "'fc'.*layer"),
    "an unknown backbone": (
        recipe().replace("test_resnet", "resnet-50"), None, "'resnet-50'.*resnet50"
    ),
    "an unknown metric": (recipe(fit='best = "aurok"'), None, "did you mean auroc"),
    "memory of what is not frozen": (recipe(fit="views = 3"), None, "needs model.freeze"),
}  # fmt: skip
"""What → recipe, part of the normal and of the ill rows of its table, what is said."""


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_refused_before_anything_is_learnt(
    chests: Path, tmp_path: Path, hilum: Callable[..., Done], what: str
) -> None:
    text, parts, message = REFUSED[what]
    (tmp_path / "r.toml").write_text(text)
    if parts:
        write_table(chests / "data", tmp_path / "data", *parts)
    data = tmp_path / "data" if parts else chests / "data"
    done = hilum("train", "r.toml", "--data", data, "-o", "run")
    assert done.status == 2, done.said
    assert re.search(message, done.said), done.said
    assert not list(tmp_path.rglob("*.ckpt"))


def write_table(source: Path, out: Path, normal: str, ill: str) -> None:
    """A table of the chests in which a class is in one part."""
    out.mkdir()
    with (out / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "labels", "part"])
        for path in sorted(source.rglob("*.png")):
            said = ("Pneumonia", ill) if path.parent.name == "PNEUMONIA" else ("No Finding", normal)
            table.writerow([path.name, *said])
            (out / path.name).symlink_to(path)
