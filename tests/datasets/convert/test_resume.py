"""Runs that are killed, find no room, or meet another run: nothing torn, nothing lost."""

from __future__ import annotations

import os
import random
import resource
import shlex
import signal
import subprocess
import time
from functools import partial

import cv2
import pytest

from hilum.cli import main
from hilum.datasets.convert import Options, convert
from hilum.errors import RunError
from tests.datasets.convert.conftest import command, contents, hilum, quick, rows

SIZE = ("--size", "200", "--layout", "tree", "--workers", "2")


@pytest.fixture(scope="module")
def whole(many, tmp_path_factory):
    """What an uninterrupted run leaves."""
    out = tmp_path_factory.mktemp("whole") / "out"
    done = hilum(many, out, *SIZE)
    assert done.returncode == 0, done.stderr
    return contents(out)


def pictures(out):
    return [path for path in out.glob("images/**/*.png") if not path.name.startswith(".")]


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(s, marks=pytest.mark.slow) for s in range(2, 8))]
)
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(many, whole, tmp_path, seed):
    out, rng = tmp_path / "out", random.Random(seed)
    for turn in range(3):
        run = subprocess.Popen(command(many, out, *SIZE), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
        aim = len(pictures(out)) + rng.randrange(1, 20)
        until = time.monotonic() + 60
        while run.poll() is None and len(pictures(out)) < aim and time.monotonic() < until:
            time.sleep(0.001)
        time.sleep(rng.random() * 0.02)
        (os.killpg if turn % 2 else os.kill)(run.pid, signal.SIGKILL)
        run.wait()
        for path in pictures(out):
            assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).shape == (200, 187)
    done = hilum(many, out, *SIZE)
    assert done.returncode == 0, done.stderr
    assert "done before" in done.stdout
    assert contents(out) == whole


@pytest.mark.parametrize(
    "convert", [quick, pytest.param(partial(convert, workers=3), marks=pytest.mark.slow)]
)
def test_the_number_of_workers_changes_nothing(many, whole, tmp_path, convert):
    convert([many], tmp_path / "out", Options(size=200, layout="tree"))
    assert contents(tmp_path / "out") == whole


@pytest.mark.parametrize("damage", [b'{"source": "/x', b"\0\0\0\0\n", b"]\n", b""])
def test_a_torn_journal_costs_what_was_torn(many, whole, tmp_path, damage):
    out = tmp_path / "out"
    for name, data in whole.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(data)
    journal = out / "private" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:40]) + lines[40][:30] * (not damage) + damage)
    (out / "manifest.csv").unlink()
    (out / "images" / ".x.host.1.part").write_bytes(b"half")
    summary = quick([many], out, Options(size=200, layout="tree"))
    assert (summary.before, summary.done) == (40, 20)
    assert contents(out) == whole


@pytest.mark.slow
def test_ctrl_c_ends_in_good_order(many, whole, tmp_path):
    out = tmp_path / "out"
    run = subprocess.Popen(command(many, out, *SIZE), stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, start_new_session=True)  # fmt: skip
    while run.poll() is None and len(pictures(out)) < 5:
        time.sleep(0.001)
    os.killpg(run.pid, signal.SIGINT)
    said, _ = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert "the same command goes on" in said
    assert "Traceback" not in said
    held = {row["image"] for row in rows(out / "manifest.csv")}
    assert held == {path.relative_to(out).as_posix() for path in pictures(out)}
    assert hilum(many, out, *SIZE).returncode == 0
    assert contents(out) == whole


def test_a_second_run_is_refused(many, tmp_path, capsys):
    out = tmp_path / "out"
    run = subprocess.Popen(command(many, out, *SIZE), stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        while run.poll() is None and not pictures(out):
            time.sleep(0.001)
        os.kill(run.pid, signal.SIGSTOP)
        with pytest.raises(SystemExit) as end:
            main(["convert", str(many), str(out), *SIZE])
        assert end.value.code == 2
        assert "Another run (process" in capsys.readouterr().err
    finally:
        run.kill()
        run.wait()


def test_files_that_may_not_grow_stop_the_run_and_keep_what_is_done(many, whole, tmp_path):
    sizes = sorted(len(data) for name, data in whole.items() if name.endswith(".png"))
    bound = sizes[-5]  # the largest pictures do not fit

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (bound, bound))

    out = tmp_path / "out"
    done = hilum(many, out, *SIZE, preexec_fn=limit)
    assert done.returncode == 2
    assert "File too large" in done.stderr
    assert "then run the same command again" in done.stderr
    # A worker that was ended in the midst of a file leaves its draft; the next run clears it.
    quick([many], out, Options(size=200, layout="tree"))
    assert not list(out.glob("images/**/.*"))
    assert contents(out) == whole


@pytest.mark.slow
def test_a_full_disk_stops_the_run_and_says_how_much_is_missing(many, tmp_path):
    """On a real, small file system, where this system lets one be mounted."""
    mount = f"mount -t tmpfs -o size=400k none {shlex.quote(str(tmp_path))}"
    may = subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False)
    if may.returncode:
        pytest.skip("no file system can be mounted in a namespace of its own here")
    disk, out = tmp_path / "disk", tmp_path / "disk" / "out"
    kept = tmp_path / "kept"
    disk.mkdir()
    line = shlex.join(command(many, out, *SIZE[:2]))
    few = shlex.join(command(many / "ward0", out, *SIZE[:2]))  # too few for an estimate
    script = f"""
        mount -t tmpfs -o size=200k none {shlex.quote(str(disk))}
        {line} --dry-run; echo estimate $?
        {few}; echo full $?
        mount -o remount,size=40m {shlex.quote(str(disk))}
        {line}; echo done $?
        cp -r {shlex.quote(str(out))} {shlex.quote(str(kept))}
    """
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True,
                          check=False, timeout=300)  # fmt: skip
    assert "estimate 2" in done.stdout, done.stderr
    assert "are missing. Make room" in done.stderr
    assert "full 2" in done.stdout
    assert "No space left on device" in done.stderr
    assert "MB more are needed" in done.stderr
    assert "done before" in done.stdout
    assert "done 0" in done.stdout
    quick([many], tmp_path / "same", Options(size=200))
    assert contents(kept) == contents(tmp_path / "same")


def test_a_damaged_record_of_the_options_is_said(many, tmp_path):
    out = tmp_path / "out"
    one = [sorted(many.glob("*/*"))[0]]
    quick(one, out, Options(size=64))
    (out / "private" / "run.json").write_text("{")
    with pytest.raises(RunError, match=r"run.json is damaged"):
        quick(one, out, Options(size=64))
