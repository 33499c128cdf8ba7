"""A run that is killed at any moment goes on to the same end as one that never was."""

from __future__ import annotations

import json
import random
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.training.recipe import load_recipe  # noqa: E402
from hilum.training.run import train  # noqa: E402
from tests.training.conftest import finished, started  # noqa: E402

pytestmark = [
    pytest.mark.train,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL"),
]

DYING = """
import json, os, random, signal, sys, time
from pathlib import Path
import hilum.report.run.terminal, hilum.training.run, hilum.training.trying
from hilum.cli import main

replace, fsync = Path.replace, os.fsync
attempts, command = json.loads(sys.argv[1]), sys.argv[2:]

def harm(name, number, when):
    def due(path):
        nonlocal number
        number -= Path(path).name == name
        return number == 0

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def replaced(self, target):
        now = due(target)
        if now and when == "during":
            os.truncate(self, self.stat().st_size // 2)
        if now and when != "after":
            die()
        found = replace(self, target)
        if now:
            die()
        return found

    def synced(file):
        number = file if isinstance(file, int) else file.fileno()
        if name.endswith("jsonl") and due(os.readlink(f"/proc/self/fd/{number}")):
            if when == "during":
                os.ftruncate(number, os.fstat(number).st_size - 20)
            die()
        return fsync(file)

    Path.replace, os.fsync = replaced, synced

for attempt in attempts:
    began = time.monotonic()
    child = os.fork()
    if not child:
        if isinstance(attempt, list):
            harm(*attempt)
        try:
            main(command)
        except SystemExit as end:  # threads that the parent has cannot be joined here
            sys.stdout.flush()
            os._exit(end.code or 0)
    if isinstance(attempt, float):
        time.sleep(attempt)
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print("ended", code, time.monotonic() - began, flush=True)
    if code != -signal.SIGKILL:
        break
"""
"""The command, again and again in processes that have it imported: killed as it puts the n-th file
of a name into its place, while it does or right after; killed after some seconds; or left alone."""

Attempt = tuple[str, int, str] | float | None


def command(*more: str | Path) -> list[str]:
    return [str(one) for one in ("train", *more)]


def run(arguments: list[str], *attempts: Attempt) -> list[tuple[int, float]]:
    """Exit status and seconds of each attempt; the first that is not killed is the last."""
    done = finished(started("-c", DYING, json.dumps(attempts), *arguments), timeout=240)
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("ended ")]
    assert done.returncode == 0, done.stdout + done.stderr
    found = [(int(code), float(seconds)) for _, code, seconds in lines]
    assert {code for code, _ in found} <= {0, -signal.SIGKILL}, done.stdout + done.stderr
    return found


def same(one: Path, other: Path) -> None:
    """The graph to the byte, the card but for its date, every weight and every line."""
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
    graphs = [folder / "tiny" / "model.onnx" for folder in (one, other)]
    assert graphs[0].read_bytes() == graphs[1].read_bytes()
    cards = [json.loads((folder / "tiny" / "card.json").read_text()) for folder in (one, other)]
    for card in cards:
        card.pop("created", None)
    assert cards[0] == cards[1]


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    text = text.replace("average = 0.5", "average = 0.5\nkeep_every = 2")
    text = text.replace("epochs = 12", "epochs = 2").replace("epochs = 4", "epochs = 2")
    path.write_text(text, "utf-8")
    return path


def test_killed_at_a_checkpoint(tmp_path: Path, collection: Path, recipe_text: str) -> None:
    recipe = written(tmp_path, recipe_text.replace("folds = 3", "folds = 0"))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    again = command(recipe, "--data", collection, "-o", broken)
    # The fourth is that of the epoch's end, whose line is in the journal by then.
    assert run(again, ("last.ckpt", 4, "before"))[0][0] == -signal.SIGKILL
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
    recipe = written(tmp_path, text)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run(command(recipe, "--data", collection, "-o", whole), None)[0][0] == 0
    moments: list[Attempt] = [
        ("recipe.json", 1, "before"),
        ("index.npy", 1, "before"),
        ("pack.json", 1, "after"),
        ("data.json", 1, "before"),
        *([("views.npy", 1, "before"), ("views.npy", 1, "after")] if remembered else []),
        ("last.ckpt", 1, "before"),
        ("last.ckpt", 1, "during"),
        ("epochs.jsonl", 1, "before"),
        ("epochs.jsonl", 1, "during"),
        ("best.ckpt", 1, "during"),
        ("best.ckpt", 1, "after"),
        ("last.ckpt", 5, "after"),
        ("held-out.npz", 1, "during"),
        ("held-out.npz", 1, "after"),
        ("epochs.jsonl", 4, "during"),
        ("run.html", 1, "before"),
    ]
    again = command(recipe, "--data", collection, "-o", broken)
    found = run(again, *moments, None)
    assert len(found) == len(moments) + 1, found  # not one was without effect
    same(whole, broken)


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path: Path, collection: Path, recipe_text: str) -> None:
    recipe = written(tmp_path, recipe_text)
    whole = tmp_path / "whole"
    [(code, seconds)] = run(command(recipe, "--data", collection, "-o", whole), None)
    assert code == 0
    kills = 0
    for at in range(2):
        rng = random.Random(at)
        broken = tmp_path / f"broken-{at}"
        moments = [rng.uniform(0.02, 0.4) * seconds for _ in range(12)]
        found = run(command(recipe, "--data", collection, "-o", broken), *moments, None)
        assert found[-1][0] == 0
        kills += len(found) - 1
        same(whole, broken)
    assert kills >= 4
