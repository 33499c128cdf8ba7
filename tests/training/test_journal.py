import json
import math
import os
import signal
import struct
import subprocess
import sys
import time

import pytest

from hilum.errors import RunError
from hilum.report.run.epochs import read_epochs
from hilum.training.journal import EVENTS, Journal, scalars, without_tensorboard


def line(epoch: int) -> dict:
    return {
        "epoch": epoch,
        "step": 10 * (epoch + 1),
        "train_loss": 0.5 - epoch / 100,
        "lr": 1e-3,
        "tune": {"auroc": {"mean": 0.7, "mass": None}},
        "concerns": [],
    }


def written(path, count: int) -> None:
    with Journal.open(path, 0) as journal:
        for epoch in range(count):
            journal.write(line(epoch))


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "fold-0" / "epochs.jsonl"
    written(path, 3)
    assert read_epochs(path) == [line(0), line(1), line(2)]


def test_no_file_is_no_epoch(tmp_path):
    assert read_epochs(tmp_path / "epochs.jsonl") == []


@pytest.mark.parametrize(("step", "left"), [(0, 0), (9, 0), (10, 1), (29, 2), (30, 3), (99, 3)])
def test_lines_after_the_checkpoint_are_dropped(tmp_path, step, left):
    path = tmp_path / "epochs.jsonl"
    written(path, 3)
    with Journal.open(path, step) as journal:
        assert len(journal.lines) == left
        journal.write(line(left))
    assert read_epochs(path) == [line(epoch) for epoch in range(left + 1)]


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_last_line_that_was_cut_is_dropped(tmp_path, cut):
    path = tmp_path / "epochs.jsonl"
    written(path, 3)
    path.write_bytes(path.read_bytes()[:-cut])
    assert read_epochs(path) == [line(0), line(1)]
    with Journal.open(path, 30) as journal:
        journal.write(line(2))
    assert read_epochs(path) == [line(0), line(1), line(2)]


def test_a_damaged_line_in_the_middle_is_refused(tmp_path):
    path = tmp_path / "final" / "epochs.jsonl"
    written(path, 3)
    path.write_text(path.read_text().replace('"epoch": 1', '"epoch": one'))
    with pytest.raises(RunError, match=r"final/epochs\.jsonl, line 2, is not what training wrote"):
        Journal.open(path, 30)


def test_numbers_that_are_none_become_null(tmp_path):
    path = tmp_path / "epochs.jsonl"
    with Journal.open(path, 0) as journal:
        journal.write(line(0) | {"train_loss": math.nan, "tune": {"auroc": {"mean": math.inf}}})
    (told,) = read_epochs(path)
    assert told["train_loss"] is None
    assert told["tune"] == {"auroc": {"mean": None}}
    assert "NaN" not in path.read_text()


WRITER = """
import sys
from pathlib import Path
from hilum.training.journal import Journal
path = Path(sys.argv[1])
with Journal.open(path, 0) as journal:
    for epoch in range(10**6):
        journal.write({"epoch": epoch, "step": epoch + 1, "note": "x" * 5000})
        if epoch == 20:
            print("far enough", flush=True)
"""


def test_a_kill_at_any_moment_costs_no_line_that_was_written(tmp_path):
    path = tmp_path / "epochs.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout as told:
        assert told.readline() == "far enough\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    epochs = [one["epoch"] for one in read_epochs(path)]
    assert len(epochs) > 20
    assert epochs == list(range(len(epochs)))


def test_a_disk_that_refuses(tmp_path):
    (tmp_path / "final").write_text("a file where the folder should be")
    with pytest.raises(RunError, match=r"final/epochs\.jsonl cannot be written: "):
        Journal.open(tmp_path / "final" / "epochs.jsonl", 0)


def test_the_names_of_numbers():
    assert dict(scalars(line(0) | {"tune_loss": None, "images_per_s": 3})) == {
        "loss/train": 0.5,
        "learning_rate": 1e-3,
        "speed/images_per_s": 3.0,
        "auroc/mean": 0.7,
    }


def events(folder) -> list[tuple[int, str, float]]:
    """Step, name and value of every number in the one event file, its checksums left unread."""
    from tensorboardX.proto.event_pb2 import Event

    (file,) = folder.glob("events.out.tfevents.*")
    data, at, found = file.read_bytes(), 0, []
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        event = Event.FromString(data[at + 12 : at + 12 + size])
        found += [(event.step, v.tag, v.simple_value) for v in event.summary.value]
        at += 12 + size + 4
    return found


def test_event_files_hold_what_the_journal_holds(tmp_path):
    pytest.importorskip("tensorboardX", reason="needs tensorboardX: pip install 'hilum[train]'")
    path = tmp_path / "epochs.jsonl"
    written(path, 3)
    with Journal.open(path, 20) as journal:  # the third epoch is learnt again
        journal.write(line(2) | {"train_loss": 0.25})
    losses = [(step, value) for step, name, value in events(tmp_path / EVENTS) if "loss" in name]
    assert losses == [(10, pytest.approx(0.5)), (20, pytest.approx(0.49)), (30, 0.25)]


def test_event_files_do_not_name_the_machine(tmp_path):
    pytest.importorskip("tensorboardX", reason="needs tensorboardX: pip install 'hilum[train]'")
    before = time.time_ns()
    written(tmp_path / "epochs.jsonl", 1)
    (file,) = (tmp_path / EVENTS).iterdir()
    *start, stamp, end = file.name.split(".")
    assert (start, end) == (["events", "out", "tfevents"], "hilum")
    assert int(stamp) >= before


def test_without_tensorboardx_no_event_file_is_written_and_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("hilum.training.journal.find_spec", lambda _: None)
    written(tmp_path / "epochs.jsonl", 2)
    assert not (tmp_path / EVENTS).exists()
    assert len(read_epochs(tmp_path / "epochs.jsonl")) == 2
    assert "tensorboardX is not installed" in without_tensorboard()
    assert json.loads((tmp_path / "epochs.jsonl").read_text().splitlines()[0])["epoch"] == 0
