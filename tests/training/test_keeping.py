"""Checkpoints: whole or not there, numbers or refused."""

from __future__ import annotations

import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RunError  # noqa: E402
from hilum.training.keeping import keep, kept  # noqa: E402

pytestmark = pytest.mark.train

STATE = {"step": 7, "best": None, "failed": [3], "network": {"w": torch.arange(4096.0)}}


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "last.ckpt"
    keep(STATE, file)
    found = kept(file)
    assert torch.equal(found["network"]["w"], STATE["network"]["w"])
    assert found["failed"] == [3]
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


class Harmful:
    """A pickle that writes a file when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return exec, (f"open({str(self.mark)!r}, 'w').close()",)


@pytest.mark.parametrize("way", ["torch.save", "torch.save, old format", "pickle"])
def test_a_checkpoint_with_code_in_it_is_refused_and_not_run(tmp_path: Path, way: str) -> None:
    file, mark = tmp_path / "last.ckpt", tmp_path / "run"
    state = STATE | {"watch": Harmful(mark)}
    if way == "pickle":
        file.write_bytes(pickle.dumps(state))
    else:
        torch.save(state, file, _use_new_zipfile_serialization=way == "torch.save")
    with pytest.raises(RunError, match=r"damaged, or holds more than numbers, and is not read"):
        kept(file)
    assert not mark.exists()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_a_cut_checkpoint_is_refused(tmp_path: Path, share: float) -> None:
    file = tmp_path / "last.ckpt"
    keep(STATE, file)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(RunError, match="damaged"):
        kept(file)


def test_a_flipped_byte_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "last.ckpt"
    keep(STATE, file)
    whole = file.read_bytes()
    middle = whole.index(torch.arange(4096.0).numpy().tobytes()) + 4000
    for at in (middle, len(whole) // 3, len(whole) - 30):
        data = bytearray(whole)
        data[at] ^= 0xFF
        file.write_bytes(data)
        with pytest.raises(RunError, match="damaged"):
            kept(file)


def test_weights_kept_on_a_gpu_come_to_the_processor(tmp_path: Path) -> None:
    file = tmp_path / "last.ckpt"
    keep(STATE, file)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    here, there = b"\x03\x00\x00\x00cpu", b"\x06\x00\x00\x00cuda:1"
    assert any(here in data for data in parts.values())
    with zipfile.ZipFile(file, "w") as archive:  # as a GPU would have marked its tensors
        for name, data in parts.items():
            archive.writestr(name, data.replace(here, there))
    found = kept(file)["network"]["w"]
    assert found.device.type == "cpu"
    assert torch.equal(found, STATE["network"]["w"])


FULL = """
import resource, signal, sys
from pathlib import Path
import torch
from hilum.errors import RunError
from hilum.training.keeping import keep, kept
file = Path(sys.argv[1])
keep({"step": 1, "w": torch.zeros(1000)}, file)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    keep({"step": 2, "w": torch.zeros(100_000)}, file)
except RunError as error:
    print(error)
assert kept(file)["step"] == 1
assert [path.name for path in file.parent.iterdir()] == [file.name]
keep({"step": 3, "w": torch.zeros(1000)}, file)
assert kept(file)["step"] == 3
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a file's size")
def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path / "last.ckpt"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "last.ckpt cannot be written: File too large" in done.stdout
    assert "make room, and the same command goes on from there" in done.stdout
