"""Several processes learn one network, as torchrun and SLURM start them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RunError  # noqa: E402
from hilum.training.machine import _processes, first_to_tell, is_first  # noqa: E402
from hilum.training.recipe import load_recipe  # noqa: E402
from hilum.training.run import train  # noqa: E402
from tests.training.conftest import finished, started  # noqa: E402

pytestmark = pytest.mark.train

TWO = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
CLOSE = 1e-4
HILUM = ("-m", "hilum", "train")

unix = pytest.mark.skipif(sys.platform == "win32", reason="groups of processes as Unix has them")


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({}, (1, 1)),
        ({"WORLD_SIZE": "16", "LOCAL_WORLD_SIZE": "8"}, (16, 8)),
        ({"SLURM_NTASKS": "16", "SLURM_NNODES": "2", "SLURM_STEP_ID": "0"}, (16, 8)),
        ({"SLURM_NTASKS": "1"}, (1, 1)),
        ({"SLURM_NTASKS": "4", "SLURM_JOB_NAME": "interactive"}, (1, 1)),
    ],
)
def test_processes_are_those_that_were_started(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, str], wanted: tuple[int, int]
) -> None:
    for name in list(os.environ):
        if name.startswith("SLURM_") or name.endswith("WORLD_SIZE"):
            monkeypatch.delenv(name)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert _processes() == wanted


def test_tasks_that_srun_did_not_start_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.delenv("SLURM_STEP_ID", raising=False)
    monkeypatch.setenv("SLURM_NTASKS", "4")
    with pytest.raises(RunError, match=r"4 tasks for this job.*srun hilum train"):
        _processes()


def test_a_process_by_itself_speaks() -> None:
    assert first_to_tell()
    assert is_first()


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return finished(started(*arguments))


def by_itself(recipe: Path, data: Path, out: Path) -> None:
    """The run of one process, on one thread as the others."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        train(load_recipe(recipe), data=data, weights=Path(), out=out)
    finally:
        torch.set_num_threads(threads)


def written(folder: Path, text: str, *, epochs: int, optimiser: str = "sgd") -> Path:
    path = folder / f"recipe-{epochs}.toml"
    text = text.replace("folds = 3", "folds = 0").replace("epochs = 4", f"epochs = {epochs}")
    text = text.replace('batch_norm = "train"', 'batch_norm = "train"\nnormalisation = "group"')
    text = text.replace("[gate]", "[watch]\nstop = []\n[gate]")  # so few steps teach little
    text = text.replace("average = 0.5", 'average = 0.5\nprecision = "float32"')
    if optimiser == "sgd":
        text = text.replace('name = "adamw"\nlr = 1e-3', 'name = "sgd"\nlr = 1e-2')
    path.write_text(text, "utf-8")
    return path


def weights(out: Path) -> dict:
    return torch.load(out / "final" / "last.ckpt", weights_only=True)["network"]


def apart(one: Path, two: Path) -> float:
    """The largest difference of any weight of two runs."""
    other = weights(two)
    return max(float((other[name] - value).abs().max()) for name, value in weights(one).items())


@pytest.mark.slow
@unix
@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_two_processes_learn_what_one_learns(
    tmp_path: Path, collection: Path, recipe_text: str, name: str
) -> None:
    recipe = written(tmp_path, recipe_text, epochs=2, optimiser=name)
    one, two = tmp_path / "one", tmp_path / "two"
    by_itself(recipe, collection, one)
    done = run(*TWO, *HILUM, recipe, "--data", collection, "-o", two)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert told.count("epoch 2 of 2") == 1
    assert told.count("Bundle:") == 1
    assert set(weights(one)) == set(weights(two))
    assert apart(one, two) < CLOSE
    files = [sorted(p.name for p in (out / "final").iterdir()) for out in (one, two)]
    assert files[0] == files[1]


@pytest.mark.slow
@unix
def test_an_error_in_one_process_ends_all_with_one_message(
    tmp_path: Path, collection: Path, recipe_text: str
) -> None:
    recipe = written(tmp_path, recipe_text, epochs=2)
    script = tmp_path / "failing.py"
    script.write_text(
        "import os, sys\n"
        "from hilum.training import loop\n"
        "from hilum.errors import RunError\n"
        "def learn(self, batch):\n"
        "    raise RunError('The second process fails.')\n"
        "if os.environ['RANK'] == '1':\n"
        "    loop._Learning._learn = learn\n"
        "from hilum.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    done = run(*TWO, script, "train", recipe, "--data", collection, "-o", tmp_path / "run")
    assert done.returncode != 0
    told = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert told == ["Error: The second process fails."], done.stderr
    assert "Hilum failed" not in done.stderr


@pytest.mark.slow
@unix
def test_a_run_of_two_processes_goes_on_with_one(
    tmp_path: Path, collection: Path, recipe_text: str
) -> None:
    recipe = written(tmp_path, recipe_text, epochs=2)
    one, two = tmp_path / "one", tmp_path / "two"
    by_itself(recipe, collection, one)
    script = tmp_path / "stopping.py"
    script.write_text(
        "import sys\n"
        "from hilum.cli import main, train\n"
        "asked = 0\n"
        "def stop(self):\n"
        "    global asked\n"
        "    asked += 1\n"
        "    return 'Enough.' if asked == 8 else ''\n"
        "train.Stopping.__call__ = stop\n"
        "main(sys.argv[1:])\n"
    )
    done = run(*TWO, script, "train", recipe, "--data", collection, "-o", two)
    assert done.stdout.count("Enough. All is kept") == 1, done.stdout + done.stderr
    assert done.returncode == 1  # torchrun's own, whatever that of its processes
    assert "goes on from step 8" in " ".join(done.stdout.split())
    by_itself(recipe, collection, two)
    assert apart(one, two) < CLOSE
