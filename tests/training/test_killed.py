"""A run that is killed at any moment goes on to the same end as one that never was."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.training.recipe import load_recipe  # noqa: E402
from hilum.training.run import train  # noqa: E402

pytestmark = [
    pytest.mark.train,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL"),
]

DYING = """
import os, signal, sys
from pathlib import Path

name, number, after = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "after"
replace, fsync = Path.replace, os.fsync

def die(path):
    global number
    number -= Path(path).name == name
    if number == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def replaced(self, target):
    if not after:
        die(target)
    found = replace(self, target)
    if after:
        die(target)
    return found

def synced(file):
    if not isinstance(file, int):
        file = file.fileno()
    if name.endswith("jsonl"):
        die(os.readlink(f"/proc/self/fd/{file}"))
    return fsync(file)

Path.replace, os.fsync = replaced, synced
from hilum.cli import main
main(sys.argv[4:])
"""
"""The command, killed as it puts the n-th file of a name into its place, or right after."""


def command(*more: str | Path) -> list[str]:
    return [str(one) for one in ("train", *more)]


def run(arguments: list[str], *, before: tuple[str, ...] = ("-m", "hilum")) -> int:
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *before, *arguments],
        env=alone,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(done.stdout + done.stderr)
    return done.returncode


def same(one: Path, other: Path) -> None:
    """The graph to the byte, the card but for its date, every weight and every line."""
    graphs = [folder / "tiny" / "model.onnx" for folder in (one, other)]
    assert graphs[0].read_bytes() == graphs[1].read_bytes()
    cards = [json.loads((folder / "tiny" / "card.json").read_text()) for folder in (one, other)]
    for card in cards:
        card.pop("created", None)
    assert cards[0] == cards[1]
    states = sorted(path.relative_to(one) for path in one.rglob("*.ckpt"))
    assert states == sorted(path.relative_to(other) for path in other.rglob("*.ckpt"))
    for name in states:
        a, b = (torch.load(folder / name, weights_only=True) for folder in (one, other))
        weights = "state_dict" if "state_dict" in a else "network"
        for key, value in a[weights].items():
            assert torch.equal(value, b[weights][key]), (name, key)
    timed = ("seconds", "memory_mb", "images_per_s")
    for path in one.rglob("epochs.jsonl"):
        lines = [
            [
                {key: value for key, value in json.loads(line).items() if key not in timed}
                for line in (folder / path.relative_to(one)).read_text().splitlines()
            ]
            for folder in (one, other)
        ]
        assert lines[0] == lines[1]
    held = [folder / "out-of-fold.npz" for folder in (one, other)]
    if held[0].exists():
        with np.load(held[0]) as a, np.load(held[1]) as b:
            assert all(np.array_equal(a[key], b[key]) for key in a.files)


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text.replace("average = 0.5", "average = 0.5\nkeep_every = 2"), "utf-8")
    return path


def test_killed_at_a_checkpoint(tmp_path: Path, collection: Path, recipe_text: str) -> None:
    text = recipe_text.replace("folds = 3", "folds = 0").replace("epochs = 4", "epochs = 2")
    recipe = written(tmp_path, text)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    again = command(recipe, "--data", collection, "-o", broken)
    # The fourth is that of the epoch's end, whose line is in the journal by then.
    assert run(again, before=("-c", DYING, "last.ckpt", "4", "before")) == -signal.SIGKILL
    assert (broken / "final" / "last.partial").exists()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for folder in (broken, whole):
            train(load_recipe(recipe), data=collection, weights=Path(), out=folder)
    finally:
        torch.set_num_threads(threads)
    same(whole, broken)


@pytest.mark.slow
@pytest.mark.parametrize("remembered", [False, True], ids=["images", "remembered"])
def test_killed_as_each_kind_of_file_is_written(
    tmp_path: Path, collection: Path, recipe_text: str, frozen_recipe_text: str, remembered: bool
) -> None:
    text = frozen_recipe_text if remembered else recipe_text
    text = text.replace("epochs = 12", "epochs = 2").replace("epochs = 4", "epochs = 2")
    recipe = written(tmp_path, text)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run(command(recipe, "--data", collection, "-o", whole)) == 0
    again = command(recipe, "--data", collection, "-o", broken)
    moments = [
        ("recipe.json", 1, "before"),
        ("index.npy", 1, "before"),
        ("pack.json", 1, "after"),
        ("data.json", 1, "before"),
        *([("views.npy", 1, "before"), ("views.npy", 1, "after")] if remembered else []),
        ("last.ckpt", 1, "before"),
        ("epochs.jsonl", 1, "before"),
        ("best.ckpt", 1, "after"),
        ("last.ckpt", 5, "after"),
        ("held-out.npz", 1, "before"),
        ("held-out.npz", 1, "after"),
        ("epochs.jsonl", 4, "before"),
        ("run.html", 1, "before"),
    ]
    killed = [
        moment
        for moment in moments
        if run(again, before=("-c", DYING, *map(str, moment))) == -signal.SIGKILL
    ]
    assert len(killed) >= 8, killed
    if not (broken / "tiny").exists():
        assert run(again) == 0
    same(whole, broken)


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path, collection: Path, recipe_text: str) -> None:
    recipe = written(tmp_path, recipe_text.replace("epochs = 4", "epochs = 2"))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run(command(recipe, "--data", collection, "-o", whole)) == 0
    rng = random.Random(0)
    again = [sys.executable, "-m", "hilum", *command(recipe, "--data", collection, "-o", broken)]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    claim, kills, code = broken / "recipe.json", 0, None
    while code is None:
        before = claim.stat().st_mtime_ns if claim.exists() else 0
        with subprocess.Popen(
            again, env=alone, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            # The run begins, once imports are done, by writing this file anew.
            while kills < 10 and not (claim.exists() and claim.stat().st_mtime_ns != before):
                time.sleep(0.01)
            try:
                code = process.wait(rng.uniform(0.1, 3.0) if kills < 10 else None)
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
    assert code == 0
    assert kills >= 3
    same(whole, broken)
