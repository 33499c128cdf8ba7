"""What memory is free, and what learning takes."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from torch import nn  # noqa: E402

from hilum.training import memory  # noqa: E402

pytestmark = pytest.mark.train


def group(folder: Path, limit: str, used: int, *, names: tuple[str, str], stat: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(limit)
    (folder / names[1]).write_text(str(used))
    (folder / "memory.stat").write_text(stat)


V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes")
V2 = ("memory.max", "memory.current")


@pytest.mark.parametrize("version", [1, 2])
def test_the_limits_of_control_groups_hold(tmp_path: Path, version: int) -> None:
    said, root = tmp_path / "cgroup", tmp_path / "sys"
    line = "9:cpu:/\n4:memory:/slurm/job_7\n" if version == 1 else "0::/slurm/job_7\n"
    said.write_text(line)
    base, names = (root / "memory", V1) if version == 1 else (root, V2)
    prefix = "total_" if version == 1 else ""
    stat = f"{prefix}inactive_file 300\n{prefix}active_file 100\nanon 5\n"
    group(base / "slurm", "5000", 1000, names=names, stat=stat)
    group(base / "slurm" / "job_7", "2000", 900, names=names, stat=stat)
    assert memory._left_in_groups(said, root) == [2000 - 900 + 400, 5000 - 1000 + 400]
    (base / "slurm" / "job_7" / names[0]).write_text("max")
    assert memory._left_in_groups(said, root) == [4400]
    assert memory._left_in_groups(tmp_path / "none", root) == []


def test_free_memory_is_shared_by_the_processes_of_a_computer() -> None:
    here = torch.device("cpu")
    assert memory.free_bytes(here) > 0
    assert memory.room_bytes(here, limit_gb=2.0, processes=4) == 2 * 10**9
    whole, quarter = (memory.room_bytes(here, limit_gb=0, processes=n) for n in (1, 4))
    assert quarter == pytest.approx(whole / 4, rel=0.2)


def test_what_is_kept_for_the_backward_pass_is_counted_once() -> None:
    linear = nn.Linear(100, 50, bias=False)
    image = torch.rand(8, 100)
    kept = memory.saved_bytes(lambda: linear(image).relu().sum(), list(linear.parameters()))
    assert kept == 8 * 100 * 4 + 8 * 50 * 4  # the input, and what relu gives; no weights


@pytest.mark.parametrize(("batch", "fits", "part"), [(32, 40, 32), (32, 31, 16), (9, 4, 3)])
def test_parts_are_halves_of_halves(batch: int, fits: int, part: int) -> None:
    assert memory.Need(10, 7).largest(batch, 7 + 10 * fits) == part


def test_frozen_networks_take_what_passes_through_them() -> None:
    net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                        nn.Linear(16, 2))  # fmt: skip
    net[0].requires_grad_(False)
    need = memory.needed(net, lambda n: net(torch.rand(n, 1, 64, 64)).sum())
    assert need.image_bytes >= 2 * 16 * 64 * 64 * 4
    assert need.fixed_bytes >= 3 * (16 * 2 + 2) * 4
