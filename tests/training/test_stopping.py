"""The command is stopped, moved, given damaged pictures; and goes on."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RunError  # noqa: E402
from hilum.training.recipe import load_recipe  # noqa: E402
from hilum.training.run import train  # noqa: E402
from tests.training.conftest import finished, started  # noqa: E402

pytestmark = [
    pytest.mark.train,
    pytest.mark.skipif(sys.platform == "win32", reason="signals as Unix has them"),
]


def written(folder: Path, text: str, *, epochs: int = 2) -> Path:
    path = folder / "recipe.toml"
    text = text.replace("folds = 3", "folds = 0").replace("epochs = 4", f"epochs = {epochs}")
    path.write_text(text, "utf-8")
    return path


def start(recipe: Path, data: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    return started("-m", "hilum", "train", recipe, "--data", data, "-o", out, *more)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGINT, "Asked to stop by Ctrl-C."),
        (signal.SIGTERM, "Asked to stop by a signal."),
        (None, "The time limit is reached."),
    ],
)
def test_the_command_stops_with_75_and_goes_on_elsewhere(
    tmp_path: Path, collection: Path, recipe_text: str, number: int | None, words: str
) -> None:
    recipe = written(tmp_path, recipe_text, epochs=12)
    first, second = tmp_path / "first", tmp_path / "moved" / "second"
    running = start(recipe, collection, first, *([] if number else ["--time-limit", "1s"]))
    if number:
        while not (first / "final" / "last.ckpt").exists() and running.poll() is None:
            time.sleep(0.02)
        running.send_signal(number)
    done = finished(running)
    assert done.returncode == 75, done.stdout + done.stderr
    assert words in done.stdout
    assert "the same command goes on from step" in " ".join(done.stdout.split())
    second.parent.mkdir()
    shutil.move(first, second)
    for path in second.rglob("*"):  # no file knows where the run lay
        if path.is_file():
            assert str(first).encode() not in path.read_bytes(), path.name
    train(load_recipe(recipe), data=collection, weights=Path(), out=second)
    lines = (second / "final" / "epochs.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, 13))


def damage(out: Path, rows: range) -> None:
    """Flip a byte of some pictures of the run's pack."""
    shard = next((out / "images").glob("shard-*"))
    data = bytearray(shard.read_bytes())
    for row in rows:
        data[row * 64 * 64 + 17] ^= 0xFF
    shard.write_bytes(data)


def stopped_after(steps: int):
    def stop() -> str:
        nonlocal steps
        steps -= 1
        return "Enough." if steps == 0 else ""

    return stop


def test_pictures_damaged_in_mid_run_are_left_out_and_counted(
    tmp_path: Path, collection: Path, recipe_text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe = load_recipe(written(tmp_path, recipe_text, epochs=3))
    out = tmp_path / "run"
    fired = stopped_after(3)

    def harm() -> str:
        if fired():
            damage(out, range(6, 9))
        return ""

    bundle = train(recipe, data=collection, weights=tmp_path, out=out, stop=harm)
    assert bundle.card.keys == ("mass", "nodule")
    lines = (out / "final" / "epochs.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["failed_images"] == 3
    assert "3 pictures could not be read" in " ".join(capfd.readouterr().err.split())


def test_a_run_ends_when_most_pictures_are_damaged(
    tmp_path: Path, collection: Path, recipe_text: str
) -> None:
    recipe = load_recipe(written(tmp_path, recipe_text, epochs=6))
    out = tmp_path / "run"
    fired = stopped_after(6)

    def harm() -> str:
        if fired():
            damage(out, range(50))
        return ""

    with pytest.raises(RunError, match=r"\d+ of the first \d+ pictures of .* cannot be read"):
        train(recipe, data=collection, weights=tmp_path, out=out, stop=harm)
