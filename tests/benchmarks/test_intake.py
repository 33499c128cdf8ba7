"""The chains of the `intake` script make the same picture of a file."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.chains import hilum_chain, hilum_worker, usual_chain
from benchmarks.intake import LONGEST_PX, SYNTAXES, WINDOW, dcmtk, one_core, png_sizes
from benchmarks.material import dicom_files

SIZE = (1280, 1000)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    return dicom_files(folder, SIZE, ["explicit", "rle", "jpeg-ls"], alike=True, window=WINDOW)


def picture(path: Path) -> np.ndarray:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.float64)


@pytest.mark.parametrize("syntax", ["explicit", "rle", "jpeg-ls"])
def test_all_sides_write_the_same_picture(files: dict[str, Path], tmp_path: Path, syntax: str):
    pytest.importorskip("PIL", reason="needs Pillow: pip install 'hilum[bench]'")
    pytest.importorskip("gdcm", reason="needs gdcm: pip install 'hilum[bench]'")
    one, other, third = (tmp_path / f"{i}.png" for i in range(3))
    file = str(files[syntax])
    assert hilum_chain(True)(file, str(one), LONGEST_PX) == one.stat().st_size
    assert usual_chain()(file, str(other), LONGEST_PX) == other.stat().st_size
    ours, usual = picture(one), picture(other)
    assert ours.shape == usual.shape == (LONGEST_PX, round(LONGEST_PX * SIZE[1] / SIZE[0]))
    usual = (usual - usual.mean()) / usual.std()  # stretched from its least to its most
    assert np.abs((ours - ours.mean()) / ours.std() - usual).mean() < 0.05
    line = dcmtk(syntax, files[syntax], third)
    if line is not None:
        subprocess.run(line, check=True, capture_output=True)
        assert picture(third).shape == ours.shape
        assert np.abs(picture(third) - ours).mean() < 1.5


def test_full_size_and_bytes(files: dict[str, Path], tmp_path: Path):
    out = tmp_path / "x.png"
    hilum_chain(True)(str(files["explicit"]), str(out))
    assert picture(out).shape == SIZE
    ours, theirs = png_sizes(files["explicit"], LONGEST_PX)
    assert 0 < ours <= 1.25 * theirs


def test_a_worker_tells_its_peak(files: dict[str, Path], tmp_path: Path):
    if not Path("/proc/self/smaps_rollup").exists():
        pytest.skip("the system does not tell what a process holds")
    paths = [str(path) for path in files.values()]
    count, peak = hilum_worker(True)(20 * paths, str(tmp_path / "x.png"), LONGEST_PX)
    assert count == 20 * len(paths)
    assert 50 < peak < 8000  # of a process that may have run other tests before


def test_one_core_is_given_back():
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("processes cannot be kept on a core here")
    before = os.sched_getaffinity(0)
    with one_core():
        assert len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_every_syntax_can_be_written():
    from hilum.imaging.write import TRANSFER_SYNTAXES

    assert set(SYNTAXES) <= set(TRANSFER_SYNTAXES)
