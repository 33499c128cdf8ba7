import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from hilum.datasets import table as tables
from hilum.datasets.pack import Pack, PackSpec, packing, writer
from hilum.datasets.pack.packing import Packing
from hilum.datasets.pack.picture import Refused
from hilum.domain.text import text
from hilum.errors import LabelError, PackError, RunError
from tests.datasets.pack.drawn import SHORT, SQUASH, contents, fill, make_collection


def names(outcomes):
    return [outcome.name for outcome in outcomes]


@pytest.mark.parametrize("workers", [1, 3])
def test_the_same_bytes_whatever_the_workers(drawn, squashed, tmp_path, workers):
    fill(tmp_path / "p", drawn[1], drawn[0], SQUASH, workers=workers)
    assert contents(tmp_path / "p") == contents(squashed)


def test_a_run_that_is_repeated_has_nothing_to_do(drawn, squashed, tmp_path):
    fill(tmp_path / "p", drawn[1], drawn[0], SQUASH)
    with Packing.open(tmp_path / "p", drawn[1], drawn[0], spec=SQUASH) as again:
        assert again.todo == ()
        again.finish()
    assert contents(tmp_path / "p") == contents(squashed)


class Crash(BaseException):
    """The process ends here."""


def crash_at(monkeypatch, number):
    """Let the ``number``-th write of a run take half of its bytes, and be the last."""
    write, count = writer._write, [0]

    def torn(file, data):
        count[0] += 1
        if count[0] == number:
            write(file, bytes(data)[: len(data) // 2])
        if count[0] >= number:
            raise Crash
        write(file, data)

    monkeypatch.setattr(writer, "_write", torn)


@pytest.mark.parametrize("number", range(1, 22))
def test_no_crash_at_any_write_leaves_a_torn_picture(
    drawn, squashed, tmp_path, monkeypatch, number
):
    folder, table = drawn
    few = table.rows(range(5))
    monkeypatch.setattr(writer, "COMMIT_BYTES", 2 * 64 * 64)  # two pictures a commit
    with monkeypatch.context() as patch:
        crash_at(patch, number)
        try:
            fill(tmp_path / "p", few, folder, SQUASH, workers=1)
            crashed = False
        except Crash:
            crashed = True
    assert crashed == (number <= 14)  # 5 pictures, 3 commits of 3 writes
    left = Pack.open(tmp_path / "p", unfinished=True)
    assert not left.verify()
    assert left.names.tolist() == few.images.tolist()[: len(left)]
    whole = Pack.open(squashed)
    assert all(np.array_equal(left[row], whole[row]) for row in range(len(left)))
    if crashed:
        with pytest.raises(PackError, match=r"is not finished: . pictures are in it"):
            Pack.open(tmp_path / "p")
    fill(tmp_path / "p", few, folder, SQUASH)
    fill(tmp_path / "q", few, folder, SQUASH)
    assert contents(tmp_path / "p") == contents(tmp_path / "q")


@pytest.mark.parametrize("target", ["write_labels", "write_refused", "digests", "write_facts"])
def test_a_crash_at_the_end_is_gone_on_with(drawn, squashed, tmp_path, monkeypatch, target):

    def crash(*_):
        raise Crash("the process ends")

    with Packing.open(tmp_path / "p", drawn[1], drawn[0], spec=SQUASH) as begun:
        for _ in begun.run(2):
            pass
        with monkeypatch.context() as patch:
            patch.setattr(packing, target, crash)
            with pytest.raises(Crash, match="the process ends"):
                begun.finish()
    with pytest.raises(PackError, match="not finished"):
        Pack.open(tmp_path / "p")
    fill(tmp_path / "p", drawn[1], drawn[0], SQUASH)
    assert contents(tmp_path / "p") == contents(squashed)


def test_a_killed_process_costs_nothing_that_was_committed(drawn, squashed, tmp_path):
    folder, table = drawn
    tables.save(table, tmp_path / "t.csv")
    code = (
        "import sys, time\n"
        "from hilum.cli import main\n"
        "from hilum.datasets.pack import picture, writer\n"
        "writer.COMMIT_BYTES = 1\n"
        "fit = picture.fit\n"
        "picture.fit = lambda *a: (time.sleep(0.3), fit(*a))[1]\n"
        "main(['pack', *sys.argv[1:]])\n"
    )
    given = [tmp_path / "t.csv", "--images", folder, "-o", tmp_path / "p"]
    given += ["--size", "64", "--fit", "squash", "--workers", "1"]
    line = [sys.executable, "-c", code, *map(str, given)]
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 60
        while held(tmp_path / "p") < 3 and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    assert 3 <= held(tmp_path / "p") < 10
    fill(tmp_path / "p", table, folder, SQUASH)
    assert contents(tmp_path / "p") == contents(squashed)


def held(folder: Path) -> int:
    return len(np.load(folder / "index.npy")) if (folder / "index.npy").is_file() else 0


def test_pictures_are_spread_over_shards(drawn, squashed, tmp_path, monkeypatch):
    opened = writer.Writer
    monkeypatch.setattr(packing, "Writer", lambda folder: opened(folder, shard_bytes=3 * 64 * 64))
    fill(tmp_path / "p", drawn[1], drawn[0], SQUASH)
    pack, whole = Pack.open(tmp_path / "p"), Pack.open(squashed)
    assert sorted(set(pack.index["shard"].tolist())) == [0, 1, 2, 3]
    rows = [9, 0, 3, 4, 4, 8]
    assert np.array_equal(pack.batch(rows), whole.batch(rows))
    assert not pack.verify()


def test_what_cannot_be_read_is_a_row_and_no_picture(tmp_path):
    table = make_collection(tmp_path, 6)
    (tmp_path / "a" / "1.png").write_bytes((tmp_path / "a" / "1.png").read_bytes()[:300])
    (tmp_path / "a" / "2.png").unlink()
    (tmp_path / "a" / "4.png").write_text("<html>")
    run = fill(tmp_path / "p", table, tmp_path, SQUASH)
    assert names(run.refused) == ["a/1.png", "a/2.png", "a/4.png"]
    pack = Pack.open(tmp_path / "p")
    assert pack.names.tolist() == ["a/0.png", "a/3.dcm", "a/5.png"]
    assert pack.table.patients.tolist() == ["p0", "p1", "p2"]
    rows = (tmp_path / "p" / "refused.csv").read_text("utf-8").splitlines()
    assert [row.split(",")[:2] for row in rows] == [
        ["image", "code"],
        ["a/1.png", "damaged"],
        ["a/2.png", "unreadable"],
        ["a/4.png", "not-an-image"],
    ]


def test_what_was_mended_since_is_packed_behind_the_others(tmp_path):
    table = make_collection(tmp_path, 4)
    whole = (tmp_path / "a" / "0.png").read_bytes()
    (tmp_path / "a" / "0.png").write_bytes(whole[:200])
    fill(tmp_path / "p", table, tmp_path, SQUASH)
    (tmp_path / "a" / "0.png").write_bytes(whole)
    run = fill(tmp_path / "p", table, tmp_path, SQUASH)
    assert run.todo == ("a/0.png",)
    pack = Pack.open(tmp_path / "p")
    assert pack.names.tolist() == ["a/1.png", "a/2.png", "a/3.dcm", "a/0.png"]
    assert pack.table.images.tolist() == pack.names.tolist()
    assert (tmp_path / "p" / "refused.csv").read_text("utf-8") == "image,code,reason\n"


def test_another_table_is_added_and_the_first_kept(drawn, squashed, tmp_path):
    folder, table = drawn
    other = make_collection(folder, 4, prefix="b")
    other = replace(other, findings=("nodule", "hernia"), boxes=None)
    fill(tmp_path / "p", table, folder, SQUASH)
    with pytest.raises(RunError, match="pictures of another table; add these with --append"):
        Packing.open(tmp_path / "p", other, folder, spec=SQUASH)
    run = fill(tmp_path / "p", other, folder, SQUASH, append=True)
    assert len(run.todo) == 4
    pack = Pack.open(tmp_path / "p")
    assert pack.names.tolist() == [*table.images.tolist(), *other.images.tolist()]
    assert np.array_equal(pack.batch(range(10)), Pack.open(squashed).batch(range(10)))
    labels = pack.table
    assert labels.findings == ("mass", "nodule", "hernia")
    assert labels.states[:10, :2].tolist() == table.states.tolist()
    assert (labels.states[:10, 2] == 3).all()
    assert (labels.states[10:, 0] == 3).all()
    assert labels.states[10:, 1:].tolist() == other.states.tolist()
    assert labels.boxes.row.tolist() == table.boxes.row.tolist()
    fill(tmp_path / "p", table, folder, SQUASH)  # both are known now
    assert Pack.open(tmp_path / "p").table.digest() == labels.digest()


def test_new_labels_of_old_images_need_no_decoding(drawn, tmp_path):
    folder, table = drawn
    fill(tmp_path / "p", table, folder, SQUASH)
    before = contents(tmp_path / "p")["shard-000000.u8"]
    corrected = table.rows([2, 5]).with_states(("mass",), np.array([[1], [0]], np.uint8))
    run = fill(tmp_path / "p", corrected, folder, SQUASH, append=True)
    assert run.todo == ()
    assert contents(tmp_path / "p")["shard-000000.u8"] == before
    states = table.states.copy()
    states[[2, 5], 0] = [1, 0]
    assert Pack.open(tmp_path / "p").table.states.tolist() == states.tolist()


def test_other_files_of_the_same_name_are_refused(drawn, tmp_path):
    folder, table = drawn
    fill(tmp_path / "p", table, folder, SQUASH)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = make_collection(elsewhere, 3)
    cv2.imwrite(str(elsewhere / "a" / "1.png"), np.full((99, 99), 77, np.uint8))
    with pytest.raises(RunError, match=r"1 images have the name of a picture in .*: 'a/1\.png'"):
        Packing.open(tmp_path / "p", table, elsewhere, spec=SQUASH)
    # with another table whole files are compared, for sizes may agree
    data = bytearray((folder / "a" / "1.png").read_bytes())
    data[60] ^= 1
    (elsewhere / "a" / "1.png").write_bytes(data)
    with pytest.raises(RunError, match="1 images have the name of a picture"):
        Packing.open(tmp_path / "p", other, elsewhere, spec=SQUASH, append=True)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (SHORT, "pictures of 64 px, squash, and 64 px, short-side is asked"),
        (PackSpec((64, 80), "squash"), "and 64 × 80 px, squash is asked"),
    ],
)
def test_pictures_of_another_kind_are_not_mixed(drawn, squashed, spec, message):
    with pytest.raises(RunError, match=message):
        Packing.open(squashed, drawn[1], drawn[0], spec=spec, append=True)


@pytest.mark.parametrize(
    ("size", "fit", "message"),
    [
        ((64, 64), "stretch", "fit 'stretch' is unknown; give one of short-side, squash"),
        ((8, 8), "squash", "give 16 to 4,096 px"),
        ((64, 80), "short-side", "the shorter side has one length"),
    ],
)
def test_a_spec_that_makes_no_sense(size, fit, message):
    with pytest.raises(RunError, match=message):
        PackSpec(size, fit)


def test_only_one_process_writes(drawn, tmp_path):
    with (
        Packing.open(tmp_path / "p", drawn[1], drawn[0], spec=SQUASH),
        pytest.raises(RunError, match=r"Another run \(process \d+\) writes into"),
    ):
        Packing.open(tmp_path / "p", drawn[1], drawn[0], spec=SQUASH)
    with Packing.open(tmp_path / "p", drawn[1], drawn[0], spec=SQUASH):
        pass


def test_another_table_waits_until_the_first_is_finished(drawn, tmp_path):
    folder, table = drawn
    with Packing.open(tmp_path / "p", table, folder, spec=SQUASH) as begun:
        run = begun.run(1)
        next(run)
        run.close()
        begun.finish(complete=False)
    with pytest.raises(RunError, match=r"another table into .* was stopped; finish it first"):
        Packing.open(tmp_path / "p", table.rows([1]), folder, spec=SQUASH, append=True)
    assert len(Pack.open(tmp_path / "p", unfinished=True)) == 1


def test_a_folder_with_other_files_is_left_alone(drawn, tmp_path):
    (tmp_path / "thesis.docx").write_text("mine")
    with pytest.raises(RunError, match=r"no pack and holds other files \('thesis\.docx'\)"):
        Packing.open(tmp_path, drawn[1], drawn[0], spec=SQUASH)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]
    with pytest.raises(RunError, match="is a file; give a folder"):
        Packing.open(tmp_path / "thesis.docx", drawn[1], drawn[0], spec=SQUASH)


def test_images_that_lie_elsewhere_are_told_before_anything_is_written(drawn, tmp_path):
    with pytest.raises(RunError, match=r"None of the 10 images is in .*'a/0\.png'.*--images"):
        Packing.open(tmp_path / "p", drawn[1], tmp_path, spec=SQUASH)
    assert not (tmp_path / "p").exists()


def test_names_that_no_list_can_hold(drawn, tmp_path):
    table = replace(drawn[1].rows([0]), images=text(["a\nb.png"]), boxes=None)
    with pytest.raises(LabelError, match="1 image names hold a line break"):
        Packing.open(tmp_path / "p", table, drawn[0], spec=SQUASH)


def test_a_folder_that_cannot_be_written(drawn, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written: Not a directory"):
        Packing.open(tmp_path / "file" / "p", drawn[1], drawn[0], spec=SQUASH)


def test_no_room_is_told_before_it_begins(drawn, tmp_path, monkeypatch):
    with Packing.open(tmp_path / "p", drawn[1], drawn[0], spec=SQUASH) as begun:
        expected = begun.estimate(1)
        assert expected.images == 10
        assert 10 * 64 * 64 <= expected.bytes < 10 * 64 * 64 + 10_000
        usage = packing.shutil.disk_usage(tmp_path)
        monkeypatch.setattr(packing.shutil, "disk_usage", lambda _: usage._replace(free=30_000))
        begun.check_disk(20_000)
        with pytest.raises(RunError, match=r"10 pictures need about 0 MB, and .* 0 MB free"):
            begun.check_disk(expected.bytes)


def test_an_estimate_comes_from_a_sample(drawn, tmp_path, monkeypatch):
    folder, table = drawn
    monkeypatch.setattr(packing, "SAMPLE", 1)
    with Packing.open(tmp_path / "p", table, folder, spec=SHORT) as begun:
        looked = []
        monkeypatch.setattr(
            begun,
            "work",
            lambda name, work=begun.work: (looked.append(name), work(name))[1],
        )
        expected = begun.estimate(2)
        assert len(looked) == 3
        assert expected.seconds is not None
        assert 0 < expected.seconds < 60
        assert 10 * 64 * 64 <= expected.bytes <= 10 * (2 * 64 * 64 + packing.ENTRY_BYTES)


def test_a_full_disk_keeps_what_is_done(drawn, squashed, tmp_path):
    folder, table = drawn
    tables.save(table, tmp_path / "t.csv")
    line = [str(tmp_path / "t.csv"), "--images", str(folder), "-o", str(tmp_path / "p")]
    line += ["--size", "64", "--fit", "squash", "--workers", "1"]
    # no file may grow beyond 7 pictures: the system's answer is that of a full disk
    code = (
        "import resource, sys\n"
        "from hilum.cli import main\n"
        "from hilum.imaging import isolate_decoders\n"
        "isolate_decoders(False)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (7 * 4096 + 100, 10**9))\n"
        "main(['pack', *sys.argv[1:]])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *line], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert re.search(r"p cannot be written \(File too large\); what was packed.*kept", done.stderr)
    left = Pack.open(tmp_path / "p", unfinished=True)
    assert len(left) == 7
    assert not left.verify()
    fill(tmp_path / "p", table, folder, SQUASH)
    assert contents(tmp_path / "p") == contents(squashed)


def test_an_unexpected_error_may_become_a_refusal(drawn, tmp_path):
    folder, table = drawn

    def guard(work, name):
        return Refused(name, "failed", "why") if name == "a/5.png" else work(name)

    with Packing.open(tmp_path / "p", table, folder, spec=SQUASH) as begun:
        assert names(begun.run(2, guard)) == table.images.tolist()
        begun.finish()
    assert len(Pack.open(tmp_path / "p")) == 9


def test_what_a_stopped_run_left_is_cut_off(drawn, squashed, tmp_path):
    fill(tmp_path / "p", drawn[1], drawn[0], SQUASH)
    for name in ("shard-000000.u8", "names.txt", "index.npy"):
        with (tmp_path / "p" / name).open("ab") as file:
            file.write(b"half of a picture")
    (tmp_path / "p" / "shard-000001.u8").write_bytes(b"begun")
    assert np.array_equal(Pack.open(tmp_path / "p")[9], Pack.open(squashed)[9])
    fill(tmp_path / "p", drawn[1], drawn[0], SQUASH)
    assert contents(tmp_path / "p") == contents(squashed)
