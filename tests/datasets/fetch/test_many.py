"""Several files: names, room, locks, and what is done with those that have come."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from hilum.datasets.fetch import Wanted, fetch
from hilum.datasets.fetch import many as room
from hilum.errors import FetchError, RunError, UnsafeArchive

DATA = {f"/{name}.bin": random.Random(name).randbytes(50_000) for name in "abcde"}


@pytest.fixture
def addresses(web):
    return [Wanted(web.put(path, data)) for path, data in DATA.items()]


def test_results_stand_in_the_order_of_the_addresses(addresses, tmp_path, quick, web):
    lost = Wanted(web.url + "/lost.bin?token=secret")
    steps = []
    found = fetch(
        [lost, *addresses], tmp_path / "new" / "folder", settings=quick, watch=steps.append
    )
    assert [one.state for one in found] == ["failed"] + ["fetched"] * 5
    assert [one.path.read_bytes() for one in found[1:]] == list(DATA.values())
    assert "no such file" in str(found[0].error)
    assert "secret" not in repr(found) + repr(steps)
    ends = {step.name: step.done for step in steps}
    assert ends == {path[1:]: 50_000 for path in DATA}


def test_files_land_in_the_calling_thread_while_others_are_fetched(addresses, web, tmp_path, quick):
    landed, threads = [], set()

    def land(path):
        landed.append(path.name)
        threads.add(threading.current_thread())
        assert path.read_bytes() == DATA["/" + path.name]
        until = time.monotonic() + 10
        while not (tmp_path / "e.bin").exists():  # this thread brings none
            assert time.monotonic() < until
            time.sleep(0.01)

    fetch(addresses, tmp_path, settings=quick, landed=land)
    assert sorted(landed) == [path[1:] for path in DATA]
    assert threads == {threading.main_thread()}
    landed.clear()
    fetch(addresses, tmp_path, settings=quick, landed=land)  # those that are there land again
    assert sorted(landed) == [path[1:] for path in DATA]


def test_a_landing_that_fails_is_the_failure_of_its_file(addresses, tmp_path, quick):
    def land(path):
        if path.name == "b.bin":
            raise UnsafeArchive("a bomb")

    found = fetch(addresses, tmp_path, settings=quick, landed=land)
    assert [one.state for one in found] == ["fetched", "failed", "fetched", "fetched", "fetched"]
    assert found[1].path.read_bytes() == DATA["/b.bin"]


def test_ctrl_c_ends_it_and_keeps_what_has_come(addresses, web, tmp_path, quick):
    for path in list(DATA)[1:]:
        web.files[path].chunk_pause = (500, 0.02)  # two seconds each

    def land(path):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(addresses, tmp_path, settings=quick, landed=land)
    assert (tmp_path / "a.bin").exists()
    assert not (tmp_path / "e.bin").exists()
    assert sum(len(file.fetched) for file in web.files.values()) <= 3
    for path in DATA:
        web.files[path].chunk_pause = None
    found = fetch(addresses, tmp_path, settings=quick)
    assert [one.path.read_bytes() for one in found] == list(DATA.values())


@pytest.mark.parametrize(
    ("one", "other"),
    [("/x/a.zip", "/y/a.zip"), ("/x/a.zip", "/y/A.ZIP"), ("/a.zip", "/a.zip.part")],
)
def test_two_files_of_one_name_are_refused_before_anything_is_fetched(
    web, tmp_path, quick, one, other
):
    wanted = [Wanted(web.put(path, b"data")) for path in (one, other)]
    with pytest.raises(FetchError, match=r"Files of one name.*/y/|Files of one name.*\.part"):
        fetch(wanted, tmp_path, settings=quick)
    assert all(file.fetched == [] for file in web.files.values())
    assert [path.name for path in tmp_path.iterdir()] == [".hilum-fetch.lock"]


def test_too_little_room_is_told_before_anything_is_fetched(
    addresses, web, tmp_path, quick, monkeypatch
):
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: SimpleNamespace(free=249_999))
    with pytest.raises(FetchError, match=r"needs 0\.00 GB, and .* has 0\.00 GB free; make room"):
        fetch(addresses, tmp_path, settings=quick)
    assert all(file.fetched == [] for file in web.files.values())
    (tmp_path / "a.bin").write_bytes(DATA["/a.bin"])  # what is here needs no room
    assert len(fetch(addresses, tmp_path, settings=quick)) == 5


def test_a_second_process_is_kept_out(addresses, web, tmp_path, quick):
    code = (
        "import sys; from pathlib import Path; from hilum.lock import held\n"
        "folder = Path(sys.argv[1])\nwith held(folder / '.hilum-fetch.lock', folder):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(RunError, match=rf"process {child.pid}\) writes into"):
            fetch(addresses, tmp_path, settings=quick)
        child.kill()
    assert len(fetch(addresses, tmp_path, settings=quick)) == 5


def test_nothing_to_fetch_and_no_place_to_write_are_told(addresses, tmp_path, quick):
    with pytest.raises(FetchError, match="nothing to fetch"):
        fetch([], tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FetchError, match="cannot be made"):
        fetch(addresses, tmp_path / "file", settings=quick)


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_told(addresses, tmp_path, quick):
    tmp_path.chmod(0o500)
    with pytest.raises(FetchError, match="Nothing can be written"):
        fetch(addresses, tmp_path, settings=quick)
